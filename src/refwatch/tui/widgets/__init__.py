"""Widgets that show styled lines; they know no sessions."""
