"""The states of a thread's samples, held against what the simulated thread really did."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable

import pytest

from refwatch.readings.threads.classify import TICK_NS, Classifier, Sched
from refwatch.readings.threads.states import ThreadState as S

MS = 1_000_000
TICK = 4 * MS  # on-CPU time of a running thread is brought up to date this often

Stretch = tuple[S, float]
"""What the thread does, and for how many milliseconds. CPU_WAIT goes on with what follows."""


class Thread:
    """A thread that does what it is told, the kernel's count of it, and the states it was given.

    ``every_ms``: the time between two samples, which begin at a time that chance decides.
    """

    def __init__(
        self, *, every_ms: float = 1.0, seed: int = 1, always_holder: bool = False
    ) -> None:
        self.given: Counter[S] = Counter()
        self.holds: Counter[S] = Counter()
        self.order: list[S] = []
        self.truth: Counter[S] = Counter()
        self.classifier = Classifier(self._assign)
        self._random = random.Random(seed)
        self._every = every_ms * MS
        self._now = self._last = 0
        self._next = self._random.random() * self._every
        self._cpu = self._told_cpu = self._queue = 0
        self._blocked_cpu: int | None = None
        self._always_holder = always_holder

    def _assign(self, state: S, weight: int, line: int, *, holding: bool = False) -> None:
        del line
        assert weight >= 0
        self.given[state] += weight
        if holding:
            self.holds[state] += weight
        if weight and self.order[-1:] != [state]:
            self.order.append(state)

    def does(self, stretches: Iterable[Stretch]) -> Thread:
        """Live through these, with a sample whenever one is due."""
        for state, length_ms in stretches:
            length = round(length_ms * MS)
            self.truth[state] += length
            end, on_cpu = self._now + length, state in (S.GIL_HELD, S.NATIVE)
            while self._next <= end:
                self._move(int(self._next) - self._now, on_cpu=on_cpu)
                self._sample(state)
                self._next += self._every * self._random.uniform(0.8, 1.2)
            self._move(end - self._now, on_cpu=on_cpu)
            if state is S.CPU_WAIT:
                self._queue += length
            self._told_cpu = self._cpu  # exact whenever the kernel takes it off a CPU
        return self

    def _move(self, length: int, *, on_cpu: bool) -> None:
        before = self._now // TICK
        self._now += length
        if on_cpu:
            self._cpu += length
            if self._now // TICK != before:
                self._told_cpu = self._cpu - self._now % TICK

    def _sample(self, state: S) -> None:
        weight, self._last = self._now - self._last, self._now
        sched = Sched(self._told_cpu, self._queue)
        if state is S.GIL_HELD or self._always_holder:
            look = not self.classifier.held_for(3_500_000)
            self.classifier.held(weight, 1, sched if look else None)
        elif state in (S.NATIVE, S.CPU_WAIT):
            self.classifier.running(weight, 1, sched, self._blocked_cpu)
        else:
            self.classifier.blocked(state, weight, 1, sched)
        self._blocked_cpu = self._told_cpu if state not in (S.NATIVE, S.CPU_WAIT) else None

    def end(self) -> Thread:
        self.classifier.flush()
        return self

    def differs(self) -> float:
        """The largest difference of a state from the truth, as a share of the time."""
        total = sum(self.truth.values())
        return max(abs(self.given[state] - self.truth[state]) for state in S) / total


def test_every_nanosecond_is_given_once() -> None:
    for seed in range(100):
        chance = random.Random(seed)
        thread = Thread(seed=seed)
        thread.does((chance.choice(list(S)), chance.expovariate(1 / 3)) for _ in range(300)).end()
        last = thread._last
        assert sum(thread.given.values()) == last


@pytest.mark.parametrize("wait", [S.IO_WAIT, S.LOCK_WAIT, S.SLEEP, S.GIL_WAIT])
def test_work_between_waits_is_as_long_as_it_was(wait: S) -> None:
    """Work of less than a sample's time is seen now and then only: it adds up all the same."""
    for work_ms in (0.1, 0.7, 3.0, 20.0):
        thread = Thread().does([(S.GIL_HELD, work_ms), (wait, 5.0)] * 2000).end()
        assert thread.differs() < 0.01, (work_ms, thread.given, thread.truth)


def test_native_work_between_waits() -> None:
    for work_ms in (0.7, 3.0, 20.0):
        thread = Thread().does([(S.NATIVE, work_ms), (S.IO_WAIT, 5.0)] * 2000).end()
        assert thread.differs() < 0.01, (work_ms, thread.given, thread.truth)


def test_native_work_between_holds() -> None:
    for work_ms in (0.7, 2.0, 20.0):
        thread = Thread().does([(S.NATIVE, work_ms), (S.GIL_HELD, 1.0)] * 2000).end()
        assert thread.differs() < 0.02, (work_ms, thread.given, thread.truth)


def test_a_holder_without_a_cpu_waits_for_one_with_the_gil() -> None:
    """Three others want its CPU: it runs for 3 of each 30 ms, and nobody else gets the GIL."""
    thread = Thread(always_holder=True)
    thread.does([(S.GIL_HELD, 3.0), (S.CPU_WAIT, 27.0)] * 300).end()
    assert thread.differs() < 0.01, (thread.given, thread.truth)
    assert thread.holds == thread.given


def test_woken_for_the_gil_and_without_a_cpu_waits_for_a_cpu() -> None:
    """What others do to it, with the GIL or without, is not what it waits for."""
    thread = Thread().does([(S.GIL_WAIT, 5.0), (S.CPU_WAIT, 40.0), (S.GIL_HELD, 4.0)] * 200).end()
    assert thread.differs() < 0.01, (thread.given, thread.truth)


def test_native_code_without_a_cpu_half_of_the_time() -> None:
    thread = Thread().does([(S.NATIVE, 6.0), (S.CPU_WAIT, 6.0)] * 500).end()
    assert thread.differs() < 0.02, (thread.given, thread.truth)


def test_a_spinner_that_loses_the_gil_is_never_native() -> None:
    """Woken on its way to the GIL, it is on a CPU for some microseconds without it."""
    on_the_way = [(S.GIL_HELD, 5.0), (S.NATIVE, 0.02), (S.GIL_WAIT, 15.0), (S.NATIVE, 0.02)]
    thread = Thread().does(on_the_way * 500).end()
    assert thread.given[S.NATIVE] < 0.005 * sum(thread.given.values())
    assert thread.differs() < 0.01, (thread.given, thread.truth)


def test_spinners_without_a_cpu_are_not_native() -> None:
    chance = random.Random(3)
    turns = [
        (S.GIL_HELD, 5.0),
        (S.NATIVE, 0.02),
        (S.CPU_WAIT, 2.0),
        (S.NATIVE, 0.02),
        (S.GIL_WAIT, 4.0),
        (S.CPU_WAIT, 5.0),
    ]
    spun = [
        (state, length * chance.uniform(0.2, 1.8)) for _ in range(600) for state, length in turns
    ]
    for every_ms in (1.0, 5.0):
        thread = Thread(every_ms=every_ms).does(spun).end()
        assert thread.given[S.NATIVE] < 0.01 * sum(thread.given.values()), every_ms
        assert thread.differs() < 0.02, (every_ms, thread.given, thread.truth)


def test_rare_samples_say_the_same() -> None:
    thread = Thread(every_ms=10.0).does([(S.GIL_HELD, 3.0), (S.IO_WAIT, 7.0)] * 3000).end()
    assert thread.differs() < 0.02, (thread.given, thread.truth)


def test_a_thread_that_ends_in_the_middle_loses_nothing() -> None:
    thread = Thread().does([(S.GIL_HELD, 2.5), (S.NATIVE, 2.0)]).end()
    assert sum(thread.given.values()) == thread._last


def test_what_ran_between_two_rare_samples_goes_to_what_it_was_before() -> None:
    given: Counter[tuple[S, int, bool]] = Counter()

    def assign(state: S, weight: int, line: int, *, holding: bool = False) -> None:
        given[state, line, holding] += weight

    classifier = Classifier(assign)
    classifier.blocked(S.SLEEP, MS, 1, Sched(0, 0))
    assert classifier.unseen(Sched(3 * MS, 0), 20 * MS, 1) == (S.GIL_HELD, 3 * MS)
    assert classifier.unseen(Sched(3 * MS, 0), 20 * MS, 1) == (S.GIL_HELD, 0)
    assert classifier.unseen(Sched(50 * MS, 0), 20 * MS, 1) == (S.GIL_HELD, 20 * MS)
    assert given[S.GIL_HELD, 1, True] == 23 * MS


@pytest.mark.parametrize("with_gil", [True, False])
def test_a_thread_that_ends_just_after_a_rare_sample_has_not_run_since_the_one_before(
    with_gil: bool,
) -> None:
    given: Counter[tuple[S, int, bool]] = Counter()

    def assign(state: S, weight: int, line: int, *, holding: bool = False) -> None:
        given[state, line, holding] += weight

    thread = Classifier(assign)
    uncounted = Sched(cpu=0, queue=0)  # the kernel adds what it runs at the next tick
    thread.blocked(S.SLEEP, 10 * MS, 1, uncounted)
    if with_gil:
        thread.held(20 * MS, 2, uncounted)
    else:
        thread.running(20 * MS, 2, uncounted, exact_cpu=0)
    thread.flush()
    assert sum(given.values()) == 30 * MS
    assert given[S.SLEEP, 1, False] == 30 * MS - TICK_NS


@pytest.mark.parametrize("with_gil", [True, False])
def test_who_was_found_awake_by_a_rare_sample_has_not_waited_for_a_cpu(with_gil: bool) -> None:
    """It sleeps, wakes 1 ms before a sample that comes after 20 ms, runs for 5 ms, and sleeps."""
    given: Counter[tuple[S, int, bool]] = Counter()

    def assign(state: S, weight: int, line: int, *, holding: bool = False) -> None:
        given[state, line, holding] += weight

    thread = Classifier(assign)
    thread.blocked(S.SLEEP, 10 * MS, 1, Sched(0, 0))
    for number, weight in enumerate((20 * MS, MS, MS, MS)):
        sched = Sched(TICK if number == 3 else 0, 0)
        if with_gil:
            thread.held(weight, 2, sched)
        else:
            thread.running(weight, 2, sched, exact_cpu=0 if number == 0 else None)
    thread.blocked(S.SLEEP, 2 * MS, 1, Sched(5 * MS, 0))
    assert sum(given.values()) == 35 * MS
    assert given[S.GIL_HELD if with_gil else S.NATIVE, 2, with_gil] == 5 * MS
    assert given[S.SLEEP, 1, False] == 30 * MS
