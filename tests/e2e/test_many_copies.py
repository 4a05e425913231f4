"""However much is asked for at once: the target is copied a few times at a time, and who is refused
is told so."""

from __future__ import annotations

import os
import threading
import time
from typing import TYPE_CHECKING, Self

import pytest
from tests.e2e.references import WAIT, watching

from refwatch.target.copies import MOST_COPIES
from refwatch.target.proc import is_copy, state_of
from refwatch.wire.commands import FindChains, InspectInstance

if TYPE_CHECKING:
    from tests.e2e.conftest import Bench

TARGET = (
    WAIT
    + """
class Thing: pass
things = [Thing() for _ in range(50_000)]
wait()
"""
)
ASKED = 40


class Copies:
    """Counts the copies that there are, again and again."""

    def __init__(self, bench: Bench) -> None:
        self.most = 0
        self.seen: set[int] = set()
        self._bench = bench
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._count)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _count(self) -> None:
        while not self._over.is_set():
            found = set(filter(_is_copy, map(int, filter(str.isdigit, os.listdir("/proc")))))
            found &= set(self._bench.processes())
            self.seen |= found
            # those that are still there were all there at the same time
            self.most = max(self.most, sum(map(_is_copy, found)))
            time.sleep(0.002)


def _is_copy(pid: int) -> bool:
    return is_copy(pid) and state_of(pid) != b"Z"


@pytest.mark.parametrize("kind", ["inspections", "chains"])
def test_forty_at_once(bench: Bench, kind: str) -> None:
    with watching(bench, bench.script(TARGET)) as target, Copies(bench) as copies:
        target.censuses(1)
        names = [f"{kind}-{number}" for number in range(ASKED)]
        for name in names:
            if kind == "chains":
                target.ask(FindChains(work=name, module="__main__", name="Thing"))
            else:
                target.ask(InspectInstance(inspection=name, module="__main__", name="Thing"))
        if kind == "chains":
            assert target.state.main is not None
            work = target.state.main.work
            target.wait(lambda _: names[-1] in work and all(w.done for w in work.values()), "it")
            assert "too much is asked for" in str(work[names[-1]].failure)
        else:
            target.wait(
                lambda known: names[-1] in known.inspections and known.inspections[names[-1]].nodes,
                "the last inspection",
            )
            assert target.references.inspections[names[-1]].ended is None
        target.go()
        target.end()
    assert 0 < copies.most <= MOST_COPIES, copies.most
