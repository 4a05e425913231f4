"""What a target measures itself by: the kernel's own words about the calling thread."""

from __future__ import annotations

import time
from pathlib import Path


def kernel_times() -> dict[str, float]:
    """Seconds on a CPU and on its run queue of the calling thread (proc_pid_schedstat)."""
    words = Path("/proc/thread-self/schedstat").read_text(encoding="ascii").split()
    return {"cpu_s": time.thread_time(), "queued_s": int(words[1]) / 1e9}
