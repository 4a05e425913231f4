"""An hour of a session, simulated: how much memory does refwatch keep of it?

    python benchmarks/hour.py [--hours 1]

Feeds the events of an hour, each coded and decoded as on the wire, to a state, which the daemon and
each viewer keep, and prints the growth of the resident memory in MB as JSON. The program that is
simulated has eight threads that run all the time, starts one more every second, has 5,000 lines of
code and prints.
"""

from __future__ import annotations

import argparse
import gc
import itertools
import json
import random
from collections.abc import Iterator

import psutil

from refwatch.readings.threads.states import ThreadState, encode_runs
from refwatch.session import codec
from refwatch.session import events as ev
from refwatch.session.events import event_decoder
from refwatch.session.state import State
from refwatch.wire.codec import encode_line
from refwatch.wire.event import MAIN

SLICE_S = 0.1
THREADS = 8
LINES = 5_000
PID = 4711

dice = random.Random(4711)
STATES = list(ThreadState)


def opening() -> Iterator[ev.Event]:
    yield ev.TargetStarted(
        at=0.0,
        process=MAIN,
        pid=PID,
        argv=["program.py"],
        executable="/usr/bin/python3",
        cwd="/",
        started_at="2026-01-01T00:00:00Z",
        refwatch="0",
        terminal=True,
    )
    yield ev.InterpreterFound(
        at=0.05,
        process=MAIN,
        python="3.13.0",
        free_threaded=False,
        gil=True,
        switch_interval_s=0.005,
    )
    for serial in range(THREADS):
        yield ev.ThreadStarted(
            at=0.1, serial=serial, process=MAIN, tid=PID + serial, ident=140_000_000 + serial
        )
        yield ev.ThreadNamed(
            at=0.1, process=MAIN, serial=serial, name=f"worker-{serial}", daemon=False
        )


def thread_slice(serial: int, lines: int, at: float) -> ev.ThreadSlice:
    """A tenth of a second: some 20 runs of states, three hot lines, a stack of ten frames."""
    cuts = sorted(dice.randrange(1, 100_000) for _ in range(19))
    edges = [0, *cuts, 100_000]
    runs = [(dice.choice(STATES), high - low) for low, high in itertools.pairwise(edges)]
    states: dict[ThreadState, float] = {}
    for state, micros in runs:
        states[state] = states.get(state, 0.0) + micros / 1e6
    hot = [(dice.randrange(lines), dice.choice(STATES), SLICE_S / 3) for _ in range(3)]
    stack = [dice.randrange(lines) for _ in range(10)]
    return ev.ThreadSlice(
        serial=serial,
        samples=100,
        states=states,
        runs=encode_runs(runs),
        hot=hot,
        stack=stack,
        cpu_s=at / 8,
        cpu_wait_s=at / 9,
        voluntary_switches=int(at * 50),
        involuntary_switches=int(at),
    )


def each_slice(number: int, lines: int) -> Iterator[ev.Event]:
    at = round(number * SLICE_S, 6)
    passing = THREADS + number // 10  # the serial of the thread that lives in this second
    if number % 10 == 0:
        yield ev.ThreadStarted(
            at=at,
            serial=passing,
            process=MAIN,
            tid=100_000 + passing % 30_000,
            ident=150_000_000 + passing,
        )
        yield ev.ThreadNamed(
            at=at, process=MAIN, serial=passing, name=f"request-{passing}", daemon=True
        )
        yield ev.GcMeasured(
            at=at,
            process=MAIN,
            generations=[ev.GcGeneration(collections=number, collected=3 * number, uncollectable=0)]
            * 3,
        )
        yield ev.CostMeasured(
            at=at, process=MAIN, probe_cpu_s=0.01, probe_gil_held_s=0.001, daemon_cpu_s=at * 0.08
        )
        yield ev.OutputWritten(at=at, data=f"{at:10.3f} a line that the program prints\r\n" * 10)
    serials = [*range(THREADS), passing]
    gil = ev.GilSlice(held_s=0.09, wait_s=0.3, handoffs=21, interval_s=0.005)
    pieces = [thread_slice(serial, lines, at) for serial in serials]
    yield ev.Sampled(
        at=at, process=MAIN, span_s=SLICE_S, samples=100, gil=gil, threads=pieces, rate_hz=1000.0
    )
    if number % 3 == 0:
        yield ev.ProcessMeasured(
            at=at,
            process=MAIN,
            rss=50 << 20,
            peak_rss=60 << 20,
            user_s=at * 0.9,
            system_s=at * 0.1,
            uss=40 << 20,
        )
    if number % 100 == 0:
        yield ev.Noted(at=at, level="info", text=f"something worth a line happened at {at:.1f}")
    if number % 10 == 9:
        yield ev.ThreadEnded(at=at, process=MAIN, serial=passing)


def session(hours: float) -> Iterator[ev.Event]:
    """All events of the session; its lines of code are met one after another in the first half."""
    yield from opening()
    slices, known = int(hours * 3600 / SLICE_S), 0
    for number in range(1, slices + 1):
        wanted = min(LINES, 50 + LINES * 2 * number // slices)
        while known < wanted:
            file = f"/usr/lib/python3/program/module_{known // 100}.py"
            yield ev.LineSeen(
                at=number * SLICE_S,
                process=MAIN,
                line=known,
                file=file,
                number=known % 100,
                function=f"function_{known // 10}",
            )
            known += 1
        yield from each_slice(number, known)


def main() -> None:
    parser = argparse.ArgumentParser(description="The memory that an hour of watching takes.")
    parser.add_argument("--hours", type=float, default=1.0)
    options = parser.parse_args()
    state = State()
    me = psutil.Process()
    gc.collect()
    before = top = me.memory_info().rss
    count = 0
    for event in session(options.hours):
        fresh = event_decoder().decode(encode_line(event))
        state.apply(fresh)
        count += 1
        if count % 1_000 == 0:
            top = max(top, me.memory_info().rss)
    after = me.memory_info().rss
    result = {
        "events": count,
        "growth_mb": (after - before) / 2**20,
        "peak_growth_mb": (max(top, after) - before) / 2**20,
        "rss_mb": after / 2**20,
        "encoded_mb": len(codec.encode(state)) / 2**20,
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
