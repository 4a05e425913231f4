"""What a panel is: a function that reads the state into a view, and a widget that shows the view.

A panel is mounted when it is first looked at. While the view is paused it is not given another, so
that it stands still however much data flows on.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from textual.containers import Vertical
from textual.message import Message

from refwatch.session.state import State
from refwatch.tui.views.spans import Line


class Panel(Vertical):
    """One panel. ``show`` is called some times a second while it is seen, and only if the state has
    changed since."""

    class HintChanged(Message):
        """``hint`` says something else now."""

    def show(self, view: object, *, numbers: bool) -> None:
        """Show what ``read`` of its spec made. ``numbers`` is False on the ticks between, on which
        only what moves fast is drawn."""
        raise NotImplementedError

    def focus_content(self) -> None:
        """Give the keyboard to what the panel is about."""

    def resumed(self) -> None:
        """The pause is over."""

    def hint(self) -> Line:
        """What the row of panels shows at its right end while this one is seen."""
        return ()


def _as_it_is(view: object) -> object:
    return view


@dataclass(frozen=True)
class PanelSpec:
    """``key`` is the number key; ``read`` is pure; ``make`` is called when it is first looked at.
    ``hold`` makes a view last through a pause. ``fast`` panels are given a view on every tick, not
    only on those for numbers."""

    name: str
    key: str
    title: str
    read: Callable[[State], object]
    make: Callable[[], Panel]
    hold: Callable[[object], object] = _as_it_is
    fast: bool = False
