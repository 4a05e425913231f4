"""The timeline strip of a thread: its runs of states become cells of a terminal.

A cell covers two pieces of time and is aligned to absolute time, so that a strip scrolls by whole
cells and a cell once drawn stays as it is. Where each half is mostly one state, the cell shows both
side by side (``▌``). Where states change faster than that, it shows its two main states as a bar:
the height of the front colour is its share. So a strip tells the truth at every zoom.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from refwatch.readings.threads.state_timeline import Run
from refwatch.readings.threads.states import LETTERS, ThreadState
from refwatch.tui.views.styled_text import StyledText, joined
from refwatch.tui.views.threads import fill

ZOOMS_S = (0.001, 0.002, 0.005, 0.010, 0.020, 0.050, 0.100)
"""Seconds of one piece, half a cell."""
DEFAULT_ZOOM = 4
KEEP_S = 30.0
"""How far back a timeline goes."""
LATE_S = 2.0
"""For so long a cell without data is looked at again: another process's slices may come later."""
PURE = 0.75
"""A half of which one state has this share is drawn as that state."""
BARS = "▁▂▃▄▅▆▇"
_RANK = {state: rank for rank, state in enumerate(ThreadState)}
_EMPTY: StyledText = (" ", "")


class Runs(Protocol):
    """What a strip is drawn from: refwatch.readings.threads.state_timeline.StateTimeline."""

    def runs(self, start: float, end: float) -> list[Run]: ...


@dataclass(frozen=True)
class Window:
    """Which cells are shown: ``count`` of them up to, not including, cell ``last``; cell n covers
    the time from n * cell_s on."""

    cell_s: float
    last: int
    count: int

    @property
    def end_s(self) -> float:
        return self.last * self.cell_s


def window(end_s: float, zoom: int, count: int) -> Window:
    """The newest ``count`` whole cells before ``end_s``."""
    cell_s = 2 * ZOOMS_S[zoom]
    return Window(cell_s, int(end_s / cell_s + 1e-9), count)


@dataclass
class StripCells:
    """The cells of one thread, kept from frame to frame: only new ones are worked out."""

    cell_s: float = 0.0
    glyphs: bool = False
    cells: dict[int, StyledText] = field(default_factory=dict)

    def styled(self, source: Runs, view: Window, glyphs: bool) -> list[StyledText]:
        """The window's cells, equal neighbours joined."""
        if self.cell_s != view.cell_s or self.glyphs != glyphs:
            self.cell_s, self.glyphs = view.cell_s, glyphs
            self.cells.clear()
        first = view.last - view.count
        missing = [index for index in range(first, view.last) if index not in self.cells]
        if missing:
            self._fill(source, missing[0], missing[-1] + 1)
        late = view.last - round(LATE_S / view.cell_s)
        for index in missing:
            if index >= late and self.cells.get(index) == _EMPTY:
                del self.cells[index]
        if len(self.cells) > 4 * view.count + 200:
            keep = range(first, view.last)
            self.cells = {index: cell for index, cell in self.cells.items() if index in keep}
        return joined(self.cells.get(index, _EMPTY) for index in range(first, view.last))

    def _fill(self, source: Runs, first: int, stop: int) -> None:
        runs = source.runs(first * self.cell_s, stop * self.cell_s)
        halves = _halves(runs, first * 2, stop * 2, self.cell_s / 2)
        draw = _glyph if self.glyphs else _cell
        for index in range(first, stop):
            offset = 2 * (index - first)
            if index not in self.cells:
                self.cells[index] = draw(halves[offset], halves[offset + 1], self.cell_s / 2)


Shares = dict[ThreadState, float]


def _halves(runs: list[Run], first: int, stop: int, piece_s: float) -> list[Shares]:
    """Seconds in each state for the pieces from ``first`` to ``stop``."""
    shares: list[Shares] = [{} for _ in range(stop - first)]
    origin = first * piece_s
    count = stop - first
    for start, end, state in runs:
        low = max(0.0, (start - origin) / piece_s)
        high = min(float(count), (end - origin) / piece_s)
        index = int(low)
        while low < high - 1e-9 and index < count:
            edge = min(high, index + 1.0)
            piece = shares[index]
            piece[state] = piece.get(state, 0.0) + (edge - low) * piece_s
            low = edge
            index += 1
    return shares


def _main(shares: Shares, least: float) -> ThreadState | None:
    """The state that has at least this many seconds of a half, if one has."""
    for state, seconds in shares.items():
        if seconds >= least:
            return state
    return None


def _cell(left: Shares, right: Shares, piece_s: float) -> StyledText:
    if not left and not right:
        return _EMPTY
    least = PURE * piece_s
    first, second = _main(left, least), _main(right, least)
    if first is not None and second is not None:
        return ("█", fill(first)) if first is second else ("▌", f"{fill(first)}/{fill(second)}")
    total = dict(left)
    for state, seconds in right.items():
        total[state] = total.get(state, 0.0) + seconds
    return _bar(total)


def _bar(total: Shares) -> StyledText:
    ranked = sorted(total, key=lambda state: -total[state])[:2]
    if len(ranked) == 1:
        return ("█", fill(ranked[0]))
    front, back = sorted(ranked, key=_RANK.__getitem__)
    share = total[front] / (total[front] + total[back])
    level = round(share * 8)
    if level >= 8:
        return ("█", fill(front))
    return (BARS[max(level, 1) - 1], f"{fill(front)}/{fill(back)}")


def _glyph(left: Shares, right: Shares, piece_s: float) -> StyledText:  # noqa: ARG001
    """A letter for a cell, where colours are not to be had."""
    total = dict(left)
    for state, seconds in right.items():
        total[state] = total.get(state, 0.0) + seconds
    if not total:
        return _EMPTY
    state = max(total, key=lambda state: total[state])
    return (LETTERS[state], str(state))
