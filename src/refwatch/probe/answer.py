"""The one thread that stays: asleep without the GIL until the daemon asks.

``threading`` does not know it. Since 3.12 a fork of a process with a second thread warns, so a
target that has no other thread forks without it: it leaves before the fork and comes back after.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]
import _thread
import os
import sys
import time

from .asked import answer
from .forks import AfterFork
from .link import LEAVE, LONGEST_LINE, MAIL, NOTHING, Link, from_json
from .uncounted import ThreadCount

TYPE_CHECKING = False  # typing itself would be one more module in the target
if TYPE_CHECKING:
    from collections.abc import Callable

    from .inside import InsideSampler
    from .service import Service

    Tell = Callable[[Callable[[], dict[str, object]]], bool]

START_LIMIT_S = 1.0
LEAVE_LIMIT_S = 0.2
SAMPLE_PAUSE_MS = 20  # between two samples from inside


class Answerer:
    """Answers the daemon's questions; owns the probe's thread. ``found`` is what calibration has
    found."""

    def __init__(self, link: Link, limits: dict[str, str], found: dict[str, object]) -> None:
        self._link = link
        counted = found["thread_count"]
        self._count = ThreadCount(counted) if type(counted) is int else None
        self._mail: list[Callable[[], dict[str, object]]] = []
        self._service = _service(link, self.tell, limits, found["threads"])
        self._tid = 0
        self._thread = 0  # its ident, while it runs
        handlers = self._service.handlers if self._service is not None else None
        self._after_fork = AfterFork(handlers[1], self._start_thread) if handlers else None
        self._cpu_s = 0.0  # of threads that have left
        self._inside: InsideSampler | None = None
        self._pause_ms: int | None = None

    def begin(self) -> int:
        """Start the thread, and take part in the target's forks; return the thread's native id."""
        self._start_thread()
        end = time.monotonic() + START_LIMIT_S
        while not self._tid and time.monotonic() < end:
            time.sleep(0)
        if sys.platform == "linux":
            self._take_part_in_forks()
        if self._service is not None:
            self._service.begin(self.tell, self._leave)
        return self._tid

    def burst(self, layout: object) -> dict[str, object] | None:
        """Look at some blocks from now on, by what calibration has found: what the daemon is to
        know of it; None where it cannot be done."""
        return self._service.burst(layout) if self._service is not None else None

    def trace(self, frames: int) -> None:
        """Have tracemalloc see every block from now on."""
        if self._service is not None:
            self._service.trace(frames)

    def hide(self, known: set[int]) -> None:
        """Hide what the probe has loaded, all but the objects at these addresses, from the target's
        collector."""
        if self._service is not None:
            self._service.hide(known)

    def _take_part_in_forks(self) -> None:
        before, child = self._before_fork, self._after_fork_in_child
        os.register_at_fork(before=before, after_in_child=child)

    def _start_thread(self) -> None:
        try:
            self._thread = _thread.start_new_thread(self._run, ())
        except RuntimeError:  # at interpreter shutdown, or too many threads
            self._thread = 0

    def _run(self) -> None:
        if self._count is not None:
            self._count.change(-1)
        try:
            # Signals are the target's, which may wait for one that all threads of its own block.
            _signal.pthread_sigmask(_signal.SIG_BLOCK, _signal.valid_signals())
            again, self._tid = self._tid != 0, _thread.get_native_id()
            if again:
                self._link.send({"message": "thread", "tid": self._tid})
            while self._serve():
                pass
            if self._service is not None and self._link.gone:
                self._service.leave_link()
        finally:
            self._cpu_s += time.thread_time()
            if self._thread == _thread.get_ident():  # else another has taken its place
                self._thread = 0
            if self._count is not None:
                self._count.change(1)  # the interpreter takes it off again

    def _serve(self) -> bool:
        """Wait for commands and obey, or for the time of the next sample; False at the end."""
        data = self._link.receive(self._pause_ms)
        if data is None:
            return self._inside is not None and self._link.send(self._inside.sample())
        if data == NOTHING and self._inside is not None:
            self._inside = type(self._inside)()  # its files are gone as well
        if data in (MAIL, NOTHING):
            return self._send_mail()
        lines = self._link.lines
        for line in lines.feed(data):
            try:
                self._obey(from_json(line))
            except Exception as error:  # noqa: BLE001 - the thread must live, and the target not hear
                name = type.__dict__["__name__"].__get__(type(error))
                self._link.send({"message": "trouble", "reason": f"{name}: {error}"[:500]})
        if lines.too_long:
            reason = f"the daemon sent a line of more than {LONGEST_LINE >> 20} MiB"
            self._link.send({"message": "trouble", "reason": reason})
            self._link.gone = True
        return data != LEAVE and not lines.too_long

    def _obey(self, command: dict[str, object]) -> None:
        if command.get("command") == "ask":
            times = self._service.gc_times if self._service is not None else None
            self._link.send(answer(self._cpu_s, times.generations if times else None))
        elif command.get("command") == "sample":
            from .inside import InsideSampler

            self._inside, self._pause_ms = InsideSampler(), SAMPLE_PAUSE_MS
        elif self._service is not None:
            self._service.obey(command)

    def tell(self, make: Callable[[], dict[str, object]]) -> bool:
        """Have the probe's thread, if there is one, make a message and send it; for the target's
        threads."""
        if self._link.gone:
            return False
        self._mail.append(make)
        self._link.wake(MAIL)
        return self._thread != 0

    def _send_mail(self) -> bool:
        while self._mail:
            if not self._link.send(self._mail.pop(0)()):
                return False
        return True

    def _before_fork(self) -> None:
        if not self._thread or self._after_fork is None or _threads() != 2:
            return
        self._after_fork.ask()
        self._link.wake()
        end = time.monotonic() + LEAVE_LIMIT_S
        while _threads() > 1 and time.monotonic() < end:
            time.sleep(0)

    def _leave(self) -> None:
        """The interpreter is about to end, alone: where it gives up other interpreters, it would
        hang for a thread that is still there (3.11)."""
        if self._thread:
            self._link.wake()
        end = time.monotonic() + LEAVE_LIMIT_S
        while self._thread and time.monotonic() < end:
            time.sleep(0)

    def _after_fork_in_child(self) -> None:
        self._thread = 0
        if self._after_fork is not None:
            self._after_fork.forget()
        if self._service is not None:
            self._service.end()
        self._link.close()


def _threads() -> int:
    """How many this process has: a folder has two links more than it has folders in it."""
    return os.stat("/proc/self/task").st_nlink - 2


def _service(link: Link, tell: Tell, limits: dict[str, str], threads: object) -> Service | None:
    """What watches objects and makes copies, where the target's Python has what it needs."""
    try:
        from . import reopen
        from .service import Service
    except ImportError as error:
        limits["references"] = limits["census"] = f"the target's Python lacks a module: {error}"
        return None
    link.again = reopen
    return Service(link, tell, limits, threads)
