"""The app: one State, fed by a reader and drawn by a timer.

Events only change the state. The timer redraws the active panel if the state has changed since.
While paused the app shows a copy of the state; data flows on behind it.
"""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from textual import events, on
from textual.app import SystemCommand
from textual.binding import Binding, BindingsMap, BindingType
from textual.geometry import Size
from textual.screen import ModalScreen, Screen

from refwatch.session import codec
from refwatch.session import events as ev
from refwatch.session.state import State
from refwatch.tui.answers import Answer
from refwatch.tui.feed import Feed, ReplayFeed
from refwatch.tui.help import HelpScreen, Section, in_order, key_section
from refwatch.tui.leave import Leave, LeaveScreen
from refwatch.tui.live_screen import LiveScreen
from refwatch.tui.messages import RedrawWanted, SubjectWanted
from refwatch.tui.palette import key_commands, process_commands
from refwatch.tui.panels.output.panel import OutputLines
from refwatch.tui.panels.output.room import room
from refwatch.tui.panels.output.terminal_reader import REST_S, TerminalReader, asks
from refwatch.tui.panels.registry import PANELS
from refwatch.tui.place_app import BASE_KEYS, LIVE_KEYS, PlaceApp
from refwatch.tui.referrers.screen import ReferrersScreen
from refwatch.tui.screen import MainScreen
from refwatch.tui.subject import Subject
from refwatch.tui.table_panel import TABLE_KEYS
from refwatch.tui.theme import DARK, LIGHT, defaults
from refwatch.tui.views.baselines import Choice, baselines_of
from refwatch.tui.views.header import HeaderView, fmt_target, view_header
from refwatch.tui.widgets.live_table import LiveTable
from refwatch.tui.widgets.row_view import MOVE_KEYS
from refwatch.tui.widgets.tree_lines import TREE_KEYS
from refwatch.wire.commands import ResizeTerminal, TypeInput, WriteSnapshot
from refwatch.wire.event import MAIN

__all__ = ["Leave", "RefwatchApp"]

TICK_S = 0.1
NUMBERS_EVERY = 4
"""Ticks between two redraws of numbers and tables; timelines move on every tick."""


REPLACED = ("Keys", "Quit", "Maximize", "Minimize")
"""Commands of Textual's for which there are keys here, or that do not suit."""


class RefwatchApp(PlaceApp):
    """The viewer. ``write_snapshot`` writes a snapshot of a state, where no daemon can."""

    TITLE = "refwatch"
    CSS_PATH = "refwatch.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("backspace", "program", "Program", key_display="⌫", id="app.program",
                tooltip="Back from a child to the program itself"),
        Binding("p", "together", "All", id="app.together",
                tooltip="All processes together, or one; Overview, Time, Threads, Objects"),
        Binding("space", "pause", "Pause", id="app.pause",
                tooltip="Hold the view; data flows on"),
        Binding("s", "snapshot", "Snapshot", id="app.snapshot",
                tooltip="Write a snapshot as JSON, and say where"),
        Binding("question_mark", "help", "Keys", key_display="?", id="app.help",
                tooltip="Every key, and what the colours mean"),
        Binding("ctrl+t", "toggle_theme", "Dark or light", show=False, id="app.theme"),
        Binding("q", "leave", "Leave", id="app.leave",
                tooltip="Leave; asks whether the program keeps running"),
        Binding("ctrl+q", "leave", "Leave", show=False, priority=True, id="app.quit"),
    ]  # fmt: skip

    def __init__(
        self,
        feed: Feed,
        *,
        replay: bool = False,
        write_snapshot: Callable[[State, Path], None] | None = None,
        snapshot_dir: Path,
    ) -> None:
        super().__init__(feed, replay=replay)
        self.VERTICAL_BREAKPOINTS = [(0, "-short"), (32, "-tall")]
        self.held: State | None = None
        """What a pause shows: the state as it was then."""
        self._held_drawn = ""
        """Name of the panel that shows the held state already."""
        self._baselines: defaultdict[int, Choice] = defaultdict(Choice)
        """Of each process that was looked at."""
        self.together = False
        """The panels that can are to show all processes together."""
        self.reader = TerminalReader()
        self.main = MainScreen(PANELS, live=not replay)
        self._write_snapshot = write_snapshot
        self._snapshot_dir = snapshot_dir
        self._ticks = 0
        self._could = (True, False)
        """Whether the target could be asked at the last tick, and whether the daemon was gone."""
        self._drawn = (-1, False)
        self._numbers = (-1, False)
        keys = [key for spec in PANELS for key in spec.keys]
        self._bindings = BindingsMap.merge([self._bindings, BindingsMap([*_panel_keys(), *keys])])
        self.register_theme(DARK)
        self.register_theme(LIGHT)
        self.theme = LIGHT.name if _light_terminal() else DARK.name

    def get_default_screen(self) -> Screen[None]:
        return self.main

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return defaults(self.current_theme.dark)

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        yield from key_commands(self, screen)
        yield from process_commands(self, self.subject)
        for command in super().get_system_commands(screen):
            if command.title not in REPLACED:
                yield command

    def on_mount(self) -> None:
        self.draw()
        self.set_interval(TICK_S, self._tick)
        self.run_worker(self._read(), group="feed", exclusive=True)

    # -- events in -----------------------------------------------------------------------------

    async def _read(self) -> None:
        async for batch in self.feed.events():
            for event in batch:
                self.state.apply(event)
                if isinstance(event, ev.TargetStarted | ev.Checkpoint):
                    self._resize_terminal(self.size)
                if isinstance(event, ev.Checkpoint) or (
                    isinstance(event, ev.OutputWritten) and asks(event.data)
                ):
                    self._answer()
                self.tell(event)
            if isinstance(self.feed, ReplayFeed):
                self.feed.folded(self.state)

    @property
    def paused(self) -> bool:
        """The view stands still."""
        return self.held is not None or (isinstance(self.feed, ReplayFeed) and self.feed.paused)

    @property
    def shown(self) -> State:
        """The state on the screen."""
        return self.held or self.state

    @property
    def subject(self) -> Subject:
        """The process on the screen."""
        return Subject(self.shown, self.number, self.together and self.main.active.together)

    @property
    def baseline(self) -> Choice:
        """The baseline that was chosen for it."""
        return self._baselines[self.number]

    # -- drawing -------------------------------------------------------------------------------

    def _tick(self) -> None:
        if not self.screen_stack:  # the app is closing
            return
        self._ticks += 1
        now = (self.state.version, self.feed.gone)
        could, self._could = self._could, (self.can_ask, self.feed.gone)
        if could != self._could:
            self.screen.refresh_bindings()
        self.show_place()
        numbers = self._ticks % NUMBERS_EVERY == 0 and now != self._numbers
        if numbers or now != self._drawn:
            self._draw(numbers=numbers)

    def draw(self) -> None:
        """Redraw the screen now."""
        self.show_place()
        self._draw(numbers=True)

    def _draw(self, *, numbers: bool) -> None:
        if self.number != MAIN and self.subject.process is None:
            self.look_at(MAIN)  # it is no longer kept
        now = (self.state.version, self.feed.gone)
        self._drawn = now
        if numbers:
            self._numbers = now
            self.show_header()
        if isinstance(self.screen, LiveScreen):
            if numbers or self.screen.fast:
                self._draw_live(self.screen)
            return
        if self.held is None:
            self.baseline.follow(baselines_of(self.subject))
            if numbers or self.main.active.fast:
                self._show_panel(numbers=numbers)
        elif numbers and self._held_drawn != self.main.active.name:
            self._held_drawn = self.main.active.name
            self._show_panel(numbers=True)

    def _show_panel(self, *, numbers: bool) -> None:
        self.main.show_subject(
            self.subject,
            numbers=numbers,
            baseline=self.baseline.index,
            paused=self.paused,
            gone=self.feed.gone,
        )

    def _draw_live(self, screen: LiveScreen[Any]) -> None:
        if screen.process is None:
            screen.process = self.number
        state = self.state if screen.moves_on else self.shown
        view = screen.read(Subject(state, screen.process))
        if view is not None and view != screen.view:
            screen.show(view)

    @on(RedrawWanted)
    def _redraw_wanted(self) -> None:
        self._held_drawn = ""
        if self.screen_stack:
            self.draw()

    def show_header(self) -> None:
        self.main.show_header(self._header())

    def _header(self) -> HeaderView:
        view = view_header(self.subject, gone=self.feed.gone, replay=self.replay_note())
        behind = max(0.0, self.state.now - self.shown.now)
        return replace(view, behind_s=behind) if self.paused else view

    # -- the process that is looked at ---------------------------------------------------------

    def look_at(self, number: int, *, together: bool = False) -> None:
        """Show this process from now on, or all together."""
        self.number, self.together = number, together
        self._held_drawn = ""
        self.screen.refresh_bindings()

    @on(SubjectWanted)
    async def _subject_wanted(self, event: SubjectWanted) -> None:
        await self.action_look_at(event.number)

    async def action_look_at(self, number: int) -> None:
        """Show a process, by its threads."""
        self.look_at(number)
        await self.action_panel("threads")
        self.draw()

    def action_program(self) -> None:
        """Show the program itself again."""
        self.look_at(MAIN)
        self.draw()

    def action_together(self) -> None:
        """Show all processes together, or one again."""
        self.look_at(self.number, together=not self.together)
        self.draw()

    # -- keys ----------------------------------------------------------------------------------

    async def action_panel(self, name: str) -> None:
        """Show a panel, closing the screens over it."""
        while not isinstance(self.screen, MainScreen | ModalScreen):
            await self.screen.dismiss()
        if isinstance(self.screen, MainScreen):
            await self.main.activate(name)
            self._held_drawn = ""
            self.draw()

    def action_open(self, screen: str) -> None:
        """Show a panel's screen, from anywhere."""
        for spec in PANELS:
            if screen in spec.screens and self.screen.id != screen:
                self.push_screen(spec.screens[screen]())

    def action_pause(self) -> None:
        if isinstance(self.feed, ReplayFeed):
            self.feed.paused = not self.feed.paused
        else:
            self.held = codec.copy(self.state) if self.held is None else None
            self._held_drawn = ""
        self.draw()
        self.screen.refresh_bindings()

    async def action_snapshot(self) -> None:
        name = f"refwatch-{self._stem()}-{datetime.now().astimezone():%Y%m%d-%H%M%S}.json"
        path = self._snapshot_dir / name
        if not self.replay:
            command = WriteSnapshot(path=str(path))
            await self.send(command, answering=partial(_snapshot_answer, str(path)))
            return
        if self._write_snapshot is None:
            self.notify("Snapshots cannot be written from here.", severity="warning")
            return
        try:
            self._write_snapshot(self.state, path)
        except OSError as error:
            self.notify(str(error), title="No snapshot", severity="error", markup=False)
        else:
            self.notify(str(path), title="Snapshot written", markup=False)

    def _stem(self) -> str:
        """The target's name for use in file names: its script or module."""
        argv = self.state.target.argv if self.state.target else []
        before = ["", *argv]
        words = [
            word
            for word, option in zip(argv, before, strict=False)
            if not word.startswith("-") and option not in ("-X", "-W")
        ]
        if len(words) > 1 and Path(words[0]).name.startswith("python"):
            words = words[1:]
        return re.sub(r"[^\w.-]+", "_", Path(words[0]).stem if words else "")[:60] or "target"

    def action_baseline(self) -> None:
        self.baseline.next(baselines_of(self.subject))
        self._held_drawn = ""
        self.draw()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002
        if action == "program":
            other = self.number != MAIN or self.together
            return other and isinstance(self.seen, MainScreen)
        if action == "together":
            several = len(self.state.processes) > 1
            return several and self.main.active.together and isinstance(self.seen, MainScreen)
        if action == "baseline":
            return isinstance(self.seen, MainScreen) and self.main.active.compares
        if action == "leave":
            return self._typing() is None
        if action in {"speed", "step", "jump"}:
            return isinstance(self.feed, ReplayFeed)
        if action == "census":
            return self.can_ask
        if action == "mark":
            return not (self.replay or self.feed.gone)
        return True

    def action_toggle_theme(self) -> None:
        self.theme = LIGHT.name if self.current_theme.dark else DARK.name

    def action_help(self) -> None:
        if isinstance(self.screen, HelpScreen):
            return
        self.push_screen(HelpScreen(self._help()))

    def _help(self) -> list[Section]:
        """The help's sections: what is on the screen first, then what works everywhere."""
        main = isinstance(self.screen, MainScreen)
        titles = ", ".join(spec.title for spec in PANELS)
        numbers = ",".join(str(key) for key in range(1, len(PANELS) + 1))
        everywhere = [
            Binding(numbers, "panel", titles),
            *MainScreen.BINDINGS,
            *(BASE_KEYS if self.replay else LIVE_KEYS),
            *(key for spec in PANELS for key in spec.keys),
            *self.BINDINGS,
        ]
        rows = [*MOVE_KEYS, *LiveTable.BINDINGS, *TABLE_KEYS]
        trees = [*LiveScreen.BINDINGS, *TREE_KEYS, *ReferrersScreen.BINDINGS]
        sections = [
            key_section("everywhere", "Everywhere", everywhere),
            key_section("tables", "Tables and trees", rows),
            *(section for spec in PANELS for section in spec.help),
            key_section("referrers", "Who refers to an object", trees),
        ]
        return in_order(sections, self.main.active.name if main else self.screen.id or "")

    def action_leave(self) -> None:
        if isinstance(self.screen, LeaveScreen):
            return
        if self.replay or self.state.exited is not None:
            self.exit(Leave.FINISHED)
        elif self.feed.gone:
            self.exit(Leave.GO_ON)
        else:
            target = self.state.target
            screen = LeaveScreen(
                fmt_target(target.argv) if target else "", target.pid if target else 0
            )
            self.push_screen(screen, self._left)

    def _left(self, answer: Leave | None) -> None:
        if answer is not None:
            self.exit(answer)

    def _answer(self) -> None:
        """Have the terminal answer what the program asks of it, whichever panel is active."""
        if self.replay or self.state.exited is not None:
            return
        more = self.reader.read(self.state.output)
        if data := self.reader.take_answers():
            self.run_worker(self.send(TypeInput(data=data)), group="typing")
        if more:
            self.set_timer(REST_S, self._answer)

    def _typing(self) -> OutputLines | None:
        """The lines of the terminal while keys go to the program."""
        focused = self.focused
        return focused if isinstance(focused, OutputLines) and focused.typing else None

    def on_mouse_down(self, event: events.MouseDown) -> None:
        lines = self._typing()
        if lines and (event.widget is None or lines not in event.widget.ancestors_with_self):
            lines.set_typing(False)

    def on_resize(self, event: events.Resize) -> None:
        self._resize_terminal(event.size)

    def _resize_terminal(self, size: Size) -> None:
        """Make the target's terminal as large as the Output panel, whichever panel is active."""
        target = self.state.target
        if self.replay or target is None or not target.terminal or self.state.exited:
            return
        rows, columns = room(size.height, size.width)
        command = ResizeTerminal(rows=rows, columns=columns)
        self.run_worker(self.send(command), group="resize")


def _panel_keys() -> list[Binding]:
    """A number for each panel, in their order."""
    return [
        Binding(str(key), f"panel('{spec.name}')", spec.title, show=False)
        for key, spec in enumerate(PANELS, 1)
    ]


def _snapshot_answer(path: str, event: ev.Event) -> Answer | None:
    done = isinstance(event, ev.SnapshotWritten) and event.path == path
    return Answer("Snapshot written", path) if done else None


def _light_terminal() -> bool:
    """Some terminals say their colours: ``COLORFGBG=0;15`` is black on white."""
    return os.environ.get("COLORFGBG", "").rpartition(";")[2] in {"7", "15"}
