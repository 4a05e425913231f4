"""One thread under watch: its open files under /proc and what its samples add up to."""

from __future__ import annotations

import contextlib
import os

from msgspec.structs import asdict, replace

from refwatch.readings.threads.account import TimeAccount
from refwatch.readings.threads.call_paths import ThreadPaths
from refwatch.readings.threads.classify import Classifier, Sched
from refwatch.readings.threads.events import ThreadCounters, ThreadSlice
from refwatch.readings.threads.placing import AfterWaits, Placing
from refwatch.readings.threads.states import ThreadState, encode_runs
from refwatch.target.locations import NO_LINE
from refwatch.target.memory import ReadingDenied

WAKE_NS = 100_000  # of on-CPU time: a wake-up from the GIL's time-out takes some microseconds


class ThreadGone(Exception):
    """The thread has ended."""


class TrackedThread:
    """A thread of the target. Raises ThreadGone when it can't be opened. ``keep``: its files stay
    open; else they are opened for each reading."""

    ident: int | None = None
    name: str = ""
    daemon: bool | None = None
    state_address: int = 0
    """Of its PyThreadState; 0 for a thread that Python does not know."""
    frames_at: int = 0
    """Of the PyThreadState whose frames are read: its own, or that with which it runs in another
    interpreter."""
    state_tid: int = 0
    """What that one has for the thread's tid."""
    outer: tuple[int, ...] = ()
    """The PyThreadStates with which it came there from other interpreters, innermost first."""
    entered_at: int = 0
    """That with which it was last seen to have a GIL, where there are several interpreters."""
    gil: int = 0
    """The interpreter whose GIL it takes; 0 is the main one, and any that shares its GIL."""
    call: bytes = b""
    """What it waited for at the last reading, as the kernel has it."""
    blocked_line: int = NO_LINE
    """Where it is blocked: ``line`` may be a newer one already when the wait is accounted."""
    holding: bool = False
    """It is blocked with the GIL kept."""
    blocked_node: int | None = None
    """The node of CallPaths at which it is blocked; None while its stack was not read there."""
    first_ns: int = 0
    """What was assigned already of a wait whose node is not known yet."""
    place_ns: int = 0
    """When its stack is to be read if it still waits; 0 where it need not be."""

    stack_of: int = -1
    """``changed_at`` when its stack was read: while it is blocked as it was then, the stack is the
    same."""
    _had_no_frames: bool = False
    """At the last reading of its stack."""
    unread_ns: int = 0
    """CPU time that it had after it was last read, as far as known."""
    newborn: bool = False
    """It has begun under watch, and nothing of its time is assigned."""
    unmoved_ns: int = 0
    """For how long it has been in ``lock_wait`` without a break, at the last slice."""

    def __init__(
        self,
        pid: int,
        tid: int,
        serial: int,
        at_ns: int,
        after_waits: dict[int, AfterWaits],
        *,
        keep: bool = True,
    ) -> None:
        self.tid = self.state_tid = tid
        self.serial = serial
        self.probe = False
        self.line = NO_LINE
        self.pointers = b""
        """Those that led to its top frame at the last reading; empty where there was none."""
        self.frame_regions = b""
        """What is to be read to see whether it is there still, and what it is doing; empty where
        that is to be worked out."""
        self.frame_words = b""
        self.stack: list[int] = []
        self.left_out = 0
        self.stack_sent: list[int] = []
        self.paths = ThreadPaths()
        self.sched_raw = b""
        """Its line of schedstat at the last reading."""
        self._sched_of = b""
        self._sched = Sched(0, 0)
        self.woke_cpu = 0
        """On-CPU time at the last look at it while it waited for the GIL, nanoseconds."""
        self.blocked: ThreadState | None = None
        self.looked_ns = at_ns
        """When it was last seen to be blocked still."""
        self.since_ns = at_ns
        """Up to here its time is assigned."""
        self.samples = 0
        self.quiet_from = 0
        """Number of the sample from which its time is not yet assigned."""
        self.changed_at = 0
        """Number of the sample at which it was last seen to have run."""
        self.counted = ThreadCounters()
        """Counters that are read less often; without times."""
        self.counted_stamp = b""
        self.account = TimeAccount()
        self._after_waits = after_waits
        self._classify_anew()
        self.folder = f"/proc/{pid}/task/{tid}"
        self.call_path, self.sched_path = f"{self.folder}/syscall", f"{self.folder}/schedstat"
        self.call_fd = self.sched_fd = -1
        self.kept = keep
        self._open(keep=keep)

    def _classify_anew(self) -> None:
        placing = Placing(self.account, self._after_waits)
        self.classifier = Classifier(placing.assign, placing)

    def _open(self, *, keep: bool) -> None:
        if not keep:
            self.read_call()
            return
        self.call_fd = _open(self.call_path)
        try:
            self.sched_fd = _open(self.sched_path)
        except ThreadGone:
            self.close()
            raise

    def read_at(self, state: int) -> None:
        """From now on its frames are read at this PyThreadState."""
        self.state_tid = self.tid
        self.frames_at, self.pointers, self.frame_regions = state, b"", b""

    def list_at(self, state: int) -> None:
        """The main interpreter lists it with this PyThreadState: it runs there, unless it was seen
        in another one already."""
        before, self.state_address = self.state_address, state
        if self.frames_at in (0, before):
            self.read_at(state)
        else:
            self.outer = (*(each for each in self.outer if each != before), state)

    def run_at(self, state: int, tid: int = 0) -> None:
        """It runs with this PyThreadState now: has come there, or come back. In it lies this
        ``tid``, if not its own."""
        way = (self.frames_at, *self.outer) if self.frames_at else ()
        self.outer = way[way.index(state) + 1 :] if state in way else way
        self.read_at(state)
        self.state_tid = tid or self.tid

    def take_gil(self, gil: int) -> None:
        """From now on it takes the GIL of this interpreter."""
        if gil != self.gil:
            self.account.close()
            self.gil = self.account.gil = gil

    def close(self) -> None:
        for fd in (self.call_fd, self.sched_fd):
            if fd >= 0:
                with contextlib.suppress(OSError):
                    os.close(fd)

    def read_sched(self) -> Sched:
        """On-CPU and run-queue time, nanoseconds. Raises ThreadGone."""
        raw = self.read_schedstat()
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

    def waits_on(self, raw: bytes) -> bool:
        """Whether, blocked in the same state as at the last look, it has waited on since: by this
        line of its schedstat it has not run, or so little that it can have done no more than see
        that the GIL is not free yet."""
        if raw == self.sched_raw:
            return True
        if self.blocked is not ThreadState.GIL_WAIT:
            return False
        cpu = int(raw[: raw.index(b" ")])
        before, self.woke_cpu = self.woke_cpu, cpu
        self.sched_raw = raw
        return cpu - before < WAKE_NS

    def read_call(self) -> bytes:
        """What it waits for, as the kernel has it. Raises ThreadGone."""
        self.call = self._read(self.call_fd, self.call_path)
        return self.call

    def read_schedstat(self) -> bytes:
        """Raises ThreadGone."""
        return self._read(self.sched_fd, self.sched_path)

    @staticmethod
    def _read(fd: int, path: str) -> bytes:
        try:
            raw = os.pread(fd, 160, 0) if fd >= 0 else read_once(path)
        except OSError as error:
            raise ThreadGone from error
        if not raw:
            raise ThreadGone
        return raw

    def back_in_io(self, sched_raw: bytes) -> None:
        """It waits for I/O as at the sample before, and by its line of schedstat has run between:
        it had the GIL at once, but for its wait for a CPU, which the kernel has counted."""
        cpu, queue, runs = map(int, sched_raw.split())
        before = self.sched
        if cpu > before.cpu and runs > 0:
            self.account.after_io.append(max(0, queue - before.queue))

    def block(
        self,
        state: ThreadState,
        at_ns: int,
        samples: int,
        line: int,
        *,
        first_ns: int = 0,
        holding: bool = False,
    ) -> None:
        """It is blocked at this line from now on, until it is seen to have run; ``first_ns`` of
        that wait are assigned."""
        self.blocked, self.blocked_line, self.holding = state, line, holding
        self.blocked_node, self.first_ns, self.place_ns = None, first_ns, 0
        self.woke_cpu = self.sched.cpu
        self.looked_ns = at_ns
        self.quiet_from = samples

    def settle(self, at_ns: int, samples: int) -> None:
        """Assign the time during which it was blocked as before, up to ``at_ns``; ``samples`` is
        the number of the newest sample in which it was still so. As far as the kernel has counted
        time on a run queue meanwhile, the wait was over and it waited for a CPU."""
        if self.blocked is not None:
            self.classifier.counted(self.sched)
            wait = max(0, at_ns - self.since_ns)
            queued = self.classifier.take_queue(wait)
            assign, line, holding = self.account.assign, self.blocked_line, self.holding
            assign(self.blocked, wait - queued, line, holding=holding)
            if queued:
                assign(ThreadState.CPU_WAIT, queued, line, holding=holding)
            if self.blocked_node is not None:
                self.paths.waited(line, self.blocked, self.blocked_node, wait - queued)
            self.first_ns = 0
            self.since_ns = max(at_ns, self.since_ns)
            self.samples += samples - self.quiet_from
            self.quiet_from = samples

    def place_wait(self, node: int | None) -> None:
        """It is blocked at this node, and has been since it is blocked."""
        if self.blocked is None or self.blocked_node is not None or node is None:
            return
        self.blocked_node = node
        self.paths.waited(self.blocked_line, self.blocked, node, self.first_ns)

    def ended(self, unread_ns: int) -> None:
        """It has ended, and ran for so long after it was last read."""
        self.unread_ns = unread_ns
        self.classifier.end(unread_ns)

    def take_stack(self, lines: list[int], left_out: int) -> bool:
        """Keep a stack that was read now; return whether it is kept. One without frames is believed
        at the second reading: a thread that ends has none at last."""
        if not lines and self.stack and not self._had_no_frames:
            self._had_no_frames = True
            return False
        self._had_no_frames = not lines
        if lines and lines[-1] < 0:  # it has begun in the probe, which has not said so yet
            self.probe = True
        self.stack, self.left_out, self.stack_of = lines, left_out, self.changed_at
        return True

    def take_slice(self) -> ThreadSlice | None:
        """What was assigned since the last slice; None when that is nothing."""
        account = self.account
        account.close()
        if not account.times:
            return None
        changed = self.stack_sent != self.stack
        last, lasted = account.runs[-1]
        before = self.unmoved_ns if len(account.times) == 1 else 0
        self.unmoved_ns = before + lasted if last is ThreadState.LOCK_WAIT else 0
        times = self.sched
        cpu_s = (times.cpu + self.unread_ns) / 1e9
        counters = replace(self.counted, cpu_s=cpu_s, cpu_wait_s=times.queue / 1e9)
        piece = ThreadSlice(
            serial=self.serial,
            samples=self.samples,
            states={state: weight / 1e9 for state, weight in account.times.items()},
            runs=encode_runs((state, weight // 1000) for state, weight in account.runs),
            hot=[(line, state, weight / 1e9) for (line, state), weight in account.hot.items()],
            stack=[line for line in self.stack if line > 0] if changed else None,
            left_out=self.left_out,
            holds_running_s=account.holds.pop(ThreadState.GIL_HELD, 0) / 1e9,
            holds_cpu_wait_s=account.holds.pop(ThreadState.CPU_WAIT, 0) / 1e9,
            holds_blocked_s=sum(account.holds.values()) / 1e9,
            unmoved_s=self.unmoved_ns / 1e9,
            unread_cpu_s=self.unread_ns / 1e9,
            **asdict(counters),
        )
        self.stack_sent = list(self.stack)
        account.clear()
        self.samples = 0
        return piece

    def discard(self) -> None:
        """Forget what was assigned since the last slice."""
        self._classify_anew()
        self.blocked = None
        self.account.clear()
        self.samples = 0

    def read_counters(self) -> None:
        """Read context switches and page faults; what can't be read stays as it was."""
        try:
            with open(f"{self.folder}/status", "rb") as file:
                status = file.read().rsplit(b"voluntary_ctxt_switches:", 2)
            with open(f"{self.folder}/stat", "rb") as file:
                stat = file.read().rpartition(b")")[2].split()  # from its third field on
            self.counted = ThreadCounters(
                voluntary_switches=int(status[1].split()[0]),
                involuntary_switches=int(status[2]),
                minor_faults=int(stat[7]),
                major_faults=int(stat[9]),
            )
        except (OSError, ValueError, IndexError):
            pass


def read_once(path: str) -> bytes:
    """A file of /proc that is not kept open."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.read(fd, 160)
    finally:
        os.close(fd)


def _open(path: str) -> int:
    try:
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except PermissionError as error:
        raise ReadingDenied(f"{path}: {error.strerror}") from error
    except OSError as error:
        raise ThreadGone from error
