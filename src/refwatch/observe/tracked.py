"""One thread under watch: its open files under /proc and what its samples add up to."""

from __future__ import annotations

import contextlib
import os

from refwatch.model.events import ThreadSlice
from refwatch.model.states import ThreadState, encode_runs
from refwatch.observe.account import NO_LINE, Account
from refwatch.observe.classify import Classifier, Sched
from refwatch.observe.memory import Plan, ReadingDenied

WAKE_NS = 300_000  # of on-CPU time: a wake-up from the GIL's time-out takes some microseconds
LATE_NS = 500_000  # on a run queue, below which a wake-up is no wait for a CPU


class ThreadGone(Exception):
    """The thread has ended."""


class Tracked:
    """A thread of the target. Raises ThreadGone when it can't be opened."""

    ident: int | None = None
    name: str = ""
    daemon: bool | None = None
    state_address: int = 0
    """Of its PyThreadState; 0 for a thread that Python does not know."""

    def __init__(self, pid: int, tid: int, serial: int, at_ns: int) -> None:
        self.tid = tid
        self.serial = serial
        self.probe = False
        self.line = NO_LINE
        self.frame = 0
        self.cframe = 0
        self.frame_words = b""
        self.stack: list[int] = []
        self.stack_sent: list[int] = []
        self.stack_stamp = b""
        self.sched_raw = b""
        """Its line of schedstat at the last reading."""
        self._sched_of = b""
        self._sched = Sched(0, 0)
        self.woke_cpu = 0
        """On-CPU time at the last look at it while it waited for the GIL, nanoseconds."""
        self.blocked: ThreadState | None = None
        self.since_ns = at_ns
        """Up to here its time is assigned."""
        self.samples = 0
        self.quiet_from = 0
        """Number of the sample from which its time is not yet assigned."""
        self.changed_at = 0
        """Number of the sample at which it was last seen to have run."""
        self.switches = (0, 0)
        self.switches_stamp = b""
        self.account = Account()
        self.classifier = Classifier(self.account.assign)
        self.plan: Plan | None = None
        base = f"/proc/{pid}/task/{tid}"
        self.status_path = f"{base}/status"
        self.call_fd = _open(f"{base}/syscall")
        try:
            self.sched_fd = _open(f"{base}/schedstat")
        except ThreadGone:
            os.close(self.call_fd)
            raise

    def close(self) -> None:
        for fd in (self.call_fd, self.sched_fd):
            with contextlib.suppress(OSError):
                os.close(fd)

    def read_sched(self) -> Sched:
        """On-CPU and run-queue time, nanoseconds. Raises ThreadGone."""
        raw = self.read(self.sched_fd)
        if raw != self.sched_raw:
            self.sched_raw = raw
        return self.sched

    @property
    def sched(self) -> Sched:
        """``sched_raw`` in numbers, worked out when somebody asks."""
        if self._sched_of is not self.sched_raw:
            self._sched_of = raw = self.sched_raw
            cpu, queue, _ = raw.split(b" ", 2)
            self._sched = Sched(int(cpu), int(queue))
        return self._sched

    def only_woke(self, raw: bytes) -> bool:
        """Whether, by this line of its schedstat, it has run so little since the last one that it
        can have done no more than see that what it waits for is not there yet."""
        cpu = int(raw[: raw.index(b" ")])
        before, self.woke_cpu = self.woke_cpu, cpu
        self.sched_raw = raw
        return cpu - before < WAKE_NS

    def read(self, fd: int) -> bytes:
        try:
            raw = os.pread(fd, 160, 0)
        except OSError as error:
            raise ThreadGone from error
        if not raw:
            raise ThreadGone
        return raw

    def settle(self, at_ns: int, samples: int) -> None:
        """Assign the time during which nothing changed, up to ``at_ns``; ``samples`` is the number
        of the newest sample in which it was still so."""
        if self.blocked is not None:
            self.account.assign(self.blocked, at_ns - self.since_ns, self.line)
            self.since_ns = max(at_ns, self.since_ns)
            self.samples += samples - self.quiet_from
            self.quiet_from = samples

    def settle_late(self, at_ns: int, queued: int) -> None:
        """A blocked thread has run again: for the end of its wait, as long as schedstat says that
        it was ``queued``, it was ready and had no CPU."""
        late = min(queued, at_ns - self.since_ns)
        if late >= LATE_NS and self.blocked is not None:
            self.account.assign(self.blocked, at_ns - self.since_ns - late, self.line)
            self.account.assign(ThreadState.CPU_WAIT, late, self.line)
            self.since_ns = at_ns

    def take_slice(self) -> ThreadSlice | None:
        """What was assigned since the last slice; None when that is nothing."""
        account = self.account
        account.close()
        if not account.times:
            return None
        changed = self.stack_sent != self.stack
        piece = ThreadSlice(
            serial=self.serial,
            samples=self.samples,
            states={state: weight / 1e9 for state, weight in account.times.items()},
            runs=encode_runs((state, weight // 1000) for state, weight in account.runs),
            hot=[(line, state, weight / 1e9) for (line, state), weight in account.hot.items()],
            stack=list(self.stack) if changed else None,
            cpu_s=self.sched.cpu / 1e9,
            cpu_wait_s=self.sched.queue / 1e9,
            voluntary_switches=self.switches[0],
            involuntary_switches=self.switches[1],
        )
        self.stack_sent = list(self.stack)
        account.clear()
        self.samples = 0
        return piece

    def discard(self) -> None:
        """Forget what was assigned since the last slice."""
        self.classifier = Classifier(self.account.assign)
        self.blocked = None
        self.account.clear()
        self.samples = 0

    def read_switches(self) -> None:
        """Read the context switches; what can't be read stays as it was."""
        try:
            with open(self.status_path, "rb") as file:
                tail = file.read().rsplit(b"voluntary_ctxt_switches:", 2)
            self.switches = (int(tail[1].split()[0]), int(tail[2]))
        except (OSError, ValueError, IndexError):
            pass


def _open(path: str) -> int:
    try:
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except PermissionError as error:
        raise ReadingDenied(f"{path}: {error.strerror}") from error
    except OSError as error:
        raise ThreadGone from error
