"""What the GIL did between two slices: how long it was held, by whom at a time, and how long those
that wanted it waited."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from refwatch.readings.threads.events import GilSlice
from refwatch.readings.threads.interpreter import GilWords
from refwatch.readings.threads.states import ThreadState
from refwatch.readings.threads.thread_list import ThreadList
from refwatch.readings.threads.tracked import TrackedThread
from refwatch.series.log_histogram import bucket_of
from refwatch.target.locations import NO_LINE

LOW_HALF = 0xFFFFFFFF  # ``locked`` is an int


class LongHold(NamedTuple):
    """A hold of the GIL: nanoseconds, its thread, and the line at which that was last seen."""

    ns: int = 0
    serial: int = 0
    line: int = NO_LINE


class Durations(NamedTuple):
    """Of holds that ended with a handoff: how many by their bucket of LogHistogram, the longest in
    nanoseconds, and the longest by line."""

    counts: dict[int, int]
    longest_ns: int
    by_line: dict[int, int]


class HoldTracker:
    """The hold under way, and the longest since somebody asked. One hold is a row of samples that
    all found the same thread with the GIL, and no handoff between them. Of several handoffs between
    two samples the holds are taken to be equally long. Where the next thread must wait for a CPU
    first, the GIL is found free and the handoff comes with a later sample."""

    def __init__(self, gil: int = 0) -> None:
        self._gil = gil
        self._thread: TrackedThread | None = None
        self._line = NO_LINE
        self._switches = 0
        self._from_ns = 0
        self._began_ns = 0
        """Between the samples before and at ``_from_ns``."""
        self._given_up: tuple[TrackedThread, int, int] | None = None
        """Who let the GIL go while others waited, and nobody has had it since: for how long it had
        been held, and at which line that was last seen."""
        self._longest = LongHold()
        self._ended = Durations({}, 0, {})

    def seen(
        self,
        holder: TrackedThread | None,
        switches: int,
        at_ns: int,
        last_ns: int,
        threads: ThreadList,
    ) -> None:
        """A sample has found this holder, None for a free GIL; ``threads`` are still what they were
        at the sample before, at ``last_ns``."""
        if holder is not self._thread or switches != self._switches:
            waited_for = self._enter(last_ns, threads)
            handoffs = switches - self._switches
            if handoffs > 0:
                self._count(handoffs, at_ns, last_ns)
            elif holder is None and waited_for:
                self._give_up(at_ns, last_ns)
            elif holder is not None:
                self._given_up = None  # the same one has it again
            self._began_ns = (at_ns + last_ns) // 2
            self._thread, self._switches, self._from_ns = holder, switches, at_ns
            self._line = NO_LINE
        if holder is not None and holder.line > NO_LINE:  # else it was torn, or is the probe's
            self._line = holder.line

    def _enter(self, at_ns: int, threads: ThreadList) -> bool:
        """Note the hold under way where it is the longest; return whether others wait for it."""
        if self._thread is None:
            return False
        ns = at_ns - self._from_ns
        waited_for = any(
            thread.blocked is ThreadState.GIL_WAIT and thread.gil == self._gil
            for thread in threads.by_tid.values()
        )
        if waited_for and ns > self._longest.ns:
            self._longest = LongHold(ns, self._thread.serial, self._line)
        return waited_for

    def _give_up(self, at_ns: int, last_ns: int) -> None:
        assert self._thread is not None
        ended = max(0, last_ns - self._began_ns) + (at_ns - last_ns) // 2
        self._given_up = self._thread, ended, self._line

    def _count(self, handoffs: int, at_ns: int, last_ns: int) -> None:
        """Count the hold that has ended, and those that began since the last sample and ended."""
        between = (at_ns - last_ns) // (handoffs + 1)
        if self._thread is not None:
            thread, line = self._thread, self._line
            ended = max(0, last_ns - self._began_ns) + between
        elif self._given_up is not None:
            thread, ended, line = self._given_up
        else:
            return
        self._given_up = None
        if thread.probe:
            return
        counts, longest, by_line = self._ended
        bucket = bucket_of(ended)
        counts[bucket] = counts.get(bucket, 0) + 1
        if handoffs > 1:
            bucket = bucket_of(between)
            counts[bucket] = counts.get(bucket, 0) + handoffs - 1
        if line > NO_LINE:
            by_line[line] = max(ended, by_line.get(line, 0))
        self._ended = Durations(counts, max(longest, ended), by_line)

    def take_ended(self) -> Durations:
        """The holds that have ended since this was last asked."""
        ended, self._ended = self._ended, Durations({}, 0, {})
        return ended

    def take_longest(self, at_ns: int, threads: ThreadList) -> LongHold:
        """The longest since this was last asked, with the one under way at ``at_ns``."""
        self._enter(at_ns, threads)
        longest, self._longest = self._longest, LongHold()
        return longest


class GilAccount:
    """Adds up the samples of one GIL, that of interpreter ``gil``."""

    def __init__(self, gil: int = 0) -> None:
        self._held_ns = 0
        self._collecting_ns = 0
        self._holds = HoldTracker(gil)
        self._switches: int | None = None
        """At the begin of the slice."""
        self._waits: dict[int, int] = {}
        self._longest_wait_ns = 0
        self._after_io: dict[int, int] = {}
        self._longest_after_io_ns = 0

    def seen(
        self,
        words: GilWords,
        holder: TrackedThread | None,
        at_ns: int,
        last_ns: int,
        threads: ThreadList,
    ) -> None:
        """A sample: the GIL's words, and the thread that has it, None where nobody has."""
        if self._switches is None:
            self._switches = words.switches
        if words.locked & LOW_HALF:
            self._held_ns += at_ns - last_ns
            if words.collecting and not (holder is not None and holder.probe):
                self._collecting_ns += at_ns - last_ns
        self._holds.seen(holder, words.switches, at_ns, last_ns, threads)

    def held_unseen(self, ns: int) -> None:
        """It was held for so long between two samples that found it free."""
        self._held_ns += ns

    def waited(self, waits: Iterable[int], after_io: Iterable[int] = ()) -> None:
        """Waits of a thread for it that have ended, and times after waits for I/O, nanoseconds."""
        for ns in after_io:
            bucket = bucket_of(ns)
            self._after_io[bucket] = self._after_io.get(bucket, 0) + 1
            self._longest_after_io_ns = max(self._longest_after_io_ns, ns)
        for ns in waits:
            bucket = bucket_of(ns)
            self._waits[bucket] = self._waits.get(bucket, 0) + 1
            self._longest_wait_ns = max(self._longest_wait_ns, ns)

    def slice(
        self,
        words: GilWords,
        at_ns: int,
        threads: ThreadList,
        *,
        wait_s: float,
        reads_collector: bool,
    ) -> GilSlice | None:
        """What it did since the last slice; None before the first sample."""
        if self._switches is None:
            return None
        handoffs, self._switches = words.switches - self._switches, words.switches
        longest, ended = self._holds.take_longest(at_ns, threads), self._holds.take_ended()
        told = GilSlice(
            held_s=self._held_ns / 1e9,
            wait_s=wait_s,
            handoffs=handoffs,
            interval_s=words.interval_us / 1e6,
            longest_hold_s=longest.ns / 1e9,
            longest_serial=longest.serial,
            longest_line=longest.line,
            collecting_s=self._collecting_ns / 1e9 if reads_collector else None,
            holds=ended.counts,
            longest_held_s=ended.longest_ns / 1e9,
            hold_lines=[(line, ns / 1e9) for line, ns in ended.by_line.items()],
            waits=self._waits,
            longest_wait_s=self._longest_wait_ns / 1e9,
            after_io=self._after_io,
            longest_after_io_s=self._longest_after_io_ns / 1e9,
        )
        self.clear()
        return told

    def clear(self) -> None:
        """Forget what was added up since the last slice."""
        self._held_ns = self._collecting_ns = 0
        self._waits, self._longest_wait_ns = {}, 0
        self._after_io, self._longest_after_io_ns = {}, 0
