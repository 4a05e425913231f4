"""Groups of threads in a snapshot."""

from __future__ import annotations

from refwatch.export import schema_types as snap
from refwatch.export.places import hot_lines, states_of
from refwatch.export.values import rounded
from refwatch.findings.thread_groups import UNNAMED, Group, Grouping
from refwatch.readings.threads.state import ThreadRecord
from refwatch.session.process import ProcessState


class Groups:
    """The groups of one process, of two threads or more."""

    def __init__(self, process: ProcessState) -> None:
        self._lines = process.lines
        self._grouping = Grouping(process)

    def of(self, thread: ThreadRecord) -> str | None:
        """The name of a thread's group; None where it is alone."""
        group = self._grouping.of(thread)
        return group.name if _is_told(group) else None

    def all(self) -> list[snap.ThreadGroup]:
        """The groups, that with most threads first."""
        told = [group for group in self._grouping.groups if _is_told(group)]
        told.sort(key=lambda group: (-group.threads, group.name))
        return [self._told(group) for group in told]

    def _told(self, group: Group) -> snap.ThreadGroup:
        sums = group.sums()
        return snap.ThreadGroup(
            name=group.name,
            threads=group.threads,
            alive=len(group.alive),
            states=states_of(sums.states),
            cpu_s=rounded(sums.cpu_s),
            hot=hot_lines(sums.hot, self._lines),
            unattributed_s=rounded(sums.unread_cpu_s),
            comes_and_goes=group.comes_and_goes,
        )


def _is_told(group: Group) -> bool:
    return (group.threads > 1 and group.name != UNNAMED) or group.comes_and_goes
