"""At-fork handlers: the interpreter's lists of them, locks that are kept for a fork, and a callback
after the last handler."""

from __future__ import annotations

import gc
import os
from _functools import partial  # type: ignore[import-not-found]
from _operator import call

from .audit_hooks import keep, window
from .capi import api, ctypes

TYPE_CHECKING = False  # typing itself would be one more module in the target
if TYPE_CHECKING:
    from _thread import RLock
    from collections.abc import Callable

    Handlers = list[object]

_PENDING = ctypes.PYFUNCTYPE(ctypes.c_int, ctypes.c_void_p)
api.Py_AddPendingCall.argtypes = [_PENDING, ctypes.c_void_p]


def keep_at_fork(lock: RLock) -> None:
    """Have whoever forks hold this lock meanwhile: in the child no thread that is gone has it. By
    handlers in C, because each page that Python code touches in the child is copied."""
    os.register_at_fork(
        before=lock.acquire, after_in_parent=lock.release, after_in_child=lock.release
    )


def handler_lists() -> tuple[Handlers, Handlers, Handlers]:
    """The interpreter's own lists: before, after in the parent, after in the child. Called before
    the target's first line. Raises LookupError if they are not found."""
    before, parent, child = lambda: None, lambda: None, lambda: None
    handlers: Handlers = [before, parent, child]
    os.register_at_fork(before=before, after_in_parent=parent, after_in_child=child)
    lists = [
        each for each in gc.get_referrers(*handlers) if type(each) is list and each is not handlers
    ]
    return _list_of(before, lists), _list_of(parent, lists), _list_of(child, lists)


def _list_of(handler: object, lists: list[Handlers]) -> Handlers:
    """The list that has this handler, which is removed from it."""
    found = [each for each in lists if any(item is handler for item in each)]
    if len(found) != 1:
        raise LookupError("the lists of at-fork handlers were not found")
    _remove(found[0], handler)
    return found[0]


def _remove(handlers: Handlers, handler: object) -> None:
    """Remove by identity: the other handlers are the target's, and may define ``__eq__``."""
    for index, each in enumerate(handlers):
        if each is handler:
            del handlers[index]
            return


class AfterFork:
    """Calls ``function`` in the thread that has forked, after all handlers.

    A handler would be too early: 3.12 and 3.13 count the threads, and warn, after the last one
    (CPython's Modules/posixmodule.c: warn_about_fork_with_threads). So the last handler is a chain
    of C functions that adds a pending call, which runs once the code that has forked goes on. A
    pending call that added itself again would not do: since 3.13 one that is added within another
    may wait until another thread takes the GIL (Python/ceval_gil.c: make_pending_calls).

    ``handlers`` is the list for the parent.
    """

    def __init__(self, handlers: Handlers, function: Callable[[], None]) -> None:
        self._handlers = handlers
        self._function = function
        self._callback = _PENDING(self._called)
        self._last: object = None

    def request(self) -> None:
        """Call the function after the fork that is about to happen."""
        self.cancel()
        remove_hooks, restore_hooks = window()
        added: list[object] = []
        add = keep(partial(api.Py_AddPendingCall, self._callback, None), added)
        otherwise = partial(all, map(call, (added.pop, self._called)))  # if there was no room: -1
        self._last = partial(any, map(call, (remove_hooks, add, restore_hooks, otherwise)))
        self._handlers.append(self._last)

    def cancel(self) -> None:
        """Remove the handler, after the call or in the child."""
        if self._last is not None:
            _remove(self._handlers, self._last)
            self._last = None

    def _called(self, _: object = None) -> int:
        if self._last is not None:
            self.cancel()
            self._function()
        return 0
