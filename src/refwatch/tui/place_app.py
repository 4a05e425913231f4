"""Base class of the app: opens the place under the cursor in an editor, and copies it.

Whatever has a cursor says by one method what is under it (``views/pointed.py``). It is asked from
the widget that has the keyboard outwards, to the panel or the screen.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import ClassVar

from textual.app import SuspendNotSupported
from textual.binding import Binding, BindingType

from refwatch.tui.command_app import SAID_S, CommandApp
from refwatch.tui.editor import (
    Editing,
    EditorError,
    editing,
    ended,
    how_it_failed,
    run_in_terminal,
    start_window,
)
from refwatch.tui.replay_app import ReplayApp
from refwatch.tui.screen import MainScreen
from refwatch.tui.views.pointed import Pointed, Points
from refwatch.tui.views.styled_text import cut_middle

LONGEST = 200
"""Characters of copied text that are shown."""
NOTHING = "There is nothing under the cursor."


class PlaceApp(ReplayApp):
    """The part of the app that knows what is under the cursor."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("e", "edit", "Edit", id="app.edit",
                tooltip="Open the line under the cursor in $EDITOR"),
        Binding("y", "copy", "Copy", id="app.copy",
                tooltip="Copy path:line under the cursor; of what has no line its name or address"),
    ]  # fmt: skip

    def under_cursor(self) -> Pointed | None:
        """What is under the cursor."""
        found = (each.pointed() for each in self._asked_in_turn() if isinstance(each, Points))
        return next((each for each in found if each is not None), None)

    def _asked_in_turn(self) -> Iterator[object]:
        screen = self.screen
        if screen.focused is not None:
            yield from screen.focused.ancestors_with_self
        elif isinstance(screen, MainScreen):
            yield screen.panel
        yield screen

    def action_edit(self) -> None:
        """Open the place under the cursor."""
        pointed = self.under_cursor()
        if pointed is None:
            self.notify(NOTHING, severity="warning")
            return
        if not pointed.file:
            said = cut_middle(pointed.said, LONGEST)
            self._complain(f"No source line is known of {said}: y copies it.")
            return
        try:
            command = editing(pointed.file, pointed.line, os.environ)
        except EditorError as error:
            self._complain(str(error))
            return
        work = self._edit_beside(command, pointed) if command.window else self._edit_here(command)
        self.run_worker(work, group="editor")

    async def _edit_here(self, command: Editing) -> None:
        """Until it ends the editor has the terminal, and nothing is drawn."""
        failure = ""
        try:
            with self.batch_update(), self.suspend():
                try:
                    failure = how_it_failed(command.name, await run_in_terminal(command.argv))
                except OSError as error:
                    failure = _not_started(command, error)
        except SuspendNotSupported:
            failure = f"{command.name} cannot have this terminal."
        self.refresh(layout=True)
        if failure:
            self._complain(failure)

    async def _edit_beside(self, command: Editing, pointed: Pointed) -> None:
        try:
            process = start_window(command.argv)
        except OSError as error:
            self._complain(_not_started(command, error))
            return
        self.notify(f"{command.name}: {pointed.said}", timeout=SAID_S, markup=False)
        if failure := how_it_failed(command.name, await ended(process)):
            self._complain(failure)

    def action_copy(self) -> None:
        """Copy the place under the cursor, or what is there instead."""
        pointed = self.under_cursor()
        if pointed is None or not pointed.copied:
            self.notify(NOTHING, severity="warning")
            return
        self.copy_to_clipboard(pointed.copied)
        said = cut_middle(pointed.said, LONGEST)
        self.notify(f"Copied {said}", timeout=SAID_S, markup=False)

    def _complain(self, sentence: str) -> None:
        self.notify(sentence, severity="warning", markup=False)


def _not_started(command: Editing, error: OSError) -> str:
    return f"{command.name} could not be started: {error.strerror}."


LIVE_KEYS = [*CommandApp.BINDINGS, *PlaceApp.BINDINGS]
BASE_KEYS = [*LIVE_KEYS, *ReplayApp.BINDINGS]
"""The keys of the app's parts; only a recording is played."""
