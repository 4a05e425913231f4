"""Numbers and texts as a snapshot has them."""

from __future__ import annotations

DIGITS = 6  # a microsecond: finer than any reading here


def rounded(value: float) -> float:
    """To DIGITS digits."""
    return round(value, DIGITS)


def rounded_or_none(value: float | None) -> float | None:
    """The same for what may be missing."""
    return None if value is None else round(value, DIGITS)
