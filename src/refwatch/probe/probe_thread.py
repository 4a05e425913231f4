"""The probe's one thread: asleep without the GIL until the daemon sends a command.

``threading`` and ``_thread._count()`` do not know it, and no fork warns of it.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]
import _thread
import os
import sys
import time
from _operator import add

from .audit_hooks import quietly
from .capi import ctypes, raw_thread_state
from .fork_warning import WARNS, ForkWarning
from .link import LEAVE, LONGEST_LINE, MAIL, NOTHING, Link, from_json
from .messages import COMMANDS
from .status import status

TYPE_CHECKING = False  # typing itself would be one more module in the target
if TYPE_CHECKING:
    from collections.abc import Callable

    from .inside_sampler import InsideSampler
    from .messages import Message
    from .service import Service

    Tell = Callable[[Callable[[], Message]], bool]

START_LIMIT_S = 1.0
LEAVE_LIMIT_S = 0.2
BIRTH = b'{"message":"forked","pid":%d,"parent":%d,"main":%d,"called_s":%r,"monotonic_s":%r}\n'
SAMPLE_PAUSE_MS = 20  # between two samples from inside


class ProbeThread:
    """Runs the daemon's commands in a thread of its own. ``found`` is calibration's result.
    ``children``: the children of a fork are watched as well."""

    def __init__(
        self, link: Link, limits: dict[str, str], found: dict[str, object], *, children: bool
    ) -> None:
        self._link = link
        self._children = children
        self._born = False
        """This is the child of a fork, and the thread has not run yet."""
        self._leaving = False
        """The thread is to end; one that has not run yet cannot be woken."""
        counter = found["thread_count"]
        self._counter = ThreadCounter(counter) if type(counter) is int else None
        self._mail: list[Callable[[], Message]] = []
        self._service = _service(link, self.tell, limits, found["threads"])
        self._tid = 0
        self._thread = 0  # its ident, while it runs
        handlers = self._service.handlers if self._service is not None else None
        self._fork_warning = ForkWarning(handlers[1]) if handlers and WARNS else None
        self._cpu_s = 0.0  # of threads that have left
        self._fork: tuple[int, int, float] | None = None
        """Pid, address of the thread's state and time of the last call of os.fork."""
        self._sampler: InsideSampler | None = None
        self._pause_ms: int | None = None
        self._commands: dict[str, Callable[..., None]] = {
            "ask": self._ask,
            "sample": self._sample,
            **(self._service.commands if self._service is not None else {}),
        }

    def begin(self) -> int:
        """Start the thread and hook into the target's forks; return the thread's native id."""
        self._start_thread()
        end = time.monotonic() + START_LIMIT_S
        while not self._tid and time.monotonic() < end:
            time.sleep(0)
        if sys.platform == "linux":
            before, child = self._before_fork, self._after_fork_in_child
            os.register_at_fork(before=before, after_in_child=child)
        if self._service is not None:
            self._service.begin(self.tell, self._leave)
        return self._tid

    def begin_burst(self, layout: object) -> dict[str, object] | None:
        """Start sampling blocks; what the daemon must know of it, None where that is impossible."""
        return self._service.begin_burst(layout) if self._service is not None else None

    def arm(self, daemon: int, allocations: str, wanted: str, limits: dict[str, str]) -> None:
        """Have children watched that start Python anew."""
        if self._service is not None and (reason := self._service.arm(daemon, allocations, wanted)):
            limits["new children"] = reason

    def begin_trace(self, frames: int) -> None:
        """Start tracemalloc."""
        if self._service is not None:
            self._service.begin_trace(frames)

    def untrack(self, earlier: set[int]) -> None:
        """Hide the probe's objects from the target's collector, but none at an ``earlier``
        address."""
        if self._service is not None:
            self._service.untrack(earlier)

    def _start_thread(self) -> None:
        self._leaving = False
        try:
            self._thread = _thread.start_new_thread(self._run, ())
        except RuntimeError:  # at interpreter shutdown, or too many threads
            self._thread = 0

    def _run(self) -> None:
        if self._counter is not None:
            self._counter.add(-1)
        try:
            # Signals are the target's, which may wait for one that all threads of its own block.
            _signal.pthread_sigmask(_signal.SIG_BLOCK, _signal.valid_signals())
            again, self._tid = self._tid != 0, _thread.get_native_id()
            if self._born:
                self._born = False
                self._link.settle()
                if self._service is not None:
                    self._service.settle()
                self._send_mail()
                if self._leaving:
                    return
            if again:
                self._link.send({"message": "thread", "tid": self._tid})
            while self._serve():
                pass
            if self._service is not None and self._link.gone:
                self._service.daemon_gone()
        finally:
            self._cpu_s += time.thread_time()
            if self._thread == _thread.get_ident():  # else another has taken its place
                self._thread = 0
            if self._counter is not None:
                self._counter.add(1)  # the interpreter takes it off again

    def _serve(self) -> bool:
        """Wait for commands and run them, or for the next sample's time. False at the end."""
        data = self._link.receive(self._pause_ms)
        if data is None:
            return self._sampler is not None and self._link.send(self._sampler.sample())
        if data == NOTHING and self._sampler is not None:
            self._sampler = type(self._sampler)()  # its files are gone as well
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

    def _obey(self, message: Message) -> None:
        """Run a command; an unknown one is ignored. Raises ValueError for a malformed one."""
        command = COMMANDS.decode(message)
        if command is not None and command[0] in self._commands:
            name, fields = command
            if self._service is not None:
                self._service.look_after()
            self._commands[name](**fields)

    def _ask(self) -> None:
        self._link.send(status(self._cpu_s))

    def _sample(self) -> None:
        from .inside_sampler import InsideSampler

        self._sampler, self._pause_ms = InsideSampler(), SAMPLE_PAUSE_MS

    def tell(self, make: Callable[[], Message]) -> bool:
        """Have the probe's thread make and send a message; False if there is no such thread. For
        the target's threads."""
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
        main = int(quietly(raw_thread_state) or 0)  # type: ignore[call-overload]
        self._fork = os.getpid(), main, time.monotonic()
        if self._fork_warning is not None and self._thread and _count_tasks() == 2:
            self._fork_warning.silence()

    def _leave(self) -> None:
        """End the thread at interpreter exit: 3.11 hangs for it where it finalizes other
        interpreters."""
        if self._thread:
            self._leaving = True
            self._link.wake()
        end = time.monotonic() + LEAVE_LIMIT_S
        while self._thread and time.monotonic() < end:
            time.sleep(0)

    def _after_fork_in_child(self) -> None:
        self._thread = 0
        self._cpu_s = 0.0
        self._mail = []
        if self._fork_warning is not None:
            self._fork_warning.end()
        if self._service is not None:
            if self._children and self._fork and self._link.renew(_birth(*self._fork)):
                self._born = True
                self._start_thread()
                return
            self._service.close()
        self._link.close()


class ThreadCounter:
    """The word that ``_thread._count()`` reads, at this address. Whoever starts threads and waits
    for the count of before (CPython's own tests do) must not see the probe's thread.

    Calibration finds it near the list of thread states (struct pythreads, CPython's
    Include/internal/pycore_interp.h).
    """

    def __init__(self, address: int) -> None:
        self._word = ctypes.c_long.from_address(address)

    def add(self, number: int) -> None:
        """Add to the count by C functions alone: no other thread gets the GIL in between."""
        word = (self._word,)
        old = map(getattr, word, ("value",))
        any(map(setattr, word, ("value",), map(add, old, (number,))))


def _birth(parent: int, main: int, called_s: float) -> bytes:
    """Report of a child, sent before any line of it has run: the JSON of "forked" at once, because
    each page that a child touches is copied."""
    return BIRTH % (os.getpid(), parent, main, called_s, time.monotonic())


def _count_tasks() -> int:
    """Number of this process's threads: a folder has two links more than subfolders."""
    return os.stat("/proc/self/task").st_nlink - 2


def _service(link: Link, tell: Tell, limits: dict[str, str], threads: object) -> Service | None:
    try:
        from . import reopen
        from .service import Service
    except ImportError as error:
        limits["references"] = limits["census"] = f"the target's Python lacks a module: {error}"
        return None
    link.again = reopen
    return Service(link, tell, limits, threads)
