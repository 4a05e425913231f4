"""What /proc says of a process, and whether it is of this process's own pid namespace
(pid_namespaces(7))."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator

COPY = b"refwatch-copy"  # as a hidden copy calls itself
PF_EXITING, FLAGS = 0x4, 6
"""A flag of a task, and which of the fields from its state on has the flags."""
FOREIGN_PROC = (
    "/proc shows another pid namespace's processes (unshare --pid without --mount-proc, or a "
    "container that has its host's)"
)


def proc_is_own_namespace() -> bool:
    """Whether /proc numbers processes as this one does. True where there is no /proc."""
    try:
        return os.readlink("/proc/self") == str(os.getpid())
    except OSError:
        return True


def command_line(pid: int) -> list[str]:
    """The arguments of a process; empty when it is gone."""
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return [os.fsdecode(word) for word in file.read().split(b"\0")[:-1]]
    except OSError:
        return []


def executable_of(pid: int) -> str:
    """The file that a process runs; empty when it is gone."""
    return _link(f"/proc/{pid}/exe")


def working_directory(pid: int) -> str:
    """The folder that a process is in; empty when it is gone."""
    return _link(f"/proc/{pid}/cwd")


def machine_times() -> tuple[float, float]:
    """(idle, all) time of all cores of the machine in clock ticks: the cpu line of proc_stat(5);
    zeros where it cannot be read."""
    try:
        with open("/proc/stat", "rb") as file:
            words = [int(word) for word in file.readline().split()[1:9]]
    except (OSError, ValueError):
        return 0.0, 0.0
    return float(words[3] + words[4]), float(sum(words))


def stat_fields(pid: int) -> list[bytes]:
    """The fields of proc_pid_stat(5) from the third on, the state; empty when it is gone."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return file.read().rpartition(b")")[2].split()
    except OSError:
        return []


def state_of(pid: int) -> bytes:
    """``R``, ``S``, ``Z`` and so on; empty when it is gone."""
    return (stat_fields(pid) or [b""])[0]


def started_monotonic_ns(pid: int) -> int | None:
    """When a process was started, by CLOCK_MONOTONIC and in clock ticks, mostly 10 ms
    (``starttime`` of proc_pid_stat(5), which CLOCK_BOOTTIME counts); None when it is gone."""
    fields = stat_fields(pid)
    if not fields:
        return None
    ticks = int(fields[19])
    slept_ns = time.clock_gettime_ns(time.CLOCK_BOOTTIME) - time.monotonic_ns()
    return ticks * 1_000_000_000 // os.sysconf("SC_CLK_TCK") - slept_ns


def parent_of(pid: int) -> int | None:
    """Pid of the parent; None when the process is gone."""
    fields = stat_fields(pid)
    return int(fields[1]) if fields else None


def is_armed(pid: int) -> bool:
    """Whether a process was started with the probe in its environment."""
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:
            return b"REFWATCH_PROBE=" in file.read()
    except OSError:
        return False


def _link(path: str) -> str:
    try:
        return os.readlink(path)
    except OSError:
        return ""


def children_of(pid: int) -> Iterator[int]:
    """The children that a process has now; none where it is gone."""
    try:
        tids = os.listdir(f"/proc/{pid}/task")
    except OSError:
        return
    for tid in tids:
        try:
            with open(f"/proc/{pid}/task/{tid}/children", "rb") as file:
                yield from map(int, file.read().split())
        except OSError:
            continue


def is_copy(pid: int) -> bool:
    """Whether it is a hidden copy."""
    try:
        with open(f"/proc/{pid}/comm", "rb") as file:
            return file.read().startswith(COPY)
    except OSError:
        return False


def is_exiting(pid: int) -> bool:
    """Whether a process has begun to exit, or is gone: PF_EXITING of Linux's include/linux/sched.h
    among the flags of its main thread (proc_pid_stat(5))."""
    fields = stat_fields(pid)
    return len(fields) <= FLAGS or bool(int(fields[FLAGS]) & PF_EXITING)
