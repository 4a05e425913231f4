"""Sessions made up at random, in which all happens that can happen to threads and the heap."""

from __future__ import annotations

import random
from collections.abc import Iterator

from refwatch.model import events as ev
from refwatch.model.allocations import BurstUse, FileUse, LineUse, MemorySplit, Mode, TracebackUse
from refwatch.model.references import ChainLink, Garbage, Referenced, Referrer, Site, TypeCount
from refwatch.model.states import ThreadState as S
from refwatch.model.states import encode_runs
from refwatch.session.state import KEEP_WORK

PID = 42
SOURCES = ("main", "option", "script", "viewer")
MODES: tuple[Mode, ...] = ("exact", "burst", "off")


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


class References:
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
            yield ev.CensusTaken(
                self.at, PID, self.census, 0.1, 1000, counts, most, garbage=garbage
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


class Allocations:
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
