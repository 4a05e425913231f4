"""Calibrates, reports to the daemon and leaves one thread that answers when asked."""

from __future__ import annotations

import os
import sys
import time

from .answer import Answerer
from .link import Link

TYPE_CHECKING = False  # typing itself would be one more module in the target
if TYPE_CHECKING:
    from collections.abc import Callable

Found = dict[str, object]
Limits = dict[str, str]


def start(report_to: str, allocations: str, known: set[int], unload: Callable[[str], None]) -> None:
    """Begin, before the target's first line; return when the answer is on its way.

    ``report_to`` is ``DAEMON_PID:LAUNCHER_PID:SOCKET_PATH``; a process that the launcher has not
    started only says so: it has this environment from a target that has left it as it was.
    ``allocations``: how they are seen from then on, ``burst`` or ``exact:`` and how many frames.
    ``known``: addresses of the objects that the collector saw before the probe was loaded.
    ``unload``: gives up a room's modules."""
    daemon, launcher, path = report_to.split(":", 2)
    link = Link(path)
    if os.getppid() != int(launcher):
        link.send({"message": "stranger"})
        link.close()
        return
    answerer, hello = _begin(link, int(daemon), allocations, unload)
    try:
        answerer.hide(known)
    finally:
        link.send(hello)  # the last thing: what is sampled from now on is the target's own


def _begin(
    link: Link, daemon: int, allocations: str, unload: Callable[[str], None]
) -> tuple[Answerer, Found]:
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
    unload("calibration")  # it has done its work
    hello["calibration_s"] = time.perf_counter() - began
    hello["cpu_s"] = time.thread_time() - cpu
    answerer = Answerer(link, limits, found)
    del found["thread_count"]
    hello["layout"] = found
    hello["limits"] = [[reading, reason] for reading, reason in limits.items()]
    hello["probe_tid"] = answerer.begin()
    if allocations == "burst":
        hello["burst"] = answerer.burst(found)
    mode, _, frames = allocations.partition(":")
    if mode == "exact":
        answerer.trace(int(frames))
    return answerer, hello


def _free_threaded() -> bool:
    return "t" in getattr(sys, "abiflags", "")


def _gil_enabled() -> bool:
    enabled = getattr(sys, "_is_gil_enabled", None)
    return bool(enabled()) if enabled is not None else True


def _calibrate(daemon: int, limits: Limits) -> Found:
    """What was found and verified; each search that failed leaves its reason in ``limits``.
    ``thread_count`` is for the probe itself."""
    readings = ("gil", "threads", "frames", "text", "references", "thread_count")
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
