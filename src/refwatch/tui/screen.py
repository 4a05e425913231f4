"""The main screen: header, row of panels, the panel that is looked at, keys."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container
from textual.message import Message
from textual.screen import Screen

from refwatch.tui.header import Header
from refwatch.tui.panel import Panel, PanelSpec
from refwatch.tui.views.header import HeaderView
from refwatch.tui.widgets.footer import SteadyFooter
from refwatch.tui.widgets.scrubber import Scrubber
from refwatch.tui.widgets.tab_row import TabRow


class MainScreen(Screen[None]):
    """Holds the panels, each mounted when it is first looked at."""

    AUTO_FOCUS = ""
    """A screen over it leaves the keyboard where it was: not with a panel that is not seen."""
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("tab", "next_panel(1)", "Next panel", show=False, id="panel.next"),
        Binding("shift+tab", "next_panel(-1)", "Panel before", show=False, id="panel.previous"),
    ]

    class PanelMounted(Message):
        """A panel has its place and size, and nothing to show yet."""

    def __init__(self, specs: tuple[PanelSpec, ...]) -> None:
        super().__init__(id="main")
        self.specs = specs
        self.active = specs[0]
        self._header = Header()
        tabs = ((spec.name, spec.key, spec.title, spec.short or spec.title) for spec in specs)
        self._tabs = TabRow(tuple(tabs), "tabs")
        self._panels: dict[str, Panel] = {}
        self._place = Container(id="panels")
        self.scrubber = Scrubber()
        """Seen in a recording."""
        self.scrubber.display = False
        self._baseline = 0

    def compose(self) -> ComposeResult:
        yield self._header
        yield self._tabs
        yield self._place
        yield self.scrubber
        yield SteadyFooter()

    async def on_mount(self) -> None:
        await self.activate(self.specs[0].name)

    @property
    def panel(self) -> Panel | None:
        """The panel that is looked at, once it is mounted."""
        return self._panels.get(self.active.name)

    async def activate(self, name: str) -> None:
        """Show this panel."""
        spec = next(spec for spec in self.specs if spec.name == name)
        panel = self._panels.get(name)
        if panel is not None and spec is self.active:
            return
        if panel is None:
            panel = self._panels[name] = spec.make()
            panel.display = False  # else it has its place beside the one before, for a moment
            await self._place.mount(panel)
            self.call_after_refresh(self.post_message, self.PanelMounted())
        self.active = spec
        for other, widget in self._panels.items():
            widget.display = other == name
        self._tabs.mark(name)
        self.set_focus(None)
        panel.focus_content()
        self.refresh_bindings()

    def show_header(self, view: HeaderView) -> None:
        self._header.present(view)

    def show_panel(self, view: object, *, numbers: bool) -> None:
        """Hand the panel that is looked at its view."""
        panel = self.panel
        if panel is not None and panel.is_mounted:
            panel.set_baseline(self._baseline)
            panel.show(view, numbers=numbers)
            self._tabs.hint(panel.hint())

    def set_baseline(self, index: int) -> None:
        """Compare with this one of the baselines from now on, in every panel."""
        self._baseline = index

    @on(Panel.HintChanged)
    def _hint_changed(self) -> None:
        if self.panel is not None:
            self._tabs.hint(self.panel.hint())

    def resumed(self) -> None:
        """A pause is over."""
        for panel in self._panels.values():
            panel.resumed()

    def action_next_panel(self, by: int) -> None:
        index = self.specs.index(self.active)
        self.app.run_worker(self.pick(self.specs[(index + by) % len(self.specs)].name))

    async def pick(self, name: str) -> None:
        """Show this panel, with what there is to show."""
        await self.app.run_action(f"panel('{name}')")

    @on(TabRow.Picked)
    async def _tab_picked(self, event: TabRow.Picked) -> None:
        await self.pick(event.panel)
