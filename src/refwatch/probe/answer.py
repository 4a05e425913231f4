"""The one thread that stays: asleep without the GIL until the daemon asks.

``threading`` does not know it. Since 3.12 a fork of a process with a second thread warns, so a
target that has no other thread forks without it: it leaves before the fork and comes back after.
"""

from __future__ import annotations

import _thread
import gc
import os
import sys
import time

from .link import Link

TYPE_CHECKING = False  # typing itself would be one more module in the target
if TYPE_CHECKING:
    from .inside import InsideSampler

START_LIMIT_S = 1.0
LEAVE_LIMIT_S = 0.2
SAMPLE_PAUSE_MS = 20  # between two samples from inside


class Answerer:
    """Answers the daemon's questions; owns the probe's thread."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._tid = 0
        self._running = False
        self._left_for_fork = False
        self._forking_frame = 0
        self._cpu_s = 0.0  # of threads that have left
        self._inside: InsideSampler | None = None
        self._pause_ms: int | None = None

    def begin(self) -> int:
        """Start the thread, and take part in the target's forks; return the thread's native id."""
        self._start_thread()
        end = time.monotonic() + START_LIMIT_S
        while not self._tid and time.monotonic() < end:
            time.sleep(0)
        if sys.platform == "linux":
            self._take_part_in_forks()
        return self._tid

    def _take_part_in_forks(self) -> None:
        os.register_at_fork(
            before=self._before_fork,
            after_in_parent=self._after_fork_in_parent,
            after_in_child=self._after_fork_in_child,
        )

    def _start_thread(self) -> None:
        try:
            _thread.start_new_thread(self._run, ())
        except RuntimeError:  # at interpreter shutdown, or too many threads
            return
        self._running = True

    def _run(self) -> None:
        try:
            again, self._tid = self._tid != 0, _thread.get_native_id()
            if again:
                self._link.send({"message": "thread", "tid": self._tid})
            while self._serve():
                pass
        finally:
            self._cpu_s += time.thread_time()
            self._running = False

    def _serve(self) -> bool:
        """Wait for one command and obey, or for the time of the next sample; False at the end."""
        data = self._link.receive(self._pause_ms)
        if data is None:
            return self._inside is not None and self._link.send(self._inside.sample())
        if b'"ask"' in data:
            self._link.send(self._answer())
        if b'"sample"' in data:
            from .inside import InsideSampler

            self._inside, self._pause_ms = InsideSampler(), SAMPLE_PAUSE_MS
        return bool(data)

    def _answer(self) -> dict[str, object]:
        answer: dict[str, object] = {
            "message": "answer",
            "threads": _python_threads(),
            "gc": [
                [stats["collections"], stats["collected"], stats["uncollectable"]]
                for stats in gc.get_stats()
            ],
        }
        answer["cpu_s"] = self._cpu_s + time.thread_time()
        return answer

    def _before_fork(self) -> None:
        if not self._running or len(os.listdir("/proc/self/task")) != 2:
            return
        self._left_for_fork = True
        self._forking_frame = id(sys._getframe(1))  # noqa: SLF001 - the documented name
        self._link.wake()
        end = time.monotonic() + LEAVE_LIMIT_S
        while len(os.listdir("/proc/self/task")) > 1 and time.monotonic() < end:
            time.sleep(0)

    def _after_fork_in_parent(self) -> None:
        if self._left_for_fork:
            self._left_for_fork = False
            # Not yet: 3.12 and 3.13 count the threads, and warn, only after this.
            from .capi import call_after

            call_after(self._forking_frame, self._start_thread)

    def _after_fork_in_child(self) -> None:
        self._running = self._left_for_fork = False
        self._link.close()


def _python_threads() -> list[list[object]]:
    """[ident, native id, name, daemon] of every thread that ``threading`` knows.

    A subclass of Thread may define any attribute, so only the instance's own dict is read.
    """
    threading = sys.modules.get("threading")
    if threading is None:
        return []
    attributes = threading.Thread.__dict__["__dict__"]
    rows: list[list[object]] = []
    for ident, thread in list(threading._active.items()):  # noqa: SLF001 - enumerate() makes calls
        own = attributes.__get__(thread)
        name = own.get("_name")
        rows.append(
            [
                ident,
                own.get("_native_id"),
                str.__str__(name) if isinstance(name, str) else "",
                bool(own.get("_daemonic")),
            ]
        )
    return rows
