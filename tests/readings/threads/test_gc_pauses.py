"""Which thread and line set a collection off, and how long it took, from samples one by one."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

import pytest

from refwatch.readings.threads.call_paths import SET_OFF
from refwatch.readings.threads.events import CollectorSlice
from refwatch.readings.threads.gc_pauses import GcPauses
from refwatch.readings.threads.interpreter import Frame, GilWords, Interpreter
from refwatch.readings.threads.states import ThreadState as S
from refwatch.readings.threads.tracked import TrackedThread

MS = 1_000_000
FRAME, FINALIZER = 0x1000, 0x2000
HELD = S.GIL_HELD


class Thread:
    """One whose top frame is at ``frame``, at ``instruction`` of it."""

    def __init__(self, state: int, *, line: int, probe: bool = False) -> None:
        self.frames_at, self.line, self.probe = state, line, probe
        self.frame, self.instruction = FRAME + state, b"a"
        self.sched = SimpleNamespace(cpu=0)


class Collector:
    """A GIL and a collector that are sampled once a millisecond."""

    def __init__(self) -> None:
        self.pauses = GcPauses()
        self.ms = self.switches = self.ended = 0
        self.spent: dict[int, float] = {}
        self._holder = 0
        self._callers: set[tuple[int, int]] = set()
        self.below: dict[int, Frame] = {}
        self._interpreter = cast(
            "Interpreter",
            SimpleNamespace(
                top_of=lambda thread: (thread.frame, thread.instruction),
                is_called_by=lambda thread, frame: (thread.frame, frame) in self._callers,
                below_finalizer=lambda thread: self.below.get(thread.frame),
                below=lambda thread, _: self.below.get(thread.frame),
            ),
        )

    def called(self, frame: int, by: int) -> None:
        self._callers.add((frame, by))

    def samples(self, count: int, holder: Thread | None, *, runs: bool = True) -> None:
        """So many that find this holder, while the collector ``runs`` or does not."""
        for _ in range(count):
            last, self.ms = self.ms, self.ms + 1
            if holder is not None:
                self.switches += holder.frames_at != self._holder
                self._holder = holder.frames_at
                holder.sched.cpu += MS
            words = GilWords(5000, self._holder, 1, self.switches, int(runs), b"%d" % self.ended)
            known = cast("TrackedThread | None", holder)
            self.pauses.seen(words, known, self.ms * MS, last * MS)
            if known is not None:
                line = known.line
                if self.pauses.now is not None:
                    line = self.pauses.place(known, words, self._interpreter)
                self.spent[line] = self.spent.get(line, 0.0) + 0.001
            self.ended += not runs

    def told(self) -> tuple[dict[int, int], CollectorSlice | None]:
        """Milliseconds by line, negative those that the line has set off; and the collections."""
        hot = self.pauses.told([(line, HELD, seconds) for line, seconds in self.spent.items()])
        self.spent = {}
        ms = {
            -(line - SET_OFF) if line >= SET_OFF else line: round(seconds * 1000)
            for line, _, seconds in hot
        }
        return ms, self.pauses.slice()


def test_the_time_is_that_of_the_line_that_set_it_off() -> None:
    gc, main = Collector(), Thread(1, line=7)
    gc.samples(5, main, runs=False)
    gc.samples(20, main)
    gc.samples(5, main, runs=False)
    ms, collections = gc.told()
    assert ms == {7: 10, -7: 20}
    assert collections
    assert collections.longest_s == pytest.approx(0.020)
    assert collections.longest_line == 7
    assert [one[:2] for one in collections.lines] == [(7, 1)]
    assert collections.lines[0][2:] == pytest.approx((0.020, 0.020))


def test_one_sample_is_enough_where_no_other_thread_has_had_the_gil() -> None:
    gc, main = Collector(), Thread(1, line=7)
    for _ in range(4):
        gc.samples(1, main, runs=False)
        gc.samples(1, main)
    gc.samples(1, main, runs=False)
    ms, collections = gc.told()
    assert ms == {7: 5, -7: 4}
    assert collections
    assert sum(collections.pauses.values()) == 4


def test_python_in_a_finalizer_is_told_at_its_own_line() -> None:
    gc, main = Collector(), Thread(1, line=7)
    gc.samples(2, main, runs=False)
    gc.samples(3, main)
    main.frame, main.line = FINALIZER, 30
    gc.called(FINALIZER, by=FRAME + 1)
    gc.samples(4, main)
    main.frame, main.line = FRAME + 1, 7
    gc.samples(3, main)
    gc.samples(1, main, runs=False)
    assert gc.told()[0] == {7: 3, -7: 6, 30: 4}


def test_a_finalizer_that_was_met_first_gives_way_to_the_frame_below_it() -> None:
    gc, main = Collector(), Thread(1, line=7)
    gc.samples(2, main, runs=False)
    main.frame, main.line = FINALIZER, 30
    gc.samples(1, main)
    main.instruction = b"b"  # it runs on: nobody does while the collector waits for it
    gc.samples(1, main)
    main.frame, main.line, main.instruction = FRAME + 1, 7, b"a"
    gc.samples(5, main)
    gc.samples(1, main, runs=False)
    assert gc.told()[0] == {7: 3, -7: 5, 30: 2}


def test_a_collection_that_is_all_finalizers_is_set_off_by_the_line_below_them() -> None:
    gc, main = Collector(), Thread(1, line=7)
    gc.samples(2, main, runs=False)
    gc.below[FINALIZER] = Frame(FRAME + 1, b"a", 7)
    main.frame, main.line = FINALIZER, 30
    for number in range(5):
        main.instruction = b"%d" % number
        gc.samples(1, main)
    gc.samples(1, main, runs=False)
    ms, collections = gc.told()
    assert ms == {7: 2, 30: 6}
    assert collections
    assert collections.longest_line == 7


def test_who_has_the_gil_while_a_finalizer_waits_does_not_collect() -> None:
    gc, main, other = Collector(), Thread(1, line=7), Thread(2, line=50)
    gc.samples(2, main, runs=False)
    gc.samples(3, main)
    gc.samples(30, other)
    gc.samples(3, main)
    gc.samples(2, main, runs=False)
    ms, collections = gc.told()
    assert ms == {7: 4, -7: 6, 50: 30}
    assert collections
    assert collections.longest_s == pytest.approx(0.036)
    assert collections.longest_line == 7


def test_who_was_met_first_and_runs_on_does_not_collect() -> None:
    gc, main, other = Collector(), Thread(1, line=7), Thread(2, line=50)
    gc.samples(2, main, runs=False)  # then a finalizer of its collection waits at once
    gc.samples(1, other)
    other.instruction = b"b"
    gc.samples(10, other)
    gc.samples(4, main)
    gc.samples(2, main, runs=False)
    ms, collections = gc.told()
    assert ms == {7: 4, -7: 4, 50: 11}
    assert collections
    assert collections.longest_line == 7


def test_where_the_gil_changed_hands_at_both_ends_one_sample_proves_nothing() -> None:
    gc, main, other = Collector(), Thread(1, line=7), Thread(2, line=50)
    gc.samples(2, main, runs=False)
    gc.samples(1, other)
    gc.samples(2, main, runs=False)
    ms, collections = gc.told()
    assert ms == {7: 4, 50: 1}
    assert collections
    assert [one[:2] for one in collections.lines] == [(0, 1)]


def test_collections_in_a_row_are_told_apart_by_what_their_ends_change() -> None:
    gc, main = Collector(), Thread(1, line=7)
    gc.samples(1, main, runs=False)
    for _ in range(5):
        gc.samples(50, main)
        gc.ended += 1
    gc.samples(1, main, runs=False)
    _, collections = gc.told()
    assert collections
    assert sum(collections.pauses.values()) == 5
    assert collections.longest_s == pytest.approx(0.050, abs=0.001)


def test_one_that_lasts_is_counted_when_it_has_ended_and_its_line_is_told_before() -> None:
    gc, main = Collector(), Thread(1, line=7)
    gc.samples(2, main, runs=False)
    gc.samples(100, main)
    assert gc.told() == ({7: 2, -7: 100}, None)
    gc.samples(100, main)
    gc.samples(1, main, runs=False)
    ms, collections = gc.told()
    assert ms == {7: 1, -7: 100}
    assert collections
    assert collections.longest_s == pytest.approx(0.200)


def test_a_collection_of_the_probes_thread_is_none_of_the_programs() -> None:
    gc, probe = Collector(), Thread(1, line=-3, probe=True)
    gc.samples(2, probe, runs=False)
    gc.samples(3, probe)
    gc.samples(2, probe, runs=False)
    ms, collections = gc.told()
    assert ms == {-3: 7}
    assert collections is None
