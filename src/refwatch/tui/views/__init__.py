"""Pure functions: the state becomes immutable views, and views become lines of spans."""
