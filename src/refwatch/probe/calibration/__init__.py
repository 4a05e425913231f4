"""Finds by experiment where this interpreter keeps what is read from outside."""
