"""What a panel is: a function that reads the state into a view, and a widget that shows the view.

A panel is mounted when it is first looked at. While the view is paused it is not given another, so
that it stands still however much data flows on.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from textual.containers import Vertical
from textual.dom import DOMNode
from textual.message import Message

from refwatch.session.state import State
from refwatch.tui.views.spans import Line
from refwatch.wire.commands import Command


def can_ask(node: DOMNode) -> bool:
    """Whether the target can be asked for something: not in a recording, nor once it is gone. A key
    that would ask is left out then."""
    return bool(getattr(node.app, "can_ask", False))


class Panel(Vertical):
    """One panel. ``show`` is called some times a second while it is seen, and only if the state has
    changed since."""

    class HintChanged(Message):
        """``hint`` says something else now."""

    class SendWanted(Message):
        """The daemon is to be sent this command; ``said`` is told the user once it has gone."""

        def __init__(self, command: Command, said: str = "") -> None:
            super().__init__()
            self.command, self.said = command, said

    class InspectWanted(Message):
        """The user wants to see who refers to an object. ``ask`` makes the command, given the name
        of the new inspection; ``title`` is shown until the answer says more. ``address`` finds it
        in a recording, where nothing can be asked."""

        def __init__(self, title: str, ask: Callable[[str], Command], address: str = "") -> None:
            super().__init__()
            self.title, self.ask, self.address = title, ask, address

    compares: ClassVar[bool] = False
    """Its numbers are compared with a baseline, which the user chooses for all panels at once."""

    def set_baseline(self, index: int) -> None:
        """Compare with the baseline at this place of those in the view from now on; with the newest
        where there are not so many."""

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


@dataclass(frozen=True)
class PanelSpec:
    """``key`` is the number key; ``read`` is pure; ``make`` is called when it is first looked at.
    ``fast`` panels are given a view on every tick, not
    only on those for numbers. ``short`` is its title where there is little room."""

    name: str
    key: str
    title: str
    read: Callable[[State], object]
    make: Callable[[], Panel]
    fast: bool = False
    short: str = ""
