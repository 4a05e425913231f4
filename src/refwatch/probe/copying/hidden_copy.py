"""Hidden copy of the target: a fork that the target cannot notice.

A target notices ``os.fork`` by SIGCHLD, ``wait``, at-fork handlers and, since 3.12, a warning. This
module takes the same steps (PyOS_BeforeFork, the system call, PyOS_AfterFork_Child and _Parent:
CPython's Modules/posixmodule.c) one by one, with these differences:

* The system call is clone(2). With CLONE_PARENT the copy is a child of the target's parent, if that
  is refwatch's launcher; else its exit signal is 0, and only ``waitpid(.., __WALL)`` sees it.
* The lists of at-fork handlers are empty meanwhile, so none runs on either side. So is the list of
  audit hooks: since 3.14 each call through ctypes raises an event.
* Before any Python runs in the copy, signals are blocked and all of the target's files closed.
* The copy frees no other thread's state and no other interpreter, which would run finalizers.

All of it is one chain of C functions, called by ``any`` and ``map``, without the interpreter's loop
in between, which might release the GIL: in the target while PyOS_BeforeFork's locks are held, a
deadlock, and in the copy to threads that do not exist there.
"""

from __future__ import annotations

import gc
import os
import sys
import time
from _functools import partial  # type: ignore[import-not-found]
from _imp import lock_held
from _operator import call
from errno import EAGAIN

from ..audit_hooks import window
from ..capi import api, ctypes, libc
from ..own_memory import Memory
from .isolate_interpreter import InterpreterIsolation
from .running_frames import Frames

TYPE_CHECKING = False  # typing itself would be one more module in the target
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    Step = Callable[[], object]

SYS_CLONE = {"x86_64": 56, "aarch64": 220}  # Linux: asm/unistd_64.h, asm-generic/unistd.h
SYS_CLOSE_RANGE = 436
CLONE_PARENT = 0x8000
CLONE_PARENT_SETTID = 0x0010_0000
WALL = 0x4000_0000  # __WALL of waitpid(2)
SIG_BLOCK, SIG_SETMASK = 0, 2
READ_WRITE = 2
PR_SET_NAME, PR_SET_DUMPABLE = 15, 4  # prctl(2)
SIGALRM = 14
SIG_UNBLOCK = 1
ALARM = ctypes.create_string_buffer(b"\x00\x20", 128)  # a set of signals; bit 13: signal 14
LIMIT_S = 900  # seconds that a copy may live
SETTLING = (libc.nice, libc.prctl, libc.signal, libc.alarm, libc.pthread_sigmask)
"""Looked up here once: in a copy that would allocate blocks that the target does not have."""


class NoCopy(Exception):
    """No copy can be made, for the reason in the text. ``passing``: try again in a moment."""

    passing = False


class NotNow(NoCopy):
    """No copy can be made at this moment."""

    passing = True


def _quiet(library: ctypes.PyDLL, name: str) -> Callable[..., None]:
    """A C function declared to return nothing, which ``any`` takes for false. Looked up before the
    target's first line: its audit hooks would see it."""
    function = library[name]
    function.restype = None
    return function


_system_call = _quiet(libc, "syscall")
_open = _quiet(libc, "open")
_set_mask = _quiet(libc, "pthread_sigmask")
_before_fork = _quiet(api, "PyOS_BeforeFork")
_after_fork_in_parent = _quiet(api, "PyOS_AfterFork_Parent")
_after_fork_in_child = _quiet(api, "PyOS_AfterFork_Child")
_set_arenas = _quiet(api, "PyObject_SetArenaAllocator")


class _Arena(ctypes.Structure):
    """PyObjectArenaAllocator."""

    _fields_ = [(name, ctypes.c_void_p) for name in ("context", "alloc", "free")]  # noqa: RUF012


class Copier:
    """Maker of hidden copies, itself made before the target's first line. ``threads``: where
    calibration found the thread states. ``handlers``: the interpreter's lists of at-fork
    handlers."""

    def __init__(
        self, threads: dict[str, int], memory: Memory, handlers: tuple[list[object], ...]
    ) -> None:
        number = SYS_CLONE.get(os.uname().machine)
        if number is None:
            raise NoCopy(f"clone(2) on {os.uname().machine} is not known")
        self._number = ctypes.c_long(number)
        self._isolation = InterpreterIsolation(threads, memory)
        self._handlers = handlers
        self._saved: list[list[object]] = []
        self._pid = ctypes.c_int(0)
        self._every_signal = ctypes.create_string_buffer(b"\xff" * 128, 128)
        self._mask = ctypes.create_string_buffer(128)
        self._clone = libc["syscall"]
        self._clone.restype = ctypes.c_long
        self._arena = _keep_arenas()

    def copy(self, launcher: int, frames: Frames | None = None) -> tuple[int, float]:
        """Copy this process; return (pid, seconds it took). In the copy pid is 0, and ``frames``
        has the frames that ran. The copy's parent is ``launcher`` if that is this process's, else
        this process. Raises NoCopy."""
        if lock_held():
            raise NotNow("an import was under way")
        flags = CLONE_PARENT_SETTID | (CLONE_PARENT if os.getppid() == launcher else 0)
        try:
            isolate = self._isolation.steps()
        except LookupError as error:
            raise NoCopy(str(error)) from error
        remove_hooks, restore_hooks = window()
        chain = [remove_hooks, *self._chain(flags, frames, isolate, restore_hooks)]
        self._pid.value = 0
        before = os.getpid()
        began = time.perf_counter()
        try:
            any(map(call, chain))
        finally:
            self._restore_handlers()
            if os.getpid() == before:
                restore_hooks()
        took = time.perf_counter() - began
        pid = 0 if os.getpid() != before else self._pid.value
        if pid == 0 and os.getpid() == before:
            raise NoCopy(f"clone: {os.strerror(ctypes.get_errno() or EAGAIN)}")
        return pid, took

    def _chain(
        self, flags: int, frames: Frames | None, isolate: list[Step], last: Step
    ) -> list[Step]:
        """Steps to call in order; each returns something false, or ends the chain. ``last`` is the
        last one in the target."""
        self._saved = [[], [], []]
        pairs = list(zip(self._handlers, self._saved, strict=True))
        # ``any`` stops at clone's pid in the target, and goes on in the copy, where that is 0.
        in_copy = self._in_copy(frames, isolate)
        fork: Step = partial(any, map(call, (self._clone_step(flags), *in_copy)))
        in_target: Step = partial(
            any,
            map(
                call,
                (
                    _after_fork_in_parent,
                    *((frames.after(),) if frames is not None else ()),
                    *(partial(handlers.extend, kept) for handlers, kept in pairs),
                    partial(_set_mask, SIG_SETMASK, self._mask, None),
                    last,
                ),
            ),
        )
        return [
            *((frames.in_target(),) if frames is not None else ()),
            *(partial(kept.extend, handlers) for handlers, kept in pairs),
            *(handlers.clear for handlers in self._handlers),
            partial(_set_mask, SIG_BLOCK, self._every_signal, self._mask),
            _before_fork,
            partial(all, map(call, (fork, in_target))),  # ends in the copy: there ``fork`` is false
        ]

    def _restore_handlers(self) -> None:
        """Restore what a broken chain has left empty."""
        for handlers, kept in zip(self._handlers, self._saved, strict=True):
            if kept and not handlers:
                handlers.extend(kept)

    def _clone_step(self, flags: int) -> Step:
        pid = ctypes.byref(self._pid)
        step: Step = partial(
            self._clone, self._number, ctypes.c_ulong(flags), None, pid, None, None
        )
        return step

    def _in_copy(self, frames: Frames | None, isolate: list[Step]) -> Iterable[Step]:
        """No finalizer may run from here on, nor reach a file."""
        null = partial(_open, b"/dev/null", READ_WRITE)
        last, none = ctypes.c_uint(0xFFFF_FFFF), ctypes.c_uint(0)
        yield gc.disable
        yield partial(_system_call, ctypes.c_long(SYS_CLOSE_RANGE), none, last, none)
        yield from (null, null, null)
        if frames is not None:
            yield from frames.in_copy()
        yield self._arena
        yield from isolate
        yield _after_fork_in_child


def _keep_arenas() -> Step:
    """A step after which no arena is freed. Since 3.15 PyOS_AfterFork_Child frees the memory of the
    other threads' frames, which the collector still visits."""
    arena = _Arena()
    api.PyObject_GetArenaAllocator(ctypes.byref(arena))
    arena.free = ctypes.cast(libc.getpid, ctypes.c_void_p).value  # it ignores its arguments
    step: Step = partial(_set_arenas, ctypes.byref(arena))
    return step


def reap(pid: int) -> None:
    """Wait for a copy that is this process's child, without blocking."""
    try:  # noqa: SIM105 - contextlib would be one more module in the target
        os.waitpid(pid, WALL | os.WNOHANG)
    except OSError:
        pass


def settle() -> None:
    """Make the copy harmless: low priority, first to be killed for memory, none of the target's
    tracing, and ended by an alarm at the latest."""
    libc.nice(10)
    libc.prctl(PR_SET_NAME, b"refwatch-copy", 0, 0, 0)
    libc.signal(SIGALRM, None)  # SIG_DFL, which ends it
    libc.pthread_sigmask(SIG_UNBLOCK, ALARM, None)
    libc.alarm(LIMIT_S)
    gc.unfreeze()
    sys.settrace(None)
    sys.setprofile(None)
    try:
        file = os.open("/proc/self/oom_score_adj", os.O_WRONLY)  # open() would run Python code
        os.write(file, b"1000")
        os.close(file)
    except OSError:
        pass
    libc.prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)  # no core file if it crashes
