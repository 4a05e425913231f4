"""Commands of the palette: every key that works where it was opened, and the processes."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from textual.app import App, SystemCommand
from textual.screen import Screen

from refwatch.tui.leave import Leave
from refwatch.tui.subject import Subject
from refwatch.tui.views.header import fmt_origin

MOST_PROCESSES = 50
NO_COMMANDS = ("table.", "lines.", "panel.")
"""Beginnings of the ids of keys that only move about."""


def key_commands(app: App[Leave], screen: Screen[object]) -> Iterator[SystemCommand]:
    """The keys that work on this screen, each as a command with its key."""
    told: set[str] = set()
    for active in screen.active_bindings.values():
        binding = active.binding
        moves = (binding.id or "").startswith(NO_COMMANDS)
        if not active.enabled or not binding.description or binding.system or moves:
            continue
        if binding.action in told:
            continue
        told.add(binding.action)
        what = f"{app.get_key_display(binding)}  {binding.tooltip}".rstrip()
        yield SystemCommand(binding.description, what, partial(app.simulate_key, binding.key))


def process_commands(app: App[Leave], subject: Subject) -> Iterator[SystemCommand]:
    """Look at another process that runs."""
    alive = [each for each in subject.state.processes.values() if each.exited is None]
    if len(alive) < 2:
        return
    for process in alive[:MOST_PROCESSES]:
        if process.number != subject.number:
            look = partial(app.run_action, f"look_at({process.number})")
            what = fmt_origin(process) or "the program"
            yield SystemCommand(f"Look at pid {process.pid}", what, look)
