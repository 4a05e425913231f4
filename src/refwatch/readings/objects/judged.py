"""Up to when it was judged what keeps growing, by which readings, and why not by others."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from refwatch.readings.objects import live_growth
from refwatch.readings.objects.growth import LEAST_CENSUSES, LEAST_S, unconfirmed
from refwatch.readings.objects.state import References
from refwatch.text.formats import fmt_duration, fmt_seconds, fmt_type

By = Literal["live", "census"]
UNSEEN_SHARE = 0.25  # of the time, that may pass after the last census


class GrowthCoverage(Struct, frozen=True, kw_only=True):
    """``by`` is empty where nothing was judged, and ``until_s`` None. ``reason`` says why not, or
    why only a part was: by the live counts the classes defined in Python, by censuses the rest."""

    until_s: float | None
    by: tuple[By, ...]
    reason: str | None

    def because(self, *, over: bool) -> str:
        """The reason as part of a sentence."""
        what = "not judged" if not self.by else f"{_OTHERS[self.by[0]]} were not judged"
        return f"{what}{'' if over else ' yet'}, because {self.reason}" if self.reason else ""


_OTHERS: dict[By, str] = {
    "live": "types that only a census counts",
    "census": "classes that are counted live",
}


def judged(references: References, limit: str | None = None) -> GrowthCoverage:
    """What could be judged so far; ``limit`` is why no census can be taken, where that is so."""
    live, census = _why_not_live(references), _why_not_by_censuses(references, limit)
    by: list[By] = []
    until: list[float] = []
    if live is None and references.counted_from is not None:
        by.append("live")
        until.append(references.judged_s)
    if census is None:
        by.append("census")
        until.append(references.census.taken_s)
    reasons = [reason for reason in (live, census) if reason is not None]
    return GrowthCoverage(
        until_s=max(until, default=None), by=tuple(by), reason=", and ".join(reasons) or None
    )


def unseen_s(references: References) -> float:
    """The time since the newest census, seconds, if it is a good part of all; else 0."""
    unseen = references.counted_s - references.census.taken_s
    return unseen if unseen > max(LEAST_S, UNSEEN_SHARE * references.counted_s) else 0.0


def _why_not_live(references: References) -> str | None:
    if references.counted_from is None:
        return None  # there are none, which is said elsewhere
    span = live_growth.span_s(references)
    least = live_growth.SHORT_S if references.over else LEAST_S
    if span < least:
        return f"classes were counted live for {fmt_duration(span)} of {fmt_seconds(least)}"
    waiting = unconfirmed(references)
    if waiting:
        name = fmt_type(*waiting[0].name)
        return f"no second census has confirmed the live count of {name}, which grows"
    return None


def _why_not_by_censuses(references: References, limit: str | None) -> str | None:
    census = references.census
    span = census.taken_s - census.times[0] if census.times else 0.0
    if census.taken >= LEAST_CENSUSES and span >= LEAST_S:
        unseen = unseen_s(references) if references.over else 0.0
        return f"there was no census in the last {unseen:.1f} s" if unseen else None
    failure = references.failure or limit
    if failure is not None:
        return f"there was no census: {failure}"
    if not census.taken:
        return "there was no census"
    there = f"there {'was' if census.taken == 1 else 'were'} {census.taken}"
    if census.taken >= LEAST_CENSUSES:
        there += f" over {fmt_duration(span)}"
    return f"it takes {LEAST_CENSUSES} censuses over {fmt_seconds(LEAST_S)}: {there}"
