"""Marks as baselines: what growth, deltas and charts are counted from, and which one is chosen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from refwatch.readings.objects.state import References
from refwatch.session.state import State
from refwatch.text.formats import fmt_duration
from refwatch.text.sanitize import safe
from refwatch.tui.views.styled_text import cut

LONGEST_NAME = 24


@dataclass(frozen=True)
class BaselineView:
    """One of them; ``at`` in seconds."""

    name: str
    at: float

    def __str__(self) -> str:
        """``warm (4.00 s)``; the beginning needs no time."""
        return f"{self.name} ({fmt_duration(self.at)})" if self.at else self.name


def view_baselines(references: References) -> tuple[BaselineView, ...]:
    """All that can be chosen, the oldest first."""
    return tuple(
        BaselineView(cut(safe(each.name), LONGEST_NAME), each.at) for each in references.baselines
    )


def baselines_of(state: State) -> tuple[BaselineView, ...]:
    """Those of the process that was started or attached to."""
    return view_baselines(state.main.references) if state.main else ()


def within(index: int, baselines: Sequence[object]) -> int:
    """The index, or that of the newest where there are not so many."""
    return max(0, min(index, len(baselines) - 1))


class Choice:
    """The user's choice: the newest mark, unless another one is picked after it."""

    def __init__(self) -> None:
        self.index = 0
        self._newest: BaselineView | None = None

    def follow(self, baselines: Sequence[BaselineView]) -> None:
        """Choose a mark that has come since."""
        if baselines and baselines[-1] != self._newest:
            self._newest = baselines[-1]
            self.index = len(baselines) - 1

    def next(self, baselines: Sequence[BaselineView]) -> None:
        """Choose the one after it; after the newest comes the beginning."""
        if baselines:
            self.index = (within(self.index, baselines) + 1) % len(baselines)
