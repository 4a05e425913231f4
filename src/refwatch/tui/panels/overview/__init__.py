"""The Overview panel."""
