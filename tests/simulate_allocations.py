"""Simulated allocations: sites and tracebacks, exact traces, bursts, where the memory is.

Deterministic, and in the order of ``at``. The program behind them is a small server: a cache leaks
``LEAK_PER_S`` bytes a second from the start, an index of ``INDEX`` bytes was built at 1 s, requests
allocate much and keep nothing. Marks come at 4 s and at 8 s, a count of the traces every 2 seconds
and at the marks, a window of burst mode every quarter of a second, memory is split each second.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import exp
from operator import attrgetter

from tests.simulate import Simulation

from refwatch.readings.allocations.types import (
    BurstUse,
    FileUse,
    LineUse,
    MemorySplit,
    TracebackUse,
)
from refwatch.session import events as ev
from refwatch.session.events import Event
from refwatch.wire.commands import Mode
from refwatch.wire.event import MAIN
from refwatch.wire.heap_values import Site

HOME = "/home/app"
"""The folder in which the simulated target runs."""
PYTHON = "/usr/lib/python3.12"
LEAK_PER_S = 1_500_000
INDEX = 9_000_000
MARKS = ((4.0, "warm"), (8.0, "busy"))
COUNT_S, WINDOW_S, WINDOW_EVERY_S, MEMORY_S = 2.0, 0.02, 0.25, 1.0
SEEN = 0.1
"""The share of the blocks in a window that are looked at."""

SITES = (
    ("app/cache.py", 21, "put"),  # 1
    ("app/cache.py", 34, "answer"),  # 2
    ("app/index.py", 58, "build"),  # 3
    ("app/parse.py", 17, "rows"),  # 4
    ("app/parse.py", 22, "rows"),  # 5
    ("app/server.py", 90, "handle"),  # 6
    ("app/server.py", 44, "serve"),  # 7
    ("app/report.py", 12, "render"),  # 8
    (f"{PYTHON}/json/decoder.py", 353, "raw_decode"),  # 9
    (f"{PYTHON}/json/decoder.py", 337, "decode"),  # 10
    (f"{PYTHON}/site-packages/attr/_make.py", 611, "__init__"),  # 11
    ("<frozen importlib._bootstrap_external>", 752, "_compile_bytecode"),  # 12
    (f"{PYTHON}/threading.py", 1012, "run"),  # 13
    ("main.py", 9, "<module>"),  # 14
    (f"{PYTHON}/re/_parser.py", 112, "__init__"),  # 15
)
"""(file, line, function); their place from 1 on is their number. Files that do not begin with / or
< are in the target's folder."""


@dataclass(frozen=True)
class Flow:
    """What one traceback does: bytes and blocks live at a time, and what it allocates per second.
    ``sites``: innermost first."""

    sites: tuple[int, ...]
    base: int = 0
    """Bytes that stay, once they are there."""
    leak: int = 0
    """Bytes more per second."""
    churn: int = 0
    """Bytes per second that are freed again at once."""
    each: int = 120
    """Bytes of a block."""

    def live(self, at: float) -> int:
        """Bytes at this time."""
        return round(self.base * (1 - exp(-at)) + self.leak * at)


FLOWS = (
    Flow((1, 2, 6, 7, 14), leak=LEAK_PER_S, churn=200_000, each=512),
    Flow((1, 2, 8, 14), base=700_000, leak=40_000, each=512),
    Flow((3, 14), base=INDEX, each=96),
    Flow((4, 6, 7, 14), base=300_000, churn=9_000_000, each=160),
    Flow((5, 6, 7, 14), base=120_000, churn=2_500_000, each=72),
    Flow((9, 10, 4, 6, 7, 14), base=1_800_000, churn=5_200_000, each=230),
    Flow((11, 4, 6, 7, 14), base=640_000, churn=600_000, each=88),
    Flow((12, 14), base=4_100_000, each=310),
    Flow((15, 8, 14), base=210_000, churn=90_000, each=64),
    Flow((8, 14), base=90_000, churn=30_000, each=1024),
    Flow((13, 7, 14), base=14_000, each=56),
)
"""Their place from 1 on is the number of the traceback."""


def with_allocations(
    simulation: Simulation, mode: Mode = "burst", home: str = HOME, frames: int = 8
) -> Iterator[Event]:
    """The simulated session and its allocations, in the order of their times."""
    allocations = allocation_events(simulation.seconds, mode, home=home, frames=frames)
    return heapq.merge(allocations, simulation.events(), key=attrgetter("at"))


def allocation_events(
    seconds: float, mode: Mode = "burst", home: str = HOME, frames: int = 8
) -> Iterator[Event]:
    """What happens to the allocations in the first seconds, seen in this way all the time."""
    parts = {"exact": exact_events, "burst": burst_events, "off": _off_events}
    streams = (
        parts[mode](seconds, home, frames),
        memory_events(seconds),
        iter([ev.Marked(at=at, name=name) for at, name in MARKS]),
    )
    for event in heapq.merge(*streams, key=attrgetter("at")):
        if event.at > seconds:
            return
        yield event


def _off_events(seconds: float, home: str, frames: int) -> Iterator[Event]:  # noqa: ARG001
    yield ev.AllocationsSwitched(at=0.2, process=MAIN, mode="off", frames=0)


def names(at: float, home: str = HOME, frames: int = 8) -> Iterator[Event]:
    """All sites and tracebacks, with their numbers; tracebacks are cut to so many frames."""
    sites = [
        Site(file=file if file[0] in "/<" else f"{home}/{file}", line=line, function=function)
        for file, line, function in SITES
    ]
    yield ev.SitesSeen(at=at, process=MAIN, first=1, sites=sites)
    yield ev.TracebacksSeen(
        at=at, process=MAIN, first=1, tracebacks=[list(flow.sites[:frames]) for flow in FLOWS]
    )


def exact_events(
    seconds: float, home: str = HOME, frames: int = 8, since: float = 0.2
) -> Iterator[Event]:
    """Exact mode from ``since`` on."""
    yield ev.AllocationsSwitched(at=since, process=MAIN, mode="exact", frames=frames)
    yield from names(since, home, frames)
    counted = [since + 0.8 + COUNT_S * number for number in range(int(seconds / COUNT_S) + 1)]
    for number, at in enumerate(sorted({*counted, *(at + 0.05 for at, _ in MARKS)}), 1):
        if since <= at <= seconds:
            yield traces(at, number, home, frames, since)


def traces(
    at: float, number: int, home: str = HOME, frames: int = 8, since: float = 0.0
) -> ev.TracesTaken:
    """The traces at one moment: of blocks that were allocated since tracing began."""
    lines: dict[int, tuple[int, int]] = {}
    files: dict[str, tuple[int, int]] = {}
    stacks: dict[int, tuple[int, int]] = {}
    for place, flow in enumerate(FLOWS, 1):
        size = flow.live(at) - flow.live(since)
        one = (size, size // flow.each)
        file = SITES[flow.sites[0] - 1][0]
        file = file if file[0] in "/<" else f"{home}/{file}"
        stacks[place] = one
        lines[flow.sites[0]] = _sum(lines.get(flow.sites[0]), one)
        files[file] = _sum(files.get(file), one)
    size = sum(each[0] for each in stacks.values())
    return ev.TracesTaken(
        at=at, process=MAIN, number=number, frames=frames, traced=size, peak=round(size * 1.1),
        blocks=sum(each[1] for each in stacks.values()), pause_s=0.0032, took_s=0.11,
        lines=[LineUse(site=site, size=size, count=count) for site, (size, count) in lines.items()],
        files=[FileUse(file=file, size=size, count=count) for file, (size, count) in files.items()],
        tracebacks=[TracebackUse(traceback=place, size=size, count=count)
                    for place, (size, count) in stacks.items()],
    )  # fmt: skip


def _sum(one: tuple[int, int] | None, other: tuple[int, int]) -> tuple[int, int]:
    return other if one is None else (one[0] + other[0], one[1] + other[1])


def burst_events(
    seconds: float, home: str = HOME, frames: int = 8, since: float = 0.2
) -> Iterator[Event]:
    """Burst mode from ``since`` on."""
    dice = random.Random(11)
    yield ev.AllocationsSwitched(at=since, process=MAIN, mode="burst", frames=frames)
    yield from names(since, home, frames)
    for number in range(1, int((seconds - since) / WINDOW_EVERY_S) + 1):
        yield window(round(since + number * WINDOW_EVERY_S, 3), dice)


def window(at: float, dice: random.Random) -> ev.BurstMeasured:
    """One window that ends at this time. Each block in it is looked at with probability SEEN."""
    length = WINDOW_S * dice.uniform(0.8, 1.2)
    uses: list[BurstUse] = []
    samples = 0
    for place, flow in enumerate(FLOWS, 1):
        early = flow.base * exp(-at)
        kept = (early + flow.leak) * length / flow.each
        blocks = kept + flow.churn * length / flow.each
        seen = _drawn(dice, blocks * SEEN * dice.uniform(0.6, 1.4))
        if not seen:
            continue
        samples += seen
        survived = sum(dice.random() < kept / blocks for _ in range(seen))
        weight = 1 / SEEN
        variance = seen * weight * (weight - 1)
        size = float(flow.each)
        uses.append(
            BurstUse(
                traceback=place,
                blocks=seen * weight,
                size=seen * weight * size,
                blocks_variance=variance,
                size_variance=variance * size**2,
                kept_blocks=survived * weight,
                kept_size=survived * weight * size,
            )
        )
    return ev.BurstMeasured(
        at=at, process=MAIN, window_s=length, span_s=WINDOW_EVERY_S, uses=uses, samples=samples
    )


def _drawn(dice: random.Random, mean: float) -> int:
    """A whole number with this mean."""
    whole = int(mean)
    return whole + (dice.random() < mean - whole)


def memory_events(seconds: float) -> Iterator[Event]:
    """Where the memory is, each second."""
    for number in range(1, int(seconds / MEMORY_S) + 1):
        at = number * MEMORY_S
        yield ev.MemoryMeasured(at=at, process=MAIN, split=split_at(at))


def split_at(at: float) -> MemorySplit:
    """Python's blocks are what leaks; the C heap breathes."""
    python_used = round(14_000_000 + LEAK_PER_S * at)
    python_free = 2_600_000 + round(at * 31) % 700_000
    c_used = 9_000_000 + round(at * 7919) % 900_000
    c_free = 3_100_000 + round(at * 60_000)
    files, other = 11_400_000, 2_050_000
    return MemorySplit(
        rss=python_used + python_free + c_used + c_free + files + other,
        python_used=python_used,
        python_free=python_free,
        c_used=c_used,
        c_free=c_free,
        files=files,
        other=other,
        arenas=19 + round(at * 1.6),
    )


def many(at: float, number: int) -> Sequence[Event]:
    """So many groups of each kind, in exact mode and by one window."""
    sites = [
        Site(file=f"{HOME}/big/m{place % 97}.py", line=place, function=f"f{place}")
        for place in range(number)
    ]
    first = 1000
    uses = [
        BurstUse(
            traceback=first + i,
            blocks=5.0,
            size=500.0 + i,
            blocks_variance=9.0,
            size_variance=900.0,
            kept_blocks=1.0,
            kept_size=100.0,
        )
        for i in range(number)
    ]
    return [
        ev.SitesSeen(at=at, process=MAIN, first=first, sites=sites),
        ev.TracebacksSeen(
            at=at, process=MAIN, first=first, tracebacks=[[first + i, first] for i in range(number)]
        ),
        ev.BurstMeasured(
            at=at, process=MAIN, window_s=0.02, span_s=0.25, uses=uses, samples=number
        ),
    ]
