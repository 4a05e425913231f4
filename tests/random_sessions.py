"""Sessions made up at random, in which all happens that can happen to threads and the heap."""

from __future__ import annotations

import random
from collections.abc import Iterator

from tests.sample_events import target_started

from refwatch.readings.allocations.types import (
    BurstUse,
    FileUse,
    LineUse,
    MemorySplit,
    TracebackUse,
)
from refwatch.readings.threads.states import ThreadState as S
from refwatch.readings.threads.states import encode_runs
from refwatch.session import events as ev
from refwatch.session.state import KEEP_WORK
from refwatch.wire.commands import Mode
from refwatch.wire.event import MAIN
from refwatch.wire.heap_values import ChainLink, Garbage, Referenced, Referrer, Site, TypeCount

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
        yield target_started()
        yield ev.InterpreterFound(
            at=0.0,
            process=MAIN,
            python="3.13",
            free_threaded=False,
            gil=self.has_gil,
            switch_interval_s=0.005,
        )
        yield from (
            ev.LineSeen(at=0.0, process=MAIN, line=n, file="/x.py", number=n, function=f"f{n}")
            for n in range(20)
        )
        yield from self.start_thread()
        for _ in range(self.slices):
            self.at += 0.1
            yield from self.something()
            yield self.sampled()
            if self.rng.random() < 0.4:
                yield self.measured()
        yield ev.TargetExited(at=self.at, process=MAIN, exit_code=3)
        yield ev.SessionEnded(at=self.at, reason="the target ended")

    def start_thread(self) -> Iterator[ev.Event]:
        self.serial += 1
        self.alive.append(self.serial)
        yield ev.ThreadStarted(
            at=self.at, serial=self.serial, process=MAIN, tid=100 + self.serial % 7
        )
        yield ev.ThreadNamed(
            at=self.at,
            process=MAIN,
            serial=self.serial,
            name=f"thread {self.serial}",
            daemon=self.rng.random() < 0.5,
        )

    def something(self) -> Iterator[ev.Event]:
        draw = self.rng.random()
        if draw < 0.1 and len(self.alive) < 12:
            yield from self.start_thread()
        elif draw < 0.18 and len(self.alive) > 1:
            yield ev.ThreadEnded(
                at=self.at, process=MAIN, serial=self.alive.pop(self.rng.randrange(len(self.alive)))
            )
        elif draw < 0.5:
            yield self.rng.choice(self.rare())

    def rare(self) -> list[ev.Event]:
        at, serial, name = self.at, self.rng.choice(self.alive), f"name {self.rng.randrange(9)}"
        return [
            ev.ThreadNamed(
                at=at,
                process=MAIN,
                serial=serial,
                name=name,
                daemon=self.rng.choice([None, True, False]),
            ),
            ev.Noted(at=at, level="info", text=f"note {at}"),
            ev.Marked(at=at, name=f"mark {at}"),
            ev.RateChanged(
                at=at,
                process=MAIN,
                rate_hz=self.rng.choice([500.0, 1000.0]),
                reason=f"because {at}",
            ),
            ev.ReadingLimited(
                at=at,
                process=MAIN,
                reading=f"reading {self.rng.randrange(5)}",
                reason=self.rng.choice("ab"),
            ),
            ev.OutputWritten(at=at, data=self.rng.choice("xyz") * self.rng.randrange(1, 9000)),
            ev.CostMeasured(
                at=at,
                process=MAIN,
                probe_cpu_s=at / 1000,
                probe_gil_held_s=at / 2000,
                daemon_cpu_s=at / 100,
            ),
            ev.GcMeasured(
                at=at,
                process=MAIN,
                generations=[ev.GcGeneration(collections=int(at), collected=2, uncollectable=3)],
            ),
            ev.SnapshotWritten(at=at, path=f"/tmp/{at}.json"),
            self.locks(),
            ev.LineSeen(
                at=at,
                process=MAIN,
                line=self.rng.randrange(40),
                file="/y.py",
                number=7,
                function="g",
            ),
        ]

    def locks(self) -> ev.LocksSeen:
        waits = [
            ev.LockWait(
                serial=serial,
                kind=self.rng.choice(["Lock", "RLock", "Condition", "Thread"]),
                address=self.rng.randrange(3) << 8,
                since_s=self.at / 2,
                owner=self.rng.choice([None, *self.alive, 99]),
                evidence=self.rng.choice(["", "recorded", "with"]),
                timed=self.rng.random() < 0.5,
            )
            for serial in self.alive
        ]
        circles = [self.alive[:2]] if self.rng.random() < 0.5 else []
        return ev.LocksSeen(at=self.at, process=MAIN, waits=waits, deadlocks=circles)

    def sampled(self) -> ev.Sampled:
        gil = ev.GilSlice(
            held_s=self.rng.random() / 10,
            wait_s=self.rng.random(),
            handoffs=self.rng.randrange(50),
            interval_s=0.005,
            longest_hold_s=self.rng.random(),
            longest_serial=self.rng.randrange(9),
            longest_line=self.rng.randrange(20),
            collecting_s=self.rng.choice([None, 0.0, 0.25]),
        )
        has_gil = self.has_gil and self.rng.random() < 0.9
        pieces = [self.piece(serial) for serial in self.alive]
        rate = self.rng.choice([0.0, 500.0, 1000.0])
        still = self.rng.random()
        return ev.Sampled(
            at=self.at,
            process=MAIN,
            span_s=0.1,
            samples=100,
            gil=gil if has_gil else None,
            threads=pieces,
            rate_hz=rate,
            torn=1,
            unmoved_s=still,
            collector=self.collections() if self.rng.random() < 0.2 else None,
        )

    def collections(self) -> ev.CollectorSlice:
        line, seconds = self.rng.choice([0, 1, 2]), self.rng.uniform(0.0, 0.5)
        return ev.CollectorSlice(
            pauses={self.rng.randrange(200): 2},
            longest_s=seconds,
            longest_line=line,
            lines=[(line, 2, 1.5 * seconds, seconds)],
        )

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
            serial=serial,
            samples=100,
            states=states,
            runs=encode_runs(runs),
            hot=hot,
            stack=stack,
            cpu_s=now / 3,
            cpu_wait_s=now / 9,
            voluntary_switches=int(now),
            involuntary_switches=int(now),
            holds_running_s=self.rng.randrange(8) / 64,
            holds_cpu_wait_s=self.rng.randrange(8) / 64,
            holds_blocked_s=self.rng.randrange(8) / 64,
            unmoved_s=self.rng.random(),
            loop_blocked=[(line, state, 1 / 64) for line, state, _ in hot[:1]],
        )

    def measured(self) -> ev.ProcessMeasured:
        uss = self.rng.randrange(10**6) if self.rng.random() < 0.3 else None
        rss = self.rng.randrange(10**6, 10**7)
        return ev.ProcessMeasured(
            at=self.at,
            process=MAIN,
            rss=rss,
            peak_rss=10**7,
            user_s=self.at * 0.9,
            system_s=self.at * 0.1,
            uss=uss,
        )


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
        yield target_started()
        for _ in range(self.ticks):
            self.at = round(self.at + 0.05, 6)
            if self.rng.random() < self.busy:
                yield from self.something()
            yield ev.WatchedCounted(at=self.at, process=MAIN, counts=self.some_counts(self.watched))
            yield ev.ClassesCounted(at=self.at, process=MAIN, counts=self.some_counts(self.classes))
        yield ev.TargetExited(at=self.at, process=MAIN, exit_code=0)
        yield ev.SessionEnded(at=self.at, reason="the target ended")

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
                at=self.at,
                process=MAIN,
                watch=self.serial,
                name=f"name {self.serial}",
                type="list",
                address=hex(self.serial),
                source=self.rng.choice(SOURCES),
                held=self.rng.random() < 0.5,
                immortal=self.rng.random() < 0.1,
            )
        read = [
            ev.RawReading(watch=self.rng.choice(self.watched), ctypes=3, getrefcount=4),
            ev.RawReading(watch=1 << 30, ctypes=1, getrefcount=2),
        ]
        yield ev.WatchedRead(at=self.at, process=MAIN, offset=self.rng.randrange(2), readings=read)

    def kind(self) -> Iterator[ev.Event]:
        self.serial += 1
        self.classes.append(self.serial)
        yield ev.ClassFound(
            at=self.at,
            process=MAIN,
            serial=self.serial,
            module="app",
            name=f"Class{self.serial % 40}",
        )

    def ends(self) -> Iterator[ev.Event]:
        for _ in range(self.rng.randrange(1, 4)):
            if self.watched:
                gone = self.watched.pop(self.rng.randrange(len(self.watched)))
                yield ev.WatchedEnded(
                    at=self.at, process=MAIN, watch=gone, died=self.rng.random() < 0.8
                )
            if self.classes and self.rng.random() < 0.7:
                gone = self.classes.pop(self.rng.randrange(len(self.classes)))
                yield ev.ClassEnded(at=self.at, process=MAIN, serial=gone)

    def counted(self) -> Iterator[ev.Event]:
        """A census: begun, and then taken or failed, or neither for now; a pause for other work."""
        self.census += 1
        yield ev.CensusBegun(
            at=self.at,
            process=MAIN,
            number=self.census,
            reason="interval",
            pause_s=self.rng.random() / 100,
        )
        draw = self.rng.random()
        if draw < 0.2:
            yield ev.CensusFailed(
                at=self.at,
                process=MAIN,
                reason=f"because {self.at}",
                retry_s=self.rng.choice([None, 5.0]),
            )
        elif draw < 0.9:
            self.types.append(f"Type{len(self.types)}")
            changed = self.rng.sample(self.types, min(5, len(self.types)))
            counts = [
                TypeCount(module="app", name=name, count=self.rng.randrange(3), size=64)
                for name in changed
            ]
            most = [
                Referenced(
                    type="dict",
                    label=f"dict of {self.census}",
                    address="0x1",
                    references=self.census,
                )
            ]
            garbage = (
                Garbage(objects=self.census, bytes=9, types=counts) if self.census % 2 else None
            )
            yield ev.CensusTaken(
                at=self.at,
                process=MAIN,
                number=self.census,
                took_s=0.1,
                objects=1000,
                types=counts,
                most_referenced=most,
                garbage=garbage,
            )
        yield ev.TargetPaused(at=self.at, process=MAIN, pause_s=0.001)

    def looked_into(self) -> Iterator[ev.Event]:
        name = f"inspection {self.rng.randrange(7)}"
        chain = [
            ChainLink(type="app.A", edge="value of key 1", address="0x1"),
            ChainLink(type="module", name="m"),
        ]
        seen = self.rng.choice([3, None])
        referrers = [
            Referrer(node=1, type="dict", label="dict", address="0x3", edges=["key 1"], count=1)
        ]
        kept = self.rng.choice([[], [chain]])
        label = f"Class{self.rng.randrange(150)}"
        found: list[ev.Event] = [
            ev.ReferrersFound(
                at=self.at,
                process=MAIN,
                inspection=name,
                node=self.rng.randrange(9),
                type="list",
                label="[]",
                address="0x2",
                references=4,
                seen=seen,
                referrers=referrers,
            ),
            ev.InspectionEnded(
                at=self.at, process=MAIN, inspection=name, reason=f"because {self.at}"
            ),
            ev.ChainsFound(
                at=self.at,
                process=MAIN,
                module="app",
                name=label,
                chains=kept,
                allocated_at=[Site(file="/x.py", line=3, function="make")],
                missing="cut short",
                looked=7,
                garbage=2,
            ),
        ]
        yield self.rng.choice(found)

    def told(self) -> Iterator[ev.Event]:
        told: list[ev.Event] = [
            ev.Marked(at=self.at, name=f"mark {self.at}"),
            ev.GcPaused(
                at=self.at, process=MAIN, generations=[(int(self.at), 0.1, 0.01), (0, 0.0, 0.0)]
            ),
            ev.GraphWritten(at=self.at, process=MAIN, paths=[f"/tmp/{self.at}.dot"]),
            ev.Noted(at=self.at, level="info", text=f"note {self.at}"),
        ]
        yield self.rng.choice(told)

    def worked(self) -> Iterator[ev.Event]:
        failure = self.rng.choice([None, None, "it was cancelled"])
        work = f"work {self.rng.randrange(2 * KEEP_WORK)}"
        yield ev.WorkProgressed(
            at=self.at,
            process=MAIN,
            work=work,
            text="looking",
            share=0.5,
            done=failure is not None,
            failure=failure,
        )


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
        yield target_started()
        for _ in range(self.ticks):
            self.at = round(self.at + 0.2, 6)
            yield from self.something()
        yield ev.TargetExited(at=self.at, process=MAIN, exit_code=0)
        yield ev.SessionEnded(at=self.at, reason="the target ended")

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
        sites = [
            Site(file=f"/f{n % 7}.py", line=n, function="f")
            for n in range(self.sites, self.sites + new)
        ]
        yield ev.SitesSeen(at=self.at, process=MAIN, first=self.sites, sites=sites)
        self.sites += new
        tracebacks = [[self.rng.randrange(self.sites) for _ in range(3)] for _ in range(new)]
        yield ev.TracebacksSeen(
            at=self.at, process=MAIN, first=self.tracebacks, tracebacks=tracebacks
        )
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
        return ev.BurstMeasured(
            at=self.at, process=MAIN, window_s=window_s, span_s=0.5, uses=uses, samples=len(uses)
        )

    def traces(self) -> ev.Event:
        if self.rng.random() < 0.2:
            return ev.TracesFailed(
                at=self.at,
                process=MAIN,
                reason=f"because {self.at}",
                retry_s=self.rng.choice([None, 5.0]),
            )
        self.count += 1
        some, size = self.some(), self.rng.randrange(10**6)
        return ev.TracesTaken(
            at=self.at - self.rng.choice([0.0, 0.5]),
            process=MAIN,
            number=self.count,
            frames=9,
            traced=size,
            peak=2 * size,
            blocks=len(some),
            pause_s=0.001,
            took_s=0.1,
            lines=[LineUse(site=one, size=size, count=3) for one in some],
            files=[FileUse(file=f"/f{one % 7}.py", size=size, count=3) for one in some],
            tracebacks=[TracebackUse(traceback=one, size=size, count=3) for one in some],
        )

    def split(self) -> ev.Event:
        parts = [self.rng.randrange(10**9) for _ in range(6)]
        unknown = self.rng.choice([parts[2], None])
        split = MemorySplit(
            rss=sum(parts),
            python_used=parts[0],
            python_free=parts[1],
            c_used=unknown,
            c_free=unknown,
            files=parts[4],
            other=parts[5],
            arenas=3,
        )
        return ev.MemoryMeasured(at=self.at, process=MAIN, split=split)

    def rare(self) -> ev.Event:
        if self.rng.random() < 0.5:
            return ev.Marked(at=self.at, name=f"mark {self.at}")
        mode, note = self.rng.choice(MODES), self.rng.choice(["", "the target's own"])
        return ev.AllocationsSwitched(
            at=self.at, process=MAIN, mode=mode, frames=self.rng.randrange(1, 4), note=note
        )
