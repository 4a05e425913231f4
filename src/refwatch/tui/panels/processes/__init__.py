"""Processes panel: the program and its children, and their threads on one time axis."""
