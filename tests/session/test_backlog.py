"""Folding the backlog gives what folding every event gives, in bounded memory."""

from __future__ import annotations

import dataclasses
import gc
import random
import time
from collections.abc import Iterator

import psutil
import pytest

from refwatch.model import events as ev
from refwatch.model.states import ThreadState as S
from refwatch.model.states import encode_runs
from refwatch.model.wire import encode_line, event_decoder
from refwatch.session.backlog import Backlog
from refwatch.session.past import merge
from refwatch.session.process import ProcessState, ThreadRecord
from refwatch.session.state import State

PID = 42


class Session:
    """A session made up at random: threads come, go and are renamed, and everything happens."""

    def __init__(self, seed: int, slices: int, gil: bool = True) -> None:
        self.rng = random.Random(seed)
        self.slices = slices
        self.has_gil = gil
        self.at = 0.0
        self.serial = 0
        self.alive: list[int] = []

    def events(self) -> Iterator[ev.Event]:
        yield ev.TargetStarted(0.0, PID, ["x.py"], "/py", "/tmp", "2026-01-01T00:00:00Z", "0")
        yield ev.InterpreterFound(0.0, PID, "3.13", False, self.has_gil, 0.005)
        yield from (ev.LineSeen(0.0, n, "/x.py", n, f"f{n}") for n in range(20))
        yield from self.start_thread()
        for _ in range(self.slices):
            self.at += 0.1
            yield from self.something()
            yield self.sampled()
            if self.rng.random() < 0.4:
                yield self.measured()
        yield ev.TargetExited(self.at, PID, 3)
        yield ev.WatchEnded(self.at, "the target ended")

    def start_thread(self) -> Iterator[ev.Event]:
        self.serial += 1
        self.alive.append(self.serial)
        yield ev.ThreadStarted(self.at, self.serial, PID, 100 + self.serial % 7)
        yield ev.ThreadNamed(self.at, self.serial, f"thread {self.serial}", self.rng.random() < 0.5)

    def something(self) -> Iterator[ev.Event]:
        draw = self.rng.random()
        if draw < 0.1 and len(self.alive) < 12:
            yield from self.start_thread()
        elif draw < 0.18 and len(self.alive) > 1:
            yield ev.ThreadEnded(self.at, self.alive.pop(self.rng.randrange(len(self.alive))))
        elif draw < 0.5:
            yield self.rng.choice(self.rare())

    def rare(self) -> list[ev.Event]:
        at, serial, name = self.at, self.rng.choice(self.alive), f"name {self.rng.randrange(9)}"
        return [
            ev.ThreadNamed(at, serial, name, self.rng.choice([None, True, False])),
            ev.Noted(at, "info", f"note {at}"),
            ev.Marked(at, f"mark {at}"),
            ev.RateChanged(at, self.rng.choice([500.0, 1000.0]), f"because {at}"),
            ev.ReadingLimited(at, f"reading {self.rng.randrange(5)}", self.rng.choice("ab")),
            ev.OutputWritten(at, self.rng.choice("xyz") * self.rng.randrange(1, 9000)),
            ev.CostMeasured(at, at / 1000, at / 2000, at / 100),
            ev.GcMeasured(at, PID, [ev.GcGeneration(int(at), 2, 3)]),
            ev.SnapshotWritten(at, f"/tmp/{at}.json"),
            ev.LineSeen(at, self.rng.randrange(40), "/y.py", 7, "g"),
        ]

    def sampled(self) -> ev.Sampled:
        gil = ev.GilSlice(
            self.rng.random() / 10,
            self.rng.random(),
            self.rng.randrange(50),
            0.005,
            longest_hold_s=self.rng.random(),
            longest_serial=self.rng.randrange(9),
            longest_line=self.rng.randrange(20),
            collecting_s=self.rng.choice([None, 0.0, 0.25]),
        )
        has_gil = self.has_gil and self.rng.random() < 0.9
        pieces = [self.piece(serial) for serial in self.alive]
        rate = self.rng.choice([0.0, 500.0, 1000.0])
        still = self.rng.random()
        return ev.Sampled(self.at, PID, 0.1, 100, gil if has_gil else None, pieces, rate, 1, still)

    def piece(self, serial: int) -> ev.ThreadSlice:
        cut = self.rng.randrange(1, 100_000)
        runs = [(self.rng.choice(list(S)), cut), (self.rng.choice(list(S)), 100_000 - cut)]
        states: dict[S, float] = {}
        for state, micros in runs:
            states[state] = states.get(state, 0.0) + micros / 1e6
        hot = [(self.rng.randrange(20), state, seconds) for state, seconds in states.items()]
        stack = [self.rng.randrange(20)] if self.rng.random() < 0.5 else None
        now = self.at
        return ev.ThreadSlice(
            serial,
            100,
            states,
            encode_runs(runs),
            hot,
            stack,
            now / 3,
            now / 9,
            int(now),
            int(now),
            holds_running_s=self.rng.randrange(8) / 64,
            holds_cpu_wait_s=self.rng.randrange(8) / 64,
            holds_blocked_s=self.rng.randrange(8) / 64,
            unmoved_s=self.rng.random(),
            loop_blocked=[(line, state, 1 / 64) for line, state, _ in hot[:1]],
        )

    def measured(self) -> ev.ProcessMeasured:
        uss = self.rng.randrange(10**6) if self.rng.random() < 0.3 else None
        rss = self.rng.randrange(10**6, 10**7)
        return ev.ProcessMeasured(self.at, PID, rss, 10**7, self.at * 0.9, self.at * 0.1, uss)


def thread_facts(thread: ThreadRecord) -> dict[str, object]:
    rough = {"states", "hot", "strip", "recent", "cpu_now"}
    facts = {f.name: getattr(thread, f.name) for f in dataclasses.fields(thread)}
    facts = {name: value for name, value in facts.items() if name not in rough}
    return {
        **facts,
        "states": pytest.approx(thread.states),
        "hot": pytest.approx(thread.hot),
        "cpu_now": pytest.approx(thread.cpu_now, abs=0.01),
        "recent": pytest.approx(thread.recent, abs=0.2) if thread.alive else {},
    }


def same_thread(full: ThreadRecord, late: ThreadRecord) -> None:
    expected = thread_facts(full)
    for name, value in expected.items():
        assert getattr(late, name) == value, (full.serial, name)


def same_process(full: ProcessState, late: ProcessState) -> None:
    assert list(full.threads) == list(late.threads)
    for serial in full.threads:
        same_thread(full.threads[serial], late.threads[serial])
    whole = ("pid", "argv", "samples", "torn", "memory", "private", "gc", "exit_code", "ended_s")
    for name in (*whole, "unmoved_s", "forgotten_threads"):
        assert getattr(full, name) == getattr(late, name), name
    kinds = [{key: crowd.threads for key, crowd in one.crowds.items()} for one in (full, late)]
    assert kinds[0] == kinds[1]
    assert late.sampled_s == pytest.approx(full.sampled_s)
    for name in ("held_s", "wait_s", "watched_s", "handoffs", "present", "switch_interval_s"):
        assert getattr(late.gil, name) == pytest.approx(getattr(full.gil, name)), name
    assert late.gil.longest_hold == full.gil.longest_hold
    assert late.gil.collecting_s == pytest.approx(full.gil.collecting_s)


def same_state(full: State, late: State) -> None:
    for name in ("now", "target", "interpreter", "lines", "limits", "notes", "marks", "cost"):
        assert getattr(full, name) == getattr(late, name), name
    for name in ("rate_hz", "rate_changes", "exited", "ended", "snapshot_path"):
        assert getattr(full, name) == getattr(late, name), name
    assert "".join(full.output.pieces) == "".join(late.output.pieces)
    assert list(full.processes) == list(late.processes)
    for pid in full.processes:
        same_process(full.processes[pid], late.processes[pid])


def fold(events: list[ev.Event]) -> State:
    state = State()
    for event in events:
        state.apply(event)
    return state


def check(session: Session, at_each: int) -> tuple[Backlog, State]:
    full, backlog = State(), Backlog()
    for count, event in enumerate(session.events()):
        full.apply(event)
        backlog.add(event)
        if count % at_each == 0:
            same_state(full, fold(backlog.events(full)))
    same_state(full, fold(backlog.events(full)))
    return backlog, full


@pytest.mark.parametrize("seed", range(12))
def test_a_late_viewer_has_the_same_state_at_any_moment(seed: int) -> None:
    check(Session(seed, slices=150), at_each=37)


@pytest.mark.parametrize("seed", range(3))
def test_also_after_a_long_time(seed: int) -> None:
    backlog, full = check(Session(seed, slices=4000), at_each=9973)
    sampled = [event for event in backlog.events(full) if isinstance(event, ev.Sampled)]
    assert len(sampled) < 600 + 300 + 60
    measured = [event for event in backlog.events(full) if isinstance(event, ev.ProcessMeasured)]
    assert 300 <= len(measured) <= 600


def test_also_without_a_gil() -> None:
    check(Session(7, slices=800, gil=False), at_each=399)


def test_it_survives_the_wire_and_can_be_digested_again() -> None:
    first, backlog = State(), Backlog()
    for event in Session(5, slices=300).events():
        first.apply(event)
        backlog.add(event)
    second, again = State(), Backlog()
    for line in [encode_line(event) for event in backlog.events(first)]:
        event = event_decoder.decode(line)
        second.apply(event)
        again.add(event)
    same_state(fold(backlog.events(first)), fold(again.events(second)))


def test_the_strips_of_the_last_seconds_are_whole() -> None:
    full, backlog = State(), Backlog()
    for event in Session(3, slices=600).events():
        full.apply(event)
        backlog.add(event)
    late = fold(backlog.events(full))
    assert full.main is not None
    assert late.main is not None
    for serial, thread in full.main.threads.items():
        if thread.watched_s > 0 and (thread.ended_s or 0) > full.now - 1:
            expected = thread.strip.cells(full.now - 24, full.now, 240)
            assert late.main.threads[serial].strip.cells(full.now - 24, full.now, 240) == expected


def test_the_gil_over_time_keeps_its_mean_and_its_span() -> None:
    full, backlog = State(), Backlog()
    for event in Session(4, slices=3000).events():
        full.apply(event)
        backlog.add(event)
    late = fold(backlog.events(full))
    assert full.main is not None
    assert late.main is not None
    for state in (full.main.gil.series, late.main.gil.series):
        weights = state.weights()
        mean = sum(a * w for a, w in zip(state.column(0), weights, strict=True)) / sum(weights)
        assert mean == pytest.approx(full.main.gil.held_fraction)
    assert next(iter(late.main.gil.series))[0] < 1.0


def test_merging_two_slices_adds_them_up() -> None:
    first = ev.Sampled(1.0, PID, 0.1, 90, ev.GilSlice(0.05, 0.2, 3, 0.005), [], 1000.0, 1)
    second = ev.Sampled(1.2, PID, 0.2, 80, ev.GilSlice(0.01, 0.1, 4, 0.001), [], 500.0, 2)
    both = merge(first, second)
    assert (both.at, both.samples, both.rate_hz, both.torn) == (1.2, 170, 500.0, 3)
    assert both.span_s == pytest.approx(0.3)
    assert both.gil is not None
    assert both.gil.held_s == pytest.approx(0.06)
    assert both.gil.wait_s == pytest.approx(0.3)
    assert (both.gil.handoffs, both.gil.interval_s) == (7, 0.001)


def test_threads_that_viewers_forgot_are_forgotten_here_too() -> None:
    full, backlog = State(), Backlog()

    def take(event: ev.Event) -> None:
        full.apply(event)
        backlog.add(event)

    take(ev.TargetStarted(0.0, PID, [], "", "", "", "0"))
    for serial in range(1, 3001):
        at = serial / 20
        take(ev.ThreadStarted(at, serial, PID, serial))
        piece = ev.ThreadSlice(serial, 1, {S.GIL_HELD: 0.05}, "h50000")
        take(ev.Sampled(at + 0.05, PID, 0.05, 1, None, [piece], 1000.0))
        take(ev.ThreadEnded(at + 0.05, serial))
    late = fold(backlog.events(full))
    assert late.main is not None
    assert full.main is not None
    same_process(full.main, late.main)
    assert len(backlog.events(full)) < 4000


def test_many_threads_do_not_make_a_viewer_wait() -> None:
    backlog = Backlog()
    backlog.add(ev.TargetStarted(0.0, PID, [], "", "", "", "0"))
    for serial in range(500):
        backlog.add(ev.ThreadStarted(0.0, serial, PID, serial))
    for tick in range(1, 400):
        states = {S.IO_WAIT: 0.1}
        pieces = [ev.ThreadSlice(serial, 9, states, "i100000") for serial in range(500)]
        backlog.add(ev.Sampled(tick / 10, PID, 0.1, 9, None, pieces, 90.0))
    slices = sum(len(e.threads) for e in backlog.events(State()) if isinstance(e, ev.Sampled))
    assert slices < 50_000


def an_hour(rng: random.Random) -> Iterator[ev.Event]:
    """Eight threads at ten slices a second, with strips as long as those of a contended GIL."""
    yield ev.TargetStarted(0.0, PID, ["x.py"], "/py", "/tmp", "2026-01-01T00:00:00Z", "0")
    yield from (ev.ThreadStarted(0.0, serial, PID, serial) for serial in range(8))
    yield from (ev.LineSeen(0.0, n, "/x.py", n, "f") for n in range(50))
    gil = ev.GilSlice(0.099, 0.6, 20, 0.005)
    for tick in range(1, 36_001):
        at = tick / 10
        pieces = [
            ev.ThreadSlice(
                serial,
                100,
                {S.GIL_HELD: 0.0125, S.GIL_WAIT: 0.0875},
                f"w{tick}h5012" * 10,
                [(rng.randrange(50), S.GIL_HELD, 0.0125)],
                [tick % 50],
                at / 8,
            )
            for serial in range(8)
        ]
        yield ev.Sampled(at, PID, 0.1, 100, gil, pieces, 1000.0)
        yield ev.ProcessMeasured(at, PID, 10**7 + tick, 10**8, at, 0.0)


@pytest.mark.timed
def test_an_hour_takes_little_memory() -> None:
    state, backlog = State(), Backlog()
    gc.collect()
    before = psutil.Process().memory_info().rss
    start = time.process_time()
    for event in an_hour(random.Random(1)):
        state.apply(event)
        backlog.add(event)
    gc.collect()
    grown = psutil.Process().memory_info().rss - before
    assert grown < 30 << 20, f"{grown >> 20} MiB"
    assert len(backlog.events(state)) < 2500
    assert state.main is not None
    assert state.main.sampled_s == pytest.approx(3600)
    assert time.process_time() - start < 60
