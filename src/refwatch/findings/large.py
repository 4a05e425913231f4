"""The largest single object, in one sentence, if it takes much of the memory."""

from __future__ import annotations

from refwatch.readings.objects.chains import describe_chain
from refwatch.session.process import ProcessState
from refwatch.text.formats import fmt_bytes, fmt_percent, fmt_seconds
from refwatch.text.sanitize import shorten
from refwatch.wire.heap_values import Largest

LARGE = 32 << 20  # bytes, or
LARGE_SHARE = 0.2  # of the resident memory, from which on an object is large
HOLLOW = 0.2  # share in use, below which it is nearly empty; a table that has just grown has more
TYPE = 48  # characters of a type's name, at most
STALE_S = 10.0  # age of the census, from which on it is told
LEAST = 40  # characters for the chain, at least


def large_sentence(process: ProcessState, width: int) -> str:
    """The largest object, how full it is, and who holds it, in about ``width`` characters; empty if
    none is large. Nearly empty ones come first."""
    rss = process.resident[0] if process.memory is not None else 0
    census = process.references.census
    found = [each for each in census.largest if _matters(each.size, rss)]
    if not found:
        return ""
    first = max(found, key=lambda each: (_is_hollow(each), each.size))
    head = f"a {shorten(first.type, TYPE)} of {fmt_bytes(first.size)}"
    age = process.memory.at - census.taken_s if process.memory is not None else 0.0
    if first.filled is not None:
        head += f" {'was' if age > STALE_S else 'is'} {fmt_percent(first.filled)} full"
    if age > STALE_S:
        head += f" {fmt_seconds(age)} ago"
    tail = "; a copy of it is small" if _is_hollow(first) else ""
    room = max(LEAST, width - len(head) - len(tail) - 2)
    held = describe_chain(first.chain, room) if first.chain else "who holds it is not known"
    return f"{head}: {held}{tail}"


def _matters(size: int, rss: int) -> bool:
    return size >= LARGE or 0 < rss * LARGE_SHARE <= size


def _is_hollow(largest: Largest) -> bool:
    return largest.filled is not None and largest.filled < HOLLOW
