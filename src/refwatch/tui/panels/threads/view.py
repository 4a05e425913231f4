"""View of the Threads panel: threads sorted and filtered into rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from refwatch.readings.threads.states import ThreadState
from refwatch.text.formats import fmt_plural, fmt_share
from refwatch.tui.subject import Subject
from refwatch.tui.views.styled_text import Line
from refwatch.tui.views.table import Column, Order, Row
from refwatch.tui.views.threads import (
    ThreadView,
    fmt_state,
    known_until,
    thread_key,
    view_thread,
)
from refwatch.tui.views.timeline import Runs


@dataclass(frozen=True)
class ThreadsView:
    """All threads, in the order they were seen, by process; ``end_s`` is the time of the newest
    sample."""

    threads: tuple[ThreadView, ...]
    end_s: float
    forgotten: int
    """Threads that ended so long ago that they are only counted."""
    strips: Mapping[int, Runs] = field(default_factory=dict, compare=False)
    """key -> what its timeline is drawn from; not part of what is compared, for it moves on."""
    ended: bool = False
    """The process has ended: its timelines end there."""
    together: bool = False
    """Of several processes."""


def view_threads(subject: Subject) -> ThreadsView:
    """Read the threads of a process, or of all together."""
    processes = subject.processes
    if not processes:
        return ThreadsView((), subject.now, 0)
    known = [(process, thread) for process in processes for thread in process.threads.values()]
    return ThreadsView(
        tuple(view_thread(process, thread) for process, thread in known),
        known_until(processes, subject.now),
        sum(process.forgotten_threads for process in processes),
        {thread_key(process.number, thread.serial): thread.strip for process, thread in known},
        ended=all(process.ended_s is not None for process in processes),
        together=subject.together,
    )


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

_PROCESS = Column("pid", "Process", 7, right=True)
_NAME = Column("name", "Thread", 10, 16)
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
    return (*process, _NAME, _STATE, _CPU, *shares, _LINE)


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
    return tuple(_row(thread, columns) for thread in threads)


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


def _row(thread: ThreadView, columns: tuple[Column, ...]) -> Row:
    cells: list[Line] = []
    for column in columns:
        if column.key == "pid":
            cells.append(((str(thread.pid), "muted"),))
        elif column.key == "name":
            cells.append(((thread.name, "strong"),))
        elif column.key == "state":
            cells.append(fmt_state(thread.state, thread.alive))
        elif column.key == "cpu":
            cells.append(((f"{thread.cpu * 100:.0f}" if thread.alive else "", ""),))
        elif column.key == "line":
            function = thread.line.removeprefix(thread.place)
            cells.append(((thread.place, "foreground"), (function, "muted")))
        else:
            share = thread.shares[list(ThreadState).index(ThreadState(column.key))]
            cells.append(((fmt_share(share), column.key if share >= 0.1 else "muted"),))
    return Row(thread.key, tuple(cells), dim=not thread.alive)


def fmt_totals(view: ThreadsView, shown: int) -> str:
    """``8 threads, 2 ended`` for the panel's edge."""
    alive = sum(thread.alive for thread in view.threads)
    ended = len(view.threads) - alive + view.forgotten
    text = fmt_plural(alive, "thread")
    if ended:
        text += f", {ended} ended"
    return text if shown == len(view.threads) else f"{shown} shown of {text}"
