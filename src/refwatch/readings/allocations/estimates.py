"""What windows of burst mode add up to, and the rates that are estimated from it, with their
errors."""

from __future__ import annotations

from math import sqrt
from operator import add, sub

from msgspec import Struct


class Tally(Struct, frozen=True, gc=False, array_like=True):
    """What bursts have seen of one group: sums over the windows. ``*_square`` is the sum of the
    windows' squares, ``*_time`` that of their products with the windows' lengths."""

    blocks: float = 0.0
    size: float = 0.0
    blocks_variance: float = 0.0
    size_variance: float = 0.0
    kept_blocks: float = 0.0
    kept_size: float = 0.0
    blocks_square: float = 0.0
    size_square: float = 0.0
    blocks_time: float = 0.0
    size_time: float = 0.0

    def __add__(self, other: Tally) -> Tally:
        return Tally(*map(add, self.values(), other.values()))

    def __sub__(self, other: Tally) -> Tally:
        return Tally(*map(sub, self.values(), other.values()))

    def values(self) -> tuple[float, ...]:
        """All of them, in order."""
        return (
            self.blocks,
            self.size,
            self.blocks_variance,
            self.size_variance,
            self.kept_blocks,
            self.kept_size,
            self.blocks_square,
            self.size_square,
            self.blocks_time,
            self.size_time,
        )


NOTHING = Tally()


class Windows(Struct, frozen=True, kw_only=True):
    """The windows of burst mode so far: their number, the sums of their lengths, of the squares of
    these, and of the time they stand for, seconds."""

    count: int = 0
    window_s: float = 0.0
    square: float = 0.0
    span_s: float = 0.0
    samples: int = 0

    def __sub__(self, other: Windows) -> Windows:
        return Windows(
            count=self.count - other.count,
            window_s=self.window_s - other.window_s,
            square=self.square - other.square,
            span_s=self.span_s - other.span_s,
            samples=self.samples - other.samples,
        )

    @property
    def coverage(self) -> float:
        """The share of the time that was seen, 0 to 1."""
        return min(1.0, self.window_s / self.span_s) if self.span_s > 0 else 0.0


class Estimate(Struct, frozen=True, kw_only=True):
    """A rate per second and its standard error."""

    rate: float
    error: float


WIDER = (6.48, 2.20, 1.62, 1.42, 1.31, 1.25, 1.21, 1.18, 1.15, 1.14)
"""Student's t over that of the normal distribution, at 95 %, for 1, 2 and more degrees of freedom:
how much wider an error is that was itself estimated from few windows."""


def estimate(total: float, variance: float, square: float, time: float, over: Windows) -> Estimate:
    """The rate that windows ``over`` some time speak for, from the sums of a :class:`Tally`.

    A ratio estimate (W. G. Cochran, Sampling Techniques, chapter 6). Its error has two sources: not
    every block in a window is looked at (``variance``), and not all the time is seen: the windows
    differ from each other, which matters less the more of the time they cover. A single window says
    nothing of how they differ: then it is taken to be by as much as there is.
    """
    if over.window_s <= 0:
        return Estimate(rate=0.0, error=0.0)
    rate = total / over.window_s
    between = max(0.0, square - 2 * rate * time + rate * rate * over.square)
    freedom = over.count - 1
    if freedom > 0:
        wider = WIDER[freedom - 1] if freedom <= len(WIDER) else 1.0
        between *= over.count / freedom * wider * wider
    else:
        between = total * total
    whole = over.coverage * variance + (1 - over.coverage) * between
    return Estimate(rate=rate, error=sqrt(max(whole, variance)) / over.window_s)


def tally_of(sums: list[float], length: float) -> Tally:
    """The sums of one window of this length, seconds, with what an error is estimated from."""
    blocks, size, blocks_variance, size_variance, kept_blocks, kept_size = sums
    return Tally(
        blocks=blocks,
        size=size,
        blocks_variance=blocks_variance,
        size_variance=size_variance,
        kept_blocks=kept_blocks,
        kept_size=kept_size,
        blocks_square=blocks * blocks,
        size_square=size * size,
        blocks_time=blocks * length,
        size_time=size * length,
    )
