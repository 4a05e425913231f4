"""What the daemon asks for once a second: the names of the threads, and the collections."""

from __future__ import annotations

import gc
import sys
import time

from .capi import first_interpreter, own_interpreter
from .plain import namespace_of, text
from .quiet import quietly


def answer(cpu_s: float, gc_pauses: list[list[float]] | None) -> dict[str, object]:
    """The message; ``cpu_s`` is what threads of the probe that have left have used."""
    return {
        "message": "answer",
        "threads": python_threads(),
        "gc": [
            [stats["collections"], stats["collected"], stats["uncollectable"]]
            for stats in gc.get_stats()
        ],
        "gc_pauses": gc_pauses,
        "alone": quietly(first_interpreter) == own_interpreter,
        "cpu_s": cpu_s + time.thread_time(),
    }


def python_threads() -> list[list[object]]:
    """[ident, native id, name, daemon] of every thread that ``threading`` knows.

    A subclass of Thread may define any attribute, so only the instance's own dict is read. Who
    replaces the class (gevent does) may have others there as well.
    """
    names = namespace_of(sys.modules.get("threading")) or {}
    active = names.get("_active")  # enumerate() makes calls
    if type(active) is not dict:  # the module may be only just being loaded
        return []
    rows: list[list[object]] = []
    for ident, thread in list(active.items()):
        own = namespace_of(thread) or {}
        name = own.get("_name")
        rows.append(
            [
                ident,
                own.get("_native_id"),
                text(name),
                bool(own.get("_daemonic")),
            ]
        )
    return rows
