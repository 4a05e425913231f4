"""Burst mode: windows of time in which some of the blocks that are allocated are looked at.

The probe puts its functions in front of the allocators (probe/hooking) and takes them away again;
when a window begins and ends is decided here, by reading from outside how many blocks have been
looked at: the target has no part in it, so a window is no longer because the GIL was held.

What a window costs the target is measured in it: the price of a block and of looking at one, times
the numbers of both. The windows cover as much of the time as the budget has room for, at random;
where that is all of it, one follows the other.
"""

from __future__ import annotations

import random
import time
from collections import Counter

from msgspec import Struct

from refwatch.readings.allocations.burst_totals import BurstTotals, SampledTotals
from refwatch.readings.allocations.events import AllocationsSwitched, BurstMeasured
from refwatch.readings.allocations.sampled_blocks import SampledBlock, SampledBlocks
from refwatch.readings.allocations.site_table import SiteTable
from refwatch.readings.allocations.window_plan import FIRST_WINDOW_NS, WINDOW_NS, WindowPlan
from refwatch.target import probe_commands as pc
from refwatch.target import probe_messages as rp
from refwatch.target.context import Context
from refwatch.target.memory import MemoryGone, ReadingDenied, RemoteMemory
from refwatch.wire.commands import Mode

DEPTH = 25  # frames, as probe/hooking has it
STEP_NS = 50_000_000
LOOK_NS = 10_000_000  # so often it is seen whether a window has looked at too many blocks
CROWDED = 7 / 8  # of the blocks that there is room for
OPENING_NS = 30_000_000  # within which a window begins by chance: not when the GIL changes hands
CHECK_NS = 2_000_000_000
LOST = (
    "the target has set the interpreter's allocators itself, as tracemalloc does: in windows in "
    "which it did, rates are too low"
)
PEEK_NS = 5_000_000
PEEKED_NS = 500_000_000  # of the beginning, when no code object has its names yet


class _Window(Struct):
    """One that has begun, or a piece of one: the number of blocks looked at before it; what the
    pieces before it have cost, and how long they were."""

    began_ns: int
    ends_ns: int
    start: int
    mean: int
    followed: bool
    cost_s: float = 0.0
    before_s: float = 0.0


class BurstMode:
    """Opens and closes windows as planned, and tells what was sampled in them. ``budget`` is the
    share of the target's time that they may cost, 0 to 1."""

    def __init__(
        self,
        context: Context,
        hello: rp.Hello,
        numbers: SiteTable,
        budget: float,
    ) -> None:
        self.tracing_s = 0.0
        """What the windows have cost the target so far, seconds."""
        self._context = context
        memory = context.memory
        self._frames = hello.layout.frames
        self._reason = _missing(hello, memory)
        self._uses: BurstTotals | None = None
        if memory is not None and hello.layout.frames and hello.layout.text:
            self._uses = BurstTotals(memory, hello.layout.frames, hello.layout.text, numbers)
        self._on = False
        self._early = hello.burst
        self._blocks: SampledBlocks | None = None
        self._window: _Window | None = None
        self._due_ns: int | None = None
        """When the next window is to begin; None while it is open or being opened."""
        self._asked = 0
        """Openings that the probe has not answered yet."""
        self._opened_ns: int | None = None
        """When a window may begin, once the probe has opened."""
        self._opening_ns = 0
        self._told_ns = 0
        """The end of the time that has been reported."""
        self._begun_ns = 0
        self._peeked = 0
        self._plan = WindowPlan(budget)
        self._opened_mean, self._opened_follow = self._plan.mean, self._plan.follow
        self._prices = (0.0, 0.0)
        self._last_check_ns = 0

    def begin(self) -> None:
        """Switch it on."""
        if self._on:
            return
        now = self._context.clock()
        mode: Mode = "off" if self._reason else "burst"
        depth = 0 if self._reason else DEPTH
        note = f"burst mode is not possible: {self._reason}" if self._reason else ""
        self._context.emit(
            AllocationsSwitched(
                at=now / 1e9, process=self._context.process, mode=mode, frames=depth, note=note
            )
        )
        if not self._reason:
            gap_ns = self._plan.gap_ns(1 / self._context.stretch())
            self._on, self._due_ns, self._begun_ns = True, now + gap_ns, now
            self._told_ns = now
            self._plan.begin(now)
            if self._early is not None:
                self._take_early(self._early, now)

    def end(self) -> None:
        """Switch it off."""
        if self._on:
            self._cut_quietly()
            self._on = False
            self._close()

    def step(self, now: int) -> int:
        """Do what is due; the time at which to come again. Raises MemoryGone, ReadingDenied."""
        if not self._on:
            return now + STEP_NS
        if self._window is not None:
            if not self._asked:  # else it goes on soon as another piece
                self._step_window(self._window, now)
        elif self._opened_ns is not None:
            if now >= self._opened_ns:
                self._start_window()
        elif self._due_ns is not None and now >= self._due_ns:
            self._due_ns = None
            self._open()
        return min(self._next(now), now + self._step_ns(now))

    def _step_window(self, window: _Window, now: int) -> None:
        crowded = self._crowded(window)
        if crowded or now >= window.ends_ns:
            self._cut(crowded=crowded)
        elif now < self._begun_ns + PEEKED_NS:
            self._peek(window)

    def _step_ns(self, now: int) -> int:
        if now < self._begun_ns + PEEKED_NS:
            return PEEK_NS
        return STEP_NS if self._window is None else LOOK_NS

    def _crowded(self, window: _Window) -> bool:
        """Whether so many blocks have been looked at that the oldest will soon be overwritten: the
        program has begun to allocate much more than it did."""
        assert self._blocks is not None
        count = self._blocks.count()
        return count is not None and count - window.start > CROWDED * self._blocks.room

    def _next(self, now: int) -> int:
        if self._window is not None:
            return now + LOOK_NS if self._asked else self._window.ends_ns
        return self._opened_ns or self._due_ns or now + STEP_NS

    def take(self, report: rp.Report) -> bool:
        """A report about bursts; False if it is none."""
        if isinstance(report, rp.BurstOpened):
            self._take_opened(report)
        elif isinstance(report, rp.BurstClosed):
            self.tracing_s += report.cpu_s
            self._say_lost(not report.seen)
        elif isinstance(report, rp.BurstUnavailable):
            self._reason, self._on, self._asked = report.reason, False, 0
            self.begin()
        else:
            return False
        return True

    def read_last(self) -> None:
        """The target is about to end: what the window has seen so far is told. Raises MemoryGone,
        ReadingDenied."""
        if self._on:
            if self._window is None and self._opened_ns is not None:
                self._start_window()
            if self._window is not None:
                self._cut()
            self._on = False

    # Windows

    def _open(self) -> None:
        """Have the probe open, or go on with another mean."""
        assert self._frames is not None
        self._asked += 1
        self._opened_mean, self._opened_follow = self._plan.mean, self._plan.follow
        self._opening_ns = random.randrange(OPENING_NS)  # noqa: S311 - nobody's secret
        self._context.send(
            pc.OpenBurst(frames=self._frames, mean=self._plan.mean, follow=self._plan.follow)
        )

    def _take_early(self, early: rp.EarlyBurst, now: int) -> None:
        """The first window has begun before the target's first line."""
        self._early, self._due_ns = None, None
        self._know(early.opened)
        began = self._told_ns = self._time_of(early.opened, now)
        self._plan.begin(began)
        ends = now + FIRST_WINDOW_NS
        self._plan.mean = self._opened_mean = early.mean
        self._window = _Window(began, ends, early.opened.count, early.mean, followed=True)

    @staticmethod
    def _time_of(opened: rp.BurstStart, now: int) -> int:
        return int(opened.monotonic_s * 1e9) - (time.monotonic_ns() - now)

    def _know(self, opened: rp.BurstStart) -> None:
        assert self._context.memory is not None
        self.tracing_s += opened.cpu_s
        self._say_lost(opened.lost)
        self._prices = (opened.pass_s, opened.look_s)
        self._blocks = SampledBlocks(self._context.memory, opened.place)

    def _say_lost(self, lost: bool) -> None:
        if lost:
            self._context.limit("allocations", LOST)

    def _take_opened(self, report: rp.BurstOpened) -> None:
        self._know(report.opened)
        self._asked = max(0, self._asked - 1)
        if not self._on:  # switched off meanwhile
            self._close()
        elif self._asked == 0 and self._window is not None:
            self._go_over(self._window, report.opened)
        elif self._asked == 0:
            self._opened_ns = self._context.clock() + self._opening_ns

    def _go_over(self, window: _Window, opened: rp.BurstStart) -> None:
        """From here on the window's blocks are chosen with another mean: it goes on as another
        piece."""
        assert self._blocks is not None
        newest = self._blocks.count()
        at = max(window.began_ns + 1, self._time_of(opened, self._context.clock()))
        self._window = _Window(
            at, window.ends_ns, opened.count, self._opened_mean, self._opened_follow
        )
        first = window.start if newest is None else self._blocks.oldest(window.start, newest)
        blocks = self._blocks.read(first, opened.count)
        self._tell(window, at, blocks, _looked(window, opened.count))
        self._continues(window, at)

    def _continues(self, window: _Window, at: int) -> None:
        """What is priced is the window as a whole."""
        assert self._window is not None
        self._window.cost_s = window.cost_s
        self._window.before_s = window.before_s + (at - window.began_ns) / 1e9

    def _start_window(self) -> None:
        assert self._blocks is not None
        self._check_names()
        count = self._blocks.count()
        now = self._context.clock()
        self._opened_ns = None
        if count is None:
            self._due_ns = now + WINDOW_NS
        else:
            self._go_on(now, count)

    def _go_on(self, now: int, count: int) -> None:
        """A window begins at ``now``, when so many blocks had been looked at."""
        ends = now + self._plan.length_ns
        self._window = _Window(now, ends, count, self._opened_mean, self._opened_follow)

    def _check_names(self) -> None:
        """Before a window, not after it: of code that has come to its end in it the name is wanted
        still."""
        assert self._uses is not None
        now = self._context.clock()
        if now - self._last_check_ns > CHECK_NS:
            self._last_check_ns = now
            self._uses.check()

    def _cut(self, *, crowded: bool = False) -> None:
        """The window ends now: tell what it has seen, and decide what follows. Where it was
        ``crowded`` it goes on, to its end: a window that lasts longer or less long, for what
        happens in it, would see too much of that, or too little."""
        window, self._window = self._window, None
        assert window is not None
        assert self._blocks is not None
        count = self._blocks.count()
        now = self._context.clock()
        if count is None:
            self._due_ns = now + self._plan.gap_ns(0.0)
            return
        blocks = self._blocks.read(window.start, count)
        looked = _looked(window, count)
        if crowded:
            self._adapt(window, now, looked)
            self._window = _Window(now, window.ends_ns, count, window.mean, window.followed)
            self._open()
            self._tell(window, now, blocks, looked)
            self._continues(window, now)
            return
        self._tell(window, now, blocks, looked)
        window_s = window.before_s + (now - window.began_ns) / 1e9
        self._plan.account(window_s, window.cost_s, now, stretch=self._context.stretch())
        self._adapt(window, now, looked)
        if not self._plan.continuous:
            self._close()
            self._due_ns = now + self._plan.gap_ns(self._plan.coverage)
            return
        self._check_names()
        self._go_on(now, count)
        if (self._plan.mean, self._plan.follow) != (window.mean, window.followed):
            self._open()

    def _adapt(self, window: _Window, now: int, looked: int) -> None:
        length_s = (now - window.began_ns) / 1e9
        self._plan.adapt(length_s, looked, window.mean, followed=window.followed)

    def _peek(self, window: _Window) -> None:
        """Learn the names of what has been seen: the code of a short program may be gone when the
        window ends."""
        assert self._blocks is not None
        assert self._uses is not None
        count = self._blocks.count()
        if count is not None:
            self._uses.learn(self._blocks.read(max(window.start, self._peeked), count))
            self._peeked = count

    def _cut_quietly(self) -> None:
        """At a moment when the target may be gone."""
        if self._window is not None:
            try:
                self._cut()
            except (MemoryGone, ReadingDenied, OSError):
                self._window = None
        self._opened_ns = self._due_ns = None

    def _close(self) -> None:
        self._opened_ns = None
        self._context.send(pc.CloseBurst())

    # What was seen

    def _tell(self, window: _Window, now: int, blocks: Counter[SampledBlock], looked: int) -> None:
        assert self._uses is not None
        assert self._blocks is not None
        seen = SampledTotals(
            blocks=blocks, looked=looked, mean=window.mean, followed=window.followed
        )
        uses = self._uses.add_up(now / 1e9, seen, self._blocks)
        cost_s = self._uses.allocated * self._prices[0] + looked * self._prices[1]
        self.tracing_s += cost_s
        window.cost_s += cost_s
        window_s, span_s = (now - window.began_ns) / 1e9, (now - self._told_ns) / 1e9
        self._told_ns = now
        self._context.emit(
            BurstMeasured(
                at=now / 1e9,
                process=self._context.process,
                window_s=window_s,
                span_s=span_s,
                uses=uses,
                samples=looked,
            )
        )


def _looked(window: _Window, count: int) -> int:
    """How many blocks were looked at in it, where there are now so many."""
    return (count - window.start) & 0xFFFF_FFFF_FFFF_FFFF


def _missing(hello: rp.Hello, memory: RemoteMemory | None) -> str:
    """Why blocks cannot be looked at; nothing where they can."""
    if hello.free_threaded:
        return "a free-threaded build allocates in many threads at once"
    if memory is None:
        return "the target's memory cannot be read from outside"
    if hello.layout.frames is None or hello.layout.text is None:
        return "calibration did not find the target's frames"
    return ""
