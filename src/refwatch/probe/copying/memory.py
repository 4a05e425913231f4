"""How much memory Python's small-object allocator and the C library's have, in use and free.

To ask them may mean to wait forever: another thread of the target may have held one of their locks
when the copy was made, and nobody is there to let it go. So the copy makes a copy of itself to ask,
before its own work changes the numbers, and ends it when it does not answer.
"""

from __future__ import annotations

import sys

from ..capi import HeldReader, ctypes, libc
from .first_allocator import Mallinfo2, set_back
from .hidden_copy import SYS_CLONE, WALL

PR_SET_PDEATHSIG = 1  # prctl(2)
SIGKILL = 9
WNOHANG = 1
LIMIT_S = 5  # that the asking may take; the copy itself has other work meanwhile
LAST_MS = 500  # that the copy waits for it when its own work is done
WAIT_MS = 1
READ = 256
PIECE = 20_000  # bytes: mallinfo2 must notice when malloc gives so many
UTSNAME = 65  # bytes of one of uname(2)'s texts

TYPE_CHECKING = False  # typing itself would be one more module in the target
if TYPE_CHECKING:
    from collections.abc import Callable


class MemoryAsked:
    """The asking, which goes on beside the copy's own work."""

    def __init__(self) -> None:
        self._pid = -1
        self._file = int(str(libc.memfd_create(b"refwatch", 0)))
        if self._file < 0:
            return
        number = ctypes.c_long(SYS_CLONE[_machine()])
        self._pid = int(str(libc.syscall(number, ctypes.c_ulong(0), None, None, None, None)))
        if self._pid == 0:
            try:
                libc.prctl(PR_SET_PDEATHSIG, ctypes.c_ulong(SIGKILL), 0, 0, 0)
                libc.alarm(LIMIT_S)
                _ask(self._file)
            finally:
                libc["_exit"](0)

    def message(self) -> dict[str, object]:
        """What there was in answer by now: see the daemon's MemoryReport."""
        answer: dict[str, object] = {"message": "memory", "python": None, "c": None, "reasons": []}
        if self._pid > 0:
            self._wait()
            _take(answer, _text_of(self._file).splitlines())
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
    """As uname(2) has it: the fifth of its texts."""
    buffer = (ctypes.c_char * (6 * UTSNAME))()
    libc.uname(buffer)
    return buffer.raw[4 * UTSNAME :].partition(b"\0")[0].decode()


def _take(answer: dict[str, object], lines: list[str]) -> None:
    reasons: list[str] = []
    for line in lines:
        name, _, text = line.partition(" ")
        if name == "reason":
            reasons.append(text)
        else:
            answer[name] = [int(word) for word in text.split()]
    answer["reasons"] = reasons


def _ask(file: int) -> None:
    """A line for each allocator: its name and its numbers, or a reason. The C library's may keep
    silent for good: it comes last."""
    for name, ask in (("python", _python), ("c", _c)):
        said = ask()
        line = f"reason {said}\n" if type(said) is str else f"{name} {' '.join(map(str, said))}\n"
        data = line.encode()
        libc.write(file, data, ctypes.c_size_t(len(data)))


def _python() -> tuple[int, int, int] | str:
    """(bytes in blocks, other bytes in the arenas, arenas)"""
    print_them: Callable[[], object] | None = vars(sys).get("_debugmallocstats")
    kind: type = type(print_them)
    if print_them is None or kind is not type(len):
        return "sys._debugmallocstats is not what it was"
    for bare in (None, set_back, _stop_tracing):
        if bare is not None:
            bare()
        text = _printed(print_them)
        arenas = _number_in(text, "# arenas allocated current")
        whole = _number_in(text, f"{arenas} arenas *")
        used = _number_in(text, "# bytes in allocated blocks")
        if arenas is not None and whole is not None and used is not None:
            return used, max(0, whole - used), arenas
    return "Python's small-object allocator (pymalloc) is not in use"


def _stop_tracing() -> None:
    """Where tracemalloc traced before the probe came."""
    tracing = sys.modules.get("_tracemalloc")
    if tracing is not None:
        tracing.stop()


def _printed(print_them: Callable[[], object]) -> str:
    """What is printed to C's stderr, which the copy has on /dev/null."""
    stderr = ctypes.c_void_p.in_dll(libc, "stderr")
    number = int(str(libc.fileno(stderr)))
    file = int(str(libc.memfd_create(b"refwatch", 0)))
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
