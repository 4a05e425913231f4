"""The Threads panel, and one thread."""
