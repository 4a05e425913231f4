"""Time panel."""
