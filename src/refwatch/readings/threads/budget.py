"""What the reading of all processes of a session may cost together."""

from __future__ import annotations

from math import sqrt

from refwatch.target.proc import machine_times

MOST = 0.3  # of one core, however many processes there are
FEW, FEW_BUSY = 8, 2  # processes that are read as often as one alone; where no core is idle
TOTAL = 0.1  # of one core, times the square root of the number of processes, for all that is done
MOST_TOTAL = 0.33  # of one core, however many processes there are
BUSY_TOTAL = 0.06  # of one core, for two processes or more where no core is idle
BUSY_IDLE = 0.05  # share of the machine's time that is idle when it counts as busy
SLOWER, FASTER = 2.0, 0.8  # change of the pressure from one review to the next, at most
BUSY_SLOWER = 4.0  # where no core is idle: what is taken is taken from the programs
SAMPLE_S = 80e-6  # CPU time of a sample, until one has been measured
HIGHEST = 4.0  # pressure: with fewer readings of a process little could be said of it
EACH = 0.25  # pressure for each process, where that is more


class SamplingBudget:
    """Shared by the rate controllers of a session. With N processes the daemon may take as much as
    for one times the square root of N, and each process has an equal part of it."""

    def __init__(self) -> None:
        self._shares: dict[int, float] = {}
        """By the id of a controller: share of a core that its samples take."""
        self._reviewed: tuple[float, float] | None = None
        """Time and CPU time at the last review, seconds."""
        self._machine = machine_times()
        self._busy = False
        """No core is idle."""
        self._pressure = 1.0
        """Times more rarely several processes are read, because it costs too much."""
        self._sample_s = SAMPLE_S

    def join(self, member: object, wanted_hz: float, alone: float) -> float:
        """The rate at which a new controller begins: one of several has its part of what all may
        take, where one alone may take the share ``alone``."""
        self._shares[id(member)] = self._sample_s * wanted_hz
        if self._awake < 2:
            return wanted_hz
        hz = min(wanted_hz, self.part(self.total(alone)) / self._sample_s)
        self._shares[id(member)] = self._sample_s * hz
        return hz

    def tell(self, member: object, share: float, sample_s: float) -> None:
        """The samples of this controller take this share of a core, 0 while its process rests, and
        each so much CPU time."""
        self._shares[id(member)] = share
        self._sample_s = sample_s

    def leave(self, member: object) -> None:
        """This controller's process is no longer sampled."""
        self._shares.pop(id(member), None)

    def others(self, member: object) -> float:
        """Share of a core that the samples of all others take."""
        return sum(self._shares.values()) - self._shares.get(id(member), 0.0)

    @property
    def several(self) -> bool:
        """More than one process is sampled."""
        return self._awake > 1

    @property
    def _awake(self) -> int:
        return max(1, sum(share > 0 for share in self._shares.values()))

    def total(self, alone: float) -> float:
        """For all together, where one alone may take the share ``alone``."""
        return max(alone, min(MOST, alone * sqrt(self._awake)))

    def part(self, total: float) -> float:
        """For one process, of what there is for all."""
        return total / self._awake

    def review(self, now_s: float, cpu_s: float) -> None:
        """Adapt to what the daemon has used since the last review, some times a second, with its
        CPU time so far. One process alone is its controller's matter."""
        before, self._reviewed = self._reviewed, (now_s, cpu_s)
        last, self._machine = self._machine, machine_times()
        if before is None or now_s <= before[0]:
            return
        idle, total = self._machine[0] - last[0], self._machine[1] - last[1]
        self._busy = total > 0 and idle / total < BUSY_IDLE
        number = len(self._shares)
        if number < 2:
            self._pressure = 1.0
            return
        limit = BUSY_TOTAL if self._busy else min(MOST_TOTAL, TOTAL * sqrt(number))
        over = (cpu_s - before[1]) / (now_s - before[0]) / limit
        self._pressure *= min(max(over, FASTER), BUSY_SLOWER if self._busy else SLOWER)
        self._pressure = min(max(self._pressure, 1.0), max(HIGHEST, EACH * number))

    @property
    def pressure(self) -> float:
        """Times more rarely each of several processes is sampled, so that all that is read stays
        within what it may cost."""
        return self._pressure

    @property
    def copying(self) -> float:
        """Times more rarely each is copied. Where no core is idle each has its part of what one
        alone may cost: copies take far more than all that is read from outside."""
        return max(1.0, len(self._shares) / (1 if self._busy else FEW))

    @property
    def stretch(self) -> float:
        """Times more rarely what is read from time to time is read."""
        crowd = max(1.0, len(self._shares) / (FEW_BUSY if self._busy else FEW))
        return crowd * self._pressure
