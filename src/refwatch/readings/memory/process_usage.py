"""Memory and CPU of a process, at a pace that keeps the reading itself cheap."""

from __future__ import annotations

import sys
import time

import psutil

from refwatch.readings.memory.children import ChildrenReader
from refwatch.readings.memory.events import ProcessMeasured
from refwatch.target.context import Context
from refwatch.wire.event import MAIN

USS_SHARE = 0.005  # of the time may go into reading uss: it walks the target's page tables
USS_PAUSE_S = 1.0
LAST_USS_S = 0.02  # at the end the target waits for the reading: not for longer than this


class ProcessGone(Exception):
    """There is no such process."""


class ProcessReader:
    """Reads one process. Raises ProcessGone when it is gone."""

    def __init__(self, context: Context) -> None:
        try:
            self._process = psutil.Process(context.pid)
            parent = self._process.ppid()
        except psutil.Error as error:
            raise ProcessGone from error
        self._children = (
            ChildrenReader(
                context.pid,
                copies_among=parent != context.launcher,
                watched=context.watched,
                found=context.found,
            )
            if context.process == MAIN and sys.platform == "linux"
            else None
        )
        """Of the program itself, and with them theirs."""
        self._number = context.process
        self._peak = 0
        self._next_uss = 0.0
        self._uss_took = 0.0
        self.uss_denied = False

    def read(self, at: float, *, last: bool = False, copied: bool = False) -> ProcessMeasured:
        """One reading, at ``at`` seconds of the session. ``uss`` is None when it is not its turn,
        not permitted, or while the process is ``copied``: what it shares with a copy would not
        count. Where it is there ``rss`` is of the same moment. The ``last`` one before the end has
        it if it takes no time."""
        try:
            with self._process.oneshot():
                rss = int(self._process.memory_info().rss)
                times = self._process.cpu_times()
        except (psutil.Error, OSError) as error:
            raise ProcessGone from error
        if not rss:  # a process that has ended has no memory, until somebody waits for it
            raise ProcessGone
        both = None if copied else self._read_uss(at, last=last)
        rss, uss = both or (rss, None)
        self._peak = max(self._peak, rss, self._high_water())
        children = self._children.read(at) if self._children is not None else None
        return ProcessMeasured(
            at=at,
            process=self._number,
            rss=rss,
            peak_rss=self._peak,
            user_s=float(times.user),
            system_s=float(times.system),
            reaped_s=float(times.children_user + times.children_system),
            uss=uss,
            children=children.seen if children else 0,
            children_s=children.lived_s if children else 0.0,
            children_unseen=children.more if children else False,
            children_cpu_s=children.cpu_s if children else None,
        )

    def _high_water(self) -> int:
        """VmHWM of /proc/PID/status, bytes: the peak between two readings too."""
        try:
            with open(f"/proc/{self._process.pid}/status", "rb") as file:
                for line in file:
                    if line.startswith(b"VmHWM:"):
                        return int(line.split()[1]) * 1024
        except (OSError, ValueError):
            pass
        return 0

    def _read_uss(self, at: float, *, last: bool) -> tuple[int, int] | None:
        """(resident, private) bytes of one moment."""
        if self.uss_denied or (at < self._next_uss and not (last and self._uss_took < LAST_USS_S)):
            return None
        began = time.perf_counter()
        try:
            both = self._sizes()
        except (psutil.AccessDenied, PermissionError):
            self.uss_denied = True
            return None
        except (psutil.Error, OSError, ValueError):
            return None
        self._uss_took = time.perf_counter() - began
        self._next_uss = at + max(USS_PAUSE_S, self._uss_took / USS_SHARE)
        return both

    def _sizes(self) -> tuple[int, int] | None:
        """By one walk over the page tables where there is smaps_rollup (Linux 4.14); psutil reads
        one after the other."""
        if sys.platform != "linux":
            full = self._process.memory_full_info()
            return int(full.rss), min(int(full.uss), int(full.rss))
        rss = uss = 0
        with open(f"/proc/{self._process.pid}/smaps_rollup", "rb") as file:
            for line in file:
                if line.startswith(b"Rss:"):
                    rss = int(line.split()[1]) * 1024
                elif line.startswith(b"Private_"):
                    uss += int(line.split()[1]) * 1024
        return (rss, uss) if rss else None
