"""What the sampling of all processes of a session may cost together."""

from __future__ import annotations

from math import sqrt

MOST = 0.3  # of one core, however many processes there are
FEW = 8  # processes that are read as often as one alone
REST = 0.15  # of one core, for all that is not sampling, where there are more
SLOWER, FASTER = 1.5, 0.8  # change of the intervals from one review to the next, at most
SLOWEST = 20.0  # times by which intervals grow beyond what the number of processes asks for


class SamplingBudget:
    """Shared by the rate controllers of a session. With N processes the daemon may take as much as
    for one times the square root of N, and each process has an equal part of it."""

    def __init__(self) -> None:
        self._shares: dict[int, float] = {}
        """By the id of a controller: share of a core that its samples take."""
        self._reviewed: tuple[float, float] | None = None
        """Time and CPU time at the last review, seconds."""
        self._pressure = 1.0

    def tell(self, member: object, share: float) -> None:
        """The samples of this controller take this share of a core; 0 while its process rests."""
        self._shares[id(member)] = share

    def leave(self, member: object) -> None:
        """This controller's process is no longer sampled."""
        self._shares.pop(id(member), None)

    def others(self, member: object) -> float:
        """Share of a core that the samples of all others take."""
        return sum(self._shares.values()) - self._shares.get(id(member), 0.0)

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
        """Adapt the intervals of what is read from time to time to what that has cost since the
        last review; about once a second, with the daemon's CPU time."""
        before, self._reviewed = self._reviewed, (now_s, cpu_s)
        if before is None or now_s <= before[0]:
            return
        share = (cpu_s - before[1]) / (now_s - before[0])
        over = (share - sum(self._shares.values())) / REST
        self._pressure *= min(max(over, FASTER), SLOWER)
        self._pressure = min(max(self._pressure, 1.0), SLOWEST)

    @property
    def stretch(self) -> float:
        """Times more rarely what is read from time to time is read, with so many processes."""
        number = len(self._shares)
        return number / FEW * self._pressure if number > FEW else 1.0
