"""The worst trouble that is known, in one line: what grows, and what is free and does not go back.
It is told before the verdict, because time that nobody waits for is no trouble beside it."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from refwatch.findings.memory_growth import garbage_in, memory_sentence
from refwatch.findings.sentences import duration
from refwatch.readings.objects.growth import Suspicion, growing
from refwatch.readings.objects.state import References
from refwatch.session.process import ProcessState
from refwatch.text.sanitize import printable

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
        return f"leak: {class_name(first)} grows by {rate(first.per_second)}{more}"
    parts = printable(memory_sentence(process.allocations, process)).partition(": ")[0]
    sentence = parts or growth_sentence(process)
    return f"memory: {sentence}" if sentence else ""


def class_name(suspicion: Suspicion) -> str:
    module, name = suspicion.name
    text = printable(name if module == "builtins" else f"{module}.{name}")
    return text if len(text) <= NAME else text[: NAME - 1] + "…"


def rate(per_second: float) -> str:
    """``40/s``, or by the minute where it is slow."""
    if per_second < 0.1:
        return f"{per_second * 60:.1f}/min"
    return f"{per_second:.1f}/s" if per_second < 10 else f"{per_second:.0f}/s"


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
    mib = 1 << 20
    garbage = garbage_in(grown, process.references.census.garbage_sizes, begun)
    return (
        f"RSS grew by {grown / mib:.0f} MiB in {duration(end - begun)}, "
        f"from {first / mib:.0f} to {last / mib:.0f} MiB, and still grows"
        f"{'; ' if garbage else ''}{garbage}"
    )


def slower_sentence(references: References) -> str:
    """What grows ever slower: a cache that fills, or a leak of a program that gets ever less of a
    busy machine. Empty where nothing does."""
    found = [one for one in growing(references) if one.slower]
    if not found:
        return ""
    grows = f"{class_name(found[0])} +{rate(found[0].per_second)}"
    others = f" and {len(found) - 1} more" if len(found) > 1 else ""
    return f"{grows}{others}, ever slower, as a cache that fills: not judged to be a leak"
