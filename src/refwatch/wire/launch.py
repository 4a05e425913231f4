"""Messages between the launcher, which is the target's parent, and the daemon.

One line of JSON each; the ``launch`` field names it.
"""

from __future__ import annotations

from msgspec import Struct


class _Launch(Struct, frozen=True, kw_only=True, tag_field="launch", tag=True):
    pass


class Launched(_Launch, frozen=True, kw_only=True, tag="launched"):
    """The target was started, at ``monotonic_s`` of CLOCK_MONOTONIC and ``started_at`` in RFC
    3339."""

    pid: int
    ppid: int
    monotonic_s: float
    started_at: str
    argv: list[str]
    executable: str
    cwd: str
    terminal: bool


class Wrote(_Launch, frozen=True, kw_only=True, tag="wrote"):
    """The target wrote to its terminal."""

    data: str


class Sized(_Launch, frozen=True, kw_only=True, tag="sized"):
    """The target's terminal has this size from now on."""

    rows: int
    columns: int


class Ended(_Launch, frozen=True, kw_only=True, tag="ended"):
    """The target ended. ``exit_code`` as a shell reports it: 128+N for signal N."""

    exit_code: int


class Summary(_Launch, frozen=True, kw_only=True, tag="summary"):
    """The daemon's last message: lines for the user. ``stays``: it goes on for its viewers.
    ``failed``: an output that the user asked for was not written, as one of the lines says."""

    lines: list[str]
    stays: bool = False
    failed: bool = False


Launch = Launched | Wrote | Sized | Ended | Summary
