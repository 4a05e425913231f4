"""View of the tasks of event loops, as a tree: below each task those that it waits for."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from refwatch.readings.threads.loop_events import AsyncTask
from refwatch.text.formats import fmt_duration, fmt_moment, fmt_plural
from refwatch.text.sanitize import printable
from refwatch.tui.subject import Subject
from refwatch.tui.views.styled_text import Line, cut, fit, pad, two_ends
from refwatch.tui.views.tree import OPEN, OPENS, Path, TreeRow, guides, shorten_guide
from refwatch.tui.views.work import WorkView, draw_work, view_work

LONGEST_NAME = 24
"""Cells that names are padded to at most."""
LONGEST_GUIDE = 16
NO_LOOP = "no event loop here"
NOT_LOOKED = "nobody has looked at the tasks"


@dataclass(frozen=True)
class TaskView:
    """One row. ``waits_s``: for how long it is known to wait as it does; None where one look has
    seen it there. ``awaits`` is empty while it runs."""

    path: Path
    guide: str
    opens: bool
    open: bool
    name: str
    coroutine: str
    awaits: str
    waits_s: float | None
    place: str
    """Where the outermost coroutine function is, ``file:line``."""
    at_place: str
    """Where the innermost is."""


@dataclass(frozen=True)
class TasksView:
    """``count`` of all that were found for this thread or process; ``left_out``: further ones."""

    title: str
    listed_s: float | None
    """When the copy was made, seconds since the session began; None where nobody has looked."""
    count: int
    left_out: int
    tasks: tuple[TaskView, ...]
    work: WorkView | None
    failure: str
    has_loop: bool


def view_tasks(
    subject: Subject, serial: int | None, work: str, closed: frozenset[Path]
) -> TasksView:
    """Read the tasks of the loop of a thread, or of the whole process; ``work``: the name under
    which they were asked for."""
    process = subject.process
    if process is None:
        return TasksView("", None, 0, 0, (), None, "", has_loop=False)
    loops = process.event_loops
    thread = process.threads.get(serial) if serial in loops.loops else None
    listed = loops.tasks
    tasks = listed.tasks if listed is not None else []
    if thread is not None:
        others = {process.threads[one].ident for one in loops.loops if one in process.threads}
        others.discard(thread.ident)
        tasks = [task for task in tasks if task.ident not in others]
    title = f"tasks of {printable(thread.name)}" if thread is not None else "tasks of the process"
    at = listed.at if listed is not None else None
    return TasksView(
        title,
        at,
        len(tasks),
        listed.left_out if listed is not None else 0,
        tuple(_rows(tasks, at or 0.0, closed)),
        view_work(process.work.get(work), subject.now),
        printable(loops.failure),
        has_loop=bool(loops.loops),
    )


def _rows(tasks: Sequence[AsyncTask], at: float, closed: frozenset[Path]) -> Iterator[TaskView]:
    """Those that nobody waits for first; of tasks that wait for each other the first on top."""
    number = {task.address: index for index, task in enumerate(tasks)}
    below: defaultdict[int, list[int]] = defaultdict(list)
    tops: list[int] = []
    for index, task in enumerate(tasks):
        parent = number.get(task.parent or "")
        (below[parent] if parent is not None else tops).append(index)
    seen: set[int] = set()

    def rows(index: int, path: Path, before: str, under: str) -> Iterator[TaskView]:
        stack = [(index, path, before, under)]
        while stack:
            index, path, before, under = stack.pop()
            seen.add(index)
            children = [child for child in below[index] if child not in seen]
            shown = path not in closed
            yield _row(tasks[index], path, before, at, opens=bool(children), shown=shown)
            seen.update(children)
            for place, child in reversed(list(enumerate(children))):
                guide, further = guides(under, last=place == len(children) - 1)
                if shown:
                    stack.append((child, (*path, child), guide, further))
                else:
                    _mark_below(child, below, seen)

    for top in [*tops, *range(len(tasks))]:
        if top not in seen:
            yield from rows(top, (top,), "", "")


def _mark_below(index: int, below: defaultdict[int, list[int]], seen: set[int]) -> None:
    """All that is below a closed row is not shown elsewhere either."""
    fresh = [index]
    while fresh:
        for child in below[fresh.pop()]:
            if child not in seen:
                seen.add(child)
                fresh.append(child)


def _row(
    task: AsyncTask, path: Path, guide: str, at: float, *, opens: bool, shown: bool
) -> TaskView:
    return TaskView(
        path,
        guide,
        opens,
        opens and shown,
        printable(task.name),
        printable(task.coroutine),
        printable(task.awaits),
        None if task.since_s is None else max(0.0, at - task.since_s),
        f"{printable(task.file)}:{task.line}" if task.file else "",
        f"{printable(task.at_file)}:{task.at_line}" if task.at_file else "",
    )


def draw_tasks(view: TasksView, width: int) -> tuple[TreeRow, ...]:
    """The tree's rows, each of at most ``width`` cells."""
    names = [len(task.guide) + len(task.name) for task in view.tasks]
    padded = min(LONGEST_NAME, max(names, default=0))
    return tuple(
        TreeRow(task.path, _task_line(task, padded, width), opens=task.opens, open=task.open)
        for task in view.tasks
    )


def _task_line(task: TaskView, padded: int, width: int) -> Line:
    guide = shorten_guide(task.guide, LONGEST_GUIDE)
    glyph = OPEN if task.open else OPENS if task.opens else "·"
    name = pad(cut(task.name, max(6, padded - len(guide))), max(0, padded - len(guide)))
    waits = f"  {fmt_duration(task.waits_s)}+" if task.waits_s is not None else ""
    room = max(8, (width - padded - 4 - len(waits)) // 2)
    awaits = cut(task.awaits or "runs", room)
    style = "success" if not task.awaits else "foreground"
    return two_ends(
        (
            (guide, "muted"),
            (f"{glyph} ", "accent"),
            (name, "strong"),
            ("  ", ""),
            (cut(task.coroutine, room), "foreground"),
        ),
        ((awaits, style), (waits, "muted")),
        width,
    )


def draw_edge(view: TasksView, width: int) -> Line:
    """When they were asked for, and how many there are; or what is going on."""
    if view.work is not None and not view.work.done:
        return draw_work(view.work, width)
    if view.failure:
        return fit((("✕ ", "bad"), (f"no tasks: {view.failure}", "foreground")), width)
    if view.listed_s is None:
        return fit(((_empty(view), "muted"),), width)
    more = f", {view.left_out:,} more not shown" if view.left_out else ""
    text = f"{fmt_plural(view.count, 'task')}{more}"
    asked = f"  as of {fmt_moment(view.listed_s)}"
    return fit(((text, "strong"), (asked, "foreground")), width)


def draw_empty(view: TasksView) -> Line:
    """In place of rows."""
    return ((_empty(view), "muted"),)


def _empty(view: TasksView) -> str:
    if view.work is not None and not view.work.done:
        return "looking …"
    if view.listed_s is None:
        return NOT_LOOKED
    return "no task waits or runs" if view.has_loop else NO_LOOP


def draw_place(task: TaskView | None, width: int) -> tuple[Line, ...]:
    """Where a task is: in its own function, and where it waits."""
    if task is None:
        return ((), ())
    lines = [("in", task.coroutine, task.place)]
    if task.at_place != task.place:
        lines.append(("at", task.awaits or "?", task.at_place))
    return tuple(_place_line(*line, width) for line in lines)


def _place_line(word: str, function: str, place: str, width: int) -> Line:
    folder, name = os.path.split(place)
    left: Line = ((f"{word}  ", "muted"), (cut(function, width // 2), "strong"), ("  ", ""))
    return fit((*left, (name, "foreground"), (f"  {folder}", "muted")), width)


def draw_title(view: TasksView, width: int) -> Line:
    """What is shown."""
    return two_ends(((" esc ← ", "muted"), (view.title, "strong")), ((" ", ""),), width)
