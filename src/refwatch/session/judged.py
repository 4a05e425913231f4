"""Up to when it was judged what keeps growing, by which readings, and why not by others."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import Literal

from refwatch.session import live_growth
from refwatch.session.references import References
from refwatch.session.suspects import LEAST_CENSUSES, LEAST_S, follows, growing, unconfirmed
from refwatch.session.troubles import class_name, rate

By = Literal["live", "census"]
UNSEEN_SHARE = 0.25  # of the time, that may pass after the last census


@dataclass(frozen=True)
class Judged:
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


def judged(references: References, limit: str | None = None) -> Judged:
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
    return Judged(max(until, default=None), tuple(by), ", and ".join(reasons) or None)


def unseen_s(references: References) -> float:
    """The time since the newest census, seconds, if it is a good part of all; else 0."""
    unseen = references.counted_s - references.census.taken_s
    return unseen if unseen > max(LEAST_S, UNSEEN_SHARE * references.counted_s) else 0.0


def slower_sentence(references: References) -> str:
    """What grows ever slower: a cache that fills, or a leak of a program that gets ever less of a
    busy machine. Empty where nothing does, or only what goes along with a suspect."""
    known = growing(references)
    least = min((follows(one.name) for one in known if not one.slower), default=inf)
    found = [one for one in known if one.slower and follows(one.name) < least]
    if not found:
        return ""
    grows = f"{class_name(found[0])} +{rate(found[0].per_second)}"
    others = f" and {len(found) - 1} more" if len(found) > 1 else ""
    return f"{grows}{others}, ever slower, as a cache that fills: not judged to be a leak"


def _why_not_live(references: References) -> str | None:
    if references.counted_from is None:
        return None  # there are none, which is said elsewhere
    span = live_growth.span_s(references)
    least = live_growth.SHORT_S if references.over else LEAST_S
    if span < least:
        return f"classes were counted live for {span:.1f} s of the {least:g} s that it takes"
    waiting = unconfirmed(references)
    if waiting:
        module, name = waiting[0].name
        return f"no second census has confirmed the live count of {module}.{name}, which grows"
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
    return (
        f"it takes {LEAST_CENSUSES} censuses over {LEAST_S:g} s, and there "
        f"{'was' if census.taken == 1 else 'were'} {census.taken} over {span:.1f} s"
    )
