"""Events as most tests want them: a test names only the fields that it is about."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from refwatch.readings.objects.events import CensusTaken, WatchedFound
from refwatch.readings.threads.events import GilSlice, Sampled, ThreadSlice
from refwatch.readings.threads.states import ThreadState
from refwatch.session import events as ev
from refwatch.session.events import TargetStarted
from refwatch.wire.event import MAIN
from refwatch.wire.heap_values import TypeCount

PID = 42


def target_started(
    *, pid: int = PID, argv: Sequence[str] = ("x.py",), executable: str = "/py", cwd: str = "/tmp"
) -> TargetStarted:
    return TargetStarted(
        at=0.0,
        process=MAIN,
        pid=pid,
        argv=list(argv),
        executable=executable,
        cwd=cwd,
        started_at="2026-01-01T00:00:00Z",
        refwatch="0",
    )


def sampled(
    at: float,
    *threads: ThreadSlice,
    gil: GilSlice | None = None,
    span_s: float = 0.1,
    samples: int = 100,
) -> Sampled:
    """A slice at 1,000 samples a second."""
    return Sampled(
        at=at,
        process=MAIN,
        span_s=span_s,
        samples=samples,
        gil=gil,
        threads=list(threads),
        rate_hz=1000.0,
    )


def census_taken(
    at: float,
    number: int,
    types: Sequence[TypeCount] = (),
    *,
    took_s: float = 0.1,
    objects: int = 1000,
) -> CensusTaken:
    return CensusTaken(
        at=at,
        process=MAIN,
        number=number,
        took_s=took_s,
        objects=objects,
        types=list(types),
    )


def watched_found(
    at: float,
    watch: int,
    *,
    name: str | None = None,
    type: str = "list",  # noqa: A002 - the field's name
    address: str = "0x1",
    source: str = "main",
) -> WatchedFound:
    return WatchedFound(
        at=at,
        process=MAIN,
        watch=watch,
        name=f"name {watch}" if name is None else name,
        type=type,
        address=address,
        source=source,
    )


def named_oddly(text: str) -> Iterator[ev.Event]:
    """A target whose names, of itself, its thread and its line, are all this text."""
    yield target_started(argv=[text], executable=text, cwd=text)
    yield ev.ThreadStarted(at=0.0, serial=1, process=MAIN, tid=100)
    yield ev.ThreadNamed(at=0.0, process=MAIN, serial=1, name=text)
    yield ev.LineSeen(at=0.0, process=MAIN, line=1, file=text, number=1, function=text)
    piece = ThreadSlice(
        serial=1,
        samples=100,
        states={ThreadState.GIL_HELD: 1.0},
        runs="",
        hot=[(1, ThreadState.GIL_HELD, 1.0)],
        stack=[1],
    )
    gil = GilSlice(held_s=1, wait_s=0, handoffs=0, interval_s=0.005)
    yield sampled(1.0, piece, span_s=1.0, gil=gil)
