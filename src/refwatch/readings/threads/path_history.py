"""Time by paths of calls, of the last minute and since each mark."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from msgspec import Struct, field

from refwatch.readings.threads.states import ThreadState

RECENT_S = 60.0  # for which pieces are kept
PIECE_S = 1.0
KEEP_MARKS = 12  # no fewer than a viewer can choose from: KEEP_BASELINES of References

Times = dict[tuple[str, int, ThreadState], float]
"""(kind of thread, path, state) -> seconds"""


def kind_of_name(name: str) -> str:
    """What threads that do the same are called: ``worker-*`` for ``worker-3``."""
    return re.sub(r"\d+", "*", name)


def add_times(known: Times, kind: str, more: Iterable[tuple[int, ThreadState, float]]) -> None:
    """Add the seconds of a thread of this kind."""
    for path, state, seconds in more:
        key = (kind, path, state)
        known[key] = known.get(key, 0.0) + seconds


class TimesPiece(Struct, kw_only=True):
    """What was spent from ``began`` on, seconds."""

    began: float
    times: Times = field(default_factory=dict)


class PathHistory(Struct, kw_only=True):
    """``marks`` has the sums at each mark, by its time; the oldest give way."""

    recent: list[TimesPiece] = field(default_factory=list)
    marks: dict[float, Times] = field(default_factory=dict)

    def add(self, at: float, kind: str, paths: Iterable[tuple[int, ThreadState, float]]) -> None:
        """Take in what a thread of this kind did in a slice of time that ended at ``at``."""
        if not self.recent or at - self.recent[-1].began >= PIECE_S:
            self.recent.append(TimesPiece(began=at))
            while self.recent[0].began < at - RECENT_S - PIECE_S:
                del self.recent[0]
        add_times(self.recent[-1].times, kind, paths)

    def since(self, at: float) -> Times:
        """What was spent since then, as far as it is kept."""
        found: Times = {}
        for piece in self.recent:
            if piece.began >= at:
                for key, seconds in piece.times.items():
                    found[key] = found.get(key, 0.0) + seconds
        return found

    def mark(self, at: float, now: Times) -> None:
        """Keep the sums of now."""
        self.marks[at] = now
        while len(self.marks) > KEEP_MARKS:
            del self.marks[min(self.marks)]

    def since_mark(self, at: float, now: Mapping[tuple[str, int, ThreadState], float]) -> Times:
        """What was spent since the mark of that time, if it is still kept. Below zero where a
        thread has got another name since: what it spent before is among another kind now."""
        before = self.marks.get(at, {})
        keys = {**now, **before}  # in order
        grown = {key: now.get(key, 0.0) - before.get(key, 0.0) for key in keys}
        return {key: seconds for key, seconds in grown.items() if seconds}
