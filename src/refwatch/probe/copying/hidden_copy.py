"""Makes a copy of the target that the target cannot notice, as Python's own fork would be.

``os.fork`` tells the target: SIGCHLD, ``wait``, at-fork handlers, since 3.12 a warning. Here the
same steps (PyOS_BeforeFork, the system call, PyOS_AfterFork_Child and _Parent: CPython's
Modules/posixmodule.c) are taken one by one, with these differences:

* The system call is clone(2). With CLONE_PARENT the copy is a child of the target's parent, where
  that is refwatch's launcher; else its exit signal is 0, and only ``waitpid(.., __WALL)`` sees it.
* The lists of at-fork handlers are empty meanwhile: none of the target's runs, on either side. The
  target has no audit hooks either: since 3.14 each call through ctypes is an event.
* Signals are blocked, and the copy has no file of the target's open, before any Python runs in it.
* The copy gives up no other thread's state and no other interpreter, which would run finalizers.

All of it is one chain of C functions, called by ``any`` and ``map``, so that the interpreter's loop
does not come in between. There it might let the GIL go: in the target while PyOS_BeforeFork's locks
are held, which would be a deadlock, and in the copy to threads that do not exist there.
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

from ..capi import api, ctypes, libc
from ..peek import Memory
from ..quiet import window
from .alone import Alone
from .running import Frames

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
"""Looked up here once: in a copy that would be blocks that the target has not."""


class NoCopy(Exception):
    """No copy can be made; the text says why. ``passing``: it may well be in a moment."""

    passing = False


class NotNow(NoCopy):
    """No copy can be made now."""

    passing = True


def _quiet(library: ctypes.PyDLL, name: str) -> Callable[..., None]:
    """A C function that returns nothing, which ``any`` takes for false and goes on. To be looked up
    before the target's first line: its audit hooks would see it."""
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
    """Makes hidden copies; to be made before the target's first line. ``threads``: where
    calibration has found the thread states. ``handlers``: the interpreter's lists of at-fork
    handlers."""

    def __init__(
        self, threads: dict[str, int], memory: Memory, handlers: tuple[list[object], ...]
    ) -> None:
        number = SYS_CLONE.get(os.uname().machine)
        if number is None:
            raise NoCopy(f"hidden copies are not known how to be made on {os.uname().machine}")
        self._number = ctypes.c_long(number)
        self._alone = Alone(threads, memory)
        self._handlers = handlers
        self._saved: list[list[object]] = []
        self._pid = ctypes.c_int(0)
        self._every_signal = ctypes.create_string_buffer(b"\xff" * 128, 128)
        self._mask = ctypes.create_string_buffer(128)
        self._clone = libc["syscall"]
        self._clone.restype = ctypes.c_long
        self._arena = _keep_arenas()

    def copy(self, launcher: int, frames: Frames | None = None) -> tuple[int, float]:
        """Copy this process: (pid, seconds that it took). In the copy pid is 0, and ``frames`` has
        those that ran.

        The copy is a child of the parent's if that is ``launcher``, else one of this process's.
        Raises NoCopy.
        """
        if lock_held():
            raise NotNow("an import was under way")
        flags = CLONE_PARENT_SETTID | (CLONE_PARENT if os.getppid() == launcher else 0)
        try:
            alone = self._alone.steps()
        except LookupError as error:
            raise NoCopy(str(error)) from error
        take_hooks, bring_hooks = window()
        chain = [take_hooks, *self._chain(flags, frames, alone, bring_hooks)]
        self._pid.value = 0
        before = os.getpid()
        began = time.perf_counter()
        try:
            any(map(call, chain))
        finally:
            self._restore_handlers()
            if os.getpid() == before:
                bring_hooks()
        took = time.perf_counter() - began
        pid = 0 if os.getpid() != before else self._pid.value
        if pid == 0 and os.getpid() == before:
            raise NoCopy(f"clone: {os.strerror(ctypes.get_errno() or EAGAIN)}")
        return pid, took

    def _chain(
        self, flags: int, frames: Frames | None, alone: list[Step], last: Step
    ) -> list[Step]:
        """What to call, each after the one before has returned something false; in the target
        ``last`` is the last."""
        self._saved = [[], [], []]
        pairs = list(zip(self._handlers, self._saved, strict=True))
        # ``any`` stops at clone's pid in the target, and goes on with the rest in the copy.
        in_copy = self._in_copy(frames, alone)
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
            partial(all, map(call, (fork, in_target))),  # in the copy ``fork`` is false: the end
        ]

    def _restore_handlers(self) -> None:
        """Where the chain broke off; it is done already where it did not."""
        for handlers, kept in zip(self._handlers, self._saved, strict=True):
            if kept and not handlers:
                handlers.extend(kept)

    def _clone_step(self, flags: int) -> Step:
        pid = ctypes.byref(self._pid)
        step: Step = partial(
            self._clone, self._number, ctypes.c_ulong(flags), None, pid, None, None
        )
        return step

    def _in_copy(self, frames: Frames | None, alone: list[Step]) -> Iterable[Step]:
        """No finalizer may run from here on, and nothing that it might do may reach a file."""
        null = partial(_open, b"/dev/null", READ_WRITE)
        last, none = ctypes.c_uint(0xFFFF_FFFF), ctypes.c_uint(0)
        yield gc.disable
        yield partial(_system_call, ctypes.c_long(SYS_CLOSE_RANGE), none, last, none)
        yield from (null, null, null)
        if frames is not None:
            yield from frames.in_copy()
        yield self._arena
        yield from alone
        yield _after_fork_in_child


def _keep_arenas() -> Step:
    """A step after which no arena is given back. Since 3.15 PyOS_AfterFork_Child frees the memory
    in which the other threads' frames lie, and the collector would still come by them."""
    arena = _Arena()
    api.PyObject_GetArenaAllocator(ctypes.byref(arena))
    arena.free = ctypes.cast(libc.getpid, ctypes.c_void_p).value  # does nothing with its arguments
    step: Step = partial(_set_arenas, ctypes.byref(arena))
    return step


def reap(pid: int) -> bool:
    """Wait for a copy that is this process's child; whether it is gone."""
    try:
        done, _ = os.waitpid(pid, WALL | os.WNOHANG)
    except OSError:
        return True
    return done != 0


def settle() -> None:
    """Make this process harmless: least priority, first to be killed for memory, no hooks of
    the target's, and an end at the latest when the alarm comes."""
    libc.nice(10)
    libc.prctl(PR_SET_NAME, b"refwatch-copy", 0, 0, 0)
    libc.signal(SIGALRM, None)  # SIG_DFL, which ends it
    libc.pthread_sigmask(SIG_UNBLOCK, ALARM, None)
    libc.alarm(LIMIT_S)
    gc.unfreeze()
    sys.settrace(None)
    sys.setprofile(None)
    try:
        file = os.open("/proc/self/oom_score_adj", os.O_WRONLY)  # open() would run modules' code
        os.write(file, b"1000")
        os.close(file)
    except OSError:
        pass
    libc.prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)  # should it crash, it leaves no core file
