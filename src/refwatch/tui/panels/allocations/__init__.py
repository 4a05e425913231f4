"""The Allocations panel, and one line, file or traceback."""
