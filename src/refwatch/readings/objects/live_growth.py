"""Growth of classes defined in Python, by what was read of them from outside, ten times a second.

Where the program has ended, what there is must do: a class that grew along a line for most of the
time in which it was counted, up to the last reading, is told even if that was only a few seconds.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from math import inf, sqrt

from refwatch.readings.objects.records import ClassRecord, TypeName
from refwatch.readings.objects.state import References

STEP_S, MOST_STEPS = 2.0, 600  # from one point that is judged to the next; of all points
STALE_S = 5.0  # of a live count beside the newest census: then the counts are read no more
FALLS = 0.3  # of its growth, by which the count may fall meanwhile
MOVED, MOVED_SHARE = 2, 0.1  # of the growth between two censuses that may be other references

SHORT_S = 3.0  # that the growth must take in a run of which there is no more
SHORT_RUN_S = 30.0  # what lasts longer is judged as if it went on
LEAST_PART = 0.6  # of the time in which it was counted
READ_S = 0.2  # from the news of a class to the second reading of its instances
READ_PART = 0.4  # of the growth, that must have been read
STEPS, BEGINS = 6, 5
LEAST_GROWN = 50  # objects
WANDER = 3.0  # times the root of a size, as if its objects came and went by chance
SLOWEST, FASTEST = 0.25, 2.2  # of the mean rate, that a step may have: machines are busy
SLOWER = 0.8  # of the rate of its first half, that the second must have
LAST_S = 0.5  # in which a program may give up all that it held, as its main function returns
GIVEN_UP = 0.1  # of what there was, that is left then


def counted(references: References, *, confirmed: bool = True) -> dict[TypeName, ClassRecord]:
    """The classes that are judged by their live counts: these are read still, and a later census
    has confirmed that they move with the instances; or those that wait for that."""
    if references.counted_s < references.census.taken_s - STALE_S:
        return {}
    return {
        (record.module, record.name): record
        for record in references.classes.values()
        if record.ended_s is None
        and record.series
        and (record.moved is not None) == confirmed
        and follows_instances(record, references)
    }


def follows_instances(record: ClassRecord, references: References) -> bool:
    """Whether its live count is worth more than the census's: what else refers to the class comes
    and goes seldom, or nobody has looked yet."""
    if not record.moved:
        return True
    series = references.type_series.get((record.module, record.name))
    before, newest = [0.0, *references.census.times][-2:]
    grown = series.near(newest) - series.near(before) if series is not None else 0.0
    return abs(record.moved) <= max(MOVED, MOVED_SHARE * grown)


def times(references: References) -> list[float]:
    """When the live counts are looked at, to judge them as censuses are: up to the last reading."""
    since, until = references.counted_from, references.judged_s
    if since is None or until <= since:
        return []
    step = max(STEP_S, (until - since) / MOST_STEPS)
    return [until - step * back for back in reversed(range(int((until - since) / step) + 1))]


def span_s(references: References) -> float:
    """For how long classes were counted live, seconds."""
    since = references.counted_from
    return 0.0 if since is None else max(0.0, references.judged_s - since)


def shortly(record: ClassRecord, references: References) -> tuple[list[float], list[int]] | None:
    """(times, counts) of its growth up to the end of a short run; None where there was none."""
    if not references.over or span_s(references) > SHORT_RUN_S:
        return None
    if max(count for _, count in record.series) < LEAST_GROWN:  # most classes
        return None
    for until in _ends(record, references):
        for since in _begins(record, references, until):
            at = [until - (until - since) * step / STEPS for step in range(STEPS, -1, -1)]
            counts = [_level(record, references, each) for each in at]
            before = _level(record, references, until - (until - since) / STEPS / 2)
            known = _is_known(record, since, until) and _grows(counts, before)
            if known and rises(record, since, until, round(counts[-1] - counts[0])):
                return at, [round(count) for count in counts]
    return None


def rises(record: ClassRecord, since: float, until: float, grown: int) -> bool:
    """Whether it has grown by so many without much falling, as what comes and goes does: that may
    look like a line, seen once a second."""
    most = fall = 0
    for count in record.series.between(since, until):
        most = max(most, count)
        fall = max(fall, most - count)
    return fall <= FALLS * grown


def _is_known(record: ClassRecord, since: float, until: float) -> bool:
    """Whether the time is long enough, and was not spent before the class was counted."""
    return until - since >= SHORT_S and until - record.found_s >= READ_PART * (until - since)


def _ends(record: ClassRecord, references: References) -> Iterator[float]:
    """The last reading; and where nothing was left then, the moment before all was given up."""
    until = references.judged_s
    yield until
    series = record.series
    high, at = max((count, at) for at, count in series)
    if until - LAST_S <= at < until and (series.last() or 0) <= GIVEN_UP * high:
        yield at


def _begins(record: ClassRecord, references: References, until: float) -> Iterator[float]:
    """From the furthest on: it may have begun after a start-up."""
    first = min(references.counted_from or 0.0, _none_until(record, references))
    latest = until - max(SHORT_S, LEAST_PART * (until - first))
    for part in range(BEGINS):
        yield first + (latest - first) * part / (BEGINS - 1)


def _none_until(record: ClassRecord, references: References) -> float:
    """When a census had not found the class yet, the last that had not; infinity where the first
    one has found it."""
    series = references.type_series.get((record.module, record.name), ())
    at, count = next(iter(series), (inf, 0))
    return at if count == 0 and at < record.found_s else inf


def _level(record: ClassRecord, references: References, at: float) -> float:
    """Instances at this time: before they were read on lines between what the censuses say."""
    read_s = record.found_s + READ_S
    if at >= read_s:
        return record.series.near(at)
    end, high = read_s, record.series.near(read_s)
    for start, count in (next(iter(record.series)), (_none_until(record, references), 0)):
        if start <= at < end:
            return count + (high - count) * (at - start) / (end - start)
        if start < end:
            end, high = start, count
    return high


def _grows(counts: list[float], before: float) -> bool:
    """By about as much in each step, by enough, not ever slower, and still in the last half of the
    last step, since ``before``."""
    grown = counts[-1] - counts[0]
    if grown < max(LEAST_GROWN, WANDER * sqrt(counts[0])):
        return False
    steps = [after - before for before, after in pairwise(counts)]
    mean, half = grown / len(steps), len(steps) // 2
    even = min(steps) >= SLOWEST * mean and max(steps) <= FASTEST * mean
    slower = sum(steps[half:]) < SLOWER * sum(steps[:half])
    return even and not slower and counts[-1] - before >= SLOWEST * mean / 2
