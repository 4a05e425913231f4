"""View of the header: what is watched, its status, and the cost of watching."""

from __future__ import annotations

import os
import shlex
from dataclasses import dataclass

from refwatch.session.process import ProcessState
from refwatch.text.formats import fmt_duration, fmt_percent, fmt_plural, fmt_seconds, fmt_status
from refwatch.text.sanitize import printable
from refwatch.tui.subject import Subject
from refwatch.tui.views.styled_text import Line, StyledText, cut, two_ends
from refwatch.wire.event import MAIN

LONG_S = 0.4
"""Shorter censuses would only flicker."""


@dataclass(frozen=True)
class HeaderView:
    """``who``: the process that is looked at, in the accent of a child if ``child``. ``behind_s``:
    lag of a paused view; None while it runs."""

    target: str
    who: str
    facts: tuple[str, ...]
    status: StyledText
    elapsed_s: float
    cost: str
    behind_s: float | None = None
    note: str = ""
    counting: str = ""
    """The running heap count and its duration."""
    census: str = ""
    """Age and pause of the newest heap count, or why there is none; shown if there is room."""
    child: bool = False
    folder: str = ""
    """The interpreter's folder with a trailing slash; shortened from the left."""


def view_header(subject: Subject, *, gone: bool, replay: str | None) -> HeaderView:
    """Read the process. ``gone``: the source of events has ended; ``replay``: how a recording is
    played, None if live."""
    process, now = subject.process, subject.now
    if process is None:
        if gone:
            return HeaderView("nothing was watched", "", (), ("✕ daemon gone", "bad"), now, "")
        return HeaderView("starting …", "", (), ("◌ starting", "accent"), now, "")
    target, interpreter = process.started, process.interpreter
    facts: list[str] = []
    if interpreter is not None:
        build = " free-threaded" if interpreter.free_threaded else ""
        facts.append(f"Python {printable(interpreter.python)}{build}")
    if process.rate_hz:
        facts.append(f"{process.rate_hz:.0f} samples/s")
    return HeaderView(
        fmt_target(target.argv),
        _who(subject, process),
        tuple(facts),
        _status(subject, gone=gone, replay=replay),
        now,
        fmt_cost(subject),
        note=replay or "",
        counting=_counting(subject),
        census=fmt_census(subject),
        child=subject.number != MAIN or subject.together,
        folder=_folder(target.executable) if target.argv[:1] == [target.executable] else "",
    )


def _folder(executable: str) -> str:
    return printable(os.path.join(os.path.dirname(executable), ""))


def fmt_target(argv: list[str]) -> str:
    """The command line without the script's folder."""
    words = [os.path.basename(argv[0]) or argv[0], *argv[1:]] if argv else ["?"]
    return printable(
        " ".join(
            word if word.isprintable() and " " not in word else shlex.quote(word) for word in words
        )
    )


_ORIGINS = {
    "fork": "fork of {}", "spawn": "spawned by {}", "forkserver": "forked by {}",
    "subprocess": "subprocess of {}", "exec": "exec by a child of {}",
}  # fmt: skip


def fmt_origin(process: ProcessState) -> str:
    """How it was started, and by which pid: ``fork of 4700``; empty for the program."""
    ppid, method = process.started.ppid, process.started.start_method or ""
    if process.number == MAIN or ppid is None:
        return ""
    return _ORIGINS.get(method, "child of {}").format(ppid)


def _who(subject: Subject, process: ProcessState) -> str:
    """``pid 4711 fork of 4700 · 1 of 5 processes``; of a session of one, its pid; ``5 processes
    together``."""
    state = subject.state
    if subject.together:
        return f"{fmt_plural(len(subject.processes), 'process', 'processes')} together"
    who = f"pid {process.pid} {fmt_origin(process)}".rstrip()
    known = state.process_count
    return f"{who} · 1 of {known:,} processes" if known > 1 else who


def _status(subject: Subject, *, gone: bool, replay: str | None) -> StyledText:
    state, process = subject.state, subject.process
    if process is not None and process.exited is not None:
        code = process.exited.exit_code
        bad = code is None or code != 0
        child = "" if subject.number == MAIN else "child "
        return (f"{'✕' if bad else '✓'} {child}{fmt_status(code)}", "bad" if bad else "good")
    if state.ended is not None:
        return (f"■ watch ended: {printable(state.ended)}", "warn")
    if gone:
        return ("■ recording ends here", "warn") if replay else ("✕ daemon gone", "bad")
    return ("● running", "good")


def fmt_cost(subject: Subject) -> str:
    """Cost of refwatch: CPU seconds in the process, and of the daemon its share of a core."""
    cost, now = subject.process.cost if subject.process else None, subject.now
    if cost is None or not (cost.probe_cpu_s or cost.daemon_cpu_s) or not now:
        return ""
    probe = fmt_duration(cost.probe_cpu_s)
    costs = (each.cost for each in subject.state.processes.values())
    daemon_s = max(each.daemon_cpu_s for each in costs if each is not None)  # it is all of theirs
    return f"probe {probe}, daemon {fmt_percent(daemon_s / now)} of a core"


def _counting(subject: Subject) -> str:
    since = subject.process.references.counting_since if subject.process else None
    if since is None or subject.over or subject.now - since < LONG_S:
        return ""
    return f"◌ counting heap {fmt_duration(subject.now - since)}"


def fmt_census(subject: Subject) -> str:
    """``heap counted 12 s ago, pause 2.1 ms``; empty before the first."""
    references = subject.process.references if subject.process else None
    if references is None:
        return ""
    if references.failure is not None:
        return f"no heap count: {printable(references.failure)}"
    if not references.census.taken:
        return ""
    ago = fmt_seconds(subject.now - references.census.taken_s)
    return f"heap counted {ago} ago, pause {fmt_duration(references.census.pause_s)}"


def draw_header(view: HeaderView, width: int, height: int) -> tuple[Line, ...]:
    """Two lines: the target and how it stands; facts and cost."""
    status = view.status
    right: list[StyledText] = (
        [(f"{view.counting}  ", "accent"), status] if view.counting else [status]
    )
    if view.behind_s is not None:
        behind = f" {fmt_duration(view.behind_s)} behind" if view.behind_s >= 0.05 else ""
        right = [(f" ⏸ PAUSED{behind} ", "paused"), ("  ", ""), *right]
    right += [("  ", ""), (fmt_duration(view.elapsed_s).rjust(7), "strong"), (" ", "")]
    room = max(8, width - sum(len(text) for text, _ in right) - 12)
    folder = view.folder
    if len(folder) + len(view.target) > room:
        left_over = room - len(view.target) - 1
        folder = "…" + folder[-left_over:] if left_over > 0 else ""
    command: Line = ((folder, "muted"), (cut(view.target, room), "strong"))
    left: Line = ((" refwatch ", "title"), (" ", ""), *command)
    return (two_ends(left, tuple(right), width), _second(view, width))[:height]


def _second(view: HeaderView, width: int) -> Line:
    """Which process it is, always; facts and cost as far as there is room."""
    note = f" {view.note} " if view.note else ""
    parts, cost = [*view.facts, *([view.census] if view.census else [])], view.cost
    room = width - len(f"{note} {view.who}  ")

    def needed() -> int:
        return sum(len(part) + 2 for part in parts) + len(cost)

    while parts and needed() > room:
        parts.pop()
    for shorter in (cost.partition(", ")[2], ""):
        if needed() > room:
            cost = shorter
    who = "accent" if view.child else "muted"
    facts = "".join(f"  {part}" for part in parts)
    first: Line = ((note, "muted"), (f" {view.who}", who), (facts, "muted"))
    return two_ends(first, ((f"{cost} ", "muted"),), width)
