"""How often durations of about the same length occurred."""

from __future__ import annotations

from collections.abc import Mapping
from math import log2

from msgspec import Struct, field

PER_OCTAVE = 8  # a bucket is 9 % wide
LEAST_NS = 1_000
LAST = PER_OCTAVE * 33  # more than two hours


def bucket_of(ns: float) -> int:
    """The bucket of a duration in nanoseconds; shorter ones than a microsecond are in the first."""
    return min(LAST, round(PER_OCTAVE * log2(max(ns, LEAST_NS) / LEAST_NS)))


def seconds_of(bucket: int) -> float:
    """The middle of a bucket, in seconds."""
    return float(LEAST_NS * 2.0 ** (bucket / PER_OCTAVE) / 1e9)


class LogHistogram(Struct, kw_only=True):
    """``counts``: bucket -> how many durations; ``longest_s`` exactly."""

    counts: dict[int, int] = field(default_factory=dict)
    longest_s: float = 0.0

    def add(self, counts: Mapping[int, int], longest_s: float) -> None:
        """Take in more of them."""
        for bucket, count in counts.items():
            self.counts[bucket] = self.counts.get(bucket, 0) + count
        self.longest_s = max(self.longest_s, longest_s)

    @property
    def count(self) -> int:
        """How many durations."""
        return sum(self.counts.values())

    def quantile(self, part: float) -> float | None:
        """The duration in seconds that this part of all does not exceed, within a bucket; None
        without any."""
        wanted = part * sum(self.counts.values())
        for bucket in sorted(self.counts):
            wanted -= self.counts[bucket]
            if wanted <= 0:
                return min(seconds_of(bucket), self.longest_s)
        return None
