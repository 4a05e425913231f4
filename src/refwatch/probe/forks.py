"""The interpreter's lists of at-fork handlers (os.register_at_fork), and what is to be done after a
fork, once all handlers are done and nobody looks at the threads any more."""

from __future__ import annotations

import gc
import os
from _functools import partial  # type: ignore[import-not-found]
from _operator import call

from .capi import api, ctypes
from .quiet import keep, window

TYPE_CHECKING = False  # typing itself would be one more module in the target
if TYPE_CHECKING:
    from collections.abc import Callable

    Handlers = list[object]

_PENDING = ctypes.PYFUNCTYPE(ctypes.c_int, ctypes.c_void_p)
api.Py_AddPendingCall.argtypes = [_PENDING, ctypes.c_void_p]


def handler_lists() -> tuple[Handlers, Handlers, Handlers]:
    """This interpreter's own lists: before, after in the parent, after in the child. To be called
    before the target's first line. Raises LookupError where they are not found."""
    before, parent, child = lambda: None, lambda: None, lambda: None
    handlers: Handlers = [before, parent, child]
    os.register_at_fork(before=before, after_in_parent=parent, after_in_child=child)
    lists = [
        one for one in gc.get_referrers(*handlers) if type(one) is list and one is not handlers
    ]
    return _list_of(before, lists), _list_of(parent, lists), _list_of(child, lists)


def _list_of(handler: object, lists: list[Handlers]) -> Handlers:
    """That of the lists that has this handler, which is taken out."""
    found = [one for one in lists if any(x is handler for x in one)]
    if len(found) != 1:
        raise LookupError("the lists of at-fork handlers were not found")
    _take_out(found[0], handler)
    return found[0]


def _take_out(handlers: Handlers, handler: object) -> None:
    """By identity: the others are the target's, and may say what they like of being equal."""
    for index, one in enumerate(handlers):
        if one is handler:
            del handlers[index]
            return


class AfterFork:
    """Has the main thread call ``function`` after a fork of its own.

    Not in a handler: 3.12 and 3.13 count the threads, and warn, only when all handlers are done
    (CPython's Modules/posixmodule.c: warn_about_fork_with_threads). The last handler is a chain of
    C functions that asks for a pending call, and such a call waits for Python to go on: in the code
    that has forked. One that asked for itself again would not do: since 3.13 what is asked for
    within a pending call may wait for another thread to take the GIL (make_pending_calls of
    Python/ceval_gil.c).

    ``handlers`` is the list of those for the parent.
    """

    def __init__(self, handlers: Handlers, function: Callable[[], None]) -> None:
        self._handlers = handlers
        self._function = function
        self._callback = _PENDING(self._called)
        self._last: object = None

    def ask(self) -> None:
        """Let it be done after the fork that is about to happen, whose other handlers are known."""
        self.forget()
        take_hooks, bring_hooks = window()
        added: list[object] = []
        add = keep(partial(api.Py_AddPendingCall, self._callback, None), added)
        otherwise = partial(all, map(call, (added.pop, self._called)))  # only after -1: no room
        self._last = partial(any, map(call, (take_hooks, add, bring_hooks, otherwise)))
        self._handlers.append(self._last)

    def forget(self) -> None:
        """It is done, or this is the child."""
        if self._last is not None:
            _take_out(self._handlers, self._last)
            self._last = None

    def _called(self, _: object = None) -> int:
        if self._last is not None:
            self.forget()
            self._function()
        return 0
