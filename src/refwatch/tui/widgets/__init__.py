"""Widgets that draw lines. They know spans and styles, not sessions."""
