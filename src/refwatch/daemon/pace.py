"""How fast to sample: as fast as asked for, unless that would cost the machine too much.

Two budgets: the daemon may use a part of one core; and where the machine has no idle time left, so
that what the daemon takes is taken from the programs on it, a smaller part.
"""

from __future__ import annotations


import time

BUDGET = 0.08  # of one core
BUSY_BUDGET = 0.025  # of one core, where no core is idle
BUSY_IDLE = 0.05  # share of the machine's time that is idle when it counts as busy
LOWEST_HZ = 10.0


class Pace:
    """The rate in samples per second; ``review`` is to be called about twice a second."""

    def __init__(self, wanted_hz: float) -> None:
        self.wanted_hz = wanted_hz
        self.rate_hz = wanted_hz
        self._cpu = time.process_time()
        self._at = time.monotonic()
        self._machine = _machine_times()
        self._busy = False

    def review(self) -> str | None:
        """Adapt the rate; return why, when it has changed by much."""
        now, cpu = time.monotonic(), time.process_time()
        span = now - self._at
        if span < 0.2:
            return None
        share = (cpu - self._cpu) / span
        self._at, self._cpu = now, cpu
        busy = self._machine_is_busy()
        budget = BUSY_BUDGET if busy and self._busy else BUDGET
        self._busy = busy
        target = self.rate_hz * budget / max(share, 1e-4)
        target = min(self.wanted_hz, max(LOWEST_HZ, target))
        before = self.rate_hz
        if target < before * 0.9:
            self.rate_hz = max(target, before * 0.3)
        elif target > before * 1.25 or (target == self.wanted_hz and before < target):
            self.rate_hz = min(target, before * 1.5)
        return self._reason(before, share, budget)

    def _reason(self, before: float, share: float, budget: float) -> str | None:
        if abs(self.rate_hz - before) < 0.2 * before:
            return None
        if self.rate_hz > before:
            return "there is room for more again"
        used = f"sampling took {share:.0%} of a core"
        return f"{used}, and no core is idle" if budget == BUSY_BUDGET else used

    def _machine_is_busy(self) -> bool:
        before, self._machine = self._machine, _machine_times()
        idle = self._machine[0] - before[0]
        total = self._machine[1] - before[1]
        return total > 0 and idle / total < BUSY_IDLE


def _machine_times() -> tuple[float, float]:
    """(idle, all) time of all cores of the machine in clock ticks: the cpu line of proc_stat(5)."""
    try:
        with open("/proc/stat", "rb") as file:
            words = [int(word) for word in file.readline().split()[1:9]]
    except (OSError, ValueError):
        return 0.0, 0.0
    return float(words[3] + words[4]), float(sum(words))
