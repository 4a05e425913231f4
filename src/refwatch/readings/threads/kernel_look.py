"""What the kernel says of the threads at a sample: who waits and for what, and who has run."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable
from typing import NamedTuple

from refwatch.readings.threads.classify import Sched
from refwatch.readings.threads.states import ThreadState
from refwatch.readings.threads.syscalls import Syscalls
from refwatch.readings.threads.tracked import ThreadGone, TrackedThread, read_once
from refwatch.target.layout import GilLayout
from refwatch.target.memory import ReadingDenied

Moved = tuple[TrackedThread, ThreadState | None, bytes]
"""A thread, what it waits for now (None: it runs), its line of schedstat."""
Held = tuple[TrackedThread, ThreadState | None, Sched | None]
"""A GIL's holder, what it waits for, and what the kernel has counted; None where nobody asked."""

GIL_WAIT = ThreadState.GIL_WAIT
RESTING = 64  # samples without a change, after which a thread is looked at
REST = 4  # times more rarely
UNKEPT = 8  # times more rarely a thread that is blocked, and whose files are not kept open
CHECK = 8  # looks at a blocked thread, of which one asks whether it is woken and has no CPU yet
RARE_NS = 3_000_000  # with so much time between two samples every look asks
LOOK_NS = 3_500_000  # how long a GIL's holder runs between two looks at what the kernel counted


class Moment(NamedTuple):
    """When a sample is taken: its number, its time and that of the one before, nanoseconds;
    ``rested``: none was taken of late, because no thread ran."""

    number: int
    at_ns: int
    last_ns: int
    rested: bool


class KernelLook:
    """Asks the kernel about the threads of one process."""

    def __init__(self, pid: int) -> None:
        self.calls = Syscalls(None)
        self._pid = pid

    def know_gil(self, gil: GilLayout | None) -> None:
        """The main interpreter's GIL is there."""
        self.calls = Syscalls(gil.gil if gil else None)

    def moved(
        self,
        threads: Iterable[TrackedThread],
        holders: Collection[TrackedThread],
        now: Moment,
        *,
        gil_kept: bool,
    ) -> tuple[list[Moved], list[TrackedThread]]:
        """The threads, the ``holders`` aside, that are not blocked as they were at the last sample,
        and those that have ended.

        A blocked thread whose schedstat is what it was has not run, so that it waits for what it
        waited for, or was woken and has no CPU yet; schedstat is read first, so that what runs on
        between is seen the next time. Where no other thread has had the main interpreter's GIL
        since the last sample (``gil_kept``), those that waited for it wait on."""
        moved: list[Moved] = []
        gone: list[TrackedThread] = []
        pread, state_of = os.pread, self.calls.state
        number, at_ns = now.number, now.at_ns
        check = CHECK if at_ns - now.last_ns < RARE_NS else 1
        for thread in threads:
            if thread in holders:
                continue
            blocked = thread.blocked
            every, fd = check, thread.sched_fd
            waits_on = gil_kept and blocked is GIL_WAIT and not thread.gil
            if waits_on and (number + thread.serial) % CHECK:
                thread.looked_ns = at_ns
                continue
            long = number - thread.changed_at > RESTING and not now.rested
            if blocked is not None and (fd < 0 or long):
                rest = REST if fd >= 0 else UNKEPT
                if (number + thread.serial) % rest:
                    continue
                every *= rest
            try:
                sched = pread(fd, 96, 0) if fd >= 0 else read_once(thread.sched_path)
                quiet = blocked is not None and sched == thread.sched_raw
                if quiet and (number + thread.serial) % every:
                    thread.looked_ns = at_ns
                    continue
                fd = thread.call_fd
                thread.call = pread(fd, 160, 0) if fd >= 0 else read_once(thread.call_path)
                state = state_of(thread.call)
            except OSError as error:
                self._check_permitted(error)
                gone.append(thread)
                continue
            if state is blocked and thread.waits_on(sched):
                thread.looked_ns = at_ns
                continue
            moved.append((thread, state, sched))
        return moved, gone

    def _check_permitted(self, error: OSError) -> None:
        if isinstance(error, PermissionError):
            raise ReadingDenied(f"/proc/{self._pid}/task: {error.strerror}") from error

    def held(
        self, holders: Iterable[TrackedThread], now: Moment, gone: list[TrackedThread]
    ) -> list[Held]:
        """What the kernel says of those that hold a GIL, if it is time to ask: one may be on a CPU,
        wait for one, or be blocked with the GIL kept. Without those that are blocked as they were;
        those that have ended are added to ``gone``."""
        found: list[Held] = []
        for thread in holders:
            try:
                if thread.holding and thread.blocked is not None and self._as_it_was(thread, now):
                    thread.looked_ns = now.at_ns
                elif thread.blocked is None and thread.classifier.held_for(LOOK_NS):
                    found.append((thread, None, None))
                else:
                    sched = thread.read_sched()
                    found.append((thread, self.calls.state(thread.read_call()), sched))
            except ThreadGone:
                gone.append(thread)
        return found

    def _as_it_was(self, thread: TrackedThread, now: Moment) -> bool:
        """Whether the holder is blocked as it was at the last sample. Raises ThreadGone."""
        if thread.read_schedstat() != thread.sched_raw:
            return False
        asked = (now.number + thread.serial) % CHECK == 0
        return not asked or self.calls.state(thread.read_call()) is thread.blocked
