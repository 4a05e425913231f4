"""Numbers and texts as a snapshot has them."""

from __future__ import annotations

DIGITS = 6  # a microsecond: finer than any reading here


def text(value: str) -> str:
    """The text without the lone surrogates that stand for bytes in names of files and arguments:
    JSON cannot carry them."""
    return value if value.isascii() else value.encode("utf-8", "backslashreplace").decode()


def rounded(value: float) -> float:
    """To DIGITS digits."""
    return round(value, DIGITS)


def rounded_or_none(value: float | None) -> float | None:
    """The same for what may be missing."""
    return None if value is None else round(value, DIGITS)
