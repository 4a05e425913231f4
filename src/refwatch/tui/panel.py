"""Base class of the panels, and the entry by which the registry names one.

A panel is mounted when it is first looked at. While the app is paused it gets no other state, so it
stands still however much data flows on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar

from textual.binding import Binding
from textual.containers import Vertical
from textual.dom import DOMNode
from textual.message import Message

from refwatch.session.events import TargetStarted
from refwatch.tui.help import Section
from refwatch.tui.live_screen import LiveScreen
from refwatch.tui.subject import Subject
from refwatch.tui.views.styled_text import Line

V = TypeVar("V")


def can_ask(node: DOMNode) -> bool:
    """Whether the target can be asked for something: not in a recording, nor once it is gone. A key
    that would ask is left out then."""
    return bool(getattr(node.app, "can_ask", False))


class Panel(Vertical, Generic[V]):
    """One panel: reads the state into a V and shows it, several times a second while it is
    active."""

    DEFAULT_CSS = """
    Panel {
        height: 1fr;
        width: 1fr;
    }
    """

    class HintChanged(Message):
        """``hint`` says something else now."""

    def __init__(self, name: str, *, live: bool = True) -> None:
        super().__init__(id=name)
        self.live = live
        """There is a daemon to ask; a recording has none."""
        self.paused = False
        self.gone = False
        """The source of events has ended."""
        self._read_of: tuple[int, TargetStarted | None, bool] | None = None
        """Number and start of the process that was read last, and whether all were."""

    def read(self, subject: Subject) -> V:
        """Read the view of this process, or of its session."""
        raise NotImplementedError

    def show(self, view: V, *, numbers: bool) -> None:
        """Show the view. ``numbers`` is False on ticks that draw only what moves fast."""
        raise NotImplementedError

    def turn_to(self, subject: Subject) -> bool:
        """Start over if another process is read from now on; return whether that is so."""
        now = (subject.number, subject.started, subject.together)
        before, self._read_of = self._read_of, now
        if before in (None, self._read_of):
            return False
        self.start_over()
        return True

    def start_over(self) -> None:
        """Drop what was kept of a process: views of another one follow."""

    def set_baseline(self, index: int) -> None:
        """Compare with the baseline at this index from now on; with the newest where there are
        fewer."""

    def focus_content(self) -> None:
        """Give the keyboard to the panel's main widget."""

    def hint(self) -> Line:
        """Return what the row of panels shows at its right end."""
        return ()


class MakePanel(Protocol):
    """A panel's class."""

    def __call__(self, *, live: bool) -> Panel[Any]: ...


@dataclass(frozen=True)
class PanelSpec:
    """All that the app knows of a panel. ``name`` is the widget's id."""

    name: str
    title: str
    make: MakePanel
    help: tuple[Section, ...] = ()
    short: str = ""
    """Title where there is little room."""
    fast: bool = False
    """Drawn on every tick, not only on those for numbers."""
    together: bool = False
    """Can show all processes of the session together."""
    compares: bool = False
    """Compares its numbers with the baseline that the user chooses for all panels at once."""
    keys: tuple[Binding, ...] = ()
    """Keys that work everywhere, as those that open its screens: action ``open('id')``."""
    screens: Mapping[str, Callable[[], LiveScreen[Any]]] = field(default_factory=dict)
    """Id of a screen -> what makes it."""
