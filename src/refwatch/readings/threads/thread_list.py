"""Which threads the target has: those that its interpreter lists, and those that only the kernel
knows."""

from __future__ import annotations

import os
import resource

from refwatch.readings.threads.events import ThreadEnded, ThreadNamed, ThreadStarted
from refwatch.readings.threads.interpreter import Interpreter
from refwatch.readings.threads.placing import AfterWaits
from refwatch.readings.threads.thread_names import Unnamed
from refwatch.readings.threads.thread_states import FoundThread, ThreadStateEntry
from refwatch.readings.threads.tracked import ThreadGone, TrackedThread
from refwatch.target.context import Context
from refwatch.target.probe_messages import Answer

OTHER_FILES = 256  # descriptors for all that is no thread: viewers, copies, what is written
MANY = 1 << 20
LARGEST_STACK = 1 << 30  # bytes


class ThreadList:
    """The threads under watch, by tid; emits their beginning, name and end."""

    def __init__(self, context: Context) -> None:
        self.pid = context.pid
        self.by_tid: dict[int, TrackedThread] = {}
        self.by_state: dict[int, TrackedThread] = {}
        self.missed = 0
        """Python threads that began and ended between two samples."""
        self.state_is_thread = True
        """A new thread state of the main interpreter is a new thread. A call from one interpreter
        to another may need one for a moment (CPython's Python/crossinterp.c)."""
        self.most_kept = most_kept()
        self.kept = 0
        """Threads whose files are kept open."""
        self.ended: list[tuple[TrackedThread, int]] = []
        """Ended since the last slice, with the time of it."""
        self._fresh: list[tuple[TrackedThread, int]] = []
        self._probe_tids: set[int] = set()  # not seen yet
        self.names_wanted = False
        self.watching = False
        """A thread that is new has begun now, not before the watch."""
        self._context = context
        self._serial = 0
        self._numbers: dict[int, int] = {}  # address of a thread state -> its number
        self._made = 0
        self._newest = 0
        self.unnamed = Unnamed()
        self._waiting = False  # a thread state has no tid yet
        self._after_waits: dict[int, AfterWaits] = {}

    def follow_list(self, words: ThreadStateEntry, interpreter: Interpreter, at_ns: int) -> bool:
        """Look at the interpreter's list where it has changed since the last sample; return whether
        a thread has begun."""
        if (words.made, words.newest) == (self._made, self._newest) and not self._waiting:
            return False
        begun = words.made > self._made > 0
        whole = self._waiting
        found = interpreter.states.new_threads(words.newest, {} if whole else self._numbers)
        if self._made and words.made > self._made and self.state_is_thread:
            unseen = words.made - self._made - sum(1 for f in found if f.number > self._made)
            self.missed += max(0, unseen)
        self._made, self._newest = max(self._made, words.made), words.newest
        self._waiting = False
        listed = {thread.address for thread in found} if whole else None
        for thread in reversed(found):
            if self._numbers.get(thread.address) != thread.number:
                self._take(thread, listed, at_ns, holds=interpreter.has_gil)
        return begun

    def _take(
        self, found: FoundThread, listed: set[int] | None, at_ns: int, *, holds: bool
    ) -> None:
        """``listed``: the addresses of all thread states, when the whole list was read; ``holds``:
        what it runs it runs with the GIL, unless it is seen not to."""
        tracked = self.by_tid.get(found.tid)
        held = tracked.state_address if tracked is not None else 0
        if not found.tid or (held and (listed is None or held in listed)):
            # Not begun to run: it has no tid yet, or on 3.11 that of the thread that started it.
            # Or its old state is gone, and only the whole list can tell.
            self._waiting = True
            return
        self._numbers[found.address] = found.number
        tracked = tracked or self._begin(found.tid, at_ns, found.ident)
        if tracked is None:
            self.missed += 1
            return
        if tracked.state_address and self.by_state.get(tracked.state_address) is tracked:
            del self.by_state[tracked.state_address]
        if tracked.newborn:
            tracked.classifier.begin(holds=holds)
        tracked.list_at(found.address)
        tracked.ident = found.ident
        self.by_state[found.address] = tracked
        if tracked.daemon is None:
            self.unnamed.add(tracked)

    def holder(self, state: int, interpreter: Interpreter) -> TrackedThread | None:
        """The thread that holds the GIL with this PyThreadState. It may be one of an interpreter
        that shares the GIL: then the thread's frames are read there from now on."""
        tracked, tid = self.by_state.get(state), 0
        if tracked is None:
            tid = interpreter.states.tid_of(state)
            tracked = self.runner(state, tid, interpreter)
        if tracked is not None and tracked.frames_at != state:
            tracked.run_at(state, tid)
        return tracked

    def runner(self, state: int, tid: int, interpreter: Interpreter) -> TrackedThread | None:
        """The thread that runs with this PyThreadState, in which this tid lies. That is the tid of
        the thread that made it; up to 3.12 another may run with it (CPython's
        Modules/_xxsubinterpretersmodule.c, _run_script_in_interpreter): that one whose C stack has
        its frames. The C library has a thread's own block, whose address is its ident, above its
        stack, the main thread's aside."""
        maker = self.by_tid.get(tid)
        if maker is None or maker.state_address in (0, state):
            return maker
        at = interpreter.stack_address(state)
        if at is None:
            return maker
        above = [
            (thread.ident - at, thread.serial, thread)
            for thread in self.by_tid.values()
            if thread.ident is not None and thread.ident > at > 0
        ]
        if not at or (above and min(above)[0] > LARGEST_STACK):
            return None
        return min(above)[2] if above else self.by_tid.get(self.pid)

    def found_elsewhere(self, found: FoundThread, at_ns: int) -> None:
        """Another interpreter than the main one lists this thread."""
        tracked = self.by_tid.get(found.tid) or self._begin(found.tid, at_ns, found.ident)
        if tracked is not None and tracked.ident is None:
            tracked.ident = found.ident

    def follow_kernel(self, at_ns: int) -> None:
        """Look at /proc/PID/task for threads that Python does not list. Raises FileNotFoundError
        when the process is gone."""
        tids = {int(name) for name in os.listdir(f"/proc/{self.pid}/task")}
        for tid in tids - self.by_tid.keys():
            self._begin(tid, at_ns, None)

    def _begin(self, tid: int, at_ns: int, ident: int | None) -> TrackedThread | None:
        try:
            keep = self.kept < self.most_kept
            serial, after = self._serial + 1, self._after_waits
            tracked = TrackedThread(self.pid, tid, serial, at_ns, after, keep=keep)
        except ThreadGone:
            return None
        if self.watching:
            tracked.newborn = True
            tracked.classifier.begin(holds=False)
        self._serial += 1
        self.kept += tracked.kept
        tracked.ident = ident
        tracked.probe = tid in self._probe_tids
        self._probe_tids.discard(tid)
        self.by_tid[tid] = tracked
        tracked.name = self._kernel_name(tid)
        self._fresh.append((tracked, at_ns))
        return tracked

    @property
    def unlisted(self) -> bool:
        """The kernel has threads of which nothing is said yet, and that may be Python's."""
        return any(tracked.ident is None for tracked, _ in self._fresh)

    def emit_begun(self) -> None:
        """Say which threads have begun; by now the probe has said which one is its own."""
        for tracked, at_ns in self._fresh:
            if not tracked.probe:
                self.names_wanted = True
                at, tid = at_ns / 1e9, tracked.tid
                self._context.emit(
                    ThreadStarted(
                        at=at,
                        serial=tracked.serial,
                        process=self._context.process,
                        tid=tid,
                        ident=tracked.ident,
                        name=tracked.name,
                    )
                )
                if tracked.daemon is not None:  # threading's name for it has come already
                    self._context.emit(
                        ThreadNamed(
                            at=at,
                            process=self._context.process,
                            serial=tracked.serial,
                            name=tracked.name,
                            daemon=tracked.daemon,
                        )
                    )
        self._fresh.clear()

    def mark_probe(self, tid: int) -> None:
        """This thread is the probe's own: it is no thread of the target's. It may have ended again,
        and its tid may be used by another before long."""
        fresh = [tracked for tracked, _ in self._fresh if tracked.tid == tid]
        tracked = self.by_tid.get(tid) or (fresh[-1] if fresh else None)
        if tracked is not None:
            tracked.probe = True
        else:
            self._probe_tids.add(tid)

    def _kernel_name(self, tid: int) -> str:
        if tid == self.pid:
            return "MainThread"
        try:
            with open(f"/proc/{self.pid}/task/{tid}/comm", "rb") as file:
                return f"{file.read().decode('utf-8', 'replace').strip()} ({tid})"
        except OSError:
            return f"thread {tid}"

    def take_names(self, answer: Answer, at_ns: int) -> None:
        """Give the threads the names that threading has for them."""
        by_ident = {t.ident: t for t in self.by_tid.values() if t.ident is not None}
        unsaid = {tracked.serial for tracked, _ in self._fresh}  # a name follows its thread
        for ident, tid, name, daemon in answer.threads:
            tracked = self.by_tid.get(tid) if tid else by_ident.get(ident)
            if tracked is None or tracked.probe:
                continue
            self.unnamed.forget(tracked)
            self._name(tracked, name, daemon, at_ns, said=tracked.serial not in unsaid)

    def read_names(self, at_ns: int) -> None:
        """Read the names of those that have begun lately. Raises MemoryGone."""
        named = self.unnamed.read()
        if named:
            unsaid = {tracked.serial for tracked, _ in self._fresh}
            for tracked, (name, daemon) in named:
                if not tracked.probe:
                    self._name(tracked, name, daemon, at_ns, said=tracked.serial not in unsaid)

    def _name(
        self, tracked: TrackedThread, name: str, daemon: bool | None, at_ns: int, *, said: bool
    ) -> None:
        """``said``: others know that the thread has begun."""
        if (tracked.name, tracked.daemon) == (name, daemon):
            return
        tracked.name, tracked.daemon = name, daemon
        if said:
            self._context.emit(
                ThreadNamed(
                    at=at_ns / 1e9,
                    process=self._context.process,
                    serial=tracked.serial,
                    name=name,
                    daemon=daemon,
                )
            )

    def read_counters(self) -> None:
        """Read the context switches of every thread that has run since the last time."""
        for thread in self.by_tid.values():
            if thread.counted_stamp != thread.sched_raw:
                thread.counted_stamp = thread.sched_raw
                thread.read_counters()

    def end(self, tracked: TrackedThread, at_ns: int) -> None:
        """The kernel has it no more."""
        tracked.close()
        self.unnamed.forget(tracked)
        self.kept -= tracked.kept
        self.by_tid.pop(tracked.tid, None)
        if self.by_state.get(tracked.state_address) is tracked:
            del self.by_state[tracked.state_address]
            self._numbers.pop(tracked.state_address, None)
        self.ended.append((tracked, at_ns))

    def emit_ended(self) -> None:
        """Say which threads have ended, once their last slice is out."""
        for tracked, at_ns in self.ended:
            if not tracked.probe:
                self._context.emit(
                    ThreadEnded(
                        at=at_ns / 1e9, process=self._context.process, serial=tracked.serial
                    )
                )
        self.ended.clear()


def most_kept() -> int:
    """Of how many threads the two files can be kept open under the limit on open files."""
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return MANY if limit == resource.RLIM_INFINITY else max(0, limit - OTHER_FILES) // 2


def read_image(pid: int) -> bytes:
    """What tells one exec of a process from the next: its auxiliary vector, with addresses that the
    kernel chooses anew each time (proc_pid_auxv(5)). Empty when it is gone."""
    try:
        with open(f"/proc/{pid}/auxv", "rb") as file:
            return file.read()
    except OSError:
        return b""
