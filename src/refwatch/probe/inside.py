"""Samples all threads from inside, where the daemon is not permitted to look from outside.

It costs the target the GIL at every sample, which is why it is the fallback and slow.
"""

from __future__ import annotations

import _thread
import os
import sys

from .plain import namespace_of

TYPE_CHECKING = False  # typing itself would be one more module in the target
if TYPE_CHECKING:
    from types import FrameType

    from .capi import HeldReader


NOTHING = [b"", b""]
MOST_KEPT = 64
"""Threads: each takes two of the files that the target may have open."""


class InsideSampler:
    """Takes samples in the probe's own thread, which it leaves out."""

    def __init__(self) -> None:
        self._before: dict[int, tuple[int, int]] = {}
        self._native: dict[int, int] = {}
        self._files: dict[int, list[HeldReader]] = {}
        self._numbered = os.readlink("/proc/self") == str(os.getpid())
        """Whether threads go by the same numbers in /proc: not in another pid namespace's."""

    def sample(self) -> dict[str, object]:
        """One message with every thread's line, and what /proc says that it waits for."""
        me = _thread.get_ident()
        # Before anything that lets the GIL go: whoever waits for it is then still asleep.
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
        known = self._native.get(ident)
        if known is None:
            threading = sys.modules.get("threading")
            if threading is None:
                known = self._native[ident] = os.getpid()
                return known
            active = (namespace_of(threading) or {}).get("_active")  # enumerate() makes calls
            thread = active.get(ident) if type(active) is dict else None
            found = (namespace_of(thread) or {}).get("_native_id")
            known = found if type(found) is int else None
            if known is not None:
                self._native[ident] = known
        return known

    def _follow(self, tids: set[int]) -> None:
        """Keep ``syscall`` and ``schedstat`` of these threads open, and of no other."""
        from .capi import HeldReader
        from .descriptors import moved_high

        for tid in self._files.keys() - tids:
            for reader in self._files.pop(tid):
                os.close(reader.fd)
        for tid in list(tids - self._files.keys())[: max(0, MOST_KEPT - len(self._files))]:
            base = f"/proc/self/task/{tid}"
            try:
                fds = [os.open(f"{base}/{name}", os.O_RDONLY) for name in ("syscall", "schedstat")]
                self._files[tid] = [HeldReader(moved_high(fd)) for fd in fds]
            except OSError:
                continue


def _frames() -> dict[int, FrameType]:
    """Each thread's; none where there is another interpreter (copying/running.py says why)."""
    if sys.version_info >= (3, 12):
        from .capi import first_interpreter, own_interpreter
        from .quiet import quietly

        if quietly(first_interpreter) != own_interpreter:
            return {}
    return sys._current_frames()  # noqa: SLF001 - the documented name
