"""State of the collections of the cyclic garbage collector that were seen."""

from __future__ import annotations

from msgspec import Struct, field

from refwatch.readings.threads.events import CollectorSlice
from refwatch.series.log_histogram import LogHistogram

KEEP_LINES = 400


class LinePauses(Struct, kw_only=True):
    """Those that one line has set off, in seconds."""

    pauses: int = 0
    seconds: float = 0.0
    longest_s: float = 0.0


class GcRecord(Struct, kw_only=True):
    """Since the watch began. Line 0 is that of the pauses of which it is not known."""

    pauses: LogHistogram = field(default_factory=LogHistogram)
    longest_line: int = 0
    lines: dict[int, LinePauses] = field(default_factory=dict)

    @property
    def seen(self) -> int:
        """How many there were, of those that a sample has met."""
        return sum(self.pauses.counts.values())

    def sampled(self, piece: CollectorSlice) -> None:
        if piece.longest_s > self.pauses.longest_s:
            self.longest_line = piece.longest_line
        self.pauses.add(piece.pauses, piece.longest_s)
        for line, count, seconds, longest_s in piece.lines:
            known = self.lines.setdefault(line, LinePauses())
            known.pauses += count
            known.seconds += seconds
            known.longest_s = max(known.longest_s, longest_s)
        if len(self.lines) > 2 * KEEP_LINES:
            most = sorted(self.lines, key=lambda line: -self.lines[line].seconds)
            self.lines = {line: self.lines[line] for line in most[:KEEP_LINES]}
