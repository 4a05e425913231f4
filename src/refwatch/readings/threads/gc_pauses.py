"""Collections of the cyclic garbage collector as samples see them: how long each took, and which
line set it off.

A word of the interpreter says that the collector runs, not in which thread. Only a thread that has
the GIL begins a collection or ends it: where the same one had it before and after, without a
handoff between, it was that one. A thread in the collector does not move in its frame: one that
does is not in it, though it has the GIL now, while a finalizer of the collection waits. And a frame
that was called since the collection began is a finalizer's.
"""

from __future__ import annotations

from refwatch.readings.threads.call_paths import SET_OFF, Hot
from refwatch.readings.threads.events import CollectorSlice
from refwatch.readings.threads.interpreter import Frame, GilWords, Interpreter
from refwatch.readings.threads.states import ThreadState
from refwatch.readings.threads.tracked import TrackedThread
from refwatch.series.log_histogram import bucket_of
from refwatch.target.locations import NO_LINE

UNMOVED = 2  # samples in which a thread has not moved, and
RAN_NS = 2_000_000  # on-CPU time meanwhile, from which on it is taken to collect


EDGE_NS = 1_000_000  # most that is added for the time between two samples, of which only one met it


class _Collection:
    """One that is under way, or whose time is not told yet."""

    __slots__ = (
        "began_ns",
        "collects",
        "cpu",
        "frame",
        "late",
        "left",
        "line",
        "ns",
        "ran",
        "seen_ns",
        "sure",
        "unmoved",
        "words",
    )

    def __init__(self, thread: TrackedThread | None, began_ns: int, *, sure: bool) -> None:
        self.began_ns = self.seen_ns = began_ns
        """When it is thought to have begun, and when it was last seen."""
        self.collects = thread
        """The thread that has begun it, as far as is known."""
        self.sure = sure
        """It must be that one."""
        self.late = thread is None
        """It was not the first that was seen to have the GIL: only the end can tell."""
        self.frame = 0
        """Where the frame is from which it was set off; 0 before it was read."""
        self.words = b""
        self.line = NO_LINE
        self.unmoved = 0
        """Samples that found that frame on top, and as it was."""
        self.cpu = self.ran = 0
        """On-CPU time at the first of these, and since; nanoseconds."""
        self.left: set[int] = set()
        """Frames that have moved meanwhile."""
        self.ns = 0
        """The time of the samples that have met it."""

    @property
    def known(self) -> bool:
        """Whether it may be said which thread and line set it off."""
        return self.frame != 0 and (
            self.sure or (not self.late and self.unmoved >= UNMOVED and self.ran >= RAN_NS)
        )

    def set_off(self, frame: Frame) -> None:
        """This frame has set it off, as far as was seen."""
        self.frame, self.words, self.line = frame
        self.unmoved = 0

    def is_not(self) -> None:
        """The thread that was taken for the one that collects runs on."""
        self.collects, self.frame, self.unmoved, self.late = None, 0, 0, True


class GcPauses:
    """Follows the collections of one interpreter from sample to sample."""

    def __init__(self) -> None:
        self.now: _Collection | None = None
        """The one that was under way at the newest sample."""
        self._words = GilWords()
        self._claims: dict[int, tuple[_Collection, int]] = {}
        """Claim -> the collection, and the frame that is said to have set it off."""
        self._numbers: dict[tuple[int, int, int], int] = {}
        self._number = 0
        self._counts: dict[int, int] = {}
        self._longest = (0, NO_LINE)
        self._by_line: dict[int, tuple[int, int, int]] = {}

    def seen(self, words: GilWords, holder: TrackedThread | None, at_ns: int, last_ns: int) -> None:
        """A sample has found these words, and this holder of the GIL."""
        before, self._words = self._words, words
        now = self.now
        if not words.collecting:
            if now is not None:
                self._end(now, before, at_ns)
            return
        span = at_ns - last_ns
        if now is not None and words.ended != before.ended:  # that one has ended meanwhile
            now.ns += span // 2
            span -= span // 2
            self._end(now, before, at_ns)
            now = None
        if now is None:
            if holder is not None and holder.probe:
                return
            sure = holder is not None and self._kept(before)
            edge_ns = min((at_ns - last_ns) // 2, EDGE_NS)
            now = self.now = _Collection(holder, at_ns - edge_ns, sure=sure)
        elif not now.sure and holder is not now.collects and (now.late or not now.unmoved):
            now.is_not()
            now.collects = holder
        now.ns += span
        now.seen_ns = at_ns

    def _kept(self, before: GilWords) -> bool:
        """Whether no other thread has had the GIL since the sample before."""
        now = self._words
        return before.holder == now.holder != 0 and before.switches == now.switches

    def _end(self, ended: _Collection, before: GilWords, at_ns: int) -> None:
        """It is over, as a sample at ``at_ns`` has found. Whoever had the GIL at its last sample,
        and has handed it to nobody since, has ended it, and so has begun it."""
        self.now = None
        holder = ended.collects
        if holder is not None and holder.frames_at == before.holder and self._kept(before):
            ended.sure = True
        took = ended.seen_ns - ended.began_ns + min((at_ns - ended.seen_ns) // 2, EDGE_NS)
        bucket, line = bucket_of(took), ended.line if ended.known else NO_LINE
        self._counts[bucket] = self._counts.get(bucket, 0) + 1
        self._longest = max(self._longest, (took, line))
        count, ns, longest = self._by_line.get(line, (0, 0, 0))
        self._by_line[line] = count + 1, ns + ended.ns, max(longest, took)

    def place(self, thread: TrackedThread, words: GilWords, interpreter: Interpreter) -> int:
        """The line of a thread, which was read with these words, or a claim that the line has set
        off the collection under way, and that the collector runs there."""
        now, line = self.now, thread.line
        if now is None or thread is not now.collects:
            return line
        if not words.collecting or words.ended != self._words.ended or line <= NO_LINE:
            return line
        frame, code = interpreter.top_of(thread)
        if frame in now.left:
            return line
        if frame != now.frame:
            if now.frame and interpreter.is_called_by(thread, now.frame):
                return line  # a finalizer, or what it calls
            below = interpreter.below_finalizer(thread)
            if below is not None:  # it may have been called by the collector
                now.set_off(below)
                return line
            now.set_off(Frame(frame, code, line))
            now.cpu = thread.sched.cpu
        elif code != now.words:
            now.left.add(frame)
            now.frame, now.unmoved = 0, 0
            if not now.sure:
                now.is_not()
                return line
            below = interpreter.below(thread, lambda address, _: address in now.left)
            if below is not None:
                now.set_off(below)
            return line
        now.unmoved += 1
        now.ran = thread.sched.cpu - now.cpu
        return self._claim(now, frame, line)

    def _claim(self, now: _Collection, frame: int, line: int) -> int:
        key = id(now), frame, line
        claim = self._numbers.get(key)
        if claim is None:
            self._number += 1
            claim = self._numbers[key] = self._number * SET_OFF + line
            self._claims[claim] = now, frame
        return claim

    @property
    def claimed(self) -> bool:
        """Whether any time since the last slice may be the collector's."""
        return bool(self._claims)

    def told(self, hot: Hot) -> Hot:
        """Time at lines, and at lines with SET_OFF where a claim holds by all that was seen
        since."""
        if not self._claims:
            return hot
        sums: dict[tuple[int, ThreadState], float] = {}
        for line, state, seconds in hot:
            key = line % SET_OFF + (SET_OFF if self._holds(line) else 0), state
            sums[key] = sums.get(key, 0.0) + seconds
        return [(*key, seconds) for key, seconds in sums.items()]

    def _holds(self, claim: int) -> bool:
        found = self._claims.get(claim)
        return found is not None and found[0].known and found[0].frame == found[1]

    def slice(self, *, last: bool = False) -> CollectorSlice | None:
        """The collections that have ended since the last slice; None for none. All claims are told
        by now. ``last``: one that is under way ends as well."""
        if last and self.now is not None:
            self._end(self.now, self._words, self.now.seen_ns)
        now = self.now
        kept = {claim: of for claim, of in self._claims.items() if of[0] is now}
        self._numbers = {key: n for key, n in self._numbers.items() if n in kept}
        self._claims = kept
        if not self._counts:
            return None
        told = CollectorSlice(
            pauses=self._counts,
            longest_s=self._longest[0] / 1e9,
            longest_line=self._longest[1],
            lines=[
                (line, n, ns / 1e9, most / 1e9) for line, (n, ns, most) in self._by_line.items()
            ],
        )
        self._counts, self._longest, self._by_line = {}, (0, NO_LINE), {}
        return told
