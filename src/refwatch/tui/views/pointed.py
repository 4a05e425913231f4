"""What is under a cursor: a place in a source file, which an editor can open, or text to copy."""

from __future__ import annotations

import os
import re
from typing import NamedTuple, Protocol, runtime_checkable

from refwatch.text.sanitize import printable
from refwatch.tui.views.styled_text import Line, StyledText


class Pointed(NamedTuple):
    """A place, or ``text`` where no file is known. Line 0: somewhere in the file."""

    file: str = ""
    line: int = 0
    text: str = ""

    @property
    def copied(self) -> str:
        """What goes to the clipboard: ``path:line``, as editors and terminals understand it."""
        return printable(self._with_line(self.file) if self.file else self.text)

    @property
    def said(self) -> str:
        """What it is called: ``shop.py:16``, or the text."""
        return printable(self._with_line(os.path.basename(self.file)) if self.file else self.text)

    def _with_line(self, file: str) -> str:
        return f"{file}:{self.line}" if self.line else file


@runtime_checkable
class Points(Protocol):
    """A widget or screen with a cursor, or with one thing that it is about."""

    def pointed(self) -> Pointed | None:
        """What is under the cursor; None leaves it to the widget around this one."""
        ...


_FRAME = re.compile(r"\((?P<file>[^()]+):(?P<line>\d+)\)$")


def at(file: str, line: int, cwd: str = "") -> Pointed | None:
    """A place; a relative path counts from the target's folder. None for an unknown file."""
    if file in {"", "?"}:
        return None
    if cwd and not file.startswith(("/", "<")):
        file = os.path.join(cwd, file)
    return Pointed(file, line)


def object_at(what: str, type_: str, address: str, cwd: str = "") -> Pointed:
    """An object that is listed: of a frame its line, of any other what it is and where."""
    found = _FRAME.search(what) if type_ == "frame" else None
    place = at(found["file"], int(found["line"]), cwd) if found else None
    return place or Pointed(text=f"{what} {address}".strip())


class PlacedLine(tuple[StyledText, ...]):  # noqa: SLOT001 - a tuple has no room for slots
    """A Line that is about something an editor can open: the cursor may stand on it."""

    pointed: Pointed | None = None


def placed(line: Line, pointed: Pointed | None) -> Line:
    """The line, with what it is about."""
    made = PlacedLine(line)
    made.pointed = pointed
    return made


def pointed_of(line: Line) -> Pointed | None:
    """What a line is about, if that is known."""
    return line.pointed if isinstance(line, PlacedLine) else None
