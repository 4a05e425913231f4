"""Memory and CPU of a process by psutil, at a pace that keeps the reading itself cheap."""

from __future__ import annotations

import time

import psutil

from refwatch.model.events import ProcessMeasured

USS_SHARE = 0.005  # of the time may go into reading uss: it walks the target's page tables
USS_PAUSE_S = 1.0


class ProcessGone(Exception):
    """There is no such process."""


class ProcessReader:
    """Reads one process. Raises ProcessGone when it is gone."""

    def __init__(self, pid: int) -> None:
        try:
            self._process = psutil.Process(pid)
        except psutil.Error as error:
            raise ProcessGone from error
        self._peak = 0
        self._next_uss = 0.0
        self.uss_denied = False

    def read(self, at: float) -> ProcessMeasured:
        """One reading, at ``at`` seconds of the session. ``uss`` is None when it is not its turn,
        or not permitted."""
        try:
            with self._process.oneshot():
                rss = int(self._process.memory_info().rss)
                times = self._process.cpu_times()
        except (psutil.Error, OSError) as error:
            raise ProcessGone from error
        self._peak = max(self._peak, rss, self._high_water())
        return ProcessMeasured(
            at,
            self._process.pid,
            rss,
            self._peak,
            float(times.user),
            float(times.system),
            uss=self._read_uss(at),
        )

    def _high_water(self) -> int:
        """VmHWM of /proc/PID/status, bytes: the peak between two readings too."""
        try:
            with open(f"/proc/{self._process.pid}/status", "rb") as file:
                for line in file:
                    if line.startswith(b"VmHWM:"):
                        return int(line.split()[1]) * 1024
        except (OSError, ValueError):
            pass
        return 0

    def _read_uss(self, at: float) -> int | None:
        if self.uss_denied or at < self._next_uss:
            return None
        began = time.perf_counter()
        try:
            uss = int(self._process.memory_full_info().uss)
        except psutil.AccessDenied:
            self.uss_denied = True
            return None
        except (psutil.Error, OSError):
            return None
        took = time.perf_counter() - began
        self._next_uss = at + max(USS_PAUSE_S, took / USS_SHARE)
        return uss
