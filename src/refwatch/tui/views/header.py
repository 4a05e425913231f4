"""View of the header: what is watched, its status, and the cost of watching."""

from __future__ import annotations

import os
import shlex
from dataclasses import dataclass

from refwatch.session.process import ProcessState
from refwatch.session.state import State
from refwatch.text.formats import fmt_duration, fmt_percent, fmt_seconds, fmt_status
from refwatch.text.sanitize import printable
from refwatch.tui.views.styled_text import Line, StyledText, cut, two_ends

LONG_S = 0.4
"""Shorter censuses would only flicker."""


@dataclass(frozen=True)
class HeaderView:
    """``behind_s``: lag of a paused view; None while it runs."""

    target: str
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
    folder: str = ""
    """The interpreter's folder with a trailing slash; shortened from the left."""


def view_header(state: State, *, gone: bool, replay: str | None) -> HeaderView:
    """Read the state. ``gone``: the source of events has ended; ``replay``: how a recording is
    played, None if live."""
    process = state.main
    if process is None:
        if gone:
            return HeaderView("nothing was watched", (), ("✕ daemon gone", "bad"), state.now, "")
        return HeaderView("starting …", (), ("◌ starting", "accent"), state.now, "")
    target, interpreter = process.started, process.interpreter
    facts = [f"pid {target.pid}"]
    if interpreter is not None:
        build = " free-threaded" if interpreter.free_threaded else ""
        facts.append(f"Python {printable(interpreter.python)}{build}")
    if process.rate_hz:
        facts.append(f"{process.rate_hz:.0f} samples/s")
    return HeaderView(
        fmt_target(target.argv),
        tuple(facts),
        _status(state, gone=gone, replay=replay),
        state.now,
        fmt_cost(process, state.now),
        note=replay or "",
        counting=_counting(state),
        census=fmt_census(state),
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


def _status(state: State, *, gone: bool, replay: str | None) -> StyledText:
    if state.exited is not None:
        code = state.exited.exit_code
        bad = code is None or code != 0
        return (f"{'✕' if bad else '✓'} {fmt_status(code)}", "bad" if bad else "good")
    if state.ended is not None:
        return (f"■ watch ended: {printable(state.ended)}", "warn")
    if gone:
        return ("■ recording ends here", "warn") if replay else ("✕ daemon gone", "bad")
    return ("● running", "good")


def fmt_cost(process: ProcessState, now: float) -> str:
    """Cost of refwatch: CPU seconds in the target, share of a core beside it."""
    cost = process.cost
    if cost is None or not (cost.probe_cpu_s or cost.daemon_cpu_s) or not now:
        return ""
    probe = fmt_duration(cost.probe_cpu_s)
    return f"probe {probe}, daemon {fmt_percent(cost.daemon_cpu_s / now)} of a core"


def _counting(state: State) -> str:
    since = state.main.references.counting_since if state.main else None
    if since is None or state.exited is not None or state.now - since < LONG_S:
        return ""
    return f"◌ counting heap {fmt_duration(state.now - since)}"


def fmt_census(state: State) -> str:
    """``heap counted 12 s ago, pause 2.1 ms``; empty before the first."""
    references = state.main.references if state.main else None
    if references is None:
        return ""
    if references.failure is not None:
        return f"no heap count: {printable(references.failure)}"
    if not references.census.taken:
        return ""
    ago = fmt_seconds(state.now - references.census.taken_s)
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
    parts = [view.note, *view.facts, view.census] if view.note else [*view.facts, view.census]
    while len(parts) > 1 and len("  ".join(parts)) + len(view.cost) + 4 > width:
        parts.pop()
    facts = "  ".join(parts).rstrip()
    second = two_ends(((" " + facts, "muted"),), ((view.cost + " ", "muted"),), width)
    return (two_ends(left, tuple(right), width), second)[:height]
