"""Text for people and files: formats of numbers, and sanitizers for text from the target."""
