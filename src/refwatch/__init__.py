"""refwatch: who keeps a Python program's memory alive, and who makes its threads wait.

In a script that may or may not be under watch::

    import refwatch

    refwatch.watch(cache, "the cache")  # see its references under Refcounts
    refwatch.mark("warm")               # growth counts from here

Without refwatch around it both do nothing.
"""

from __future__ import annotations

import sys

__all__ = ["__version__", "mark", "watch"]
__version__ = "0.1.0"


def watch(obj: object, name: str = "") -> None:
    """Watch ``obj`` under ``name``. It is not kept alive by it."""


def mark(name: str) -> None:
    """Set a mark called ``name``: growth, deltas and charts count from it."""


_probe = sys.modules.get("_refwatch_probe.script")
if _probe is not None:
    watch, mark = _probe.SCRIPT.watch, _probe.SCRIPT.mark
