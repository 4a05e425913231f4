"""Start of the probe: calibration, the hello report, and the thread that stays."""

from __future__ import annotations

import os
import sys
import time

from .link import Link
from .probe_thread import ProbeThread

TYPE_CHECKING = False  # typing itself would be one more module in the target
if TYPE_CHECKING:
    from collections.abc import Callable

Found = dict[str, object]
Limits = dict[str, str]


def start(
    report_to: str,
    allocations: str,
    children: str | None,
    earlier: set[int],
    unload: Callable[[str], None],
) -> None:
    """Start before the target's first line; return when the hello report is sent.

    ``report_to`` is ``DAEMON_PID:PARENT_PID:SOCKET_PATH``. A process that this parent has not
    started, and that is not the parent itself after an exec, has inherited it, and reports only
    that. ``allocations`` is ``burst``, ``exact:FRAMES`` or empty. ``children`` is what the command
    lines of children that are to be watched contain; None if none is to be. ``earlier``: addresses
    of the objects tracked before the probe was loaded. ``unload`` unloads a package of the
    probe."""
    daemon, parent, path = report_to.split(":", 2)
    link = Link(path)
    if int(parent) not in (os.getppid(), os.getpid()):
        link.send({"message": "stranger"})
        link.close()
        return
    thread, hello = _begin(link, int(daemon), allocations, children, unload)
    hello["parent"] = int(parent)
    try:
        thread.untrack(earlier)
    finally:
        link.send(hello)  # the last thing: what is sampled from now on is the target's own


def _begin(
    link: Link,
    daemon: int,
    allocations: str,
    children: str | None,
    unload: Callable[[str], None],
) -> tuple[ProbeThread, Found]:
    began, cpu = time.perf_counter(), time.thread_time()
    limits: Limits = {}
    hello: Found = {
        "message": "hello",
        "pid": os.getpid(),
        "python": sys.version.split()[0],
        "executable": sys.executable,
        "free_threaded": _free_threaded(),
        "gil_enabled": _gil_enabled(),
        "switch_interval_s": sys.getswitchinterval(),
    }
    found = _calibrate(daemon, limits)
    unload("calibration")
    hello["calibration_s"] = time.perf_counter() - began
    hello["cpu_s"] = time.thread_time() - cpu
    thread = ProbeThread(link, limits, found, children=_wanted(children))
    if children is not None:
        thread.arm(daemon, allocations, children, limits)
    del found["thread_count"]
    hello["layout"] = found
    hello["limits"] = [[reading, reason] for reading, reason in limits.items()]
    hello["probe_tid"] = thread.begin()
    if allocations == "burst":
        hello["burst"] = thread.begin_burst(found)
    mode, _, frames = allocations.partition(":")
    if mode == "exact":
        thread.begin_trace(int(frames))
    return thread, hello


def _wanted(children: str | None) -> bool:
    """Whether the children of a fork, whose command line is this one's, are to be watched."""
    if not children:
        return children is not None
    try:
        fd = os.open("/proc/self/cmdline", os.O_RDONLY | os.O_CLOEXEC)
        words = os.read(fd, 1 << 17).split(b"\0")
        os.close(fd)
    except OSError:
        return True
    return children in os.fsdecode(b" ".join(words))


def _free_threaded() -> bool:
    return "t" in getattr(sys, "abiflags", "")


def _gil_enabled() -> bool:
    enabled = getattr(sys, "_is_gil_enabled", None)
    return bool(enabled()) if enabled is not None else True


def _calibrate(daemon: int, limits: Limits) -> Found:
    """What was found and verified; failed searches leave their reasons in ``limits``. The probe
    uses ``thread_count`` itself."""
    readings = (
        "gil", "threads", "frames", "text", "references", "attributes", "locks", "thread_count",
    )  # fmt: skip
    nothing: Found = dict.fromkeys(readings)
    if sys.platform != "linux":
        limits["outside reading"] = f"refwatch reads from outside on Linux, not on {sys.platform}"
        return nothing
    if os.readlink("/proc/self") != str(os.getpid()):
        limits["outside reading"] = "/proc shows another pid namespace's processes"
        return nothing
    try:
        from .calibration.search import Search
    except ImportError as error:
        limits["outside reading"] = f"the target's Python lacks a module: {error}"
        return nothing
    search = Search(limits)
    search.begin(daemon, gil=_gil_enabled(), free_threaded=_free_threaded())
    return {**nothing, **search.layout}
