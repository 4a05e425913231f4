"""C functions that the probe calls, all in the stable ABI or older than 3.11."""

from __future__ import annotations

import struct

from .descriptors import OpenedHigh

with OpenedHigh():
    import ctypes

__all__ = [
    "HeldReader",
    "allow_reader",
    "api",
    "ctypes",
    "first_interpreter",
    "hold",
    "interpreter_state",
    "let_go",
    "libc",
    "own_interpreter",
    "raw_thread_state",
    "thread_state",
    "untrack",
]

TYPE_CHECKING = False  # typing itself would be one more module in the target
if TYPE_CHECKING:
    Function = ctypes._NamedFuncPointer  # noqa: SLF001


class _Library(ctypes.PyDLL):
    """Looks functions up without functions of ctypes that the target may have replaced."""

    def __getattr__(self, name: str) -> Function:
        if name.startswith("__"):
            raise AttributeError(name)
        function = self[name]
        setattr(self, name, function)
        return function

    def __getitem__(self, name: str) -> Function:
        function: Function = self._FuncPtr((name, self))  # type: ignore[assignment]
        return function


api = _Library(None)
"""A library object of our own, because the target may declare the functions of ctypes.pythonapi."""
raw_thread_state = api.PyThreadState_Get
"""As :func:`thread_state`, but without a Python frame."""
raw_thread_state.restype = ctypes.c_void_p
first_interpreter = api.PyInterpreterState_Head
"""Address of the newest interpreter's PyInterpreterState: the caller's if there is no other."""
first_interpreter.restype = ctypes.c_void_p
_interpreter = api.PyInterpreterState_Get
_interpreter.restype = ctypes.c_void_p

hold = api.Py_IncRef
hold.argtypes = [ctypes.c_void_p]
hold.restype = None
let_go = api.Py_DecRef
let_go.argtypes = [ctypes.c_void_p]
let_go.restype = None
untrack = api.PyObject_GC_UnTrack
"""Untrack an object, if it is tracked."""
untrack.argtypes = [ctypes.c_void_p]
untrack.restype = None

libc = _Library(None, use_errno=True)
"""Calls through this hold the GIL."""
libc.pread.restype = ctypes.c_ssize_t
libc.pread.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_long]
libc.mmap.restype = ctypes.c_void_p
libc.mmap.argtypes = [
    ctypes.c_void_p,
    ctypes.c_size_t,
    ctypes.c_int,
    ctypes.c_int,
    ctypes.c_int,
    ctypes.c_long,
]
libc.mprotect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]

PR_SET_PTRACER = 0x59616D61  # prctl(2)


def thread_state() -> int:
    """Address of the calling thread's PyThreadState."""
    return int(raw_thread_state() or 0)


def interpreter_state() -> int:
    """Address of this interpreter's PyInterpreterState."""
    return int(_interpreter() or 0)


own_interpreter = interpreter_state()
"""Read here because a later call may raise an audit event."""


def allow_reader(pid: int) -> None:
    """Let process ``pid`` read this one's memory under Yama; elsewhere this does nothing."""
    libc.prctl(PR_SET_PTRACER, ctypes.c_ulong(pid), 0, 0, 0)


class HeldReader:
    """Reads a file repeatedly without releasing the GIL."""

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self._buffer = (ctypes.c_char * 256)()

    def read(self, size: int = 255, offset: int = 0) -> bytes:
        """Up to ``size`` bytes, at most 256; none on an error."""
        done = libc.pread(self.fd, self._buffer, min(size, 256), offset)
        return self._buffer.raw[:done] if done > 0 else b""

    def words(self, offset: int, count: int) -> tuple[int, ...]:
        """``count`` 64-bit words; none on an error."""
        data = self.read(8 * count, offset)
        return struct.unpack(f"<{count}Q", data) if len(data) == 8 * count else ()
