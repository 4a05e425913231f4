"""Threads, their states, and the GIL."""
