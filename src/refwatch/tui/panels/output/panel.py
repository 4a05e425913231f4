"""Output panel: the target's terminal, and a way to type into it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.message import Message

from refwatch.session.state import State
from refwatch.tui.help import key_section
from refwatch.tui.messages import SendWanted
from refwatch.tui.panel import Panel, PanelSpec
from refwatch.tui.panels.output.terminal import Terminal, wrapped
from refwatch.tui.views.styled_text import Line
from refwatch.tui.widgets.scroll_lines import ScrollLines
from refwatch.wire.commands import TypeInput

MOST_AT_ONCE = 64 * 1024
"""Characters read in one redraw: of a flood only the end is ever seen."""

KEYS: dict[str, str] = {
    "enter": "\r", "backspace": "\x7f", "tab": "\t", "shift+tab": "\x1b[Z", "up": "\x1b[A",
    "down": "\x1b[B", "right": "\x1b[C", "left": "\x1b[D", "home": "\x1b[H", "end": "\x1b[F",
    "insert": "\x1b[2~", "delete": "\x1b[3~", "pageup": "\x1b[5~", "pagedown": "\x1b[6~",
}  # fmt: skip
"""What a terminal sends for the keys that are no character."""


@dataclass(frozen=True)
class OutputView:
    """``written`` characters in all, of which ``pieces`` are the last."""

    pieces: tuple[str, ...]
    written: int
    terminal: bool
    """The target writes to our terminal."""
    running: bool


def view_output(state: State) -> OutputView:
    """Read what was written; only as much of it as is looked at in one redraw."""
    return OutputView(
        tuple(state.output.pieces),
        state.output.written,
        state.target is not None and state.target.terminal,
        state.exited is None,
    )


class OutputLines(ScrollLines):
    """The lines; in typing mode every key but escape goes to the target."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            "enter,i",
            "type",
            "Type to the program",
            key_display="enter",
            id="output.type",
            tooltip="What is typed then goes to the program; escape ends it",
        ),
        Binding("escape", "stop_typing", "Stop typing", id="output.stop_typing"),
    ]

    class TypingChanged(Message):
        """Typing mode was entered or left."""

    def __init__(self) -> None:
        super().__init__("output-lines", follow=True)
        self.typing = False
        self.may_type = False

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002
        if action == "type":
            return self.may_type and not self.typing
        return self.typing if action == "stop_typing" else True

    def check_consume_key(self, key: str, character: str | None) -> bool:  # noqa: ARG002
        return self.typing and key != "escape"

    def action_type(self) -> None:
        self.set_typing(True)

    def action_stop_typing(self) -> None:
        self.set_typing(False)

    def set_typing(self, typing: bool) -> None:
        """Enter or leave typing mode."""
        if typing != self.typing:
            self.typing = typing and self.may_type
            self.refresh_bindings()
            self.post_message(self.TypingChanged())

    def on_blur(self) -> None:
        self.set_typing(False)

    def on_click(self) -> None:
        self.set_typing(True)

    async def _on_key(self, event: events.Key) -> None:
        """Raw keys, as they must be for a terminal: the one place where no binding decides."""
        if not self.typing or event.key == "escape":
            return
        event.stop()
        event.prevent_default()
        data = KEYS.get(event.key) or event.character or _control(event.key)
        if data:
            self.post_message(SendWanted(TypeInput(data=data)))

    def on_paste(self, event: events.Paste) -> None:
        if self.typing:
            event.stop()
            self.post_message(SendWanted(TypeInput(data=event.text.replace("\n", "\r"))))


def _control(key: str) -> str:
    """``ctrl+c`` -> the character that a terminal sends for it."""
    letter = key.removeprefix("ctrl+")
    return chr(ord(letter) & 0x1F) if key.startswith("ctrl+") and len(letter) == 1 else ""


class OutputPanel(Panel[OutputView]):
    """Shows an OutputView."""

    DEFAULT_CSS = """
    OutputPanel #output-lines {
        padding: 0 1;
        overflow-y: scroll;
    }
    """

    def __init__(self, *, live: bool) -> None:
        super().__init__("output", live=live)
        self._lines = OutputLines()
        self._terminal = Terminal()
        self._read = 0
        self._width = 0
        self._hint = ""
        self._view: OutputView | None = None

    def compose(self) -> ComposeResult:
        yield self._lines

    @property
    def lines(self) -> OutputLines:
        return self._lines

    def focus_content(self) -> None:
        self._lines.focus()

    def hint(self) -> Line:
        return ((self._hint, "key" if self._lines.typing else "muted"),)

    def read(self, state: State) -> OutputView:
        return view_output(state)

    def show(self, view: OutputView, *, numbers: bool) -> None:  # noqa: ARG002
        self._lines.may_type = self.live and view.terminal and view.running
        if not self._lines.may_type:
            self._lines.set_typing(False)
        self._view = view
        self._hint = self._say(view)
        self._lay_out()

    @on(OutputLines.TypingChanged)
    def _typing_changed(self) -> None:
        if self._view is not None:
            self._hint = self._say(self._view)
            self.post_message(self.HintChanged())

    def on_resize(self) -> None:
        self.call_after_refresh(self._lay_out)

    def _lay_out(self) -> None:
        view = self._view
        width = self._lines.scrollable_content_region.width
        if view is None or not width:
            return
        if view.written == self._read and width == self._width:
            return
        if view.written < self._read:  # a recording has gone back
            self._terminal, self._read = Terminal(), 0
        self._width = width
        self._terminal.feed(_news(view, self._read))
        self._read = view.written
        self._lines.show(wrapped(self._terminal.lines(), width))

    def _say(self, view: OutputView) -> str:
        if self._lines.typing:
            return "TYPING: esc ends it"
        if self._lines.may_type:
            return "enter: type to it"
        if not view.terminal:
            return "not our terminal"
        return "" if view.running else "has ended"


def _news(view: OutputView, read: int) -> str:
    """What was written since ``read`` characters, or the end of it."""
    wanted = min(view.written - read, MOST_AT_ONCE)
    parts: list[str] = []
    for piece in reversed(view.pieces):
        if wanted <= 0:
            break
        parts.append(piece[-wanted:])
        wanted -= len(parts[-1])
    return "".join(reversed(parts))


SPEC = PanelSpec(
    "output",
    "Output",
    OutputPanel,
    fast=True,
    help=(key_section("output", "Output", OutputLines.BINDINGS),),
)
