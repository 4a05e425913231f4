"""Detail of one class or type: beside the table if there is room, else on a screen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container, Vertical
from textual.message import Message
from textual.screen import Screen

from refwatch.tui.panels.objects.detail_view import (
    ObjectView,
    draw_holders,
    draw_object_chart,
    draw_object_facts,
    draw_object_title,
    fmt_looked,
)
from refwatch.tui.panels.objects.widgets import HolderTree
from refwatch.tui.referrers.listed_object import ListedObject
from refwatch.tui.views.pointed import Pointed
from refwatch.tui.widgets.footer import SteadyFooter
from refwatch.tui.widgets.lines import Lines, Picture, label_border

OBJECT_KEYS: list[BindingType] = [
    Binding("i", "object('inspect')", "Referrers", id="object.inspect",
            tooltip="Who refers to the newest instance of this class, as a tree"),
    Binding("g", "object('graph')", "Graph", id="object.graph",
            tooltip="Write the references around this class as DOT, and as SVG with graphviz"),
    Binding("w", "object('watch')", "Watch", id="object.watch",
            tooltip="Watch the refcount of the newest instance of this class"),
    Binding("x", "object('cancel')", "Cancel", id="object.cancel",
            tooltip="Cancel the running search or graph"),
]  # fmt: skip
"""Actions on one class, in the table and beside it."""
SIDE_BY_SIDE = 72
"""Width from which the numbers stand beside the chart."""


class ObjectDetail(Vertical):
    """Shows an ObjectView."""

    SCOPED_CSS = False
    DEFAULT_CSS = """
    ObjectDetail {
        height: 1fr;
    }
    ObjectDetail .object-top {
        layout: vertical;
        height: 20;
    }
    ObjectDetail .object-top .box {
        width: 1fr;
        height: 1fr;
    }
    ObjectDetail.-beside .object-top {
        layout: horizontal;
        height: 9;
    }
    .-tall ObjectDetail.-beside .object-top {
        height: 13;
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,backspace", "back", "Back", id="object.back",
                tooltip="Back to the table"),
        Binding("r", "look", "Look again", id="object.look",
                tooltip="One class: look again for what keeps its instances alive"),
    ]  # fmt: skip

    class BackWanted(Message):
        """Close the detail."""

    def __init__(self, act: Callable[[str], None]) -> None:
        super().__init__()
        self._act = act
        self.view: ObjectView | None = None
        self._title_line = Lines(classes="title")
        self._chart = Picture(draw_object_chart, box="")
        self._facts = Picture(draw_object_facts, box="Numbers")
        self._holders = HolderTree("object-holders", box="What keeps them alive")

    def compose(self) -> ComposeResult:
        yield self._title_line
        with Container(classes="object-top"):
            yield self._chart
            yield self._facts
        yield self._holders

    def take_focus(self) -> None:
        self._holders.focus()

    @property
    def seen(self) -> ListedObject | None:
        """The object under the cursor, if the list has the focus."""
        row = self._holders.held if self._holders.has_focus else None
        return None if row is None else ListedObject(row.what, row.type, row.address)

    def pointed(self) -> Pointed | None:
        """The object under the cursor."""
        return self.seen.pointed() if self.seen is not None else None

    def present(self, view: ObjectView | None) -> None:
        """Show this view; None: the class is gone, and its last view stays."""
        if view is None:
            view = replace(self.view, gone=True) if self.view is not None else None
        self.view = view
        self._lay_out()

    def on_resize(self) -> None:
        self.set_class(self.size.width >= SIDE_BY_SIDE, "-beside")
        self.call_after_refresh(self._lay_out)

    def _lay_out(self) -> None:
        view = self.view
        if view is None or not self.is_mounted or not self.display:
            return
        self._title_line.show((draw_object_title(view, self._title_line.size.width),))
        label_border(self._chart, f"Instances since {view.growth[view.chosen][0].name}")
        self._chart.present(view)
        self._facts.present(view)
        label_border(self._holders, subtitle=fmt_looked(view))
        self._holders.present(draw_holders(view, self._holders.scrollable_content_region.width))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002
        return action != "look" or (self.view is not None and self.view.holders.may_ask)

    @on(HolderTree.Picked)
    def _picked(self) -> None:
        self._act("look" if self.seen is None else "inspect")

    def action_back(self) -> None:
        self.post_message(self.BackWanted())

    def action_look(self) -> None:
        self._act("look")


class ObjectScreen(Screen[None]):
    """One class on a narrow terminal. ``act`` runs an action of OBJECT_KEYS, ``may`` says whether
    it can run."""

    DEFAULT_CSS = """
    ObjectScreen {
        background: $background;
        color: $foreground;
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = OBJECT_KEYS

    def __init__(
        self,
        key: int,
        act: Callable[[str], None],
        may: Callable[[str], bool],
        pointed: Callable[[], Pointed | None],
    ) -> None:
        super().__init__(id="object")
        self.key = key
        self.pointed = pointed
        """Of the class."""
        self.detail = ObjectDetail(act)
        self._act, self._may = act, may

    def compose(self) -> ComposeResult:
        yield self.detail
        yield SteadyFooter()

    def on_mount(self) -> None:
        self.detail.take_focus()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        return action != "object" or self._may(str(parameters[0]))

    def action_object(self, what: str) -> None:
        self._act(what)

    @on(ObjectDetail.BackWanted)
    def _back_wanted(self) -> None:
        self.dismiss()
