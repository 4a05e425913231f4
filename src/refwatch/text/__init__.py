"""Text for people: numbers with their units, and names that are safe to show."""
