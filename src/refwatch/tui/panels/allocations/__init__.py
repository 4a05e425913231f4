"""Allocations panel, and the screen of one line, file or traceback."""
