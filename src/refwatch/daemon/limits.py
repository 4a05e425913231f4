"""What is said where not all can be read: the words of the limits."""

from __future__ import annotations

from refwatch.readings.threads.other_interpreters import MOST, OtherInterpreters

OTHER_INTERPRETERS = (
    "there are others in this process: of a thread in one with a GIL of its own only what the "
    "kernel says is told; that GIL and the code that runs there are not watched"
)
FOLLOWED = (
    "there are others in this process: their threads, stacks and GILs are watched; the names of "
    "threads that were begun there, their objects and their collections are not"
)
UNREAD = f"; only the {MOST} oldest are watched"
STRANGE = "; the GIL of one does not lie where it is known to lie, and is not watched"
CAME_BACK = (
    "the target has closed files that it did not open, the probe's among them: it has connected "
    "again, and of that moment something may be missing"
)
GONE = (
    "the target has closed files that it did not open, the probe's among them, and it could not "
    "connect again: from then on no names, collections, objects, censuses and allocations are read"
)
NO_PROBE = (
    "this child has not loaded the probe (it ignores its environment, or something other than "
    "Python has started it): it is watched from outside"
)


def other_interpreters(others: OtherInterpreters) -> str:
    """What is not seen of interpreters beside the main one."""
    if not others.followed:
        return OTHER_INTERPRETERS
    return FOLLOWED + UNREAD * bool(others.unread) + STRANGE * others.strange


def silent(pid: int, stranger: int | None) -> str:
    """Why the probe of process ``pid`` has not said a word; ``stranger`` is a process that did."""
    if stranger is None:
        return "the probe did not answer from inside the target"
    return (
        f"the process that was started ({pid}) did not load the probe, but a Python "
        f"that it has started did ({stranger}), which is not watched: --python "
        "may name a wrapper that does not exec the interpreter, or that passes -I or -E"
    )
