"""Events as most tests want them: a test names only the fields that it is about."""

from __future__ import annotations

from collections.abc import Sequence

from refwatch.readings.objects.events import CensusTaken
from refwatch.readings.threads.events import GilSlice, Sampled, ThreadSlice
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
