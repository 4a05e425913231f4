"""A task of an event loop, as a copy has found it."""

from __future__ import annotations

from msgspec import Struct


class TaskRow(Struct, frozen=True, kw_only=True):
    """A task, or a greenlet that waits."""

    address: str
    name: str
    kind: str
    """``task`` or ``greenlet``."""
    ident: int | None
    """threading.get_ident() of the thread that runs its loop; None where that is not known."""
    coroutine: str
    """Qualified name of its outermost coroutine function."""
    file: str
    line: int
    """Where it is in that."""
    at_file: str
    at_line: int
    """Where it is in the innermost function."""
    awaits: str
    """What it waits for, in words; empty while it runs."""
    parent: str | None
    """Address of the task that waits for it; None where nobody does."""
    waiter: str
    """Tells one wait from the next: instruction and future."""
