"""Rounding of the numbers of a snapshot."""

from __future__ import annotations

DIGITS = 6  # a microsecond: finer than any reading here


def rounded(value: float) -> float:
    """Rounded to DIGITS decimals."""
    return round(value, DIGITS)


def rounded_optional(value: float | None) -> float | None:
    """As :func:`rounded`; None stays None."""
    return None if value is None else round(value, DIGITS)
