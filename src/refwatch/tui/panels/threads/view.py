"""View of the Threads panel: threads sorted and filtered into rows."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

from refwatch.findings.thread_groups import Grouping
from refwatch.readings.threads.states import ThreadState
from refwatch.session.process import ProcessState
from refwatch.text.formats import fmt_plural, fmt_share
from refwatch.tui.subject import Subject
from refwatch.tui.views.styled_text import Line, StyledText, cut
from refwatch.tui.views.table import Column, Order, Row
from refwatch.tui.views.thread_groups import fmt_alive, fmt_times, view_group
from refwatch.tui.views.threads import (
    ThreadView,
    fmt_state,
    known_until,
    thread_key,
    view_thread,
)
from refwatch.tui.views.timeline import Runs
from refwatch.tui.views.tree import OPEN, OPENS, guides


@dataclass(frozen=True)
class ThreadsView:
    """All threads and groups of threads that come and go, in the order they were seen, by process;
    ``end_s`` is the time of the newest sample."""

    threads: tuple[ThreadView, ...]
    end_s: float
    alive: int
    """Threads that are alive, those in groups included."""
    gone: int = 0
    """Threads that have ended."""
    strips: Mapping[int, Runs] = field(default_factory=dict, compare=False)
    """key -> what its timeline is drawn from; not part of what is compared, for it moves on."""
    ended: bool = False
    """The process has ended: its timelines end there."""
    together: bool = False
    """Of several processes."""


def view_threads(subject: Subject, opened: Collection[int] = ()) -> ThreadsView:
    """Read the threads of a process, or of all together; the threads of a group only if its key is
    among those ``opened``."""
    processes = subject.processes
    if not processes:
        return ThreadsView((), subject.now, 0)
    known = [(process, thread) for process in processes for thread in process.threads.values()]
    rows = [row for process in processes for row in _rows_of(process, subject.now, opened)]
    gone = sum(each.forgotten_threads + each.unseen.threads for each in processes)
    alive = sum(thread.alive for _, thread in known)
    return ThreadsView(
        tuple(rows),
        known_until(processes, subject.now),
        alive,
        len(known) - alive + gone,
        {thread_key(process.number, thread.serial): thread.strip for process, thread in known},
        ended=all(process.ended_s is not None for process in processes),
        together=subject.together,
    )


def _rows_of(process: ProcessState, now: float, opened: Collection[int]) -> list[ThreadView]:
    grouping = Grouping(process)
    views = [view_thread(process, thread) for thread in grouping.singles]
    return views + [view_group(process, group, now, opened) for group in grouping.crowds]


HEADINGS: dict[ThreadState, str] = {
    ThreadState.GIL_HELD: "held",
    ThreadState.GIL_WAIT: "wait",
    ThreadState.NATIVE: "native",
    ThreadState.CPU_WAIT: "CPU wait",
    ThreadState.IO_WAIT: "I/O",
    ThreadState.LOCK_WAIT: "lock",
    ThreadState.SLEEP: "sleep",
    ThreadState.CHILD_WAIT: "child",
    ThreadState.OTHER: "other",
}
"""Column headings."""

NAME_CELLS = 20
"""Most cells of a name where there are groups."""
_PROCESS = Column("pid", "Process", 7, right=True)
_NAME = Column("name", "Thread", 10, 16)
_GROUPS = Column("name", "Thread", NAME_CELLS, NAME_CELLS)
_STATE = Column("state", "State", 11)
_CPU = Column("cpu", "CPU%", 4, right=True, priority=1)
_LINE = Column("line", "Top line", 18, 40, priority=6)


def columns_for(view: ThreadsView) -> tuple[Column, ...]:
    """The columns, with one for each state in use."""
    shares = tuple(
        Column(
            str(state),
            HEADINGS[state],
            max(4, len(HEADINGS[state])),
            right=True,
            priority=min(2 + rank, 5) + (rank > 2) * 2,
        )
        for rank, state in enumerate(used_states(view))
    )
    process = (_PROCESS,) if view.together else ()
    name = _GROUPS if any(thread.count for thread in view.threads) else _NAME
    return (*process, name, _STATE, _CPU, *shares, _LINE)


def used_states(view: ThreadsView) -> tuple[ThreadState, ...]:
    """Holding and waiting for the GIL, and each other state that some thread spends half a percent
    of its time in."""
    return tuple(
        state
        for index, state in enumerate(ThreadState)
        if index < 2 or any(thread.shares[index] >= 0.005 for thread in view.threads)
    )


def arrange(view: ThreadsView, columns: tuple[Column, ...], order: Order) -> tuple[Row, ...]:
    """Filter, sort, and make the rows; ended threads are at the bottom, whatever the order."""
    wanted = order.filter.casefold()
    threads = [
        thread
        for thread in view.threads
        if (thread.alive or not order.hide_ended)
        and (not wanted or _matches(thread, wanted, pid=view.together))
    ]
    key = _SORTS.get(order.sort)
    if key is not None:
        threads.sort(key=lambda thread: thread.name.casefold())
        threads.sort(key=key, reverse=order.reverse)
    elif order.reverse:
        threads.reverse()
    threads.sort(key=lambda thread: not thread.alive)
    rows: list[Row] = []
    for thread in threads:
        rows.append(_row(thread, columns))
        members = [each for each in thread.members if each.alive or not order.hide_ended]
        for index, each in enumerate(members):
            guide, _ = guides("", last=index == len(members) - 1)
            rows.append(_row(each, columns, guide))
    return tuple(rows)


def _matches(thread: ThreadView, wanted: str, *, pid: bool) -> bool:
    texts = (thread.name.casefold(), thread.line.casefold(), str(thread.pid) if pid else "")
    return any(wanted in text for text in texts)


def _share_key(index: int) -> Callable[[ThreadView], float]:
    return lambda thread: thread.shares[index]


_SORTS: dict[str, Callable[[ThreadView], str | float | int]] = {
    "pid": lambda thread: thread.pid,
    "name": lambda thread: thread.name.casefold(),
    "state": lambda thread: list(ThreadState).index(thread.state) if thread.state else 99,
    "cpu": lambda thread: thread.cpu,
    "line": lambda thread: thread.line,
}
for _index, _each in enumerate(ThreadState):
    _SORTS[str(_each)] = _share_key(_index)


def _row(thread: ThreadView, columns: tuple[Column, ...], guide: str = "") -> Row:
    """``guide`` is before the name of a thread in a group."""
    cells: list[Line] = []
    for column in columns:
        if column.key == "pid":
            cells.append(((str(thread.pid), "muted"),))
        elif column.key == "name":
            cells.append(_fmt_name(thread, guide))
        elif column.key == "state":
            cells.append(_fmt_state(thread))
        elif column.key == "cpu":
            cells.append(((f"{thread.cpu * 100:.0f}" if thread.alive else "", ""),))
        elif column.key == "line":
            function = thread.line.removeprefix(thread.place)
            cells.append(((thread.place, "foreground"), (function, "muted")))
        else:
            share = thread.shares[list(ThreadState).index(ThreadState(column.key))]
            cells.append(((fmt_share(share), column.key if share >= 0.1 else "muted"),))
    return Row(thread.key, tuple(cells), dim=not thread.alive, opens=bool(thread.count))


def _fmt_name(thread: ThreadView, guide: str) -> Line:
    if not thread.count:
        name: StyledText = (thread.name, "foreground" if guide else "strong")
        return ((guide, "muted"), name) if guide else (name,)
    times = f" {fmt_times(thread)}"
    name = (cut(thread.name, max(6, NAME_CELLS - 2 - len(times))), "strong")
    return ((f"{OPEN if thread.open else OPENS} ", "muted"), name, (times, "muted"))


def _fmt_state(thread: ThreadView) -> Line:
    if thread.count and thread.alive:
        return ((fmt_alive(thread), "foreground"),)
    return fmt_state(thread.state, thread.alive, deadlocked=thread.deadlocked)


def fmt_totals(view: ThreadsView, shown: int | None = None) -> str:
    """``8 threads, 2 ended`` for the panel's edge; ``shown``: so many rows, if some are hidden."""
    text = fmt_plural(view.alive, "thread")
    if view.gone:
        text += f", {view.gone:,} ended"
    rows = sum(1 + len(thread.members) for thread in view.threads)
    return text if shown in (None, rows) else f"{shown} shown of {text}"
