"""Sessions in which a test waits for what the daemon has seen of references, and asks for more."""

from __future__ import annotations

import contextlib
import socket
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING

import pytest

from refwatch.export.schema_types import ClassCount, Snapshot, Watched
from refwatch.readings.objects.events import ReferrersFound
from refwatch.readings.objects.records import ClassRecord, WatchedRecord
from refwatch.readings.objects.state import References
from refwatch.session.events import event_decoder
from refwatch.session.state import State
from refwatch.wire.codec import LineReader, encode_line
from refwatch.wire.commands import Command, EndInspection, FindChains, Inspect, TakeCensus
from refwatch.wire.heap_values import ChainLink

if TYPE_CHECKING:
    from tests.e2e.conftest import Argument, Bench, Done, Running

LIMIT_S = 90.0  # for anything that must happen; reached only when it does not
READINGS_S = 0.25  # in which everything is read at least twice
IMMORTAL = sys.version_info >= (3, 12)  # small integers, None and the like are never freed

WAIT = "import sys\ndef wait():\n    sys.stdin.readline()\n"
"""The beginning of a target that goes on when it is told so: one ``go`` for each ``wait()``."""


def last_name(name: str) -> str:
    """``value`` of ``__main__.holder.value``."""
    return name.rpartition(".")[2]


class Watching:
    """A target under watch, and a viewer that has asked the daemon for its events."""

    def __init__(self, bench: Bench, running: Running) -> None:
        self.bench = bench
        self.running = running
        self.state = State()
        self._lines = LineReader(event_decoder())
        self._viewer = socket.socket(socket.AF_UNIX)
        self._viewer.settimeout(LIMIT_S)

    def connect(self) -> None:
        end = time.monotonic() + LIMIT_S
        name = f"refwatch/{self.running.pid}-*/viewer.sock"
        while not (found := list(self.bench.runtime.glob(name))):
            if self.running.process.poll() is not None or time.monotonic() > end:
                pytest.fail(f"there is no session: {self.running.end()}")
            time.sleep(0.01)
        self._viewer.connect(str(found[0]))

    def close(self) -> None:
        self._viewer.close()

    @property
    def references(self) -> References:
        """What is known of the target's references."""
        main = self.state.main
        return References() if main is None else main.references

    @property
    def limits(self) -> dict[str, str]:
        """What the daemon has said is missing."""
        main = self.state.main
        return {} if main is None else main.limits

    def wait(self, met: Callable[[References], object], what: str) -> None:
        """Until what the daemon has seen meets the condition."""
        end = time.monotonic() + LIMIT_S
        while not met(self.references):
            self._read(end, what)

    def settle(self) -> None:
        """Until everything has been read again."""
        since, end = self.state.now, time.monotonic() + LIMIT_S
        while self.state.now < since + READINGS_S:
            self._read(end, "two more readings")

    def _read(self, end: float, what: str) -> None:
        try:
            data = self._viewer.recv(1 << 16)
        except TimeoutError:
            data = b""
        if not data or time.monotonic() > end:
            pytest.fail(f"waited in vain for {what}; this was seen: {self.seen()}")
        for event in self._lines.feed(data):
            self.state.apply(event)

    def seen(self) -> str:
        """For the message of a test that fails."""
        known = self.references
        watched = {
            f"{one.found.name} ({one.found.type})": "dead" if one.died else one.references
            for one in list(known.watched.values())[:40]
        }
        classes = {
            f"{one.module}.{one.name}": one.instances for one in list(known.classes.values())[-40:]
        }
        census = known.census
        notes = [note.text for note in self.state.notes]
        return (
            f"watched {watched}; classes {classes}; {census.taken} censuses, the last of "
            f"{census.objects} objects at {census.taken_s:.1f} s; {known.failure}; "
            f"now {self.state.now:.1f} s; {notes}; {self.limits}"
        )

    # What is said

    def go(self) -> None:
        """Let the target go on from its ``wait()``."""
        self.running.say("go\n")

    def ask(self, command: Command) -> None:
        self._viewer.sendall(encode_line(command))

    def censuses(self, count: int) -> None:
        """Until so many have been taken; they are asked for, so that nobody waits for the next."""
        for number in range(1, count + 1):
            if number > 1 and self.references.census.taken < number:
                self.ask(TakeCensus())
            self.wait(partial(_taken, number), f"census {number}")

    def recount(self) -> None:
        """A census that has begun after all that is known now."""
        since = self.state.now
        self.ask(TakeCensus())
        self.wait(lambda known: known.census.taken_s > since, "a census from now on")

    def chains(self, module: str, name: str) -> list[list[ChainLink]]:
        """Who keeps instances of this class alive, as it is found out now."""
        before = self.references.chains.get((module, name))
        self.ask(FindChains(work=f"chains of {name}", module=module, name=name))
        self.wait(
            lambda known: known.chains.get((module, name)) is not before, f"the chains of {name}"
        )
        return self.references.chains[module, name].chains

    def inspect(self, name: str) -> ReferrersFound:
        """Who refers to the newest watched object of this name, as it is found out now."""
        tree = f"referrers of {name}"
        self.ask(Inspect(inspection=tree, watch=self.watched(name).found.watch))
        self.wait(lambda known: tree in known.inspections, tree)
        found = self.references.inspections[tree]
        assert found.ended is None, found
        self.ask(EndInspection(inspection=tree))
        return found.nodes[0]

    # What is asked

    def watched(self, name: str) -> WatchedRecord:
        """The newest of this name."""
        found = [
            one for one in self.references.watched.values() if last_name(one.found.name) == name
        ]
        return max(found, key=lambda one: one.found.watch)

    def has(self, name: str, count: int) -> Callable[[References], bool]:
        """Whether the newest watched object of this name has so many references, and lives."""

        def met(known: References) -> bool:
            found = [one for one in known.watched.values() if last_name(one.found.name) == name]
            newest = max(found, key=lambda one: one.found.watch, default=None)
            return newest is not None and not newest.died and newest.references == count

        return met

    def reaches(self, name: str, count: int) -> None:
        """Until it has so many references, and has them still a little later."""
        self.wait(self.has(name, count), f"{count} references of {name}")
        self.settle()
        assert self.watched(name).references == count, self.seen()

    def dies(self, *names: str) -> None:
        def met(_: References) -> bool:
            return all(self.watched(name).died for name in names)

        self.wait(met, f"the end of {', '.join(names)}")

    def classes(self, name: str) -> list[ClassRecord]:
        """Those of this name."""
        known = self.references.classes.values()
        return [one for one in known if last_name(one.name) == name]

    def instances(self, **numbers: int) -> None:
        """Until each of these classes has so many instances, and has them still a little later."""

        def met(_: References) -> bool:
            return all(self.count(name) == number for name, number in numbers.items())

        self.wait(met, f"instances: {numbers}")
        self.settle()
        assert {name: self.count(name) for name in numbers} == numbers

    def count(self, name: str) -> int | None:
        """Live instances of all classes of this name; None where there is none."""
        own = [one for one in self.classes(name) if one.ended_s is None]
        return sum(one.instances for one in own) if own else None

    # The end

    def end(self, status: int = 0) -> tuple[Done, Snapshot]:
        """Wait for its end; what it said, and the snapshot."""
        done = self.running.end()
        assert done.status == status, done
        return done, self.bench.read_snapshot()


def _taken(number: int, known: References) -> bool:
    return known.census.taken >= number


@contextlib.contextmanager
def watching(bench: Bench, *words: Argument) -> Iterator[Watching]:
    """``refwatch --headless -o snapshot.json WORDS..``, and its events."""
    session = Watching(bench, bench.start_watched("-o", "snapshot.json", *words))
    try:
        session.connect()
        yield session
    finally:
        session.close()


def alike(bench: Bench, done: Done, *target: Argument) -> None:
    """Run the target plain, told to go on at once: output, errors and status must be the same."""
    plain = bench.plain(*target, stdin=b"go\n" * 100)
    assert done.lines == plain.lines
    assert done.own_err == plain.err
    assert done.status == plain.status


def watched_in(snapshot: Snapshot, name: str) -> list[Watched]:
    return [one for one in snapshot.processes[0].watched if last_name(one.name) == name]


def classes_in(snapshot: Snapshot, name: str) -> list[ClassCount]:
    return [one for one in snapshot.processes[0].classes if last_name(one.name) == name]


def counts_of(watched: Watched) -> list[int]:
    """The numbers of its series, each as often as it changed to it."""
    counts: list[int] = []
    for _, count in watched.series:
        if counts[-1:] != [count]:
            counts.append(count)
    return counts
