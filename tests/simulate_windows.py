"""A program that allocates blocks at one line, and windows in which some of them are seen."""

from __future__ import annotations

from math import exp, sqrt
from random import Random

from refwatch.readings.allocations.types import BurstUse
from refwatch.session import events as ev
from refwatch.wire.event import MAIN

WINDOW_S = 0.05  # long on average
SIZE = 64  # of a block, bytes


def poisson(rng: Random, mean: float) -> int:
    """So many things happen that happen at random, ``mean`` of them on average."""
    if mean > 50:
        return max(0, round(rng.gauss(mean, sqrt(mean))))
    limit, number, product = exp(-mean), 0, rng.random()
    while product >= limit:
        number += 1
        product *= rng.random()
    return number


class Program:
    """Allocates ``rate`` blocks a second at random; or, where ``phase_s`` is above 0, twice as many
    in phases of this mean length, seconds, and none in those between."""

    def __init__(self, rng: Random, rate: float, phase_s: float) -> None:
        self.at = 0.0
        self._rng = rng
        self._rate = 2 * rate if phase_s else rate
        self._phase_s = phase_s
        self._busy = True
        self._left = self._phase()

    def _phase(self) -> float:
        return self._rng.expovariate(1 / self._phase_s) if self._phase_s else float("inf")

    def run(self, seconds: float) -> int:
        """The blocks that it allocates in its next seconds."""
        self.at += seconds
        blocks = 0
        while seconds > 0:
            step = min(seconds, self._left)
            if self._busy:
                blocks += poisson(self._rng, self._rate * step)
            seconds -= step
            self._left -= step
            if self._left <= 0:
                self._busy, self._left = not self._busy, self._phase()
        return blocks


def window(
    rng: Random, program: Program, coverage: float, share: float
) -> tuple[ev.BurstMeasured, int]:
    """A gap and a window: what is seen of it, and how many blocks there were in both. ``coverage``
    of the time is seen, and ``share`` of the blocks in that."""
    length = WINDOW_S * rng.uniform(0.5, 1.5)
    gap = length * (1 - coverage) / coverage * rng.uniform(0.5, 1.5)
    before, inside = program.run(gap), program.run(length)
    seen = sum(rng.random() < share for _ in range(inside))
    blocks, variance = seen / share, seen * (1 - share) / share**2
    use = BurstUse(
        traceback=0,
        blocks=blocks,
        size=SIZE * blocks,
        blocks_variance=variance,
        size_variance=SIZE * SIZE * variance,
        kept_blocks=0.0,
        kept_size=0.0,
    )
    uses = [use] if seen else []
    return ev.BurstMeasured(
        at=program.at, process=MAIN, window_s=length, span_s=gap + length, uses=uses, samples=seen
    ), before + inside
