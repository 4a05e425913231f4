"""Hidden copies of the target, and what they look at."""
