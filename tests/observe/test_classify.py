"""The states of running samples, told from what stands before and after them."""

from __future__ import annotations

from collections import Counter

from refwatch.model.states import ThreadState as S
from refwatch.observe.classify import Classifier, Sched

MS = 1_000_000


class Thread:
    """A thread whose schedstat the test moves."""

    def __init__(self) -> None:
        self.states: list[S] = []
        self.time: Counter[S] = Counter()
        self.classifier = Classifier(self._assign)
        self.cpu = 0
        self.queue = 0
        self._blocked = False

    def _assign(self, state: S, weight: int, line: int) -> None:
        del line
        self.states.append(state)
        self.time[state] += weight

    def known(self, state: S, *, cpu: float = 0.0, queue: float = 0.0) -> None:
        self._move(cpu, queue)
        held = state is S.GIL_HELD
        sched = Sched(self.cpu, self.queue)
        self.classifier.known(
            state, MS, 1, None if held and not self.classifier.undecided else sched
        )
        self._blocked = not held

    def running(self, *, cpu: float = 0.0, queue: float = 0.0) -> None:
        self._move(cpu, queue)
        sched = Sched(self.cpu, self.queue)
        self.classifier.running(MS, 1, sched, exact_before=self._blocked)
        self._blocked = False

    def _move(self, cpu: float, queue: float) -> None:
        self.cpu += int(cpu * MS)
        self.queue += int(queue * MS)


def test_blocked_and_held_are_what_they_are() -> None:
    thread = Thread()
    for state in (S.GIL_HELD, S.GIL_WAIT, S.IO_WAIT, S.LOCK_WAIT, S.SLEEP):
        thread.known(state, cpu=1)
    assert thread.states == [S.GIL_HELD, S.GIL_WAIT, S.IO_WAIT, S.LOCK_WAIT, S.SLEEP]


def test_woken_on_the_way_to_the_gil_is_waiting_for_it() -> None:
    thread = Thread()
    thread.known(S.GIL_WAIT)
    thread.running()
    thread.known(S.GIL_HELD, queue=0.9)
    assert thread.states == [S.GIL_WAIT, S.GIL_WAIT, S.GIL_HELD]


def test_a_dropped_gil_is_wanted_again() -> None:
    thread = Thread()
    thread.known(S.GIL_HELD, cpu=4)
    thread.running()
    thread.known(S.GIL_WAIT, cpu=0.1)
    assert thread.states == [S.GIL_HELD, S.GIL_WAIT, S.GIL_WAIT]


def test_a_spinner_without_a_cpu_is_never_native() -> None:
    thread = Thread()
    for _ in range(20):
        thread.known(S.GIL_HELD, cpu=4)
        for _ in range(8):
            thread.running()
        thread.known(S.GIL_WAIT, cpu=0.05, queue=8)
        for _ in range(20):
            thread.running()
    thread.known(S.GIL_WAIT, queue=20)
    assert thread.time[S.NATIVE] == 0
    assert thread.time[S.CPU_WAIT] == 0


def test_long_native_code_is_native_from_its_first_sample() -> None:
    """On-CPU time shows up to a tick late: nothing of the run may be lost to another state."""
    thread = Thread()
    thread.known(S.SLEEP)
    for tick in range(40):
        thread.running(cpu=4 if tick % 4 == 3 else 0)
    thread.known(S.SLEEP)
    assert thread.time[S.NATIVE] == 40 * MS
    assert thread.states[1:-1] == [S.NATIVE] * 40


def test_short_native_code_between_waits() -> None:
    thread = Thread()
    thread.known(S.IO_WAIT)
    thread.running()
    thread.known(S.IO_WAIT, cpu=0.9)
    assert thread.states == [S.IO_WAIT, S.NATIVE, S.IO_WAIT]


def test_native_code_without_a_cpu_waits_for_one() -> None:
    """Half of the time on the run queue is half of the time in cpu_wait."""
    thread = Thread()
    thread.known(S.SLEEP)
    for tick in range(200):
        thread.running(cpu=4 if tick % 8 == 7 else 0, queue=4 if tick % 8 == 3 else 0)
    thread.known(S.SLEEP)
    share = thread.time[S.CPU_WAIT] / (200 * MS)
    assert 0.45 < share < 0.55
    assert thread.time[S.CPU_WAIT] + thread.time[S.NATIVE] == 200 * MS


def test_ready_and_starved() -> None:
    thread = Thread()
    thread.known(S.IO_WAIT)
    for _ in range(30):
        thread.running()
    thread.known(S.IO_WAIT, cpu=0.1, queue=30)
    assert thread.time[S.CPU_WAIT] == 30 * MS


def test_a_thread_that_ends_in_the_middle_loses_nothing() -> None:
    thread = Thread()
    thread.known(S.GIL_HELD)
    thread.running()
    thread.running()
    thread.classifier.flush()
    assert sum(thread.time.values()) == 3 * MS


def test_every_sample_has_exactly_one_state() -> None:
    import random

    for seed in range(200):
        random_ = random.Random(seed)
        thread = Thread()
        for _ in range(300):
            if random_.random() < 0.5:
                thread.running(cpu=random_.choice((0, 0, 1, 4)), queue=random_.choice((0, 0, 2)))
            else:
                state = random_.choice((S.GIL_HELD, S.GIL_WAIT, S.IO_WAIT, S.SLEEP))
                thread.known(state, cpu=random_.choice((0, 1, 4)), queue=random_.choice((0, 3)))
        thread.classifier.flush()
        assert len(thread.states) == 300
        assert sum(thread.time.values()) == 300 * MS
