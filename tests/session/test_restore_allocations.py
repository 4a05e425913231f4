"""A late viewer knows of the allocations all that is known, and goes on as one that was there."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from dataclasses import fields, is_dataclass

import pytest

from refwatch.model import events as ev
from refwatch.model import kept
from refwatch.model.allocations import BurstUse, FileUse, LineUse, MemorySplit, Mode, TracebackUse
from refwatch.model.references import Site
from refwatch.model.wire import encode_line, event_decoder
from refwatch.session import allocations as module
from refwatch.session.allocations import Allocations
from refwatch.session.backlog import Backlog
from refwatch.session.series import Series
from refwatch.session.state import State

PID = 42
MODES: tuple[Mode, ...] = ("exact", "burst", "off")


class Heap:
    """A session made up at random, in which all happens that can happen to allocations."""

    def __init__(self, seed: int, ticks: int) -> None:
        self.rng = random.Random(seed)
        self.ticks = ticks
        self.at = 0.0
        self.sites = 0
        self.tracebacks = 0
        self.count = 0

    def events(self) -> Iterator[ev.Event]:
        yield ev.TargetStarted(0.0, PID, ["x.py"], "/py", "/tmp", "2026-01-01T00:00:00Z", "0")
        for _ in range(self.ticks):
            self.at = round(self.at + 0.2, 6)
            yield from self.something()
        yield ev.TargetExited(self.at, PID, 0)
        yield ev.WatchEnded(self.at, "the target ended")

    def something(self) -> Iterator[ev.Event]:
        draw = self.rng.random()
        if draw < 0.3:
            yield from self.numbered()
        elif draw < 0.7:
            yield self.burst()
        else:
            yield self.rng.choice((self.traces, self.rare, self.split))()

    def numbered(self) -> Iterator[ev.Event]:
        new = self.rng.randrange(1, 6)
        sites = [Site(f"/f{n % 7}.py", n, "f") for n in range(self.sites, self.sites + new)]
        yield ev.SitesSeen(self.at, PID, self.sites, sites)
        self.sites += new
        tracebacks = [[self.rng.randrange(self.sites) for _ in range(3)] for _ in range(new)]
        yield ev.TracebacksSeen(self.at, PID, self.tracebacks, tracebacks)
        self.tracebacks += new

    def some(self) -> list[int]:
        """Tracebacks, one of which nobody has described."""
        newest = range(max(0, self.tracebacks - 60), self.tracebacks + 1)
        return self.rng.sample(newest, min(len(newest), 12))

    def burst(self) -> ev.Event:
        uses = [
            BurstUse(one, *(round(self.rng.random() * 1000, 3) for _ in range(6)))
            for one in self.some()
        ]
        window_s = self.rng.choice([0.0, 0.05, 0.07])
        return ev.BurstMeasured(self.at, PID, window_s, 0.5, uses, len(uses))

    def traces(self) -> ev.Event:
        if self.rng.random() < 0.2:
            return ev.TracesFailed(self.at, PID, f"because {self.at}", self.rng.choice([None, 5.0]))
        self.count += 1
        some, size = self.some(), self.rng.randrange(10**6)
        return ev.TracesTaken(
            self.at - self.rng.choice([0.0, 0.5]),
            PID,
            self.count,
            9,
            size,
            2 * size,
            len(some),
            0.001,
            0.1,
            [LineUse(one, size, 3) for one in some],
            [FileUse(f"/f{one % 7}.py", size, 3) for one in some],
            [TracebackUse(one, size, 3) for one in some],
        )

    def split(self) -> ev.Event:
        parts = [self.rng.randrange(10**9) for _ in range(6)]
        unknown = self.rng.choice([parts[2], None])
        split = MemorySplit(sum(parts), parts[0], parts[1], unknown, unknown, parts[4], parts[5], 3)
        return ev.MemoryMeasured(self.at, PID, split)

    def rare(self) -> ev.Event:
        if self.rng.random() < 0.5:
            return ev.Marked(self.at, f"mark {self.at}")
        mode, note = self.rng.choice(MODES), self.rng.choice(["", "the target's own"])
        return ev.AllocationsSwitched(self.at, PID, mode, self.rng.randrange(1, 4), note)


def plain(value: object) -> object:
    """A value in which every difference shows that is one."""
    if isinstance(value, Series):
        return value.span, value.points()
    if is_dataclass(value):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, list) else value


def allocations_of(state: State) -> Allocations:
    assert state.main is not None
    return state.main.allocations


def same(full: State, late: State) -> None:
    expected, found = allocations_of(full), allocations_of(late)
    for field in fields(expected):
        assert plain(getattr(found, field.name)) == plain(getattr(expected, field.name)), field.name
    assert list(late.notes) == list(full.notes)


def late_viewer(backlog: Backlog, state: State) -> State:
    late = State()
    for event in backlog.events(state):
        late.apply(event_decoder.decode(encode_line(event)))
    return late


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bounds that a short session reaches."""
    monkeypatch.setattr(module, "KEEP_GROUPS", 40)
    monkeypatch.setattr(module, "KEEP_NUMBERED", 100)


@pytest.mark.parametrize("seed", range(8))
def test_at_any_moment_all_is_there(seed: int) -> None:
    full, backlog = State(), Backlog()
    for count, event in enumerate(Heap(seed, 400).events()):
        full.apply(event)
        backlog.add(event)
        if count % 61 == 0:
            same(full, late_viewer(backlog, full))
    same(full, late_viewer(backlog, full))


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("seed", range(4))
def test_also_with_more_than_is_kept_and_what_comes_next_is_folded_alike(seed: int) -> None:
    full, backlog, late = State(), Backlog(), State()
    for count, event in enumerate(Heap(seed, 3000).events()):
        full.apply(event)
        backlog.add(event)
        if count == 1500:
            late = late_viewer(backlog, full)
            same(full, late)
        elif count > 1500:
            late.apply(event)
    same(full, late)
    known = allocations_of(full)
    assert max(len(groups) for groups in known.tallies.values()) <= 80
    assert len(known.baselines) > 2


def test_a_viewer_of_a_viewer_has_it_too() -> None:
    full, backlog = State(), Backlog()
    for event in Heap(1, 400).events():
        full.apply(event)
        backlog.add(event)
    second, again = State(), Backlog()
    for event in backlog.events(full):
        second.apply(event)
        again.add(event)
    same(second, late_viewer(again, second))


def test_figures_that_have_not_changed_since_a_mark_are_sent_once() -> None:
    full, backlog = State(), Backlog()
    heap = Heap(2, 300)
    for event in heap.events():
        full.apply(event)
        backlog.add(event)
    for name in ("before", "last"):
        full.apply(heap.burst())
        allocations_of(full).mark(heap.at, name)
    sent = [event for event in backlog.events(full) if isinstance(event, kept.TallyKept)]
    assert [event.name for event in sent[-2:]] == ["last", None]
    assert 0 < len(sent[-2].lines) < len(allocations_of(full).tallies[module.By.LINE])
    assert sent[0].lines == sent[-1].lines == []


@pytest.mark.timed
def test_the_backlog_of_a_large_program_is_there_at_once() -> None:
    """The daemon makes it in its loop; and a viewer that falls 32 MB behind is let go."""
    full, backlog = State(), Backlog()

    def take(event: ev.Event) -> None:
        full.apply(event)
        backlog.add(event)

    take(ev.TargetStarted(0.0, PID, [], "", "", "", "0"))
    take(ev.SitesSeen(0.0, PID, 0, [Site(f"/f{n % 500}.py", n, "f") for n in range(4000)]))
    take(ev.TracebacksSeen(0.0, PID, 0, [[n, (7 * n) % 4000, 3, 4, 5] for n in range(4000)]))
    rng = random.Random(1)
    for tick in range(1, 61):
        uses = [
            BurstUse(n, *(rng.random() * 1000 for _ in range(6)))
            for n in (rng.sample(range(4000), 300) if tick > 1 else range(4000))
        ]
        take(ev.BurstMeasured(float(tick), PID, 0.05, 1.0, uses))
        if tick % 5 == 0:
            take(ev.Marked(float(tick), f"mark {tick}"))
    began = time.process_time()
    size = sum(len(encode_line(event)) for event in backlog.events(full))
    assert time.process_time() - began < 1.0
    assert size < 16 << 20, f"{size >> 20} MiB"
