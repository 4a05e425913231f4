"""The worst trouble that is known."""

from __future__ import annotations

import pytest
from tests.stand_ins import process_state

from refwatch.findings.leaks import leaks
from refwatch.findings.troubles import worst_memory_problem
from refwatch.readings.objects.growth import GrowthSuspect
from refwatch.session import events as ev
from refwatch.session.process import ProcessState
from refwatch.wire.event import MAIN
from refwatch.wire.heap_values import Garbage

MB = 1 << 20


def process(*sizes: float, every: float = 1.0) -> ProcessState:
    """So many MiB resident at each reading."""
    made = process_state()
    for number, size in enumerate(sizes):
        rss = round(size * MB)
        made.measured(
            ev.ProcessMeasured(
                at=number * every, process=MAIN, rss=rss, peak_rss=rss, user_s=0.0, system_s=0.0
            )
        )
    return made


def test_memory_that_still_grows_is_told() -> None:
    told = worst_memory_problem(process(*(20 + 4 * n for n in range(41))), ())
    assert told.startswith("memory: RSS grew by ")
    assert "to 180 MiB" in told
    assert told.endswith("and still grows")


@pytest.mark.parametrize(
    "sizes",
    [
        [20.0] * 60,
        [20 + min(n, 20) * 8 for n in range(60)],
        [20 + (n % 20) * 8 for n in range(60)],
        [20 + 0.2 * n for n in range(60)],
        [20 + 4 * n for n in range(15)],
    ],
    ids=["still", "loads its data", "comes and goes", "little", "too early"],
)
def test_other_memory_is_not(sizes: list[float]) -> None:
    assert worst_memory_problem(process(*sizes), ()) == ""


def test_a_leak_comes_first() -> None:
    leak = GrowthSuspect(
        name=("app", "Entry"), count=900, grown=800, per_second=40.0, r2=1.0, since_s=1.0
    )
    other = GrowthSuspect(
        name=("app", "Row"), count=900, grown=800, per_second=0.05, r2=1.0, since_s=1.0
    )
    growing = process(*(20 + 4 * n for n in range(40)))

    def told(*suspects: GrowthSuspect) -> str:
        return worst_memory_problem(growing, leaks([(growing, suspects)]))

    assert told(leak) == "leak: app.Entry grows by 40/s"
    assert told(other, leak) == "leak: app.Row grows by 3.0/min, and 1 more"
    hostile = GrowthSuspect(
        name=("app\x1b", "x" * 900), count=900, grown=800, per_second=40.0, r2=1.0, since_s=1.0
    )
    assert told(hostile).isprintable()
    assert len(told(hostile)) < 90


def test_garbage_in_what_grows_is_told() -> None:
    grown = process(*(20 + 4 * n for n in range(41)))
    for at in range(41):
        found = Garbage(objects=9, bytes=at * 2 * MB, types=[])
        grown.references.taken_census(
            ev.CensusTaken(
                at=at, process=MAIN, number=at, took_s=0.1, objects=9, types=[], garbage=found
            )
        )
    assert worst_memory_problem(grown, ()).endswith(
        "still grows; 80.0 MiB are garbage in cycles and wait for the collector; "
        "gc.collect() frees them"
    )
