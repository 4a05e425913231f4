"""The hidden copies of a target: made when asked, ended when they are done, late or not wanted."""

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

COPY_NAME = "refwatch-copy"  # as the probe calls its copies
LAST_WORDS_S = 2.0  # in which what a copy has said before it ended is read
MADE_LIMIT_S = 30.0  # for the target to make one: a thread may keep the GIL for long
FIRST_WORD_S = (
    10.0  # for a copy to say that it is there: its memory may have been copied in disorder
)
MOST_UNANSWERED = 8  # each is a fork of the target
AGAIN_S = 0.1  # until the target is asked once more, where it just could not


@dataclass
class Work:
    """One piece of work in a copy. ``limit_s`` is how long it may take once the copy is there."""

    name: str
    take: Callable[[rp.WorkReport | rp.Copied], None]
    """Gets all that the copy says."""
    fail: Callable[[str], None]
    """Gets the reason, once, when it ends without a Done."""
    limit_s: float
    asked_s: float
    command: Callable[[], bytes]
    """Makes what the probe is asked, each time that it is."""
    again_s: float | None = None
    """When it is asked once more."""
    pid: int = 0
    began_s: float | None = None
    ended_s: float | None = None
    """Since when its copy is known to have ended."""
    connection: Connection[rp.Report] | None = None
    early: list[rp.WorkReport] = field(default_factory=list)
    """What the copy has said before the probe has told of it."""
    over: bool = False


class Copies:
    """All copies of process ``pid``, whose parent is ``launcher`` if that is refwatch's."""

    def __init__(self, pid: int, launcher: int, send: Callable[[bytes], None]) -> None:
        self._pid = pid
        self._launcher = launcher
        self._send = send
        self._works: dict[str, Work] = {}
        self._gone: list[int] = []
        """Copies that have ended, and perhaps must be waited for by the target."""
        self._count = 0
        self._unanswered = 0
        """How often the probe was asked for a copy and has not answered."""

    def __len__(self) -> int:
        """How many pieces of work go on."""
        return len(self._works)

    @property
    def crowded(self) -> bool:
        """The target has enough to do with the copies that it was asked for."""
        return self._unanswered >= MOST_UNANSWERED

    @property
    def any_left(self) -> bool:
        """A copy may exist, that which was asked for or one that has not quite ended."""
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
        """Have a copy made for ``task``; return the name of the work. ``held``: the addresses at
        which the probe holds a reference, if the copy is to know. A copy that is put off is asked
        for with those of then: at one of before there may be no object any more."""
        self._count += 1
        name = name or f"{kind}-{self._count}"
        self.cancel(name, "asked for again")
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
        """Send the copy of this work a command; False when it is not there."""
        work = self._works.get(name)
        if work is None or work.connection is None or not work.connection.open:
            return False
        work.connection.send(json.dumps(command).encode() + b"\n")
        return True

    def cancel(self, name: str, reason: str) -> None:
        """End this work, whatever its copy is doing."""
        work = self._works.get(name)
        if work is not None:
            self._end(work, reason)

    def take(self, report: rp.Report, connection: Connection[rp.Report]) -> bool:
        """A report about a copy or from one; False if it is none."""
        if not isinstance(report, rp.WorkReport | rp.Copied | rp.NoCopy):
            return False
        if isinstance(report, rp.Copied | rp.NoCopy):
            self._unanswered = max(0, self._unanswered - 1)
        work = self._works.get(report.work)
        if work is not None:
            self._take_of(work, report, connection)
        elif isinstance(report, rp.CopyHere):  # ended before it had come so far
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
                self._end(work, None)  # taken in the target itself

    def tick(self) -> None:
        """End what is late or has vanished."""
        now = time.monotonic()
        for work in list(self._works.values()):
            if work.began_s is None:
                if now - work.asked_s > MADE_LIMIT_S:
                    self._end(
                        work, f"the target did not make a copy in {fmt_seconds(MADE_LIMIT_S)}"
                    )
                elif work.again_s is not None and now >= work.again_s:
                    work.again_s = None
                    self._ask(work)
            elif work.pid and work.connection is None and now - work.began_s > FIRST_WORD_S:
                self._end(work, f"the copy did not say a word in {fmt_seconds(FIRST_WORD_S)}")
            elif now - work.began_s > work.limit_s:
                self._end(work, f"the copy did not answer in {fmt_seconds(work.limit_s)}")
            elif work.pid and self._has_vanished(work, now):
                self._end(work, "the copy ended before it had answered")
        self._gone = [pid for pid in self._gone if self._still_there(pid)]

    def _has_vanished(self, work: Work, now: float) -> bool:
        """Whether nothing more will come. The connection of a copy that was quick may not have been
        accepted yet, with all that it has said."""
        if work.connection is not None:
            return not work.connection.open
        if work.ended_s is None and _state(work.pid) in ("", "Z"):
            work.ended_s = now
        return work.ended_s is not None and now - work.ended_s > LAST_WORDS_S

    def _still_there(self, pid: int) -> bool:
        """Have the target wait for its own child; the launcher sees to those that are its."""
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
        """Only if it is a copy still: the number may be another's by now."""
        if _parent(pid) in (self._pid, self._launcher) or _name(pid) == COPY_NAME:
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)

    def end(self) -> None:
        """The watch is over: nothing is left behind."""
        for work in list(self._works.values()):
            self._end(work, "the watch has ended")


def _stat(pid: int) -> list[str]:
    """From the third field of proc_pid_stat(5) on; empty for no such process."""
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
