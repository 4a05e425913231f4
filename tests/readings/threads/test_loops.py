"""Which threads run an event loop, and when a loop did not come back to its selector."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import pytest

from refwatch.readings.threads.classify import Sched
from refwatch.readings.threads.event_loop import EventLoop, computing_states
from refwatch.readings.threads.loop_lines import LoopLines
from refwatch.readings.threads.states import ThreadState as S
from refwatch.readings.threads.tracked import TrackedThread
from refwatch.session.events import ThreadSlice
from refwatch.target.locations import NewLine

RUN, SELECT, OWN, OUTERMOST, RUNNER, TRIO, EVENTS = 1, 2, 3, 4, 5, 6, 7
SEEN = [
    NewLine(RUN, "/lib/python3.13/asyncio/base_events.py", 2040, "BaseEventLoop._run_once"),
    NewLine(SELECT, "/lib/python3.13/selectors.py", 452, "EpollSelector.select"),
    NewLine(OWN, "/app/serve.py", 9, "handle"),
    NewLine(OUTERMOST, "/app/serve.py", 30, "<module>"),
    NewLine(RUNNER, "/lib/python3.13/asyncio/runners.py", 118, "Runner.run"),
    NewLine(TRIO, "/site/trio/_core/_run.py", 2700, "unrolled_run"),
    NewLine(EVENTS, "/site/trio/_core/_io_epoll.py", 200, "EpollIOManager.get_events"),
]
LOOP_OWN = {RUN, SELECT}
MS = 1_000_000


class Thread:
    """What the loop asks of its thread."""

    serial = 1

    def __init__(self) -> None:
        self.blocked: S | None = None
        self.line = OWN
        self.blocked_line = 0
        self.sched = Sched(0, 0)
        self.changed_at = 1
        self.looked_ns = 0


class Watched:
    """A loop whose thread is sampled every millisecond."""

    def __init__(self) -> None:
        self.thread = Thread()
        self.loop = EventLoop(cast("TrackedThread", self.thread), "asyncio")
        self.now = 0

    def does(self, line: int, waits: S | None, ms: int, turn: float | None = None) -> None:
        """So long in a turn, or at home, by its line."""
        self.thread.line = self.thread.blocked_line = line
        self.thread.blocked = waits
        for _ in range(ms):
            last, self.now = self.now, self.now + MS
            self.loop.saw(last)
            if line in LOOP_OWN:
                self.loop.at_home(self.now)
            else:
                self.loop.in_turn(turn, self.now, self.now)
            self.loop.spend(self.now)

    def idles(self, ms: int) -> None:
        self.does(SELECT, S.IO_WAIT, ms)

    def computes(self, ms: int, turn: float | None = None) -> None:
        self.does(OWN, None, ms, turn)

    def told(
        self, hot: Sequence[tuple[int, S, float]] = ()
    ) -> tuple[list[tuple[int, S, float]], list[tuple[float, float, bool]]]:
        self.loop.advance(self.now)
        blocked, stretches = self.loop.take(
            ThreadSlice(serial=1, samples=1, states={}, hot=list(hot))
        )
        return blocked, [
            (one.began_ns / 1e9, one.took_ns / 1e9, one.under_way) for one, _ in stretches
        ]


@pytest.mark.parametrize(
    ("stack", "waits", "kind"),
    [
        ([SELECT, RUN, RUNNER, OUTERMOST], S.IO_WAIT, "asyncio"),
        ([OWN, RUN, RUNNER, OUTERMOST], None, "asyncio"),
        ([RUNNER, OUTERMOST], S.IO_WAIT, "uvloop"),
        ([RUNNER, OUTERMOST], None, ""),
        ([EVENTS, TRIO, OUTERMOST], S.IO_WAIT, "trio"),
        ([OWN, OUTERMOST], S.SLEEP, ""),
        ([], None, ""),
    ],
)
def test_a_loop_is_known_by_the_stack(stack: list[int], waits: S | None, kind: str) -> None:
    lines = LoopLines()
    assert not lines.kind(stack, waits)
    lines.learn(SEEN)
    assert lines.kind(stack, waits) == kind


def test_an_idle_loop_is_not_blocked() -> None:
    watched = Watched()
    watched.idles(500)
    assert watched.told() == ([], [])


@pytest.mark.parametrize("waits", [None, S.SLEEP, S.LOCK_WAIT, S.CHILD_WAIT, S.IO_WAIT, S.GIL_WAIT])
def test_one_long_callback_blocks(waits: S | None) -> None:
    watched = Watched()
    watched.idles(50)
    watched.does(OWN, waits, 300)
    watched.idles(50)
    blocked, stretches = watched.told()
    assert [(line, state) for line, state, _ in blocked] == [(OWN, waits or S.GIL_HELD)]
    assert blocked[0][2] == pytest.approx(0.3, abs=0.002)
    ((began, took, going),) = stretches
    assert began == pytest.approx(0.05, abs=0.002)
    assert took == pytest.approx(0.3, abs=0.002)
    assert not going


def test_many_short_turns_do_not_block_whatever_lines_are_seen() -> None:
    watched = Watched()
    for number in range(1000):
        watched.computes(1, float(number))
    assert watched.told() == ([], [])


def test_two_long_turns_are_two() -> None:
    watched = Watched()
    for turn in (1.0, 2.0):
        watched.computes(150, turn)
    watched.idles(1)
    _, stretches = watched.told()
    assert [took for _, took, _ in stretches] == [pytest.approx(0.15, abs=0.002)] * 2


def test_without_turns_a_sample_in_the_loop_is_its_end() -> None:
    watched = Watched()
    for _ in range(10):
        watched.computes(90)
        watched.does(RUN, None, 1)
    watched.computes(200)
    watched.idles(1)
    blocked, stretches = watched.told()
    assert [took for _, took, _ in stretches] == [pytest.approx(0.2, abs=0.002)]
    assert sum(seconds for *_, seconds in blocked) == pytest.approx(0.2, abs=0.002)


def test_what_is_under_way_is_told_and_counted_once() -> None:
    watched = Watched()
    watched.computes(150)
    blocked, stretches = watched.told()
    assert [going for *_, going in stretches] == [True]
    total = sum(seconds for *_, seconds in blocked)
    watched.computes(100)
    watched.idles(1)
    more, stretches = watched.told()
    assert [(began, going) for began, _, going in stretches] == [(0.001, False)]
    assert stretches[0][1] == pytest.approx(0.25, abs=0.002)
    assert total + sum(seconds for *_, seconds in more) == pytest.approx(0.25, abs=0.002)


def test_a_short_wait_in_a_callback_counts_as_blocked_and_a_short_computation_does_not() -> None:
    watched = Watched()
    for _ in range(5):
        watched.does(OWN, S.SLEEP, 40)
        watched.computes(20)
        watched.idles(20)
    blocked, stretches = watched.told()
    assert not stretches
    assert [state for _, state, _ in blocked] == [S.SLEEP]
    assert blocked[0][2] == pytest.approx(0.2, rel=0.1)


def test_what_cannot_be_judged_is_not_told() -> None:
    watched = Watched()
    for _ in range(30):
        watched.computes(20)
        watched.loop.start_over(watched.now)
    assert watched.told() == ([], [])


def test_a_turn_is_as_old_as_its_own_clock_says() -> None:
    watched = Watched()
    watched.idles(20)
    began = watched.now
    watched.now += 400 * MS  # without a sample
    watched.thread.blocked, watched.thread.line = None, OWN
    watched.loop.saw(began)
    watched.loop.in_turn(5.0, began + MS, watched.now)
    watched.loop.spend(watched.now)
    watched.idles(1)
    _, ((at, took, _),) = watched.told()
    assert at == (began + MS) / 1e9
    assert took == pytest.approx(0.4, abs=0.002)


def test_what_no_sample_has_seen_between_is_not_blocked() -> None:
    watched = Watched()
    watched.idles(20)
    last, watched.now = watched.now, watched.now + 400 * MS
    watched.thread.blocked, watched.thread.line = None, OWN
    watched.loop.saw(last)
    watched.loop.in_turn(None, 0, watched.now)
    watched.loop.spend(watched.now)
    watched.idles(1)
    assert watched.told() == ([], [])


def test_turns_between_two_looks_are_not_one() -> None:
    watched = Watched()
    watched.computes(5, 1.0)
    last, watched.now = watched.now, watched.now + 300 * MS  # nobody looked
    watched.loop.saw(last)
    watched.loop.in_turn(2.0, watched.now - MS, watched.now)
    watched.loop.spend(watched.now)
    watched.idles(1)
    assert watched.told() == ([], [])


def test_time_without_a_cpu_is_told_beside_it() -> None:
    watched = Watched()
    watched.idles(1)
    watched.computes(150)
    watched.thread.sched = Sched(0, 70 * MS)
    watched.idles(1)
    watched.loop.advance(watched.now)
    _, ((stretch, _),) = watched.loop.take(ThreadSlice(serial=1, samples=1, states={}))
    assert stretch.queued_ns == 70 * MS


def test_what_it_did_on_a_cpu_is_as_the_slice_has_it() -> None:
    hot = [(OWN, S.NATIVE, 0.2), (OWN, S.GIL_HELD, 0.1), (OWN, S.SLEEP, 0.5)]
    assert computing_states(hot) == {OWN: S.NATIVE}
    watched = Watched()
    watched.computes(120)
    blocked, _ = watched.told(hot)
    assert [state for _, state, _ in blocked] == [S.NATIVE]
