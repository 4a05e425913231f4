"""Instances gained per second of late: of classes counted live, and of types seen by censuses."""

from __future__ import annotations

from dataclasses import dataclass

from refwatch.readings.objects.state import References
from refwatch.series.step_series import StepSeries

RATE_S = 5.0  # a rate is the mean over the last so many seconds, or over censuses so far apart
UNREAD_S = 0.25  # between two readings of the live counts, at most


@dataclass(frozen=True)
class Rates:
    """The times, in seconds, that rates are measured between."""

    read_s: float = 0.0
    """Of the newest reading of the live counts."""
    census_s: float = 0.0
    """Of the newest census."""
    since_s: float = 0.0
    """Of the newest census that is RATE_S or more before it, else of the first."""

    def per_second(self, series: StepSeries, *, live: bool) -> float:
        """The mean change per second of a count: of a class counted live, or of another type."""
        if len(series) < 2:
            return 0.0
        if live:
            return series.per_second(self.read_s, RATE_S)
        return series.per_second(self.census_s, self.census_s - self.since_s)


def rates_of(references: References, now: float) -> Rates:
    """The times for rates as they are at ``now`` seconds, or were at the process's end."""
    census = references.census
    taken = census.taken_s
    earlier = (at for at in reversed(census.times) if at <= taken - RATE_S)
    since = next(earlier, census.times[0] if census.times else taken)
    return Rates(_read_s(references, now), taken, since)


def _read_s(references: References, now: float) -> float:
    """When the live counts were last read, as far as their changes show it: the time since then
    would make a rate too small."""
    changes = (record.series.changed_s() for record in references.classes.values())
    newest = max(changes, default=0.0)
    return newest if 0 < now - newest < UNREAD_S else now
