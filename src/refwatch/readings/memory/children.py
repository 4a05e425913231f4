"""CPU time in the children of a process that are not watched themselves, of /proc alone:
proc_pid_stat(5) and /proc/PID/task/TID/children. A hidden copy is none of them."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Collection
from typing import NamedTuple

from refwatch.target.proc import COPY, children_of

TICKS_PER_S = os.sysconf("SC_CLK_TCK")
SEARCH_SHARE = 0.005  # of the time may go into looking for new children: one file for each thread
SEARCH_PAUSE_S = 1.0
TRIES = 3  # until no child was waited for while they were read
LATE_S = 0.3  # a child's last second that was not read: the time between two readings, and some
SERVANTS = (b"resource_tracker", b"multiprocessing.semaphore_tracker")


class Children(NamedTuple):
    """All children so far, and theirs. ``seen``: how many; ``lived_s``: for how long there was one,
    seconds; ``more``: others ended before they were seen. ``cpu_s``: their CPU time, seconds."""

    seen: int
    lived_s: float
    more: bool
    cpu_s: float


class _Stat(NamedTuple):
    """Of /proc/PID/stat; times in clock ticks, ``reaped`` of children that were waited for, who had
    ``faults``: each has some, however short its life."""

    name: bytes
    parent: int
    used: int
    reaped: int
    faults: int
    started: int
    exit_signal: int


class ChildrenReader:
    """Reads the children of process ``pid``. ``copies_among``: hidden copies of it are children of
    its own, too, so that what it has reaped says nothing. ``watched`` has the pids of processes
    that are watched themselves: they do not count, but their children do. ``found`` is told of the
    others, at each look for new ones."""

    def __init__(
        self,
        pid: int,
        *,
        copies_among: bool,
        watched: Collection[int] = (),
        found: Callable[[int], None] = lambda _: None,
    ) -> None:
        self._pid = pid
        self._copies_among = copies_among
        self._watched = watched
        self._found = found
        self._known: dict[int, _Stat] = {}
        self._theirs: set[int] = set()
        """Those that are watched themselves."""
        self._left_out: dict[int, int] = {}
        """Those that do not count: pid -> when it was started."""
        self._seen = 0
        self._gone = 0
        """How many have ended whose time this process has reaped, if it has waited for them."""
        self._gone_ticks = 0
        self._lost_ticks = 0
        """Of those that nobody of the family has waited for."""
        self._faults = 0
        self._missed = False
        """One was waited for that had not been seen."""
        self._most = 0.0
        self._next_search = 0.0
        self._lived_s = 0.0
        self._last_s: float | None = None
        """When they were last read, if one was alive."""

    def read(self, at: float) -> Children | None:
        """One reading, at ``at`` seconds of the session; None when the process is gone."""
        if at >= self._next_search:
            began = time.perf_counter()
            self._search()
            took = time.perf_counter() - began
            self._next_search = at + max(SEARCH_PAUSE_S, took / SEARCH_SHARE)
        own = _stat(self._pid)
        if own is None:
            return None
        gone = self._gone
        for _ in range(TRIES):
            self._follow()
            again = _stat(self._pid)
            if again is None or (again.reaped, again.faults) == (own.reaped, own.faults):
                break
            own = again
        self._missed |= own.faults > self._faults and self._gone == gone
        self._faults = own.faults
        if self._last_s is not None:
            self._lived_s += at - self._last_s
        self._last_s = at if self._known else None
        return self._sum(own.reaped)

    def _sum(self, reaped: int) -> Children:
        alive = sum(stat.used + stat.reaped for stat in self._known.values())
        ended = self._gone_ticks if self._mixed else max(reaped, self._gone_ticks)
        if self._seen or not self._mixed:  # else all were found to be watched
            self._most = max(self._most, (alive + ended + self._lost_ticks) / TICKS_PER_S)
        unseen_s = (ended - self._gone_ticks) / TICKS_PER_S
        more = unseen_s > LATE_S * self._gone + 2 / TICKS_PER_S
        more = (more or self._missed) and not self._mixed
        return Children(self._seen, self._lived_s, more, self._most)

    @property
    def _mixed(self) -> bool:
        """What this process has reaped is not only of children that count."""
        return self._copies_among or any(pid != self._pid for pid in self._watched)

    def _search(self) -> None:
        """Look for children that are new, and for theirs."""
        parents = [self._pid, *self._known, *self._theirs]
        for parent in parents:
            for pid in children_of(parent):
                if pid in parents:
                    continue
                stat = _stat(pid)
                if stat is None or self._left_out.get(pid) == stat.started:
                    continue
                if _is_ours(stat) or _is_servant(pid):
                    self._left_out[pid] = stat.started
                    continue
                parents.append(pid)
                if pid in self._watched:
                    self._theirs.add(pid)
                else:
                    self._known[pid] = stat
                    self._seen += 1
        for pid in [*self._known]:
            self._found(pid)
        self._left_out = {pid: at for pid, at in self._left_out.items() if _exists(pid)}
        self._theirs = set(filter(_exists, self._theirs))

    def _is_theirs(self, pid: int) -> bool:
        return pid in self._theirs and _exists(pid)

    def _follow(self) -> None:
        """Read those that are known; one that is gone has given its time to who waited for it."""
        for pid in [pid for pid in self._known if pid in self._watched]:
            self._theirs.add(pid)
            del self._known[pid]
            self._seen -= 1
            self._most = 0.0  # its time was in it
        ended: dict[int, _Stat] = {}
        for pid, old in list(self._known.items()):
            new = _stat(pid)
            if new is not None and new.started == old.started:
                self._known[pid] = new
            else:
                ended[pid] = self._known.pop(pid)
        for old in ended.values():
            if old.parent == self._pid or old.parent in ended:
                self._gone += 1
                self._gone_ticks += old.used + old.reaped
            elif old.parent not in self._known and not self._is_theirs(old.parent):
                self._lost_ticks += old.used + old.reaped


def _exists(pid: int) -> bool:
    return os.path.exists(f"/proc/{pid}")


def _is_ours(stat: _Stat) -> bool:
    """Whether it is a hidden copy: no fork of the target's own ends without SIGCHLD."""
    return stat.exit_signal != signal.SIGCHLD or stat.name.startswith(b"(" + COPY)


def _is_servant(pid: int) -> bool:
    """Whether it is one of the standard library's, which does no work of the program's."""
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            command = file.read(4096)
    except OSError:
        return False
    return any(servant in command for servant in SERVANTS)


def _stat(pid: int) -> _Stat | None:
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            head, _, tail = file.read().rpartition(b") ")
    except OSError:
        return None
    rest = tail.split()
    if len(rest) < 36:
        return None
    faults = int(rest[8])
    user, system, child_user, child_system = map(int, rest[11:15])
    return _Stat(
        head[head.index(b"(") :],
        int(rest[1]),
        user + system,
        child_user + child_system,
        faults,
        int(rest[19]),
        int(rest[35]),
    )
