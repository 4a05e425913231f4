"""Helper thread that calibration gives tasks, to see which words of memory change."""

from __future__ import annotations

import _thread
import os
import time

from ..capi import thread_state

TYPE_CHECKING = False  # typing itself would be one more module in the target
if TYPE_CHECKING:
    from collections.abc import Callable


class Stuck(Exception):
    """Something did not happen within its time limit."""


def wait_until(true: Callable[[], bool], what: str, limit_s: float = 2.0) -> None:
    """Poll until ``true()``; raise Stuck after ``limit_s`` seconds."""
    end = time.monotonic() + limit_s
    while not true():
        if time.monotonic() > end:
            raise Stuck(f"{what} did not happen in {limit_s:g} s")
        time.sleep(0)


class Helper:
    """A low-level thread, unknown to ``threading``, that waits on a lock between tasks."""

    def __init__(self) -> None:
        self._gate = _thread.allocate_lock()
        self._gate.acquire()
        self._task: Callable[[], None] | None = None
        self.tid = 0
        self.ident = 0
        self.state = 0
        """Address of its PyThreadState."""
        self.done = False
        _thread.start_new_thread(self._run, ())
        wait_until(lambda: self.state != 0, "the start of a helper thread")

    def _run(self) -> None:
        self.tid = _thread.get_native_id()
        self.ident = _thread.get_ident()
        self.state = thread_state()
        while True:
            self._gate.acquire()
            if self._task is None:
                break
            self._task()
            self.done = True

    def begin(self, task: Callable[[], None]) -> None:
        """Start ``task``; ``done`` is set when it is over."""
        self.done = False
        self._task = task
        self._gate.release()

    def run(self, task: Callable[[], None]) -> None:
        """Run ``task`` and wait for its end."""
        self.begin(task)
        wait_until(lambda: self.done, "a helper's task")

    def end(self) -> None:
        """End the thread, and wait until the kernel has none such."""
        self._task = None
        self._gate.release()
        path = f"/proc/self/task/{self.tid}"
        wait_until(lambda: not os.access(path, os.F_OK), "the end of a helper thread")
