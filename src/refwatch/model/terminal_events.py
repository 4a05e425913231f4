"""What happens to the target's terminal. Re-exported by events.py."""

from __future__ import annotations

from refwatch.model.event import TimedEvent as _Event


class TerminalSized(_Event, frozen=True, tag="terminal_sized"):
    """The target's terminal has this size from now on."""

    rows: int
    columns: int
