"""The Objects panel, one class, and the heap."""
