"""Hidden copies of a target, as the daemon manages them: requested, heard, ended in time."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable

import msgspec
from msgspec import Struct, field

from refwatch.target import probe_commands as pc
from refwatch.target import probe_messages as rp
from refwatch.target.proc import is_copy, parent_of, state_of
from refwatch.wire.connections import Connection

LAST_WORDS_S = 2.0  # after its end, for a copy's last reports to arrive
MADE_LIMIT_S = 30.0  # for the target to make a copy: a thread may hold the GIL for long
FIRST_WORD_S = 10.0  # for a copy to connect: its memory may have been copied in disorder
MOST_COPIES = 6  # at the same time, being made or not quite ended: each is a fork of the target
MOST_WAITING = 8  # for one of these to end, and
WAIT_LIMIT_S = 600.0  # for how long
WAITS = f"waits: the target has {MOST_COPIES} copies already"
AGAIN_S = 0.1  # until the next attempt, if the target could not make a copy at that moment


class CopyWork(Struct):
    """One query and its copy. ``limit_s``: how long the copy may take."""

    name: str
    take: Callable[[rp.WorkReport | rp.Copied], None]
    """Gets all reports of the copy."""
    fail: Callable[[str], None]
    """Gets the reason, once, if it ends without a Done."""
    limit_s: float
    asked_s: float
    """When it was wanted; once the probe has been asked, when it was."""
    command: Callable[[], pc.ProbeCommand]
    """Makes the command for the probe, each time that it is sent."""
    asked: bool = False
    """The probe has been."""
    again_s: float | None = None
    """Time of the next attempt."""
    pid: int = 0
    began_s: float | None = None
    ended_s: float | None = None
    """Time at which its copy was found to have ended."""
    connection: Connection[rp.Report] | None = None
    early: list[rp.WorkReport] = field(default_factory=list)
    """Reports that came before the probe's own about the copy."""
    over: bool = False


class Copies:
    """All copies of process ``pid``; ``launcher`` is its parent if refwatch has started it."""

    def __init__(self, pid: int, launcher: int, send: Callable[[pc.ProbeCommand], None]) -> None:
        self._pid = pid
        self._launcher = launcher
        self._send = send
        self._works: dict[str, CopyWork] = {}
        self._gone: list[int] = []
        """Copies that have ended, for which the target may have to wait."""
        self._count = 0
        self._unanswered = 0
        """Number of requests that the probe has not answered."""

    def __len__(self) -> int:
        """Number of queries that are being worked on."""
        return len(self._works)

    @property
    def crowded(self) -> bool:
        """Enough waits for a copy already."""
        return sum(not work.asked for work in self._works.values()) >= MOST_WAITING

    @property
    def any_left(self) -> bool:
        """Whether a copy may exist, requested or not quite ended."""
        return bool(self._works or self._gone)

    def __contains__(self, name: str) -> bool:
        return name in self._works

    def start(
        self,
        query: pc.AnyQuery,
        take: Callable[[rp.WorkReport | rp.Copied], None],
        fail: Callable[[str], None],
        *,
        limit_s: float,
        name: str = "",
        held: Callable[[], list[int]] | None = None,
        inside: bool = False,
    ) -> str:
        """Have a copy made for ``query``; return the name of the work. ``held``: addresses at which
        the probe holds a reference. A copy that is put off is asked for with those of then: at an
        earlier address there may be no object any more. ``inside``: the target itself answers."""
        self._count += 1
        name = name or f"{query.__struct_config__.tag}-{self._count}"
        self.cancel(name, "asked for again")

        def command() -> pc.ProbeCommand:
            asked = query
            if held is not None and isinstance(query, pc.HeldQuery):
                asked = msgspec.structs.replace(query, held=held())
            if inside:
                return pc.AnswerInside(work=name, query=asked)
            frames = query.takes_frames
            return pc.MakeCopy(work=name, launcher=self._launcher, frames=frames, query=asked)

        work = self._works[name] = CopyWork(name, take, fail, limit_s, time.monotonic(), command)
        self._ask_waiting()
        if not work.asked:
            take(rp.Progress(work=name, text=WAITS, share=None))
        return name

    def _ask_waiting(self) -> None:
        """Ask for those that wait, as long as there are not too many copies."""
        for work in [work for work in self._works.values() if not work.asked]:
            made = sum(work.pid != 0 for work in self._works.values()) + len(self._gone)
            if self._unanswered + made >= MOST_COPIES:
                return
            work.asked, work.asked_s = True, time.monotonic()
            self._ask(work)

    def _ask(self, work: CopyWork) -> None:
        self._unanswered += 1
        self._send(work.command())

    def tell(self, name: str, command: pc.CopyCommand) -> bool:
        """Send the copy of this work a command; False when it is not there."""
        work = self._works.get(name)
        if work is None or work.connection is None or not work.connection.open:
            return False
        work.connection.send(pc.encode(command))
        return True

    def cancel(self, name: str, reason: str) -> None:
        """End this work and its copy."""
        work = self._works.get(name)
        if work is not None:
            self._end(work, reason)

    def take(self, report: rp.Report, connection: Connection[rp.Report]) -> bool:
        """Take a report about a copy or from one; False if it is neither."""
        if not isinstance(report, rp.WorkReport | rp.Copied | rp.CopyRefused):
            return False
        if isinstance(report, rp.Copied | rp.CopyRefused):
            self._unanswered = max(0, self._unanswered - 1)
        work = self._works.get(report.work)
        if work is not None:
            self._take_of(work, report, connection)
        elif isinstance(report, rp.Copied) and report.pid:  # ended before it had come so far
            self._kill(report.pid)
            self._gone.append(report.pid)
        elif isinstance(report, rp.CopyConnected):  # its work has ended
            connection.close()
            self._kill(report.pid)
        return True

    def _take_of(
        self,
        work: CopyWork,
        report: rp.WorkReport | rp.Copied | rp.CopyRefused,
        connection: Connection[rp.Report],
    ) -> None:
        if isinstance(report, rp.Copied):
            work.pid, work.began_s = report.pid, time.monotonic()
            work.take(report)
            for early in work.early:
                self._take_words(work, early)
        elif isinstance(report, rp.CopyRefused):
            if report.passing:
                work.again_s = time.monotonic() + AGAIN_S
            else:
                self._end(work, report.reason)
        elif isinstance(report, rp.CopyConnected):
            work.connection = connection
        elif work.began_s is None:
            work.early.append(report)
        else:
            self._take_words(work, report)

    def _take_words(self, work: CopyWork, report: rp.WorkReport) -> None:
        if isinstance(report, rp.Failed):
            self._end(work, report.reason)
        elif isinstance(report, rp.Done):
            self._end(work, None)
        elif not work.over:
            work.take(report)
            if work.pid == 0 and isinstance(report, rp.CensusReport):
                self._end(work, None)  # taken inside the target

    def tick(self) -> None:
        """End copies that are late or have vanished."""
        now = time.monotonic()
        for work in list(self._works.values()):
            if not work.asked:
                if now - work.asked_s > WAIT_LIMIT_S:
                    self._end(work, f"no other copy ended in {WAIT_LIMIT_S:.0f} s")
            elif work.began_s is None:
                if now - work.asked_s > MADE_LIMIT_S:
                    self._unanswered = max(0, self._unanswered - 1)
                    self._end(work, f"the target did not make a copy in {MADE_LIMIT_S:.0f} s")
                elif work.again_s is not None and now >= work.again_s:
                    work.again_s = None
                    self._ask(work)
            elif work.pid and work.connection is None and now - work.began_s > FIRST_WORD_S:
                self._end(work, f"the copy did not say a word in {FIRST_WORD_S:.0f} s")
            elif now - work.began_s > work.limit_s:
                self._end(work, f"the copy did not answer in {work.limit_s:.0f} s")
            elif work.pid and self._has_vanished(work, now):
                self._end(work, "the copy ended before it had answered")
        self._gone = [pid for pid in self._gone if self._still_there(pid)]
        self._ask_waiting()

    def _has_vanished(self, work: CopyWork, now: float) -> bool:
        """Whether nothing more will come. The connection of a quick copy may not have been accepted
        yet, with all its reports."""
        if work.connection is not None:
            return not work.connection.open
        if work.ended_s is None and state_of(work.pid) in (b"", b"Z"):
            work.ended_s = now
        return work.ended_s is not None and now - work.ended_s > LAST_WORDS_S

    def _still_there(self, pid: int) -> bool:
        """Have the target wait for its own child; the launcher waits for its own."""
        if state_of(pid) == b"Z" and parent_of(pid) == self._pid:
            self._send(pc.Reap(pid=pid))
        return state_of(pid) not in (b"", b"Z") or parent_of(pid) == self._pid

    def _end(self, work: CopyWork, reason: str | None) -> None:
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
        """Kill the process if it is still a copy: the pid may have been reused."""
        if parent_of(pid) in (self._pid, self._launcher) or is_copy(pid):
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)

    def end(self) -> None:
        """End everything with the watch."""
        for work in list(self._works.values()):
            self._end(work, "the watch has ended")
