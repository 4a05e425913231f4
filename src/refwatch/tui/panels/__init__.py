"""The panels: one folder each, and a registry."""
