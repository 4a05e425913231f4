"""Watched objects, classes, the heap, and who refers to what."""
