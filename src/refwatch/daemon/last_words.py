"""What the daemon has to say when the target has ended, and its end where it says nothing.

For the launcher, its brother or its parent: as long as the link is open the daemon lives, and its
pid is its own.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import time
from dataclasses import dataclass, field

SILENT_S = 5.0  # for a daemon that says nothing and does nothing
BUSY_S = 40.0  # for one that does: the traces of a large heap are counted to their end
LOOK_S = 0.25
GONE = "the daemon is gone: there is no summary, and no snapshot was written"


@dataclass(frozen=True)
class LastWords:
    """``lines`` are for the user to read; ``stays``: it lives on for its viewers; ``failed``: what
    was to be written was not, as a line says. ``trouble``: why there are none of these."""

    lines: list[str] = field(default_factory=list)
    stays: bool = False
    failed: bool = False
    trouble: str = ""


def hear(link: socket.socket, daemon: int, heard: bytes = b"") -> LastWords:
    """Wait for them; a daemon that hangs is ended. ``heard`` has come by the link already."""
    began = time.monotonic()
    work, worked = _work_of(daemon), began
    while (words := _summary(heard)) is None:
        if select.select([link], [], [], LOOK_S)[0]:
            try:
                piece = link.recv(65536)
            except OSError:
                piece = b""
            if not piece:
                return LastWords(trouble=GONE)
            heard += piece
            continue
        now, done = time.monotonic(), _work_of(daemon)
        if done != work:
            work, worked = done, now
        if now - worked > SILENT_S or now - began > BUSY_S:
            end(daemon)
            waited = f"the daemon did not answer for {now - began:.0f} s and was ended"
            return LastWords(trouble=f"{waited}: there is no summary, and no snapshot was written")
    return words


def _summary(heard: bytes) -> LastWords | None:
    """Its summary, if that has come; before it there may be commands that came too late."""
    import json

    for line in heard.split(b"\n")[:-1]:
        said = json.loads(line)
        if said.get("launch") == "summary":
            return LastWords(said["lines"], bool(said.get("stays")), bool(said.get("failed")))
    return None


def _work_of(pid: int) -> list[bytes]:
    """Something that changes whenever this process does anything: its CPU time, and how often it
    has slept (proc_pid_stat(5), proc_pid_status(5))."""
    done: list[bytes] = []
    with contextlib.suppress(OSError):
        with open(f"/proc/{pid}/stat", "rb") as file:
            done = file.read().rpartition(b")")[2].split()[11:13]
        with open(f"/proc/{pid}/status", "rb") as file:
            done += [line for line in file if b"ctxt_switches" in line]
    return done


def end(pid: int) -> None:
    """End a daemon, stopped or not."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def reap(pid: int, limit_s: float, *, may_stay: bool = False) -> None:
    """Wait for a child, so long; then end it, unless it ``may_stay`` and does something."""
    ends, work = time.monotonic() + limit_s, _work_of(pid)
    with contextlib.suppress(ChildProcessError):
        while not os.waitpid(pid, os.WNOHANG)[0]:
            if time.monotonic() > ends:
                if may_stay and _work_of(pid) != work:
                    return
                end(pid)
                os.waitpid(pid, 0)
                return
            time.sleep(0.005)
