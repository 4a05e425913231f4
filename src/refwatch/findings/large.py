"""The largest single object, where it is a good part of the memory, in one sentence."""

from __future__ import annotations

from refwatch.readings.objects.chains import way_in_words
from refwatch.session.process import ProcessState
from refwatch.text.formats import fmt_bytes, fmt_percent
from refwatch.text.sanitize import shorten
from refwatch.wire.heap_values import Largest

LARGE = 32 << 20  # bytes, or
LARGE_SHARE = 0.2  # of what is resident: from either on it is worth a word
HOLLOW = 0.2  # full: a table that has just grown has more in it
TYPE = 48  # characters of a type's name
LEAST = 40  # characters for who holds it


def large_sentence(process: ProcessState, width: int) -> str:
    """The largest object, how full it is, and who holds it; before others the one with most room
    that is not in use. Empty where none is large. It takes some ``width`` characters."""
    rss = process.resident[0] if process.memory is not None else 0
    found = [one for one in process.references.census.largest if _matters(one.size, rss)]
    if not found:
        return ""
    first = max(found, key=lambda one: (_is_hollow(one), one.size))
    head = f"a {shorten(first.type, TYPE)} of {fmt_bytes(first.size)}"
    if first.filled is not None:
        head += f" is {fmt_percent(first.filled)} full"
    tail = "; a copy of it is small" if _is_hollow(first) else ""
    room = max(LEAST, width - len(head) - len(tail) - 2)
    held = way_in_words(first.chain, room) if first.chain else "who holds it is not known"
    return f"{head}: {held}{tail}"


def _matters(size: int, rss: int) -> bool:
    return size >= LARGE or 0 < rss * LARGE_SHARE <= size


def _is_hollow(one: Largest) -> bool:
    return one.filled is not None and one.filled < HOLLOW
