"""Memory in use and free in Python's small-object allocator and in the C library's.

Asking them may block forever: another thread of the target may have held one of their locks when
the copy was made. So the copy forks once more, before its own work changes the numbers, and kills
that child if it does not answer.
"""

from __future__ import annotations

import sys

from ..capi import HeldReader, ctypes, libc
from .hidden_copy import SYS_CLONE, WALL
from .original_allocator import Mallinfo2, restore

PR_SET_PDEATHSIG = 1  # prctl(2)
SIGKILL = 9
WNOHANG = 1
LIMIT_S = 5  # for the child; the copy has other work meanwhile
LAST_MS = 500  # that the copy waits for the child when its own work is done
WAIT_MS = 1
READ = 256
PIECE = 20_000  # bytes: mallinfo2 must count a block of this size
UTSNAME = 65  # bytes of one field of uname(2)

TYPE_CHECKING = False  # typing itself would be one more module in the target
if TYPE_CHECKING:
    from collections.abc import Callable


class AllocatorStats:
    """Child process that asks the allocators while the copy does its own work."""

    def __init__(self) -> None:
        self._pid = -1
        self._file = int(libc.memfd_create(b"refwatch", 0))
        if self._file < 0:
            return
        number = ctypes.c_long(SYS_CLONE[_machine()])
        self._pid = int(libc.syscall(number, ctypes.c_ulong(0), None, None, None, None))
        if self._pid == 0:
            try:
                libc.prctl(PR_SET_PDEATHSIG, ctypes.c_ulong(SIGKILL), 0, 0, 0)
                libc.alarm(LIMIT_S)
                _write_answers(self._file)
            finally:
                libc["_exit"](0)

    def report(self) -> dict[str, object]:
        """The report on what the child has answered."""
        answer: dict[str, object] = {"message": "memory", "python": None, "c": None, "reasons": []}
        if self._pid > 0:
            self._wait()
            _parse(_text_of(self._file), answer)
        if answer["c"] is None and not answer["reasons"]:
            answer["reasons"] = ["the allocators did not answer in the copy"]
        return answer

    def _wait(self) -> None:
        for _ in range(LAST_MS // WAIT_MS):
            if libc.waitpid(self._pid, None, ctypes.c_int(WALL | WNOHANG)) != 0:
                return
            libc.poll(None, ctypes.c_ulong(0), WAIT_MS)
        libc.kill(self._pid, SIGKILL)
        libc.waitpid(self._pid, None, ctypes.c_int(WALL))


def _machine() -> str:
    """The machine's name, the fifth field of uname(2)."""
    buffer = (ctypes.c_char * (6 * UTSNAME))()
    libc.uname(buffer)
    return buffer.raw[4 * UTSNAME :].partition(b"\0")[0].decode()


def _parse(lines: str, answer: dict[str, object]) -> None:
    reasons: list[str] = []
    for line in lines.splitlines():
        name, _, text = line.partition(" ")
        if name == "reason":
            reasons.append(text)
        else:
            answer[name] = [int(word) for word in text.split()]
    answer["reasons"] = reasons


def _write_answers(file: int) -> None:
    """Write a line for each allocator: its name and numbers, or a reason. The C library may never
    answer, so it comes last."""
    for name, read in (("python", _python), ("c", _c)):
        found = read()
        line = f"reason {found}" if type(found) is str else f"{name} {' '.join(map(str, found))}"
        data = line.encode() + b"\n"
        libc.write(file, data, ctypes.c_size_t(len(data)))


def _python() -> tuple[int, int, int] | str:
    """(bytes in blocks, other bytes in the arenas, arenas)"""
    print_them: Callable[[], object] | None = vars(sys).get("_debugmallocstats")
    kind: type = type(print_them)
    if print_them is None or kind is not type(len):
        return "sys._debugmallocstats is not what it was"
    for unhook in (None, restore, _stop_tracing):
        if unhook is not None:
            unhook()
        text = _printed(print_them)
        arenas = _number_in(text, "# arenas allocated current")
        whole = _number_in(text, f"{arenas} arenas *")
        used = _number_in(text, "# bytes in allocated blocks")
        if arenas is not None and whole is not None and used is not None:
            return used, max(0, whole - used), arenas
    return "Python's small-object allocator (pymalloc) is not in use"


def _stop_tracing() -> None:
    """Unhook tracemalloc, if it was on before the probe started."""
    tracing = sys.modules.get("_tracemalloc")
    if tracing is not None:
        tracing.stop()


def _printed(print_them: Callable[[], object]) -> str:
    """What the function prints to C's stderr, which is /dev/null in the copy."""
    stderr = ctypes.c_void_p.in_dll(libc, "stderr")
    number = int(libc.fileno(stderr))
    file = int(libc.memfd_create(b"refwatch", 0))
    if number < 0 or file < 0:
        return ""
    libc.fflush(stderr)
    libc.dup2(file, number)
    print_them()
    libc.fflush(stderr)
    return _text_of(file)


def _text_of(file: int) -> str:
    reader = HeldReader(file)
    data = b""
    while part := reader.read(READ - 1, len(data)):
        data += part
    return data.decode("ascii", "replace")


def _number_in(text: str, label: str) -> int | None:
    """The number at the end of the line that begins with ``label``."""
    for line in text.splitlines():
        if line.startswith(label):
            digits = line.rpartition("=")[2].strip().replace(",", "")
            return int(digits) if digits.isdigit() else None
    return None


def _c() -> tuple[int, int] | str:
    """(bytes in blocks, free bytes)"""
    try:
        mallinfo = libc["mallinfo2"]
    except AttributeError:
        return "this C library does not tell what malloc has (mallinfo2)"
    mallinfo.restype = Mallinfo2
    before = _used(mallinfo())
    libc["malloc"](ctypes.c_size_t(PIECE))
    found = mallinfo()
    if _used(found) < before + PIECE:
        return "another malloc than the C library's is in use"
    return before, found.fordblks


def _used(found: Mallinfo2) -> int:
    return int(found.uordblks + found.hblkhd)
