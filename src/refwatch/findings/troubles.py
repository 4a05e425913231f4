"""The worst trouble that is known, in one line: what grows, and what is free and does not go back.
It is told before the verdict, because time that nobody waits for is no trouble beside it."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from refwatch.findings.memory_growth import garbage_in, memory_sentence
from refwatch.readings.objects.growth import Suspicion
from refwatch.session.process import ProcessState
from refwatch.text.formats import fmt_bytes, fmt_rate, fmt_seconds, fmt_type
from refwatch.text.sanitize import printable, shorten

GROWN = 16 << 20  # bytes, and
GROWN_SHARE = 0.2  # of what there was: less than either is no trouble
LEAST_S = 20.0  # under watch, before growth is told
PARTS = 6  # of the time looked at, in each of which it must have grown
NAME = 48  # characters of a class's name


def worst_trouble(process: ProcessState, growing: Sequence[Suspicion]) -> str:
    """A leak, or else memory that is free and stays, or grows; empty where nothing is known.
    ``growing``: the suspects, the worst first."""
    if growing:
        first = growing[0]
        more = f", and {len(growing) - 1} more" if len(growing) > 1 else ""
        return f"leak: {class_name(first)} grows by {fmt_rate(first.per_second)}{more}"
    parts = printable(memory_sentence(process.allocations, process)).partition(": ")[0]
    sentence = parts or growth_sentence(process)
    return f"memory: {sentence}" if sentence else ""


def class_name(suspicion: Suspicion) -> str:
    return shorten(fmt_type(*suspicion.name), NAME)


def growth_sentence(process: ProcessState) -> str:
    """That more is resident in each part of the time than in the one before, start-up left out;
    empty where it is not so."""
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
    garbage = garbage_in(grown, process.references.census.garbage_sizes, begun)
    return (
        f"RSS grew by {fmt_bytes(grown)} in {fmt_seconds(end - begun)}, "
        f"from {fmt_bytes(first)} to {fmt_bytes(last)}, and still grows"
        f"{'; ' if garbage else ''}{garbage}"
    )
