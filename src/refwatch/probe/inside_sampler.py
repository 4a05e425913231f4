"""Sampler of all threads from inside, the fallback if the daemon may not read from outside.

Each sample takes the target's GIL, so it samples slowly.
"""

from __future__ import annotations

import _thread
import os
import sys

from .raw_access import namespace_of

TYPE_CHECKING = False  # typing itself would be one more module in the target
if TYPE_CHECKING:
    from types import FrameType

    from .capi import HeldReader
    from .messages import Message


NOTHING = [b"", b""]
MOST_KEPT = 64
"""Threads: each takes two of the files that the target may have open."""


class InsideSampler:
    """Samples in the probe's thread, which it leaves out."""

    def __init__(self) -> None:
        self._before: dict[int, tuple[int, int]] = {}
        self._native: dict[int, int] = {}
        self._files: dict[int, list[HeldReader]] = {}
        self._numbered = os.readlink("/proc/self") == str(os.getpid())
        """Whether native ids are those in /proc, which may show another pid namespace."""

    def sample(self) -> Message:
        """A report with each thread's line, and its system call and run time from /proc."""
        me = _thread.get_ident()
        # Before anything that releases the GIL: threads that wait for it are still asleep.
        calls = {tid: [file.read(160) for file in pair] for tid, pair in self._files.items()}
        rows = []
        seen: dict[int, tuple[int, int]] = {}
        for ident, frame in _frames().items():
            if ident == me:
                continue
            seen[ident] = place = (id(frame), frame.f_lasti)
            code = frame.f_code
            tid = self._native_id(ident)
            call, sched = calls.get(tid, NOTHING) if tid else NOTHING
            rows.append(
                {
                    "ident": ident,
                    "tid": tid,
                    "file": code.co_filename,
                    "line": frame.f_lineno or code.co_firstlineno,
                    "function": code.co_qualname,
                    "moved": self._before.get(ident) != place,
                    "call": call.decode("ascii", "replace"),
                    "sched": sched.decode("ascii", "replace"),
                }
            )
        self._before = seen
        self._native = {ident: tid for ident, tid in self._native.items() if ident in seen}
        self._follow(set(self._native.values() if self._numbered else ()))
        return {"message": "inside_sample", "threads": rows}

    def _native_id(self, ident: int) -> int | None:
        if ident not in self._native:
            threading = sys.modules.get("threading")
            active = (namespace_of(threading) or {}).get("_active")  # enumerate() makes calls
            thread = active.get(ident) if type(active) is dict else None
            native = (namespace_of(thread) or {}).get("_native_id")
            if threading is None:
                native = os.getpid()  # there is only the main thread
            if type(native) is not int:
                return None
            self._native[ident] = native
        return self._native[ident]

    def _follow(self, tids: set[int]) -> None:
        """Keep ``syscall`` and ``schedstat`` of exactly these threads open."""
        from .capi import HeldReader
        from .descriptors import move_high

        for tid in self._files.keys() - tids:
            for reader in self._files.pop(tid):
                os.close(reader.fd)
        for tid in list(tids - self._files.keys())[: max(0, MOST_KEPT - len(self._files))]:
            base = f"/proc/self/task/{tid}"
            try:
                fds = [os.open(f"{base}/{name}", os.O_RDONLY) for name in ("syscall", "schedstat")]
                self._files[tid] = [HeldReader(move_high(fd)) for fd in fds]
            except OSError:
                continue


def _frames() -> dict[int, FrameType]:
    """Each thread's frame; none if there is another interpreter (see copying/running_frames.py)."""
    if sys.version_info >= (3, 12):
        from .audit_hooks import quietly
        from .capi import first_interpreter, own_interpreter

        if quietly(first_interpreter) != own_interpreter:
            return {}
    return sys._current_frames()  # noqa: SLF001 - the documented name
