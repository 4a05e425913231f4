"""What the launcher, the target's parent, tells the daemon, and the daemon the launcher at the end.

One line of JSON each; the ``launch`` field names it.
"""

from __future__ import annotations

from msgspec import Struct


class _Launch(Struct, frozen=True, kw_only=True, tag_field="launch", tag=True):
    pass


class Launched(_Launch, frozen=True, kw_only=True, tag="launched"):
    """The target exists. ``monotonic_s`` is CLOCK_MONOTONIC when it was started."""

    pid: int
    ppid: int
    monotonic_s: float
    started_at: str
    argv: list[str]
    executable: str
    cwd: str
    terminal: bool


class Wrote(_Launch, frozen=True, kw_only=True, tag="wrote"):
    """The target's terminal output."""

    data: str


class Sized(_Launch, frozen=True, kw_only=True, tag="sized"):
    """The target's terminal has this size from now on."""

    rows: int
    columns: int


class Ended(_Launch, frozen=True, kw_only=True, tag="ended"):
    """The target's exit status, 128+N for signal N."""

    exit_code: int


class Summary(_Launch, frozen=True, kw_only=True, tag="summary"):
    """The daemon is done: lines for the user to read. ``stays``: it lives on for its viewers.
    ``failed``: what the user has asked to be written was not, as a line says."""

    lines: list[str]
    stays: bool = False
    failed: bool = False


Launch = Launched | Wrote | Sized | Ended | Summary
