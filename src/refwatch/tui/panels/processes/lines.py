"""Lines of the Processes panel: the totals, and the timelines of the threads of all processes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from refwatch.text.formats import fmt_bytes, fmt_plural
from refwatch.tui.panels.processes.view import ProcessesView, StripView, Totals
from refwatch.tui.views.styled_text import Line, StyledText, fit, pad, width_of

LONGEST_NAME = 16
LEAST_STRIP = 16
"""Cells of a timeline, before which names are cut."""
SUMMED = 1.05
"""GILs held, from which on more than one is held at a time."""


def draw_totals(view: ProcessesView, width: int) -> tuple[Line, ...]:
    """What the processes add up to, on one line; below it why children are not watched."""
    held = view.totals.held >= SUMMED
    line: list[StyledText] = [("▌ ", "gil_held" if held else "muted")]
    for part in _parts(view.totals):
        gap: Line = ((" · ", "muted"),) if len(line) > 1 else ()
        if width_of((*line, *gap, *part)) > width:
            break
        line += [*gap, *part]
    if not view.unwatched:
        return (tuple(line),)
    return tuple(line), fit((("▌ ", "warning"), (f"children: {view.unwatched}", "muted")), width)


def _parts(totals: Totals) -> Iterator[Line]:
    """The most telling first."""
    held = f"{totals.held:.2f}"
    unit = "GIL" if held == "1.00" else "GILs"
    over = not totals.alive
    yield (held, "gil_held-bold"), (f" {unit} held", "foreground")
    yield (f"{totals.cpus:.2f}", "strong"), (f" CPUs{' on average' if over else ''}", "foreground")
    alive = f"{totals.alive:,}"
    if over or totals.alive == totals.processes:
        noun = " process" if totals.processes == 1 else " processes"
        yield (f"{totals.processes:,}", "strong"), (noun, "foreground")
    else:
        yield (alive, "strong"), (f" of {totals.processes:,} alive", "foreground")
    yield ("RSS ", "muted"), (fmt_bytes(totals.rss), "strong")
    least = "" if totals.uss_whole else "≥ "
    uss = "-" if totals.uss is None else f"{least}{fmt_bytes(totals.uss)}"
    most = ((" at most", "foreground"),) if over else ()
    yield ("USS ", "muted"), (uss, "strong"), *most
    yield (f"{totals.cpu_s:,.1f}", "strong"), (" CPU s", "foreground")


# -- timelines -------------------------------------------------------------------------------------

Strip = Callable[[StripView, int], list[StyledText]]
"""(thread, cells) -> its timeline"""


@dataclass(frozen=True)
class Timelines:
    """The threads for which there is room, by process; ``spaced``: with a free line between two
    processes. ``pid`` and ``name`` are cells before a timeline."""

    strips: tuple[StripView, ...] = ()
    left_out: int = 0
    spaced: bool = False
    pid: int = 0
    name: int = 0

    @property
    def label(self) -> int:
        """Cells before a timeline, with gaps."""
        return self.pid + self.name + 2

    @property
    def rows(self) -> int:
        """Lines of the timelines."""
        return len(self.strips) + (_borders(self.strips) if self.spaced else 0)

    def at(self, line: int) -> StripView | None:
        """The thread on a line, counted from the time scale on."""
        before: int | None = None
        row = 0
        for strip in self.strips:
            row += 2 if self.spaced and before not in (None, strip.number) else 1
            before = strip.number
            if row == line:
                return strip
        return None

    @property
    def rest(self) -> str:
        """What is said of the threads that are left out."""
        if not self.left_out:
            return ""
        return f"{fmt_plural(self.left_out, 'less active thread')} left out"


def choose(
    view: ProcessesView, shown: Sequence[int], since_s: float, rows: int, width: int
) -> Timelines:
    """The most active threads of the processes that are ``shown`` and have lived ``since_s``, in
    their order, on at most so many ``rows``."""
    place: Mapping[int, int] = {number: index for index, number in enumerate(shown)}
    known = [
        strip
        for strip in view.strips
        if strip.number in place and (strip.ended_s is None or strip.ended_s > since_s)
    ]
    ranked = sorted(known, key=lambda each: (-round(each.activity, 1), each.number, each.serial))
    chosen = sorted(ranked[: max(0, rows)], key=lambda each: (place[each.number], each.serial))
    pid = max((len(str(each.pid)) for each in chosen), default=0)
    name = max((width_of(((each.name, ""),)) for each in chosen), default=0)
    name = min(name, LONGEST_NAME, max(0, width - LEAST_STRIP - pid - 2))
    spaced = len(chosen) + _borders(chosen) <= rows
    return Timelines(tuple(chosen), len(known) - len(chosen), spaced, pid, name)


def _borders(strips: Iterable[StripView]) -> int:
    """Number of neighbours of different processes."""
    return sum(one.number != other.number for one, other in pairwise(strips))


def draw_timelines(
    view: Timelines, scale: Callable[[int], Line], strip: Strip, subject: int, width: int
) -> tuple[Line, ...]:
    """The time scale, and below it one line for each thread."""
    cells = max(0, width - view.label)
    lines: list[Line] = [((" " * view.label, ""), *scale(cells))]
    before: int | None = None
    for each in view.strips:
        first = each.number != before
        if first and before is not None and view.spaced:
            lines.append(())
        before = each.number
        pid = pad(str(each.pid) if first else "", view.pid)
        style = "accent" if each.number == subject else "strong"
        label = ((pid, style), (f" {pad(each.name, view.name)} ", "muted"))
        lines.append((*label, *strip(each, cells)))
    return tuple(lines)
