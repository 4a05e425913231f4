"""Which classes keep growing: a straight line through the censuses, and the doubts against it.
Classes defined in Python are judged by their live counts, a reading a second like a census.

A leak grows as long as one looks; a cache fills and levels off, a pool wanders, a start-up ends. So
the last few censuses are looked at, then more of them from further away, up to all; a class is a
suspect when over one of these windows it has grown for some seconds even at its fastest, along a
line, by more than chance, to a new height, and still does, and does not slow down in the long run.
"""

from __future__ import annotations

import sys
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from math import sqrt

from msgspec import Struct
from msgspec.structs import replace

from refwatch.readings.objects import live_growth
from refwatch.readings.objects.records import ClassRecord, TypeName
from refwatch.readings.objects.state import References
from refwatch.series.step_series import StepSeries

LEAST_CENSUSES = 4  # three rises: two are what a cache shows that fills between two censuses
LEAST_S = (
    7.0  # that the growth takes at its fastest rate: a cache that fills in six seconds has six
)
LEAST_GROWN = 20  # objects
FEW_STEPS, GROWN_IN_FEW = 6, 50  # objects in fewer steps: a pool of workers grows by as many as 20
LEAST_R2 = 0.8
LESS_STRAIGHT = 0.005  # may be the line of all of the growth than that of a part
WANDER = (
    3.0  # times the root of a size: by so much it wanders, if its objects come and go by chance
)
CHANCE = 6.0  # standard errors; less happens by chance to one of some hundred types within an hour
HIGHER = 0.5  # of its last fall, that it must be above the height from which it fell
MEMORY_S = (
    300.0  # how long a height is remembered: longer than most caches take between two clearings
)
STILL = 0.5  # of the mean rate, that it must have had lately
PATIENCE_S = 20.0  # how long it may stand still, if it has stood still before
SLOWER, SLOWER_LATELY = 0.85, 0.93  # a root has 0.71 and 0.84, a logarithm 0.5 and 0.71, a line 1

AS_MUCH = 0.8  # of the growth of what goes with it, that something has grown
PARTS = {"tuple", "cell", "method"}  # as functions, classes and calls have them
CLASSES = {("builtins", "type"), ("abc", "ABCMeta")}
"""Types of classes: those that are made at run time are the program's own."""
HELPERS = {"weakref", "_weakrefset", "_thread", "_abc"}
"""Modules whose objects go with others: each class has a weak reference in its base, each handler
of a log has a lock."""
LEAVES = {"int", "str", "bytes", "bytearray", "float", "complex", "NoneType", "bool", "memoryview"}

POINTS = 25  # of a look; each look goes twice as far back as the one before
NEAR = (24, 16, 12, 8, 6, 4, 3)  # steps of the windows of the first look ..
FAR = (24, 16, 12, 8)  # .. and of the others, whose shorter ones the look before has seen
GLANCES_S = (20.0, 26.0, 34.0, 44.0, 57.0, 74.0, 97.0, 126.0, 163.0, 212.0, 276.0)


class GrowthSuspect(Struct, frozen=True, kw_only=True):
    """A class that keeps growing. ``per_second`` is the slope of the line since ``since_s``, ``r2``
    says how well it fits, 0 to 1."""

    name: TypeName
    count: int
    grown: int
    """Objects more than at ``since_s``."""
    per_second: float
    r2: float
    since_s: float
    slower: bool = False
    """It grows ever slower, as a cache does that fills: then it is no suspect."""


class _Look(Struct, frozen=True, kw_only=True):
    """Times of censuses, and of each but the first the seconds since the one before."""

    times: list[float]
    gaps: list[float]
    windows: Sequence[int]
    """How many steps those have that end with the newest census."""
    sparse: bool
    """Not all censuses are in it: few steps, and none before them to compare with."""


class _Window(Struct, frozen=True):
    """The newest censuses of a look, and the counts at them."""

    times: list[float]
    counts: list[int]
    grown: int
    mean: float
    """Objects per second."""


def suspicions(references: References) -> list[GrowthSuspect]:
    """The suspects at the newest census or reading. What grows only along with others comes after
    them, as does what a chain shows to be held by another; of equals those that grow fastest are
    first."""
    return [one for one in growing(references) if not one.slower]


def growing(references: References) -> list[GrowthSuspect]:
    """The same, and what would be one if it did not grow ever slower."""
    counted = live_growth.counted(references)
    found = [*_growing_live(counted, references), *_growing_at_censuses(counted, references)]
    found = [replace(one, slower=one.slower or _goes_with_a_cache(one, found)) for one in found]
    names = {one.name for one in found}
    return sorted(
        found,
        key=lambda one: (
            follows(one.name),
            _holders_among(names - {one.name}, one.name, references),
            -one.per_second,
        ),
    )


def _goes_with_a_cache(one: GrowthSuspect, found: Sequence[GrowthSuspect]) -> bool:
    """Whether it is of a kind that goes with others, and others have grown as much, ever slower."""
    return one.name[0] in HELPERS and any(
        other.slower and other.name[0] not in HELPERS and other.grown >= AS_MUCH * one.grown
        for other in found
    )


def unconfirmed(references: References) -> list[GrowthSuspect]:
    """Classes that grow by a live count that no second census has confirmed yet."""
    return list(_growing_live(live_growth.counted(references, confirmed=False), references))


def _growing_live(
    counted: Mapping[TypeName, ClassRecord], references: References
) -> Iterator[GrowthSuspect]:
    times = live_growth.times(references)
    looks = list(_looks(times)) if len(times) >= LEAST_CENSUSES else []
    for name, record in counted.items():
        judged = _judge(name, record.series, times, looks) if looks else None
        if judged is not None and not live_growth.rises(
            record, judged.since_s, times[-1], judged.grown
        ):
            judged = None
        if judged is None:
            judged = _judge_shortly(name, record, references)
        if judged is not None:
            yield judged


def _judge_shortly(
    name: TypeName, record: ClassRecord, references: References
) -> GrowthSuspect | None:
    """By the last seconds of a short run; what nobody was found to hold waits for the collector."""
    growth = live_growth.shortly(record, references)
    found = references.holders_of(name)
    nobody = found is not None and not found.chains and not found.missing
    if growth is None or nobody:
        return None
    times, counts = growth
    grown = counts[-1] - counts[0]
    slope, r2 = _line(_Window(times, counts, grown, grown / (times[-1] - times[0])))
    return GrowthSuspect(
        name=name, count=counts[-1], grown=grown, per_second=slope, r2=r2, since_s=times[0]
    )


def _growing_at_censuses(
    counted: Mapping[TypeName, ClassRecord], references: References
) -> Iterator[GrowthSuspect]:
    """All other types."""
    times = sorted(set(references.census.times))
    if len(times) < LEAST_CENSUSES:
        return
    looks = list(_looks(times))
    for name, series in references.type_series.items():
        if name in counted:
            continue
        judged = _judge(name, references.held_series.get(name, series), times, looks)
        if judged is not None:
            yield judged


def _holders_among(names: set[TypeName], name: TypeName, references: References) -> int:
    """How many of these types hold objects of this one, by the shortest account of its chains."""
    known = references.chains.get(name)
    types = {f"{module}.{short}" for module, short in names}
    counts = (sum(link.type in types for link in chain) for chain in known.chains) if known else ()
    return min(counts, default=0)


def follows(name: TypeName) -> int:
    """How likely objects of a type are only parts of what a program leaks: 0 for its own classes
    and their instances, 1 for Python's library, 2 for what holds others, 3 for parts, 4 for what
    holds none."""
    module, short = name
    if name in CLASSES:
        return 0
    if module in HELPERS:
        return 3
    if module == "builtins":
        return 4 if short in LEAVES else 3 if short in PARTS else 2
    return 1 if module.partition(".")[0] in sys.stdlib_module_names else 0


def _looks(times: list[float]) -> Iterator[_Look]:
    """From the furthest: at most POINTS times each, up to the newest. The nearest has all, the next
    every second, and so on while there are enough. What comes in bursts, or as a few more in a
    crowd that wanders, grows along a line if one looks less closely."""
    strides = [1]
    while FAR[-1] * 2 * strides[-1] < len(times):
        strides.append(2 * strides[-1])
    for stride in reversed(strides):
        seen = times[::-stride][:POINTS][::-1]
        gaps = [end - start for start, end in pairwise(seen)]
        windows = NEAR if stride == 1 else FAR
        yield _Look(
            times=seen, gaps=gaps, windows=[n for n in windows if n <= len(gaps)], sparse=stride > 1
        )


def _judge(
    name: TypeName, series: StepSeries, times: list[float], looks: list[_Look]
) -> GrowthSuspect | None:
    newest = round(series.near(times[-1]))
    for back in GLANCES_S:  # most types end here
        if newest <= (series.at(times[-1] - back) or 0):
            return None
    for look in looks:
        for window in _windows(look, series):
            if not _is_new(window, series) or not _still(window, series, times):
                continue
            if _line(window)[1] < LEAST_R2:
                continue
            slower = _slows_down(series, times)
            whole = _whole(window, look, series)
            slope, r2 = _line(whole)
            return GrowthSuspect(
                name=name,
                count=newest,
                grown=whole.grown,
                per_second=slope,
                r2=r2,
                since_s=whole.times[0],
                slower=slower,
            )
    return None


def _whole(window: _Window, look: _Look, series: StepSeries) -> _Window:
    """The same growth from its beginning: as far back as a line is as straight as any."""
    counts = _counts(series, look.times)
    starts = range(len(counts) - len(window.counts) // 2)
    lines = [
        _Window(look.times[start:], counts[start:], counts[-1] - counts[start], window.mean)
        for start in starts
    ]
    straight = [_line(line)[1] for line in lines]
    enough = max(straight) - LESS_STRAIGHT
    return next(line for line, r2 in zip(lines, straight, strict=True) if r2 >= enough)


def _windows(look: _Look, series: StepSeries) -> Iterator[_Window]:
    """Those over which it has grown for some time, by more than chance; the longest first."""
    counts = _counts(series, look.times)
    steps = zip(counts, counts[1:], look.gaps, strict=False)
    rates = [(after - before) / gap for before, after, gap in steps]
    for length in look.windows:
        cut = len(rates) - length
        within, grown = rates[cut:], counts[-1] - counts[cut]
        least = LEAST_GROWN if length >= FEW_STEPS else GROWN_IN_FEW
        if grown < LEAST_S * max(within) or grown < least:
            continue
        mean = grown / (look.times[-1] - look.times[cut])
        chance = CHANCE * (1 + 2 / length) if look.sparse else CHANCE
        if (
            grown >= WANDER * sqrt(max(0, counts[cut]))
            and mean * sqrt(length) >= chance * _spread(within, mean)
            and mean * sqrt(length) >= chance * _usual_spread(rates[:cut])
        ):
            yield _Window(look.times[cut:], counts[cut:], grown, mean)


def _spread(rates: list[float], mean: float) -> float:
    """The standard deviation, as it is of what is normal: an outlier moves this one less."""
    return 1.25 * sum([abs(rate - mean) for rate in rates]) / len(rates)


def _usual_spread(rates: list[float]) -> float:
    """The same for a time in which there may have been something unusual, a start-up or a load."""
    if len(rates) < LEAST_CENSUSES:
        return 0.0
    from statistics import median

    usual = median(rates)
    return 1.48 * median([abs(rate - usual) for rate in rates])


def _is_new(window: _Window, series: StepSeries) -> bool:
    """Whether it is higher than before, and not only because it has fallen and climbs again, as a
    cache does that is cleared from time to time."""
    start = window.times[0]
    before = series.between(window.times[-1] - MEMORY_S, start)
    if not before:
        return True
    high = max(before)
    low = min(window.counts[0], *before[before.index(high) :])
    return window.counts[-1] >= high + HIGHER * (high - low)


def _still(window: _Window, series: StepSeries, times: list[float]) -> bool:
    """Whether it has grown lately, too. One that grows in bursts has time for the next."""
    longest, since, high = 0.0, window.times[0], window.counts[0]
    for at, count in zip(window.times, window.counts, strict=True):
        if count > high:
            longest, since, high = max(longest, at - since), at, count
    back = min(max(LEAST_S, 1.5 * longest), PATIENCE_S)
    lately = window.counts[-1] - _count(series, times, times[-1] - back)
    return lately >= STILL * back * window.mean


def _slows_down(series: StepSeries, times: list[float]) -> bool:
    """Whether its growth since it began slows down all the time, as that of a cache does that has
    ever fewer misses. From near a root or a logarithm is a line, so all of the time is compared:
    its last half to the quarter before, and its last quarter to the one before."""
    begun = times[max(0, bisect_left(times, series.lowest_until()) - 1)]
    life = times[-1] - begun
    first, second, third, last = (
        _count(series, times, begun + life * part) for part in (0.25, 0.5, 0.75, 1.0)
    )
    slower = (last - second) / 2 < SLOWER * (second - first)
    return slower and last - third < SLOWER_LATELY * (third - second)


def _counts(series: StepSeries, times: Sequence[float]) -> list[int]:
    return [round(series.near(time)) for time in times]


def _count(series: StepSeries, times: list[float], time: float) -> float:
    """The count on a straight line between the censuses around this time."""
    index = bisect_right(times, time)
    if not 0 < index < len(times):
        return series.near(time)
    start, end = times[index - 1], times[index]
    before = series.near(start)
    return before + (series.near(end) - before) * (time - start) / (end - start)


def _line(window: _Window) -> tuple[float, float]:
    """(slope, r2) of the straight line with the least squares."""
    number = len(window.times)
    mean_t, mean_c = sum(window.times) / number, sum(window.counts) / number
    points = [(t - mean_t, c - mean_c) for t, c in zip(window.times, window.counts, strict=True)]
    across = sum(t * t for t, _ in points)
    down = sum(c * c for _, c in points)
    both = sum(t * c for t, c in points)
    return both / across, both * both / (across * down)
