"""Main screen: header, row of panels, the active panel, keys."""

from __future__ import annotations

from typing import Any, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container
from textual.screen import Screen

from refwatch.tui.messages import RedrawWanted
from refwatch.tui.panel import Panel, PanelSpec
from refwatch.tui.subject import Subject
from refwatch.tui.views.header import HeaderView, draw_header
from refwatch.tui.widgets.footer import SteadyFooter
from refwatch.tui.widgets.lines import Picture
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

    def __init__(self, specs: tuple[PanelSpec, ...], *, live: bool) -> None:
        super().__init__(id="main")
        self.specs = specs
        self.active = specs[0]
        self._live = live
        self._header: Picture[HeaderView] = Picture(draw_header, "header")
        self._tabs = TabRow(
            tuple(
                (spec.name, str(key), spec.title, spec.short or spec.title)
                for key, spec in enumerate(specs, 1)
            ),
            "tabs",
        )
        self._panels: dict[str, Panel[Any]] = {}
        self._place = Container(id="panels")
        self.scrubber = Scrubber()
        """Seen in a recording."""
        self.scrubber.display = False

    def compose(self) -> ComposeResult:
        yield self._header
        yield self._tabs
        yield self._place
        yield self.scrubber
        yield SteadyFooter()

    async def on_mount(self) -> None:
        await self.activate(self.specs[0].name)

    def on_screen_resume(self) -> None:
        self.post_message(RedrawWanted())

    @property
    def panel(self) -> Panel[Any] | None:
        """The active panel, once it is mounted."""
        return self._panels.get(self.active.name)

    async def activate(self, name: str) -> None:
        """Show this panel."""
        spec = next(spec for spec in self.specs if spec.name == name)
        panel = self._panels.get(name)
        if panel is not None and spec is self.active:
            return
        if panel is None:
            panel = self._panels[name] = spec.make(live=self._live)
            panel.display = False  # or it takes a place beside the panel before, for a moment
            await self._place.mount(panel)
            self.call_after_refresh(self.post_message, RedrawWanted())
        self.active = spec
        for other, widget in self._panels.items():
            widget.display = other == name
        self._tabs.mark(name)
        self.set_focus(None)
        panel.focus_content()
        self.refresh_bindings()

    def show_header(self, view: HeaderView) -> None:
        self._header.present(view)

    def show_subject(
        self, subject: Subject, *, numbers: bool, baseline: int, paused: bool, gone: bool
    ) -> None:
        """Have the active panel read the process and show it."""
        panel = self.panel
        if panel is not None and panel.is_mounted:
            panel.paused, panel.gone = paused, gone
            panel.set_baseline(baseline)
            other = panel.turn_to(subject)
            panel.show(panel.read(subject), numbers=numbers or other)
            if other and self.focused is None:  # what had the keyboard was not shown for a while
                self.call_after_refresh(panel.focus_content)
            self._tabs.hint(panel.hint())

    @on(Panel.HintChanged)
    def _hint_changed(self) -> None:
        if self.panel is not None:
            self._tabs.hint(self.panel.hint())

    def action_next_panel(self, by: int) -> None:
        index = self.specs.index(self.active)
        self.app.run_worker(self.pick(self.specs[(index + by) % len(self.specs)].name))

    async def pick(self, name: str) -> None:
        """Show this panel, with what there is to show."""
        await self.app.run_action(f"panel('{name}')")

    @on(TabRow.Picked)
    async def _tab_picked(self, event: TabRow.Picked) -> None:
        await self.pick(event.panel)
