"""Text from the target, made safe for a terminal and for JSON."""

from __future__ import annotations


def printable(text: str) -> str:
    """The text with each character that is not printable written as an escape, as Python's
    ``repr`` does: control and bidirectional characters, lone surrogates, zero-width characters and
    spaces other than the plain one. It may be longer than before: cut it afterwards."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def shorten(text: str, width: int) -> str:
    """The beginning of the text, printable, in at most ``width`` characters."""
    text = printable(text)
    return text if len(text) <= width else text[: width - 1] + "…"


def shorten_path(path: str, width: int) -> str:
    """The end of the path, which tells files apart, printable, in at most ``width`` characters."""
    path = printable(path)
    return path if len(path) <= width else "…" + path[len(path) - width + 1 :]


def encodable(value: object) -> object:
    """The plain value with each lone surrogate in its texts written as an escape: they stand for
    bytes that are not UTF-8, in arguments and file names, and JSON cannot hold them. Lists become
    tuples."""
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, list | tuple):
        return tuple(map(encodable, value))
    if isinstance(value, dict):
        return {encodable(key): encodable(item) for key, item in value.items()}
    return value
