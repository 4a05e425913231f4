"""Simulated sessions: events as a daemon would send them, with no process behind them.

Deterministic: the same arguments give the same events. Four CPU threads take turns on the GIL every
five milliseconds by default, beside a main thread that joins them and one that reads a socket.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from msgspec.structs import replace

from refwatch.readings.threads.states import ThreadState, encode_runs
from refwatch.session import events as ev
from refwatch.session.events import Event
from refwatch.wire.event import MAIN, SESSION

PID = 4242
SLICE_S = 0.1
SCRIPT = "/home/app/threads_cpu.py"
LINES = (
    (1, SCRIPT, 21, "crunch"),
    (2, SCRIPT, 22, "crunch"),
    (3, SCRIPT, 24, "crunch"),
    (4, "/usr/lib/python3.12/threading.py", 1149, "_wait_for_tstate_lock"),
    (5, SCRIPT, 40, "main"),
    (6, SCRIPT, 51, "<module>"),
    (7, "/usr/lib/python3.12/threading.py", 1012, "run"),
    (8, "/usr/lib/python3.12/socket.py", 707, "readinto"),
    (9, "/usr/lib/python3.12/zlib_user.py", 9, "squeeze"),
)

PATHS = [
    (1, 0, 7), (2, 1, 1), (3, 1, 2), (4, 1, 3), (5, 0, 6), (6, 5, 5), (7, 6, 4), (8, 1, 8),
]  # fmt: skip
PATH_OF = {line: node for node, _, line in PATHS}

Runs = list[tuple[ThreadState, int]]
"""(state, microseconds)"""


@dataclass
class Simulation:
    """What to simulate; times in seconds."""

    seconds: float = 10.0
    workers: int = 4
    idlers: int = 0
    """Sleeping threads beside them."""
    seed: int = 7
    interval_us: int = 5000
    names: tuple[str, ...] = ()
    """Of the workers, where they are not to be ``worker-N``."""
    terminal: bool = True
    exit_code: int | None = 0
    ends: bool = False
    load: float = 0.97
    """CPUs in use by user code."""
    _turn: int = 0
    _left_us: int = 5000
    _cpu: dict[int, float] = field(default_factory=dict)

    def events(self) -> Iterator[Event]:
        """The whole session."""
        yield from self.start()
        slices = round(self.seconds / SLICE_S)
        for number in range(1, slices + 1):
            yield from self.slice(number)
        if self.ends:
            yield ev.TargetExited(at=self.seconds, process=MAIN, exit_code=self.exit_code)
            yield ev.SessionEnded(at=self.seconds, reason="the target has ended")

    def start(self) -> Iterator[Event]:
        """The target, its interpreter, its threads and lines."""
        argv = ["/home/app/threads_cpu.py", "--threads", str(self.workers)]
        yield ev.TargetStarted(
            at=0.0,
            process=MAIN,
            pid=PID,
            argv=argv,
            executable="/usr/bin/python3.12",
            cwd="/home/app",
            started_at="2026-11-22T12:00:00Z",
            refwatch="0.1.0",
            terminal=self.terminal,
        )
        yield ev.InterpreterFound(
            at=0.09,
            process=MAIN,
            python="3.12.7",
            free_threaded=False,
            gil=True,
            switch_interval_s=0.005,
        )
        for line, file, number, function in LINES:
            yield ev.LineSeen(
                at=0.1, process=MAIN, line=line, file=file, number=number, function=function
            )
        yield ev.PathsSeen(at=0.1, process=MAIN, nodes=PATHS)
        yield from self._thread(1, "MainThread")
        yield from self._thread(2, "reader")
        for index in range(self.workers):
            name = self.names[index] if index < len(self.names) else f"worker-{index + 1}"
            yield from self._thread(10 + index, name)
        for index in range(self.idlers):
            yield from self._thread(1000 + index, f"idle-{index + 1}")

    def _thread(self, serial: int, name: str) -> Iterator[Event]:
        yield ev.ThreadStarted(
            at=0.1, serial=serial, process=MAIN, tid=70_000 + serial, ident=0x7F0000000000 + serial
        )
        yield ev.ThreadNamed(at=0.1, process=MAIN, serial=serial, name=name, daemon=serial == 2)

    def slice(self, number: int) -> Iterator[Event]:
        """What comes in for the slice of that number, from 1 on."""
        at = number * SLICE_S
        dice = random.Random(self.seed * 1_000_003 + number)
        runs, handoffs = self._gil_runs(dice)
        threads = [self._worker(10 + index, each) for index, each in enumerate(runs)]
        threads.append(self._still(1, ThreadState.LOCK_WAIT, [4, 5, 6], number))
        threads.append(self._still(2, ThreadState.IO_WAIT, [8, 7], number))
        threads += [
            self._still(1000 + index, ThreadState.SLEEP, [7], number)
            for index in range(self.idlers)
        ]
        waiting = max(0, self.workers - 1)
        gil = ev.GilSlice(
            held_s=0.0995 if runs else 0.0,
            wait_s=0.0985 * waiting,
            handoffs=handoffs,
            interval_s=0.005,
        )
        yield ev.Sampled(
            at=at,
            process=MAIN,
            span_s=SLICE_S,
            samples=100,
            gil=gil,
            threads=threads,
            rate_hz=1000.0,
        )
        if number % 5 == 0:
            yield from self._slow_readings(at, number, dice)

    def _slow_readings(self, at: float, number: int, dice: random.Random) -> Iterator[Event]:
        rss = 18_000_000 + number * 40_000 + dice.randrange(400_000)
        yield ev.ProcessMeasured(
            at=at,
            process=MAIN,
            rss=rss,
            peak_rss=rss + 1_000_000,
            user_s=at * self.load,
            system_s=at * 0.02,
            uss=rss - 9_000_000,
        )
        yield ev.CostMeasured(
            at=at,
            process=MAIN,
            probe_cpu_s=0.0104,
            probe_gil_held_s=0.0071,
            daemon_cpu_s=at * 0.041,
        )
        collections = [
            ev.GcGeneration(collections=number, collected=number * 3, uncollectable=0),
            ev.GcGeneration(collections=number // 10, collected=0, uncollectable=0),
            ev.GcGeneration(collections=number // 40, collected=0, uncollectable=0),
        ]
        yield ev.GcMeasured(at=at, process=MAIN, generations=collections)
        if self.terminal:
            yield ev.OutputWritten(
                at=at, data=f"\x1b[32mround {number // 5}\x1b[0m of \x1b[1mmany\x1b[0m\r\n"
            )

    def _gil_runs(self, dice: random.Random) -> tuple[list[Runs], int]:
        """For each worker its runs of one slice: one holds, the others wait, in turn."""
        count = self.workers
        runs: list[Runs] = [[] for _ in range(count)]
        rest = round(SLICE_S * 1e6)
        handoffs = 0
        while rest > 0 and count:
            piece = min(self._left_us, rest)
            for index in range(count):
                state = ThreadState.GIL_HELD if index == self._turn else ThreadState.GIL_WAIT
                _append(runs[index], state, piece)
            rest -= piece
            self._left_us -= piece
            if self._left_us == 0:
                handoffs += count > 1
                self._left_us = self.interval_us + dice.randrange(400)
                self._turn = (self._turn + dice.choice((1, 1, 1, 2, 3))) % count
        return runs, handoffs

    def _worker(self, serial: int, runs: Runs) -> ev.ThreadSlice:
        states = _seconds(runs)
        held = states.get(ThreadState.GIL_HELD, 0.0)
        waited = states.get(ThreadState.GIL_WAIT, 0.0)
        self._cpu[serial] = self._cpu.get(serial, 0.0) + held
        hot = [(1, ThreadState.GIL_HELD, held * 0.7), (2, ThreadState.GIL_HELD, held * 0.3)]
        hot += [(1, ThreadState.GIL_WAIT, waited * 0.9), (3, ThreadState.GIL_WAIT, waited * 0.1)]
        return ev.ThreadSlice(
            serial=serial,
            samples=100,
            states=states,
            runs=encode_runs(runs),
            paths=[(PATH_OF[line], state, seconds) for line, state, seconds in hot],
            stack=[1 + serial % 3, 7],
            cpu_s=self._cpu[serial],
            voluntary_switches=len(runs),
            involuntary_switches=3,
        )

    def _still(
        self, serial: int, state: ThreadState, stack: list[int], number: int
    ) -> ev.ThreadSlice:
        runs: Runs = [(state, round(SLICE_S * 1e6))]
        return ev.ThreadSlice(
            serial=serial,
            samples=100,
            states={state: SLICE_S},
            runs=encode_runs(runs),
            paths=[(PATH_OF[stack[0]], state, SLICE_S)],
            stack=stack if number == 1 else None,
            cpu_s=0.002,
        )


def child(
    events: Iterable[Event],
    number: int,
    *,
    ppid: int = PID,
    method: str = "fork",
    began_s: float = 0.0,
) -> Iterator[Event]:
    """A simulated session as that of a child with this number, which began at ``began_s``."""
    for event in events:
        if event.process == SESSION:
            continue
        moved = replace(event, process=number, at=event.at + began_s)
        if isinstance(moved, ev.TargetStarted):
            pid = PID + number - MAIN
            moved = replace(moved, pid=pid, ppid=ppid, start_method=method, terminal=False)
        yield moved


def merged(*sessions: Iterable[Event]) -> list[Event]:
    """The events of several processes, by time."""
    return sorted((event for each in sessions for event in each), key=lambda event: event.at)


def pool(seconds: float = 6.0) -> list[Event]:
    """A program that waits for four children: two hold their GILs all the time, in one of them two
    threads take turns; one sleeps; one was killed."""
    waiting, working = Simulation(seconds, workers=0, load=0.01), Simulation(seconds - 0.2, 1)
    turns = Simulation(seconds - 0.2, 2, seed=3)
    asleep = Simulation(seconds - 0.2, 0, idlers=1, load=0.0)
    killed = Simulation(0.5, 1, ends=True, exit_code=137)
    return merged(
        waiting.events(),
        child(working.events(), 2, began_s=0.2),
        child(turns.events(), 3, began_s=0.2),
        child(asleep.events(), 4, began_s=0.2),
        child(killed.events(), 5, began_s=0.2),
    )


def _append(runs: Runs, state: ThreadState, micros: int) -> None:
    if runs and runs[-1][0] is state:
        runs[-1] = (state, runs[-1][1] + micros)
    else:
        runs.append((state, micros))


def _seconds(runs: Runs) -> dict[ThreadState, float]:
    states: dict[ThreadState, float] = {}
    for state, micros in runs:
        states[state] = states.get(state, 0.0) + micros / 1e6
    return states
