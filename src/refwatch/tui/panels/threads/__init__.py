"""Threads panel, and the screen of one thread."""
