"""Baselines (marks) that growth, deltas and charts are counted from, and the user's choice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from refwatch.readings.objects.state import References
from refwatch.text.formats import fmt_duration
from refwatch.text.sanitize import printable
from refwatch.tui.subject import Subject
from refwatch.tui.views.styled_text import cut

LONGEST_NAME = 24


@dataclass(frozen=True)
class BaselineView:
    """A baseline; ``at`` in seconds."""

    name: str
    at: float

    def __str__(self) -> str:
        """``warm (4.00 s)``; the start needs no time."""
        return f"{self.name} ({fmt_duration(self.at)})" if self.at else self.name


def view_baselines(references: References) -> tuple[BaselineView, ...]:
    """All baselines, oldest first."""
    return tuple(
        BaselineView(cut(printable(each.name), LONGEST_NAME), each.at)
        for each in references.baselines
    )


def baselines_of(subject: Subject) -> tuple[BaselineView, ...]:
    """Baselines of a process."""
    return view_baselines(subject.process.references) if subject.process else ()


def clamp(index: int, baselines: Sequence[object]) -> int:
    """The index, clamped to the newest."""
    return max(0, min(index, len(baselines) - 1))


class Choice:
    """The chosen baseline: the newest mark, until the user picks another."""

    def __init__(self) -> None:
        self.index = 0
        self._newest: BaselineView | None = None

    def follow(self, baselines: Sequence[BaselineView]) -> None:
        """Choose a mark that was set since."""
        if baselines and baselines[-1] != self._newest:
            self._newest = baselines[-1]
            self.index = len(baselines) - 1

    def next(self, baselines: Sequence[BaselineView]) -> None:
        """Choose the next one; after the newest, the start."""
        if baselines:
            self.index = (clamp(self.index, baselines) + 1) % len(baselines)
