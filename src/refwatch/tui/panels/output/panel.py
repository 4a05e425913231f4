"""Output panel: the target's terminal, and a way to type into it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.selection import Selection
from textual.strip import Strip

from refwatch.session.output import Output
from refwatch.session.state import State
from refwatch.tui.help import key_section
from refwatch.tui.messages import SendWanted
from refwatch.tui.panel import Panel, PanelSpec
from refwatch.tui.panels.output.grid import BLANK, Cells, spans
from refwatch.tui.panels.output.keys import pasted, sequence
from refwatch.tui.panels.output.terminal_reader import REST_S, TerminalReader
from refwatch.tui.subject import Subject
from refwatch.tui.views.pointed import Pointed, at
from refwatch.tui.views.styled_text import Line
from refwatch.tui.widgets.scroll_lines import ScrollLines
from refwatch.wire.commands import TypeInput

LEAVE = "ctrl+right_square_bracket"
"""The one key that does not go to the program, as with telnet."""
LEAVE_SAID = "ctrl+]"


@dataclass(frozen=True)
class OutputView:
    """``output`` grows: the panel reads on from where it was."""

    output: Output
    terminal: bool
    """The target writes to our terminal."""
    running: bool
    cwd: str = ""


def view_output(state: State) -> OutputView:
    """Read what was written, and whether there is somebody to type to."""
    terminal = state.target is not None and state.target.terminal
    cwd = state.main.started.cwd if state.main is not None else ""
    return OutputView(state.output, terminal, state.exited is None, cwd)


_NAMED = re.compile(
    r'File "(?P<file>[^"\n]+)", line (?P<line>\d+)|(?P<path>[\w./~+-]+\.py):(?P<at>\d+)'
)


def named_last(text: str, cwd: str) -> Pointed | None:
    """The last place that a text names, as tracebacks and linters do."""
    found = None
    for found in _NAMED.finditer(text):  # noqa: B007 - the last one counts
        pass
    if found is None:
        return None
    return at(found["file"] or found["path"], int(found["line"] or found["at"]), cwd)


class Rows:
    """Rows of cells as lines, each made when it is seen. ``cursor`` is the place of one."""

    def __init__(self, rows: list[Cells], cursor: tuple[int, int] | None = None) -> None:
        self._rows, self._cursor = rows, cursor

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: int, /) -> Line:
        cells = self._rows[index]
        if self._cursor is not None and self._cursor[0] == index:
            column = self._cursor[1]
            cells = cells + [BLANK] * (column + 1 - len(cells))
            char, style = cells[column]
            cells[column] = (char, f"{style or 'ansi:'} reverse")
        return spans(cells)


class OutputLines(ScrollLines):
    """The lines; in typing mode every key but one goes to the target."""

    ALLOW_SELECT = True

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            "enter,i",
            "type",
            "Type to the program",
            key_display="enter",
            id="output.type",
            tooltip=f"Every key then goes to the program, but for {LEAVE_SAID}, which ends it",
        ),
        Binding(
            LEAVE, "stop_typing", "Stop typing", key_display=LEAVE_SAID, id="output.stop_typing"
        ),
    ]

    class TypingChanged(Message):
        """Typing mode was entered or left."""

    def __init__(self, reader: TerminalReader) -> None:
        super().__init__("output-lines", follow=True)
        self._reader = reader
        self.typing = False
        self.may_type = False
        self.cwd = ""
        """The program's folder."""

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002
        if action == "type":
            return self.may_type and not self.typing
        return self.typing if action == "stop_typing" else True

    def check_consume_key(self, key: str, character: str | None) -> bool:  # noqa: ARG002
        return self.typing and key != LEAVE

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
        if self.app.app_focus:  # else it comes back with the user
            self.set_typing(False)

    def on_click(self) -> None:
        if self.text_selection is None:  # else the mouse was moved
            self.set_typing(True)

    async def _on_key(self, event: events.Key) -> None:
        """Raw keys, as they must be for a terminal: the one place where no binding decides."""
        if not self.typing or event.key == LEAVE:
            return
        event.stop()
        event.prevent_default()
        application = self._reader.terminal.cursor_keys
        if data := sequence(event.key, event.character, application=application):
            self.post_message(SendWanted(TypeInput(data=data)))

    def on_paste(self, event: events.Paste) -> None:
        if self.typing:
            event.stop()
            bracketed = self._reader.terminal.bracketed_paste
            data = pasted(event.text, bracketed=bracketed)
            self.post_message(SendWanted(TypeInput(data=data)))

    def pointed(self) -> Pointed | None:
        """What is selected; else the place that was named last among the lines seen, as the
        innermost one of a traceback; else the last line."""
        selection = self.text_selection
        chosen = self.get_selection(selection)[0].strip() if selection is not None else ""
        top = self.scroll_offset.y
        rows = range(min(len(self._lines), top + self._height))
        texts = [text_of(self._lines[index]).rstrip() for index in rows]
        named = named_last(chosen or "\n".join(texts[top:]), self.cwd)
        last = next((text.strip() for text in reversed(texts) if text.strip()), "")
        return named or (Pointed(text=chosen or last) if chosen or last else None)

    # -- selecting -----------------------------------------------------------------------------

    def get_selection(self, selection: Selection) -> tuple[str, str]:
        lines = (self._lines[index] for index in range(len(self._lines)))
        return selection.extract("\n".join(text_of(line) for line in lines)), "\n"

    def selection_updated(self, selection: Selection | None) -> None:  # noqa: ARG002
        self.refresh()

    def render_line(self, y: int) -> Strip:
        strip = super().render_line(y)
        index = y + self.scroll_offset.y
        selection = self.text_selection
        span = selection.get_span(index) if selection else None
        if span is not None:
            text = strip.text
            start = cell_len(text[: span[0]])
            end = cell_len(text.rstrip() if span[1] < 0 else text[: span[1]])
            ground = self.screen.get_component_rich_style("screen--selection")
            ground = Style(bgcolor=ground.bgcolor)
            chosen = Segment.apply_style(strip.crop(start, max(start, end)), post_style=ground)
            strip = Strip([*strip.crop(0, start), *chosen, *strip.crop(max(start, end))])
        return strip.apply_offsets(0, index)


def text_of(line: Line) -> str:
    """The line without its styles."""
    return "".join(text for text, _ in line)


class OutputPanel(Panel[OutputView]):
    """Shows an OutputView. Much that was written at once is read while others have their turn."""

    DEFAULT_CSS = """
    OutputPanel #output-lines {
        padding: 0 1;
        overflow-y: scroll;
    }
    """

    def __init__(self, *, live: bool) -> None:
        super().__init__("output", live=live)
        reader = getattr(self.app, "reader", None)  # the app's: it answers whatever panel is seen
        self._reader = reader if isinstance(reader, TerminalReader) else TerminalReader()
        self._lines = OutputLines(self._reader)
        self._hint = ""
        self._view: OutputView | None = None
        self._reads_on = False
        self._shown: tuple[object, ...] = ()

    def compose(self) -> ComposeResult:
        yield self._lines

    @property
    def lines(self) -> OutputLines:
        return self._lines

    def focus_content(self) -> None:
        self._lines.focus()

    def hint(self) -> Line:
        return ((self._hint, "key" if self._lines.typing else "muted"),)

    def read(self, subject: Subject) -> OutputView:
        return view_output(subject.state)

    def show(self, view: OutputView, *, numbers: bool) -> None:  # noqa: ARG002
        self._lines.cwd = view.cwd
        self._lines.may_type = self.live and view.terminal and view.running
        if not self._lines.may_type:
            self._lines.set_typing(False)
        self._view, self._hint = view, self._say(view)
        self._read()
        self._lay_out()

    @on(OutputLines.TypingChanged)
    def _typing_changed(self) -> None:
        if self._view is not None:
            self._hint = self._say(self._view)
            self.post_message(self.HintChanged())

    def on_resize(self) -> None:
        self.call_after_refresh(self._read_on)

    def _read_on(self) -> None:
        self._reads_on = False
        self._read()
        if not self._reads_on:
            self._lay_out()

    def _read(self) -> None:
        view, region = self._view, self._lines.scrollable_content_region
        if view is None or not region or not self.display or self._reads_on:
            return
        self._reader.fit(region.height, region.width)
        self._reads_on = self._reader.read(view.output)
        answers = self._reader.take_answers()
        if answers and self._lines.may_type:
            self.post_message(SendWanted(TypeInput(data=answers)))
        if self._reads_on:
            self.set_timer(REST_S, self._read_on)

    def _lay_out(self) -> None:
        width, height = self._lines.scrollable_content_region.size
        terminal, typing = self._reader.terminal, self._lines.typing
        grid = terminal.grid
        shown = (terminal, self._reader.position, grid.rows, grid.columns, width, height, typing)
        if not width or shown == self._shown:
            return
        self._shown = shown
        cursor = terminal.cursor if typing else None
        rows = terminal.lines()
        if grid.rows > height:  # of a larger one the written part is seen
            last = len(rows) - grid.rows + grid.row
            while len(rows) - 1 > last and not spans(rows[-1]):
                rows.pop()
        self._lines.show(Rows(*broken(rows, cursor, width)))

    def _say(self, view: OutputView) -> str:
        if self._lines.typing:
            return f"TYPING: {LEAVE_SAID} ends it"
        if self._lines.may_type:
            return "enter: type to it"
        if not view.terminal:
            return "not our terminal"
        return "" if view.running else "has ended"


def broken(
    rows: list[Cells], cursor: tuple[int, int] | None, width: int
) -> tuple[list[Cells], tuple[int, int] | None]:
    """Rows of a terminal that was wider than the panel go on in the next line; the cursor goes
    along."""
    out: list[Cells] = []
    place = cursor
    for index, row in enumerate(rows):
        if cursor is not None and cursor[0] == index:
            place = (len(out) + cursor[1] // width, cursor[1] % width)
        out += [row[at : at + width] for at in range(0, len(row), width)] or [row]
    return out, place


SPEC = PanelSpec(
    "output",
    "Output",
    OutputPanel,
    short="Out",
    fast=True,
    help=(key_section("output", "Output", OutputLines.BINDINGS),),
)
