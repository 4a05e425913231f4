"""Since 3.12 a fork of a process with a second thread warns. Of the probe's thread it must not.

Where that is the only other one, a filter that knows this warning alone stands before the target's
for the time of the fork. The target sees it in handlers of its own at most: the list's version, on
which ``__warningregistry__`` depends, stays (CPython's Python/_warnings.c: get_filter,
already_warned).
"""

from __future__ import annotations

import os
import sys
from _contextvars import ContextVar
from _operator import is_

from .at_fork import AfterFork
from .audit_hooks import quietly

TYPE_CHECKING = False  # typing itself would be one more module in the target
if TYPE_CHECKING:
    from .at_fork import Handlers

    Filter = tuple[str, str, type[Warning], None, int]

WARNS = sys.version_info >= (3, 12)
TEXT = (
    "This process (pid={pid}) is multi-threaded, "
    "use of {function}() may lead to deadlocks in the child."
)
FUNCTIONS = ("fork", "forkpty", "fork1")
REGISTRY = "__warningregistry__"


class ForkWarning:
    """``handlers`` is the interpreter's list of at-fork handlers for the parent."""

    def __init__(self, handlers: Handlers) -> None:
        self._after_fork = AfterFork(handlers, self.end)
        self._pid = 0
        self._filters: list[Filter] = []
        """For this process."""
        self._lists: list[list[object]] = []
        self._globals: dict[str, object] | None = None
        """Of the code that forks, if it has no registry of warnings yet: the warning makes one."""

    def silence(self) -> None:
        """Until the fork that is about to happen is over. Called by a handler of ours."""
        self.end()
        frame = quietly(sys._getframe)  # noqa: SLF001
        for _ in range(3):  # quietly, this function, the handler
            frame = getattr(frame, "f_back", None)
        names = getattr(frame, "f_globals", None)
        self._globals = names if type(names) is dict and REGISTRY not in names else None
        if self._pid != (pid := os.getpid()):
            self._pid = pid
            self._filters = [
                ("ignore", TEXT.format(pid=pid, function=function), DeprecationWarning, None, 0)
                for function in FUNCTIONS
            ]
        self._lists = _lists()
        for each in self._lists:
            each[:0] = self._filters
        self._after_fork.request()

    def end(self) -> None:
        """The fork is over; also called in the child."""
        self._after_fork.cancel()
        own, number = self._filters, len(self._filters)
        for each in self._lists:
            if len(each) >= number and all(map(is_, each, own)):  # looks at no other filter
                del each[:number]
                continue
            for index in range(len(each) - 1, -1, -1):
                if any(each[index] is one for one in own):
                    del each[index]
        names, self._globals = self._globals, None
        if names is not None and _is_empty(names.get(REGISTRY)):
            names.pop(REGISTRY, None)
        self._lists = []


def _lists() -> list[list[object]]:
    """The lists of filters that a warning goes through: those of the module, or of the interpreter
    before it is imported, and since 3.14 those of the context."""
    inner = sys.modules.get("_warnings")
    module = sys.modules.get("warnings", inner)
    variable = getattr(inner, "_warnings_context", None)
    context = variable.get(None) if type(variable) is ContextVar else None
    found = [getattr(module, "filters", None), getattr(context, "_filters", None)]
    return [each for each in found if type(each) is list]


def _is_empty(registry: object) -> bool:
    """It has nothing but the version of the filters."""
    return type(registry) is dict and registry.keys() <= {"version"}
