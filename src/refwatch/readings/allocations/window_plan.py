"""When burst mode opens windows: how long they are, how often, and how many blocks they sample."""

from __future__ import annotations

import math
import random

COST_S = 10.0  # of the newest time, for which the budget holds
FIRST_WINDOW_NS = 60_000_000  # short: its cost is not known yet
WINDOW_NS = 500_000_000
LEAST_WINDOW_NS = 25_000_000
WINDOW_COST_S = 0.010  # that one window may cost: long ones that cost much would be felt
WHOLE = 0.95  # of the time; from here on all of it
LEAST = 0.005
WANTED = 2000  # blocks to be sampled in a long window
LEAST_WANTED = 700  # in any
FIRST_MEAN = 1 << 20  # bytes, of which one is picked; its block is sampled
LEAST_MEAN, MOST_MEAN = 1 << 12, 1 << 32
FIRST_FOLLOWED = 4  # windows: else nothing would be known of what is kept for some seconds
FOLLOWED = 0.25  # of the windows: in these it is seen whether a block is freed, which costs more


class WindowPlan:
    """Keeps the cost of windows within ``budget``, a share of the target's time, 0 to 1."""

    def __init__(self, budget: float) -> None:
        self.mean = FIRST_MEAN
        """Bytes allocated per sampled block, in the next window."""
        self.follow = True
        """Whether the next window sees which blocks are freed."""
        self.length_ns = FIRST_WINDOW_NS
        self.coverage = 1.0
        """Share of the time that windows may cover, 0 to 1."""
        self._budget = budget
        self._followed = 0  # windows
        self._priced_ns = 0
        self._cost, self._time_s = 0.0, 0.0

    def begin(self, now: int) -> None:
        """Costs count from here."""
        self._priced_ns = now
        self.length_ns = FIRST_WINDOW_NS

    @property
    def continuous(self) -> bool:
        """One window follows the other without a gap."""
        return self.coverage >= WHOLE

    def gap_ns(self, coverage: float) -> int:
        """A random time to the next window, so that windows cover this share of the time."""
        coverage = max(coverage, LEAST)
        mean_ns = self.length_ns * (1 - coverage) / coverage
        return int(random.expovariate(1.0) * mean_ns)

    def account(self, window_s: float, cost_s: float, now: int, *, stretch: float = 1.0) -> None:
        """Take the cost of a window that ended at ``now`` into account. It stands for the time
        since the window before. Where there are many processes windows come ``stretch`` times
        more rarely. Coverage and length follow an average of the newest time: if a
        costly window were followed by a longer gap than others, what is costly would be seen less
        often."""
        share, span_s = cost_s / max(1e-6, window_s), (now - self._priced_ns) / 1e9
        self._priced_ns = now
        keep = math.exp(-span_s / COST_S)
        self._cost = keep * self._cost + span_s * share
        self._time_s = keep * self._time_s + span_s
        self.coverage, self.length_ns = 1.0, WINDOW_NS
        if self._cost > 0:
            self.coverage = min(1.0, self._budget * self._time_s / self._cost)
            costly_ns = int(1e9 * WINDOW_COST_S * self._time_s / self._cost)
            self.length_ns = max(LEAST_WINDOW_NS, min(WINDOW_NS, costly_ns))
        self.coverage /= stretch

    def adapt(self, length_s: float, sampled: int, mean: int, *, followed: bool) -> None:
        """Choose how many blocks the next windows sample, and whether they follow frees, after a
        piece of a window in which so many blocks were sampled with this mean."""
        length_s = max(1e-6, length_s)
        if length_s < LEAST_WINDOW_NS / 2e9 and sampled < LEAST_WANTED:
            return  # too little to go by
        self._followed += followed
        few = self._followed < FIRST_FOLLOWED
        self.follow = few or random.random() < FOLLOWED  # noqa: S311 - not for security
        wanted = max(LEAST_WANTED, WANTED * self.length_ns / WINDOW_NS)
        factor = sampled * (self.length_ns / 1e9) / length_s / wanted
        if not 0.75 < factor < 1.5:
            self.mean = max(LEAST_MEAN, min(MOST_MEAN, int(mean * max(1 / 16, factor))))
