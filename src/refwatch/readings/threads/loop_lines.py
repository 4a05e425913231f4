"""Lines of event loops themselves, by which a loop is known on a thread's stack."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from refwatch.readings.threads.states import ThreadState
from refwatch.target.locations import NewLine

RUN_ONCE = ("asyncio/base_events.py", "_run_once")
SELECT = ("selectors.py", "select")
OWN_LINES = (RUN_ONCE, SELECT, ("asyncio/base_events.py", "run_forever"))
RUNNERS = (("asyncio/runners.py", "run"), ("uvloop/__init__.py", "run"))
TRIO = (("trio/_core/_run.py", "unrolled_run"),)
TRIO_WAITS = (("trio/_core/_io_epoll.py", "get_events"),)


class LoopLines:
    """Numbers of the lines of event loops themselves."""

    def __init__(self) -> None:
        self.newest = 0
        """The highest number so far."""
        self.known = 0
        """How many are a loop's."""
        self.run_once: set[int] = set()
        self.own: set[int] = set()
        self.runners: set[int] = set()
        self.trio: set[int] = set()
        self.trio_own: set[int] = set()

    def learn(self, seen: Iterable[NewLine]) -> None:
        """Take in lines that have got their numbers."""
        for line in seen:
            if line.id <= self.newest:
                continue
            self.newest = line.id
            function = line.function.rpartition(".")[2]  # qualified by its class
            for known, places in (
                (self.run_once, (RUN_ONCE,)),
                (self.own, OWN_LINES),
                (self.runners, RUNNERS),
                (self.trio, TRIO),
                (self.trio_own, TRIO + TRIO_WAITS),
            ):
                if any(function == name and line.file.endswith(file) for file, name in places):
                    known.add(line.id)
                    self.known += 1

    def kind(self, stack: Sequence[int], waits: ThreadState | None) -> str:
        """What loop a thread with this stack runs; empty for none. Of a loop that is written in C
        only the runner is seen, which itself never waits."""
        if not self.run_once.isdisjoint(stack):
            return "asyncio"
        if not self.trio.isdisjoint(stack):
            return "trio"
        runs = stack and stack[0] in self.runners
        return "uvloop" if runs and waits is ThreadState.IO_WAIT else ""

    def anchors_of(self, kind: str) -> set[int]:
        """The lines of the function that is always on the stack of a loop's thread."""
        return {"asyncio": self.run_once, "trio": self.trio}.get(kind, self.runners)

    def own_of(self, kind: str) -> set[int]:
        """The lines of the loop itself, at which it is at its selector or about to be."""
        return {"asyncio": self.own, "trio": self.trio_own}.get(kind, self.runners)
