"""Status report, sent once a second: thread names and collector statistics."""

from __future__ import annotations

import gc
import sys
import time

from .audit_hooks import quietly
from .capi import first_interpreter, own_interpreter
from .raw_access import namespace_of, text

TYPE_CHECKING = False  # typing itself would be one more module in the target
if TYPE_CHECKING:
    from .messages import Message


NAME, DAEMON = "_name", "_daemonic"
"""As threading.Thread has them."""


def status(cpu_s: float) -> Message:
    """The report; ``cpu_s`` is the CPU time of probe threads that have ended."""
    return {
        "message": "answer",
        "threads": python_threads(),
        "gc": [
            [stats["collections"], stats["collected"], stats["uncollectable"]]
            for stats in gc.get_stats()
        ],
        "alone": quietly(first_interpreter) == own_interpreter,
        "cpu_s": cpu_s + time.thread_time(),
    }


def python_threads() -> list[list[object]]:
    """[ident, native id, name, daemon] of every thread that ``threading`` knows.

    A subclass of Thread may define any attribute, so only the instance's own dict is read. A
    replacement of the class (gevent's) may have other values there.
    """
    names = namespace_of(sys.modules.get("threading")) or {}
    active = names.get("_active")  # enumerate() makes calls
    if type(active) is not dict:  # the module may be only just being loaded
        return []
    rows: list[list[object]] = []
    for ident, thread in list(active.items()):
        own = namespace_of(thread) or {}
        rows.append([ident, own.get("_native_id"), text(own.get(NAME)), bool(own.get(DAEMON))])
    return rows
