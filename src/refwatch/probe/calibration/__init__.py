"""Calibration: searches, by experiment, for what is read of this interpreter from outside."""
