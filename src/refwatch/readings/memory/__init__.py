"""Memory and CPU time of a process, and of its children."""
