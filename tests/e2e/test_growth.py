"""What grows is told of programs that soon end, and of classes that are made as they run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.e2e.references import classes_in, watching

if TYPE_CHECKING:
    from tests.e2e.conftest import Bench

SHORT = """
import select, sys, time

class Visit:
    def __init__(self, number): self.number = number

class Page:
    pass

class Warm:
    pass

visits, pages, warm = [], [], [Warm() for _ in range(500)]
while not select.select([sys.stdin], [], [], 0.004)[0]:
    visits.append(Visit(len(visits)))
    if len(pages) < 250:
        pages.append(Page())
print(len(visits), flush=True)
"""
SHORTLY_S = 4.5


def test_a_leak_of_a_program_that_soon_ends_is_told(bench: Bench) -> None:
    """Four censuses would take twice as long as it runs."""
    script = bench.script(SHORT)
    with watching(bench, script) as session:
        session.wait(lambda known: known.census.taken >= 2, "two censuses")
        session.wait(
            lambda known: known.counted_s > (known.counted_from or 0.0) + SHORTLY_S, "live counts"
        )
        session.go()
        done, snapshot = session.end()
    (process,) = snapshot.processes
    (visit,) = classes_in(snapshot, "Visit")
    assert 0.8 * int(done.out) < visit.instances <= int(done.out)
    assert process.judged.by[0] == "live"
    assert process.judged.until_s is not None
    assert visit.series[-1][0] <= process.judged.until_s
    assert process.census is not None
    own = {one.name: one for one in process.census.suspects if one.module == "__main__"}
    assert own.keys() == {"Visit"}, (process.judged, visit.series)
    assert own["Visit"].per_second > 10
    assert "leak     __main__.Visit grows by" in done.summary


def test_a_program_that_ends_at_once_is_not_judged(bench: Bench) -> None:
    done = bench.refwatch("--headless", "-o", "snapshot.json", bench.script("pass"))
    judged = bench.read_snapshot().processes[0].judged
    assert (judged.until_s, judged.by) == (None, [])
    assert judged.reason is not None
    assert "it takes 4 censuses over 7 s: there was 1" in judged.reason
    assert "leak     not judged, because classes were counted live for" in done.summary


MADE = """
import select, sys

class Model:
    known = []
    def __init_subclass__(cls):
        if "Kept" in cls.__name__:
            Model.known.append(cls)

number = 0
while not select.select([sys.stdin], [], [], 0.01)[0]:
    for name in ("Kept", "Dropped"):
        made = type(f"{name}{number}", (Model,), {"rows": [], "clean": lambda self: number})
        made().clean()
        number += 1
print(len(Model.known), flush=True)
"""


def test_classes_that_are_made_as_a_program_runs(bench: Bench) -> None:
    """Each refers to its base, as instances do, and the base has a weak reference to each."""
    with watching(bench, bench.script(MADE)) as session:
        session.wait(lambda known: ("builtins", "type") in known.chains, "who holds the classes")
        session.go()
        done, snapshot = session.end()
    (process,) = snapshot.processes
    (model,) = classes_in(snapshot, "Model")
    assert (model.instances, model.exact, model.per_second) == (0, False, 0.0)
    made = [one for one in process.classes if one.name.startswith(("Kept", "Dropped"))]
    assert len(made) < int(done.out) / 2
    assert process.census is not None
    suspects = [f"{one.module}.{one.name}" for one in process.census.suspects]
    assert suspects[0] == "builtins.type", (suspects, process.judged)
    assert not {"__main__.Model"} & set(suspects)
