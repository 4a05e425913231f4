"""Groups of threads that do the same: those of one name, but for its numbers, or without a name of
one function."""

from __future__ import annotations

from collections import defaultdict

from refwatch.export import schema_types as snap
from refwatch.export.places import hot_lines, states_of
from refwatch.export.values import rounded
from refwatch.readings.threads.state import ThreadGroup, ThreadRecord, kind_of
from refwatch.session.process import ProcessState


class Groups:
    """The groups of one process, of two threads or more."""

    def __init__(self, process: ProcessState) -> None:
        self._lines = process.lines
        self._names: dict[int, str] = {}
        """Serial of a thread -> name of its group."""
        self._alive: defaultdict[str, int] = defaultdict(int)
        self._sums: dict[str, ThreadGroup] = {}
        for kind, crowd in process.crowds.items():
            self._sums_of(self._name(*kind)).join(crowd)
        for thread in process.threads.values():
            name = self._names[thread.serial] = self._name(*kind_of(thread))
            self._sums_of(name).add(thread)
            self._alive[name] += thread.alive

    def _sums_of(self, name: str) -> ThreadGroup:
        return self._sums.setdefault(name, ThreadGroup(name))

    def _name(self, name: str, line: int) -> str:
        place = self._lines.get(line)
        return name or (f"in {place.function}" if place is not None else "")

    def of(self, thread: ThreadRecord) -> str | None:
        """The name of a thread's group; None where it is alone."""
        name = self._names[thread.serial]
        return name if self._is_told(name) else None

    def _is_told(self, name: str) -> bool:
        return bool(name) and self._sums[name].threads > 1

    def all(self) -> list[snap.ThreadGroup]:
        """The groups, that with most threads first."""
        told = [group for name, group in self._sums.items() if self._is_told(name)]
        told.sort(key=lambda group: (-group.threads, group.name))
        return [
            snap.ThreadGroup(
                name=group.name,
                threads=group.threads,
                alive=self._alive[group.name],
                states=states_of(group.states),
                cpu_s=rounded(group.cpu_s),
                hot=hot_lines(group.hot, self._lines),
            )
            for group in told
        ]
