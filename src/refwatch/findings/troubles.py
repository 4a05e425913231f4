"""The worst memory problem, in one line: a leak, growth or fragmentation. It comes before the
verdict, which is about time."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import inf

from refwatch.findings.leaks import NAME, Leak
from refwatch.findings.memory_growth import garbage_share, memory_sentence
from refwatch.readings.objects.growth import follows, growing
from refwatch.readings.objects.state import References
from refwatch.session.process import ProcessState
from refwatch.text.formats import fmt_bytes, fmt_rate, fmt_seconds, fmt_type
from refwatch.text.sanitize import printable, shorten

GROWN = 16 << 20  # bytes, and
GROWN_SHARE = 0.2  # of the memory before: less is no problem
LEAST_S = 20.0  # under watch, before growth is judged
PARTS = 6  # of the time, from each to the next of which it must have grown


def worst_memory_problem(process: ProcessState, leaks: Sequence[Leak]) -> str:
    """A leak, or else fragmented or growing memory; empty if there is none. ``leaks``: the worst
    first."""
    if leaks:
        more = f", and {len(leaks) - 1} more" if len(leaks) > 1 else ""
        return f"leak: {leaks[0].sentence()}{more}"
    parts = printable(memory_sentence(process.allocations, process)).partition(": ")[0]
    sentence = parts or growth_sentence(process)
    return f"memory: {sentence}" if sentence else ""


def growth_sentence(process: ProcessState) -> str:
    """Steady growth of the resident memory, start-up left out, in one sentence; empty if there is
    none."""
    points = [(at, size) for at, size in process.rss_series]
    if not points or points[-1][0] - points[0][0] < LEAST_S:
        return ""
    begun, end = points[0][0] + (points[-1][0] - points[0][0]) / 4, points[-1][0]
    width = (end - begun) / PARTS
    parts: list[list[float]] = [[] for _ in range(PARTS)]
    for at, size in points:
        if at >= begun:
            parts[min(PARTS - 1, int((at - begun) / width))].append(size)
    if not all(parts):
        return ""
    steady = all(min(after) > min(before) for before, after in pairwise(parts))
    higher = all(max(after) > max(before) for before, after in pairwise(parts))
    first, last = parts[0][0], parts[-1][-1]
    grown = last - first
    if not (steady and higher) or grown < max(GROWN, GROWN_SHARE * first):
        return ""
    garbage = garbage_share(grown, process.references.census.garbage_sizes, begun)
    return (
        f"RSS grew by {fmt_bytes(grown)} in {fmt_seconds(end - begun)}, "
        f"from {fmt_bytes(first)} to {fmt_bytes(last)}, and still grows"
        f"{'; ' if garbage else ''}{garbage}"
    )


def slower_sentence(references: References) -> str:
    """What grows ever slower: a cache that fills, or a leak of a program that gets ever less of a
    busy machine. Empty where nothing does, or only what grows along with a suspect."""
    grown = growing(references)
    least = min((follows(each.name) for each in grown if not each.slower), default=inf)
    found = [each for each in grown if each.slower and follows(each.name) < least]
    if not found:
        return ""
    grows = f"{shorten(fmt_type(*found[0].name), NAME)} +{fmt_rate(found[0].per_second)}"
    others = f" and {len(found) - 1} more" if len(found) > 1 else ""
    return f"{grows}{others}, ever slower, as a cache that fills: not judged to be a leak"
