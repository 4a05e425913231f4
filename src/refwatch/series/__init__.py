"""Time series with bounded memory."""
