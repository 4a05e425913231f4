"""All processes under watch: the program that was started, and its Python children.

A child tells of itself, by its probe, on a connection of its own: that of a fork before any line
of it has run, an interpreter that starts anew once it is calibrated.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable

from msgspec import Struct
from msgspec.structs import replace

from refwatch import __version__
from refwatch.daemon.heap_watch import HeapOptions
from refwatch.daemon.members import Member, Newborn
from refwatch.daemon.process_watch import NO_ANSWER, ProcessMonitor
from refwatch.daemon.start_methods import child_started, is_forkserver, start_method
from refwatch.daemon.twins import Twins
from refwatch.daemon.wakeups import Wakeups
from refwatch.readings.objects.state import References
from refwatch.readings.threads.budget import SamplingBudget
from refwatch.session import events as ev
from refwatch.target.arrivals import Arrivals
from refwatch.target.exit_status import ProcessHandle
from refwatch.target.probe_messages import Forked, Hello, Report
from refwatch.target.proc import command_line, parent_of, started_monotonic_ns
from refwatch.target.twin import NoTwin
from refwatch.wire.commands import Command
from refwatch.wire.connections import Connection, Listener
from refwatch.wire.event import MAIN, TimedEvent
from refwatch.wire.launch import Launched

LAST_WORDS_NS = 2_000_000_000  # for copies that outlive their process
LAST_ANSWERS_NS = 10_000_000_000  # for those that are worth more
NEWBORN_NS = 15_000_000  # how old the child of a fork must be for a watch to be worth its cost
CHECK_NS = 20_000_000  # how often it is looked whether a child has ended
REVIEW_NS = 500_000_000  # how often it is looked what all this costs
AHEAD_NS = 150_000  # what is due so soon is done at this waking
MOST_LATE = 10.0  # times by which both grow with the number of processes
MOST_PROCESSES = 300  # watched at the same time
FORGET = 4000  # pids of processes that have ended, whose children may come late
IDLE_S = 0.1


class WatchOptions(Struct, frozen=True, kw_only=True):
    """What the user asked for."""

    rate_hz: float = 1000.0
    heap: HeapOptions
    children: str | None = ""
    """What the command lines of children that are to be watched contain; None: none is."""


class ProcessTable:
    """The processes of a session, by their numbers in it. ``references`` tells what is known of
    those of a process."""

    def __init__(
        self,
        launched: Launched,
        options: WatchOptions,
        emit: Callable[[TimedEvent], None],
        references: Callable[[int], References | None],
        wakeups: Wakeups,
        probe_path: str,
    ) -> None:
        self._options = options
        self._emit = emit
        self._references = references
        self._wakeups = wakeups
        self._zero_ns = int(launched.monotonic_s * 1e9)
        self._arrivals = Arrivals()
        self._members: dict[int, Member] = {}
        self._newborns: dict[int, Newborn] = {}
        self._numbers: dict[int, int] = {}
        """Pid -> number, of those that are watched, and of the last that were."""
        self._count = MAIN
        self._forkservers: set[int] = set()
        self._refused = 0
        self._twins = Twins(probe_path)
        self._left_alone: set[int] = set()
        """Pids of children that cannot be watched."""
        self._next_check = self._next_review = 0
        self._budget = SamplingBudget()
        self._numbers[launched.pid] = MAIN
        self.main = self._begin(MAIN, launched.pid, launched.ppid)
        self._members[MAIN] = Member(self.main, None)
        emit(
            ev.TargetStarted(
                at=0.0,
                process=MAIN,
                pid=launched.pid,
                argv=launched.argv,
                executable=launched.executable,
                cwd=launched.cwd,
                started_at=launched.started_at,
                refwatch=__version__,
                ppid=launched.ppid,
                terminal=launched.terminal,
            )
        )
        self.main.start()

    def now_ns(self) -> int:
        """Nanoseconds since the session began."""
        return time.monotonic_ns() - self._zero_ns

    def _begin(
        self, number: int, pid: int, launcher: int, forked_from: int | None = None
    ) -> ProcessMonitor:
        return ProcessMonitor(
            process=number,
            pid=pid,
            launcher=launcher,
            zero_ns=self._zero_ns,
            rate_hz=self._options.rate_hz,
            options=self._options.heap,
            emit=self._emit,
            fold=lambda: self._references(number),
            mark=self.mark,
            watched=self._numbers.keys(),
            found=self._found,
            budget=self._budget,
            forked_from=forked_from,
        )

    # Who comes

    def accept(self, listener: Listener) -> None:
        """Take new connections, and read what probes and copies have said."""
        for connection in listener.accept():
            self._wakeups.add(connection.fileno())
            self._arrivals.add(connection)
        for pid, peer, reports in self._arrivals.read():
            self._route(pid, peer, reports)
        ready = self._wakeups.ready()
        for member in [*self._members.values()]:
            member.monitor.peers.flush()
            if ready is None or not ready.isdisjoint(member.monitor.peers.files()):
                member.monitor.peers.read()

    def _route(self, pid: int, peer: Connection[Report], reports: list[Report]) -> None:
        """Give a connection to the process that it is of, which may be a new one."""
        first = reports[0]
        if isinstance(first, Hello) and self._twins.take(first):
            peer.close()
            return
        if isinstance(first, Forked):
            self._take_fork(first, peer, reports)
            return
        number = self._numbers.get(pid)
        newborn = self._newborns.get(number) if number is not None else None
        if newborn is not None and number is not None:
            if isinstance(first, Hello):  # it has called exec at once
                self._grow_up(number, self._newborns.pop(number))
            else:  # it has closed what was not its own, and the probe is back
                newborn.peer.close()
                newborn.peer, newborn.reports = peer, reports
                return
        member = self._members.get(number) if number is not None else None
        if isinstance(first, Hello) and peer.pid == first.pid:
            if member is None or member.ended_ns is not None:
                self._take_child(first, peer, reports)
                return
            if member.monitor.over or member.monitor.hello is not None:
                self._take_exec(member, first, peer, reports)
                return
        if member is None:
            self.main.peers.stranger = pid
            peer.close()
            return
        member.monitor.peers.adopt(peer, reports)
        member.due_ns = 0

    def _take_fork(self, forked: Forked, peer: Connection[Report], reports: list[Report]) -> None:
        parent = self._numbers.get(forked.parent)
        hello = self._hello_of(parent) if parent is not None else None
        if peer.pid != forked.pid or parent is None or hello is None or self._refuses():
            peer.close()
            return
        number = self._number_of(forked.pid)
        began_ns = int(forked.monotonic_s * 1e9) - self._zero_ns
        self._newborns[number] = Newborn(forked, began_ns, hello, peer, reports)
        self._wakeups.remove(peer.fileno())  # what else it says is read when it is older
        method = "forkserver" if parent in self._forkservers else "fork"
        startup_s = forked.monotonic_s - forked.called_s if forked.called_s else None
        self._tell_start(number, forked.pid, forked.parent, method, began_ns, startup_s)

    def _hello_of(self, number: int) -> Hello | None:
        """Where the interpreter of this process is, as its children by fork have it."""
        if number in self._newborns:
            return self._newborns[number].hello
        member = self._members.get(number)
        return member.monitor.hello if member is not None else None

    def _grow_up(self, number: int, newborn: Newborn) -> None:
        """Watch the child of a fork that has not ended at once."""
        forked, hello = newborn.forked, newborn.hello
        newborn.reports += newborn.peer.receive()
        member = self._add(number, forked.pid, newborn.handle, forked.parent)
        if not newborn.peer.open:
            member.monitor.replaced()
            return
        threads = hello.layout.threads
        layout = replace(
            hello.layout, threads=replace(threads, main=forked.main) if threads else None
        )
        own = replace(
            hello,
            pid=forked.pid,
            layout=layout,
            burst=None,
            calibration_s=0.0,
            cpu_s=0.0,
            probe_tid=0,
        )
        self._wakeups.add(newborn.peer.fileno())
        member.monitor.peers.adopt(newborn.peer, newborn.reports)
        member.monitor.begin(own)

    def _take_child(self, hello: Hello, peer: Connection[Report], reports: list[Report]) -> None:
        """An interpreter that has started anew."""
        if hello.parent not in self._numbers or self._refuses():
            peer.close()
            return
        began_ns = started_monotonic_ns(hello.pid)
        now = self.now_ns()
        own = min(now, began_ns - self._zero_ns) if began_ns is not None else now
        number = self._number_of(hello.pid)
        argv = command_line(hello.pid)
        method = start_method(argv)
        if is_forkserver(argv):
            self._forkservers.add(number)
        self._tell_start(number, hello.pid, hello.parent, method, own)
        member = self._add(number, hello.pid, ProcessHandle(hello.pid))
        member.monitor.peers.adopt(peer, reports)

    def _take_exec(
        self, member: Member, hello: Hello, peer: Connection[Report], reports: list[Report]
    ) -> None:
        """A process goes on under its number, with another program in it."""
        before = member.monitor
        before.end("the program was replaced by another (exec)")
        before.peers.close()
        member.monitor = monitor = self._begin(before.number, hello.pid, before.launcher)
        if before is self.main:
            self.main = monitor
        self._tell_start(before.number, hello.pid, None, "exec", self.now_ns())
        monitor.start()
        monitor.peers.adopt(peer, reports)

    def _found(self, pid: int) -> None:
        """A child that has not told of itself: if it is Python it is watched from outside."""
        if pid in self._numbers or pid in self._left_alone or self._options.children is None:
            return
        words = command_line(pid)
        if self._options.children not in " ".join(words):
            return
        try:
            hello = None if self._is_full else self._twins.hello_of(pid)
        except NoTwin as error:
            self._left_alone.add(pid)
            self.main.limit("child", f"{pid} is not watched: {error}")
            return
        began_ns = started_monotonic_ns(pid)
        if hello is None or began_ns is None:
            return
        number = self._number_of(pid)
        self._tell_start(number, pid, parent_of(pid), start_method(words), began_ns - self._zero_ns)
        member = self._add(number, pid, ProcessHandle(pid))
        member.monitor.begin_outside(hello)

    @property
    def _is_full(self) -> bool:
        return len(self._members) + len(self._newborns) >= MOST_PROCESSES

    def _refuses(self) -> bool:
        """Whether there is no room for one that has told of itself; it is counted then."""
        if self._is_full:
            self._refused += 1
            reason = f"{self._refused} of them are not watched: {MOST_PROCESSES} are at a time"
            self.main.limit("children", reason)
        return self._is_full

    def _number_of(self, pid: int) -> int:
        """A number for a new process."""
        self._count += 1
        self._numbers[pid] = self._count
        if len(self._numbers) > FORGET:
            living = self._members.keys() | self._newborns.keys() | {self._count}
            gone = (pid for pid, number in self._numbers.items() if number not in living)
            del self._numbers[next(gone)]
        return self._count

    def _add(
        self, number: int, pid: int, handle: ProcessHandle, forked_from: int | None = None
    ) -> Member:
        monitor = self._begin(number, pid, 0, forked_from)
        member = self._members[number] = Member(monitor, handle)
        monitor.start()
        return member

    def _tell_start(
        self,
        number: int,
        pid: int,
        parent: int | None,
        method: str,
        began_ns: int,
        startup_s: float | None = None,
    ) -> None:
        started = child_started(number, pid, parent, method, self.now_ns())
        self._emit(replace(started, began_s=began_ns / 1e9, startup_s=startup_s))

    # The loop

    def step(self) -> float:
        """Do what is due; return the seconds until the next thing is."""
        now = self.now_ns()
        if now >= self._next_check:
            self._check_ends(now)
            self._twins.tick()
            self._next_check = now + int(CHECK_NS * min(self._budget.stretch, MOST_LATE))
        if now >= self._next_review:
            self._budget.review(now / 1e9, time.process_time())
            self._next_review = now + REVIEW_NS
        following = now + int(IDLE_S * 1e9)
        ahead_ns = int(AHEAD_NS * min(self._budget.stretch, MOST_LATE))
        for member in [*self._members.values()]:
            if member.monitor.over:
                continue
            if member.due_ns <= now + ahead_ns:
                member.due_ns = now + int(member.monitor.step() * 1e9)
            following = min(following, member.due_ns)
        if len(self._members) > 1 or self._newborns:
            following = min(following, self._next_check)
        return max(0.0, (following - self.now_ns()) / 1e9)

    def _check_ends(self, now: int) -> None:
        for number, newborn in [*self._newborns.items()]:
            if newborn.handle.ended():
                newborn.peer.close()
                self._tell_end(number, newborn.handle, now)
                newborn.handle.close()
            elif now - newborn.began_ns > NEWBORN_NS:
                self._grow_up(number, newborn)
            else:
                continue
            del self._newborns[number]
        for number, member in [*self._members.items()]:
            if member.handle is None:
                continue
            if member.ended_ns is None and member.handle.ended():
                member.monitor.peers.read()
                member.monitor.target_ended()
                member.ended_ns = now
                self._tell_end(number, member.handle, now)
            if member.ended_ns is not None and not self._last_words(member, now):
                self._remove(number, member)

    def _tell_end(self, number: int, handle: ProcessHandle, now: int) -> None:
        self._emit(ev.TargetExited(at=now / 1e9, process=number, exit_code=handle.exit_code()))

    def _last_words(self, member: Member, now: int) -> bool:
        """Whether a copy of a process that has ended may still answer."""
        assert member.ended_ns is not None
        limit = LAST_ANSWERS_NS if member.monitor.answering else LAST_WORDS_NS
        return member.monitor.working and now <= member.ended_ns + limit

    def _remove(self, number: int, member: Member) -> None:
        member.monitor.end("the process has ended")
        member.monitor.peers.close()
        if member.handle is not None:
            member.handle.close()
        del self._members[number]

    @property
    def over(self) -> bool:
        """The program has ended."""
        return self._members[MAIN].ended_ns is not None

    def main_ended(self, exit_code: int | None) -> None:
        """The program has ended: its copies may outlive it, and have a moment to say so."""
        member = self._members[MAIN]
        if member.ended_ns is not None:
            return
        self.main.peers.read()
        self._check_ends(self.now_ns())
        self.main.target_ended()
        now = member.ended_ns = self.now_ns()
        self._emit(ev.TargetExited(at=now / 1e9, process=MAIN, exit_code=exit_code))

    @property
    def done(self) -> bool:
        """The program has ended, and so have its copies."""
        member = self._members[MAIN]
        return member.ended_ns is not None and not self._last_words(member, self.now_ns())

    @property
    def sampling(self) -> bool:
        """Samples of one are taken from outside."""
        return any(member.monitor.sampling for member in self._members.values())

    @property
    def rests(self) -> bool:
        """Nothing that is read from time to time can have changed in any."""
        return all(member.monitor.rests for member in self._members.values())

    # What is asked

    def mark(self, name: str, at: float) -> None:
        """Set a mark; a census of each process follows."""
        with contextlib.ExitStack() as stack:
            for member in self._members.values():
                stack.enter_context(member.monitor.marking())
            self._emit(ev.Marked(at=max(0.0, at), name=name))

    def obey(self, command: Command) -> None:
        """A viewer's command about a process."""
        member = self._members.get(command.process)
        if member is None:
            self._emit(ev.Noted(at=self.now_ns() / 1e9, level="warning", text=NO_ANSWER))
        else:
            member.due_ns = 0
            member.monitor.obey(command)

    def end(self, reason: str) -> None:
        """No reading after this; the probes leave their processes as they would be alone."""
        running = sum(
            member.ended_ns is None and number not in self._forkservers
            for number, member in self._members.items()
            if number != MAIN
        )
        if running and self.over:
            text = f"{running} of them still ran when the program ended"
            self.main.limit("children", text)
        for member in self._members.values():
            member.monitor.end(reason)
            if member.handle is not None:
                member.handle.close()
                member.monitor.peers.close()
        for newborn in self._newborns.values():
            newborn.peer.close()
            newborn.handle.close()
        self._newborns.clear()
        self._arrivals.close()
        self._twins.close()
