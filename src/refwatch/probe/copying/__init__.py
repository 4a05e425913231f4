"""Makes a copy of the target, and what the copy does."""
