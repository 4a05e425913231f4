"""Text of the target made safe: for a terminal, for JSON."""

from __future__ import annotations

import re

_UNSAFE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]"
)


def printable(text: str) -> str:
    """The text with every character that a terminal could act upon written as an escape."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def safe(text: str) -> str:
    """The text with each control, bidirectional or zero-width character shown as a dot."""
    return _UNSAFE.sub("·", text)


def text(value: str) -> str:
    """The text without the lone surrogates that stand for bytes in names of files and arguments:
    JSON cannot carry them."""
    return value if value.isascii() else value.encode("utf-8", "backslashreplace").decode()


def without_surrogates(value: object) -> object:
    """The plain value with text that can be encoded as UTF-8: what cannot is written with a
    backslash. Lists become tuples."""
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, list | tuple):
        return tuple(map(without_surrogates, value))
    if isinstance(value, dict):
        return {without_surrogates(key): without_surrogates(item) for key, item in value.items()}
    return value
