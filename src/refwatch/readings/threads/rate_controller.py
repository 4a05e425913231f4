"""How fast to sample: as fast as asked for, unless that would cost the machine too much.

Two budgets: the daemon may use a part of one core, with all that it reads besides; and where the
machine has no idle time left, so that what the daemon takes is taken from the programs on it, a
smaller part. While no thread of the target runs it is enough to see, ever more rarely, whether one
does.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable

from refwatch.readings.threads.budget import BUSY_IDLE, SamplingBudget
from refwatch.target.proc import machine_times

BUDGET = 0.085  # of one core, for all that the daemon does
BUSY_BUDGET = 0.03  # of one core, where no core is idle
LOWEST_HZ = 100.0  # lower than this only when even this would go over the larger budget
LEAST_BUDGET = 0.035  # for sampling, whatever the rest takes
RECENT = 7  # reviews of which the median is what the rest takes: a snapshot that is written is not
STEADY = 3  # reviews of whose rates the median is taken
RESTING_NS = 20_000_000  # between two looks at a target of which no thread runs, at most at first
LONG_RESTING_NS = 50_000_000  # the same after a long time
RESTING_SHARE, LONG_SHARE = 8, 50
"""Of the time that no thread has run, the part that may go by before a look: an eighth, so that a
wait's end is found soon by its length, up to RESTING_NS; after that a fiftieth."""
LEAST_SAMPLES = 4  # that must have been measured by then: the first after a rest cost more
WAKE_NS = 28_000  # CPU time of waking up for a sample and going to sleep again


class RateController:
    """The rate in samples per second; ``review`` is to be called about twice a second."""

    def __init__(self, wanted_hz: float, shared: SamplingBudget | None = None) -> None:
        self._shared = shared or SamplingBudget()
        self.wanted_hz = wanted_hz
        self._own_hz = self._shared.join(self, wanted_hz, BUDGET)
        """Without what all processes together ask for."""
        self._told_hz = self._own_hz
        self._resting_ns = 0
        self._still_ns = 0
        """How long no thread has run."""
        self._rested = False
        """Since the last review."""
        self._used_ns = 0
        self._samples = 0
        self._taken = 0
        """Samples, measured or not."""
        self._at = time.monotonic()
        self._cpu_s = time.process_time()
        self._recent: deque[float] = deque(maxlen=RECENT)
        self._rest = 0.0
        """Share of a core that all else takes; 0 until it is known."""
        self._affordable: deque[float] = deque(maxlen=STEADY)
        self._machine = machine_times()
        self._busy = False
        self._gives_way = False
        """To the programs on a busy machine."""

    @property
    def rate_hz(self) -> float:
        """Samples per second."""
        return self._own_hz / self._shared.pressure

    @property
    def period_ns(self) -> int:
        """From one sample to the next."""
        return int(1e9 / self.rate_hz)

    def rest(self) -> int:
        """No thread runs: how long to wait for the next look, nanoseconds."""
        self._rested = True
        soon = min(self._still_ns // RESTING_SHARE, RESTING_NS)
        late = min(self._still_ns // LONG_SHARE, LONG_RESTING_NS)
        self._resting_ns = max(self.period_ns, soon, late)
        self._still_ns += self._resting_ns
        return self._resting_ns

    def wake(self) -> None:
        """A thread runs, or may soon."""
        self._resting_ns = self._still_ns = 0

    @property
    def resting(self) -> bool:
        """No thread has run for so long that there is hardly anything new to be read."""
        return self._resting_ns >= RESTING_NS

    def leave(self) -> None:
        """No more samples are taken: the others have what this one had."""
        self._shared.leave(self)

    def sampled(self, cpu_ns: int | None) -> None:
        """A sample took this much CPU time; not all of them need be measured."""
        self._taken += 1
        if cpu_ns is not None:
            self._used_ns += cpu_ns + WAKE_NS
            self._samples += 1

    def review(self) -> str | None:
        """Adapt the rate; return why, when it has changed by much."""
        now = time.monotonic()
        span = now - self._at
        if span < 0.2 or self._samples < (LEAST_SAMPLES if self._rested else 1):
            return None
        each_s = sample_s = self._used_ns / self._samples / 1e9
        if self._rested:  # what a sample costs of each that there would be without rest
            each_s *= min(1.0, self._taken / (self.rate_hz * span))
        share = each_s * self.rate_hz
        self._at, self._used_ns, self._samples = now, 0, 0
        self._taken, self._rested = 0, self.resting
        self._count_rest(span, share)
        self._shared.tell(self, 0.0 if self.resting else share, sample_s)
        budget = self._budget()
        part = self._shared.part
        affordable = max(budget / each_s, min(part(LOWEST_HZ), part(self._most()) / each_s))
        self._affordable.append(affordable)
        target = min(self.wanted_hz, _median(self._affordable))
        own = self._own_hz
        if target < own * 0.9 or target > own * 1.2 or target == self.wanted_hz:
            self._own_hz = min(max(target, own * 0.3), own * 1.5)
        before, self._told_hz = self._told_hz, self.rate_hz
        return self._reason(before, share, budget)

    def _count_rest(self, span: float, share: float) -> None:
        """What all else took in this time, in which sampling had this share."""
        before, self._cpu_s = self._cpu_s, time.process_time()
        sampling = share + self._shared.others(self)
        self._recent.append(max(0.0, (self._cpu_s - before) / span - sampling))
        self._rest = _median(self._recent) if len(self._recent) == RECENT else 0.0

    def _budget(self) -> float:
        """For sampling: what the rest leaves, or less where the machine was busy twice in a row, or
        once where there are several processes to make it so."""
        before, self._machine = self._machine, machine_times()
        idle, total = self._machine[0] - before[0], self._machine[1] - before[1]
        busy = total > 0 and idle / total < BUSY_IDLE
        was_busy, self._busy = self._busy, busy
        self._gives_way = busy and (was_busy or self._shared.several)
        if self._gives_way:
            return self._shared.part(self._shared.total(BUSY_BUDGET))
        return self._shared.part(max(self._most() - self._rest, LEAST_BUDGET))

    def _most(self) -> float:
        """For all that the daemon does, as a share of a core."""
        return self._shared.total(BUDGET)

    def _reason(self, before: float, share: float, budget: float) -> str | None:
        if abs(self.rate_hz - before) < 0.2 * before:
            return None
        if self.rate_hz > before:
            return "there is room for more again"
        used = f"sampling took {share:.0%} of a core"
        if self._gives_way:
            return f"{used}, and no core is idle"
        rest = budget < self._shared.part(self._most())
        return f"{used}, and the rest {self._rest:.0%}" if rest else used


def _median(values: Iterable[float]) -> float:
    from statistics import median  # start-up needs none of what it loads

    return median(values)
