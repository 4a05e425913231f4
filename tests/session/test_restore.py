"""A late viewer knows of the references all that is known, and goes on as one that was there."""

from __future__ import annotations

import random
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import fields, is_dataclass

import pytest

from refwatch.model import events as ev
from refwatch.model.references import (
    ChainLink,
    Garbage,
    Largest,
    Referenced,
    Referrer,
    Site,
    TypeCount,
)
from refwatch.model.wire import encode_line, event_decoder
from refwatch.session.backlog import Backlog
from refwatch.session.references import KEEP_DEAD
from refwatch.session.state import KEEP_WORK, State
from refwatch.session.steps import Steps

PID = 42
SOURCES = ("main", "option", "script", "viewer")


class Heap:
    """A session made up at random, in which all happens that can happen to references."""

    def __init__(self, seed: int, ticks: int, busy: float = 0.3) -> None:
        self.rng = random.Random(seed)
        self.ticks = ticks
        self.busy = busy
        """Share of the ticks at which something rare happens."""
        self.at = 0.0
        self.serial = 0
        self.watched: list[int] = []
        self.classes: list[int] = []
        self.types: list[str] = []
        self.census = 0

    def events(self) -> Iterator[ev.Event]:
        yield ev.TargetStarted(0.0, PID, ["x.py"], "/py", "/tmp", "2026-01-01T00:00:00Z", "0")
        for _ in range(self.ticks):
            self.at = round(self.at + 0.05, 6)
            if self.rng.random() < self.busy:
                yield from self.something()
            yield ev.WatchedCounted(self.at, PID, self.some_counts(self.watched))
            yield ev.ClassesCounted(self.at, PID, self.some_counts(self.classes))
        yield ev.TargetExited(self.at, PID, 0)
        yield ev.WatchEnded(self.at, "the target ended")

    def some_counts(self, serials: list[int]) -> list[tuple[int, int]]:
        """Of one that is not known, too."""
        chosen = [serial for serial in serials if self.rng.random() < 0.3]
        return [(serial, self.rng.randrange(5)) for serial in [*chosen, 1 << 30]]

    def something(self) -> Iterator[ev.Event]:
        seen = (self.object, self.object, self.ends, self.kind, self.kind, self.counted)
        told = (self.looked_into, self.told, self.worked)
        yield from self.rng.choice([*seen, *told])()

    def object(self) -> Iterator[ev.Event]:
        for _ in range(self.rng.randrange(1, 4)):
            self.serial += 1
            self.watched.append(self.serial)
            yield ev.WatchedFound(
                self.at, PID, self.serial, f"name {self.serial}", "list", hex(self.serial),
                self.rng.choice(SOURCES), self.rng.random() < 0.5, self.rng.random() < 0.1,
            )  # fmt: skip
        read = [ev.RawReading(self.rng.choice(self.watched), 3, 4), ev.RawReading(1 << 30, 1, 2)]
        yield ev.WatchedRead(self.at, PID, self.rng.randrange(2), read)

    def kind(self) -> Iterator[ev.Event]:
        self.serial += 1
        self.classes.append(self.serial)
        yield ev.ClassFound(self.at, PID, self.serial, "app", f"Class{self.serial % 40}")

    def ends(self) -> Iterator[ev.Event]:
        for _ in range(self.rng.randrange(1, 4)):
            if self.watched:
                gone = self.watched.pop(self.rng.randrange(len(self.watched)))
                yield ev.WatchedEnded(self.at, PID, gone, self.rng.random() < 0.8)
            if self.classes and self.rng.random() < 0.7:
                gone = self.classes.pop(self.rng.randrange(len(self.classes)))
                yield ev.ClassEnded(self.at, PID, gone)

    def counted(self) -> Iterator[ev.Event]:
        """A census: begun, and then taken or failed, or neither for now; a pause for other work."""
        self.census += 1
        yield ev.CensusBegun(self.at, PID, self.census, "interval", self.rng.random() / 100)
        draw = self.rng.random()
        if draw < 0.2:
            yield ev.CensusFailed(self.at, PID, f"because {self.at}", self.rng.choice([None, 5.0]))
        elif draw < 0.9:
            self.types.append(f"Type{len(self.types)}")
            changed = self.rng.sample(self.types, min(5, len(self.types)))
            counts = [TypeCount("app", name, self.rng.randrange(3), 64) for name in changed]
            most = [Referenced("dict", f"dict of {self.census}", "0x1", self.census)]
            garbage = Garbage(self.census, 9, counts) if self.census % 2 else None
            large = Largest("dict", self.census, 0.5, [ChainLink("module", name="m")], "0x9")
            yield ev.CensusTaken(
                self.at, PID, self.census, 0.1, 1000, counts, most, garbage=garbage, largest=[large]
            )
        yield ev.TargetPaused(self.at, PID, 0.001)

    def looked_into(self) -> Iterator[ev.Event]:
        name = f"inspection {self.rng.randrange(7)}"
        chain = [ChainLink("app.A", "value of key 1", address="0x1"), ChainLink("module", name="m")]
        seen = self.rng.choice([3, None])
        referrers = [Referrer(1, "dict", "dict", "0x3", ["key 1"], 1)]
        kept = self.rng.choice([[], [chain]])
        label = f"Class{self.rng.randrange(150)}"
        found: list[ev.Event] = [
            ev.ReferrersFound(
                self.at, PID, name, self.rng.randrange(9), "list", "[]", "0x2", 4, seen, referrers
            ),
            ev.InspectionEnded(self.at, PID, name, f"because {self.at}"),
            ev.ChainsFound(
                self.at, PID, "app", label, kept, [Site("/x.py", 3, "make")], "cut short", 7, 2
            ),
        ]
        yield self.rng.choice(found)

    def told(self) -> Iterator[ev.Event]:
        told: list[ev.Event] = [
            ev.Marked(self.at, f"mark {self.at}"),
            ev.GcPaused(self.at, PID, [(int(self.at), 0.1, 0.01), (0, 0.0, 0.0)]),
            ev.GraphWritten(self.at, [f"/tmp/{self.at}.dot"]),
            ev.Noted(self.at, "info", f"note {self.at}"),
        ]
        yield self.rng.choice(told)

    def worked(self) -> Iterator[ev.Event]:
        failure = self.rng.choice([None, None, "it was cancelled"])
        work = f"work {self.rng.randrange(2 * KEEP_WORK)}"
        yield ev.WorkProgressed(self.at, PID, work, "looking", 0.5, failure is not None, failure)


def plain(value: object) -> object:
    """A value in which every difference shows, the order in a dict too."""
    if isinstance(value, Steps):
        return value.limit, value.times(), value.counts()
    if is_dataclass(value):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, dict):
        return [(key, plain(item)) for key, item in value.items()]
    if isinstance(value, deque | list):
        return [plain(item) for item in value]
    return value


def same(full: State, late: State) -> None:
    assert full.main is not None
    assert late.main is not None
    expected, found = full.main.references, late.main.references
    for field in fields(expected):
        assert plain(getattr(found, field.name)) == plain(getattr(expected, field.name)), field.name
    assert plain(late.notes) == plain(full.notes)
    assert list(late.work.items()) == list(full.work.items())
    assert late.graph_paths == full.graph_paths
    assert late.marks == full.marks


def late_viewer(backlog: Backlog, state: State) -> State:
    late = State()
    for event in backlog.events(state):
        late.apply(event_decoder.decode(encode_line(event)))
    return late


@pytest.mark.parametrize("seed", range(8))
def test_at_any_moment_all_is_there(seed: int) -> None:
    full, backlog = State(), Backlog()
    for count, event in enumerate(Heap(seed, 600).events()):
        full.apply(event)
        backlog.add(event)
        if count % 97 == 0:
            same(full, late_viewer(backlog, full))
    same(full, late_viewer(backlog, full))


def test_also_after_a_long_time_with_more_than_is_kept() -> None:
    full, backlog = State(), Backlog()
    for event in Heap(5, 9000).events():
        full.apply(event)
        backlog.add(event)
    assert full.main is not None
    known = full.main.references
    dead = [one for one in known.watched.values() if one.ended_s is not None]
    gone = [one for one in known.classes.values() if one.ended_s is not None]
    assert (len(dead), len(gone)) == (KEEP_DEAD, KEEP_DEAD)
    assert len(known.baselines) > 2
    assert known.baselines[0].name == "start"
    same(full, late_viewer(backlog, full))


@pytest.mark.parametrize("seed", range(4))
def test_what_comes_next_is_folded_alike(seed: int) -> None:
    full, backlog, late = State(), Backlog(), State()
    for count, event in enumerate(Heap(seed, 3000).events()):
        full.apply(event)
        backlog.add(event)
        if count == 1500:
            late = late_viewer(backlog, full)
        elif count > 1500:
            late.apply(event)
    same(full, late)


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


def test_the_backlog_of_a_large_program_is_there_at_once() -> None:
    """The daemon makes it in its loop; and a viewer that falls 32 MB behind is let go."""
    full, backlog = State(), Backlog()

    def take(event: ev.Event) -> None:
        full.apply(event)
        backlog.add(event)

    take(ev.TargetStarted(0.0, PID, [], "", "", "", "0"))
    for serial in range(5000):
        take(ev.WatchedFound(0.0, PID, serial, f"name {serial}", "list", hex(serial), "main"))
    for serial in range(2000):
        take(ev.ClassFound(0.0, PID, serial, "app", f"Class{serial}"))
    for tick in range(1, 700):
        take(ev.WatchedCounted(tick / 20, PID, [(n, (n + tick) % 90) for n in range(5000)]))
        take(ev.ClassesCounted(tick / 20, PID, [(n, (n + tick) % 90) for n in range(2000)]))
    began = time.process_time()
    size = sum(len(encode_line(event)) for event in backlog.events(full))
    assert time.process_time() - began < 1.0
    assert size < 16 << 20
