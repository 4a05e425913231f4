"""Series of numbers with bounded memory."""
