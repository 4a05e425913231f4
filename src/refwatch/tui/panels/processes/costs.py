"""What the process under the cursor costs beside its work: its start, memory, what crosses."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from refwatch.findings.crossing import Crossing, crossing_of
from refwatch.session.process import ProcessState
from refwatch.text.formats import fmt_bytes, fmt_duration
from refwatch.text.sanitize import printable
from refwatch.tui.views.styled_text import Line, fit, width_of

MOST_LINES = 3


@dataclass(frozen=True)
class CostsView:
    """Sizes in bytes, times in seconds; None where it is not known."""

    pid: int
    method: str
    startup_s: float | None
    """From its start to the first line of the program."""
    inherited: int | None
    copied: int
    by_counts: int
    crossing: Crossing | None


def view_costs(process: ProcessState) -> CostsView:
    """Read what is known of one process."""
    memory = process.inherited
    return CostsView(
        process.pid,
        printable(process.started.start_method or ""),
        process.startup_s,
        memory.inherited if memory is not None else None,
        memory.copied if memory is not None else 0,
        memory.by_counts if memory is not None else 0,
        crossing_of(process),
    )


def draw_costs(view: CostsView, width: int) -> tuple[Line, ...]:
    """The parts on as many lines as they need, at most three."""
    lines: list[Line] = [((f"{view.pid} ", "strong"), (view.method or "program", "muted"))]
    for part in _parts(view):
        longer = (*lines[-1], (" · ", "muted"), *part)
        if width_of(longer) <= width:
            lines[-1] = longer
        elif len(lines) < MOST_LINES:
            lines.append(fit((("  ", ""), *part), width))
        else:
            break
    return tuple(lines)


def _parts(view: CostsView) -> Iterator[Line]:
    if view.startup_s is not None:
        yield ("start-up ", "muted"), (fmt_duration(view.startup_s), "foreground")
    if view.inherited is not None:
        yield (
            ("copied ", "muted"),
            (fmt_bytes(view.copied), "strong"),
            (f" of {fmt_bytes(view.inherited)} inherited, ", "muted"),
            (fmt_bytes(view.by_counts), "strong"),
            (" by refcounts alone", "foreground"),
        )
    if view.crossing is not None:
        yield from _crossing(view.crossing)


def _crossing(crossing: Crossing) -> Iterator[Line]:
    """Of what crosses to other processes; waiting for it comes last."""
    for name, seconds in (
        ("pickling", crossing.pickling_s),
        ("sending", crossing.sending_s),
        ("receiving", crossing.receiving_s),
    ):
        if seconds >= 0.001:
            yield (f"{name} ", "muted"), (fmt_duration(seconds), "foreground")
