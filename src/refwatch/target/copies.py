"""Hidden copies of a target: forks that the probe makes on request, each for one piece of work."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from refwatch.target import probe_messages as rp
from refwatch.text.formats import fmt_seconds
from refwatch.wire.connections import Connection

COPY_NAME = "refwatch-copy"  # process name that the probe gives to copies
LAST_WORDS_S = 2.0  # after a copy has ended, for its last reports
MADE_LIMIT_S = 30.0  # for the target to make a copy: a thread may keep the GIL for long
FIRST_WORD_S = 10.0  # for a copy to connect: a fork of inconsistent memory may hang
MOST_UNANSWERED = 8  # requests; each is a fork of the target
AGAIN_S = 0.1  # before a request is repeated that the target could not fulfil just then


@dataclass
class Work:
    """The work of one copy. It may take ``limit_s`` seconds from the fork on."""

    name: str
    take: Callable[[rp.WorkReport | rp.Copied], None]
    """Gets each report of the copy."""
    fail: Callable[[str], None]
    """Gets the reason, once, if the work ends without Done."""
    limit_s: float
    asked_s: float
    command: Callable[[], bytes]
    """Makes the request to the probe, anew for each attempt."""
    again_s: float | None = None
    """When to repeat the request."""
    pid: int = 0
    began_s: float | None = None
    ended_s: float | None = None
    """When the copy was first seen to have ended."""
    connection: Connection[rp.Report] | None = None
    early: list[rp.WorkReport] = field(default_factory=list)
    """Reports of the copy that arrived before the probe's Copied."""
    over: bool = False


class Copies:
    """The copies of process ``pid``. They become children of the launcher if the target is one."""

    def __init__(self, pid: int, launcher: int, send: Callable[[bytes], None]) -> None:
        self._pid = pid
        self._launcher = launcher
        self._send = send
        self._works: dict[str, Work] = {}
        self._gone: list[int] = []
        """Ended copies that the target may still have to reap."""
        self._count = 0
        self._unanswered = 0
        """Requests that the probe has not answered."""

    def __len__(self) -> int:
        """The number of copies at work or requested."""
        return len(self._works)

    @property
    def crowded(self) -> bool:
        """Whether the target has too many unanswered requests for another."""
        return self._unanswered >= MOST_UNANSWERED

    @property
    def any_left(self) -> bool:
        """Whether a copy may exist: requested, at work, or not yet reaped."""
        return bool(self._works or self._gone)

    def __contains__(self, name: str) -> bool:
        return name in self._works

    def start(
        self,
        kind: str,
        task: dict[str, object],
        take: Callable[[rp.WorkReport | rp.Copied], None],
        fail: Callable[[str], None],
        *,
        limit_s: float,
        name: str = "",
        held: Callable[[], list[int]] | None = None,
    ) -> str:
        """Request a copy for ``task`` and return the name of the work. ``held`` gives the addresses
        of objects to which the probe holds a reference, if the copy needs them. It is called for
        each attempt: by the next one an address may hold no object any more."""
        self._count += 1
        name = name or f"{kind}-{self._count}"
        self.cancel(name, "requested again")
        command = {
            "command": "inside" if task.get("inside") else "copy",
            "work": name,
            "launcher": self._launcher,
            "frames": True,
            "task": kind,
            **task,
        }

        def line() -> bytes:
            return json.dumps(command | ({"held": held()} if held else {})).encode() + b"\n"

        self._works[name] = Work(name, take, fail, limit_s, time.monotonic(), line)
        self._ask(self._works[name])
        return name

    def _ask(self, work: Work) -> None:
        self._unanswered += 1
        self._send(work.command())

    def tell(self, name: str, command: dict[str, object]) -> bool:
        """Send a command to the copy of this work. Return False if it is not connected."""
        work = self._works.get(name)
        if work is None or work.connection is None or not work.connection.open:
            return False
        work.connection.send(json.dumps(command).encode() + b"\n")
        return True

    def cancel(self, name: str, reason: str) -> None:
        """End this work and kill its copy."""
        work = self._works.get(name)
        if work is not None:
            self._end(work, reason)

    def take(self, report: rp.Report, connection: Connection[rp.Report]) -> bool:
        """Handle a report about a copy or from one. Return False if it is neither."""
        if not isinstance(report, rp.WorkReport | rp.Copied | rp.NoCopy):
            return False
        if isinstance(report, rp.Copied | rp.NoCopy):
            self._unanswered = max(0, self._unanswered - 1)
        work = self._works.get(report.work)
        if work is not None:
            self._take_of(work, report, connection)
        elif isinstance(report, rp.CopyHere):  # cancelled meanwhile
            connection.close()
            self._kill(report.pid)
        return True

    def _take_of(
        self,
        work: Work,
        report: rp.WorkReport | rp.Copied | rp.NoCopy,
        connection: Connection[rp.Report],
    ) -> None:
        if isinstance(report, rp.Copied):
            work.pid, work.began_s = report.pid, time.monotonic()
            work.take(report)
            for early in work.early:
                self._take_words(work, early)
        elif isinstance(report, rp.NoCopy):
            if report.passing:
                work.again_s = time.monotonic() + AGAIN_S
            else:
                self._end(work, report.reason)
        elif isinstance(report, rp.CopyHere):
            work.connection = connection
        elif work.began_s is None:
            work.early.append(report)
        else:
            self._take_words(work, report)

    def _take_words(self, work: Work, report: rp.WorkReport) -> None:
        if isinstance(report, rp.Failed):
            self._end(work, report.reason)
        elif isinstance(report, rp.Done):
            self._end(work, None)
        elif not work.over:
            work.take(report)
            if work.pid == 0 and isinstance(report, rp.CensusReport):
                self._end(work, None)  # taken in the target itself: no Done follows

    def tick(self) -> None:
        """Repeat requests that are due; end work that is late or whose copy has vanished."""
        now = time.monotonic()
        for work in list(self._works.values()):
            if work.began_s is None:
                if now - work.asked_s > MADE_LIMIT_S:
                    self._end(
                        work, f"the target did not make a copy within {fmt_seconds(MADE_LIMIT_S)}"
                    )
                elif work.again_s is not None and now >= work.again_s:
                    work.again_s = None
                    self._ask(work)
            elif work.pid and work.connection is None and now - work.began_s > FIRST_WORD_S:
                self._end(work, f"the copy did not connect within {fmt_seconds(FIRST_WORD_S)}")
            elif now - work.began_s > work.limit_s:
                self._end(work, f"the copy did not finish within {fmt_seconds(work.limit_s)}")
            elif work.pid and self._has_vanished(work, now):
                self._end(work, "the copy ended before it was done")
        self._gone = [pid for pid in self._gone if self._still_there(pid)]

    def _has_vanished(self, work: Work, now: float) -> bool:
        """Whether no more reports will come. The connection of a quick copy may not have been
        accepted yet, with all its reports."""
        if work.connection is not None:
            return not work.connection.open
        if work.ended_s is None and _state(work.pid) in ("", "Z"):
            work.ended_s = now
        return work.ended_s is not None and now - work.ended_s > LAST_WORDS_S

    def _still_there(self, pid: int) -> bool:
        """Whether the target has yet to reap this copy. The launcher reaps its own children."""
        if _state(pid) == "Z" and _parent(pid) == self._pid:
            self._send(json.dumps({"command": "reap", "pid": pid}).encode() + b"\n")
        return _state(pid) not in ("", "Z") or _parent(pid) == self._pid

    def _end(self, work: Work, reason: str | None) -> None:
        if work.over:
            return
        work.over = True
        self._works.pop(work.name, None)
        if work.connection is not None:
            work.connection.close()
        if work.pid:
            if reason is not None:
                self._kill(work.pid)
            self._gone.append(work.pid)
        if reason is not None:
            work.fail(reason)

    def _kill(self, pid: int) -> None:
        """Kill the process if it is still a copy: pids are reused."""
        if _parent(pid) in (self._pid, self._launcher) or _name(pid) == COPY_NAME:
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)

    def end(self) -> None:
        """End all copies, at the end of the watch."""
        for work in list(self._works.values()):
            self._end(work, "the watch has ended")


def _stat(pid: int) -> list[str]:
    """The fields of proc_pid_stat(5) from the third on; empty without such a process."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()
    except OSError:
        return []


def _state(pid: int) -> str:
    return (_stat(pid) or [""])[0]


def _parent(pid: int) -> int:
    fields = _stat(pid)
    return int(fields[1]) if len(fields) > 1 else 0


def _name(pid: int) -> str:
    try:
        with open(f"/proc/{pid}/comm") as file:
            return file.read().strip()
    except OSError:
        return ""
