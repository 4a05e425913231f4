"""The largest single object, where it is a good part of the memory, in one sentence."""

from __future__ import annotations

from refwatch.readings.objects.chains import way_in_words
from refwatch.session.process import ProcessState
from refwatch.text.sanitize import printable
from refwatch.wire.heap_values import Largest

LARGE = 32 << 20  # bytes, or
LARGE_SHARE = 0.2  # of what is resident: from either on it is worth a word
HOLLOW = 0.2  # full: a table that has just grown has more in it
TYPE = 48  # characters of a type's name
STALE_S = 10.0  # after the census it is told how long ago that was
LEAST = 40  # characters for who holds it


def large_sentence(process: ProcessState, width: int) -> str:
    """The largest object, how full it is, and who holds it; before others the one with most room
    that is not in use. Empty where none is large. It takes some ``width`` characters."""
    rss = process.resident[0] if process.memory is not None else 0
    census = process.references.census
    found = [one for one in census.largest if _matters(one.size, rss)]
    if not found:
        return ""
    first = max(found, key=lambda one: (_is_hollow(one), one.size))
    head = f"a {printable(first.type)[:TYPE]} of {first.size / (1 << 20):.1f} MiB"
    age = process.memory.at - census.taken_s if process.memory is not None else 0.0
    if first.filled is not None:
        head += f" {'was' if age > STALE_S else 'is'} {100 * first.filled:.0f} % full"
    if age > STALE_S:
        head += f" {age:.0f} s ago"
    tail = "; a copy of it is small" if _is_hollow(first) else ""
    room = max(LEAST, width - len(head) - len(tail) - 2)
    held = way_in_words(first.chain, room) if first.chain else "who holds it is not known"
    return f"{head}: {held}{tail}"


def _matters(size: int, rss: int) -> bool:
    return size >= LARGE or 0 < rss * LARGE_SHARE <= size


def _is_hollow(one: Largest) -> bool:
    return one.filled is not None and one.filled < HOLLOW
