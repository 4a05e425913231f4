"""Isolation of a copy's only thread: other threads and interpreters are cut off, not freed.

PyOS_AfterFork_Child would free what they have in thread-local and context variables and in their
modules, and so run the target's finalizers; one that deletes a temporary folder would delete the
target's own. Here the lists that it walks are cut first (CPython's Python/pystate.c:
_PyThreadState_DeleteExcept, _PyInterpreterState_DeleteExceptMain), and the others stay unreachable.
"""

from __future__ import annotations

from _functools import partial  # type: ignore[import-not-found]

from ..audit_hooks import quietly
from ..capi import api, ctypes, first_interpreter, own_interpreter, raw_thread_state
from ..own_memory import WORD, Memory

TYPE_CHECKING = False  # typing itself would be one more module in the target
if TYPE_CHECKING:
    from collections.abc import Callable

    Step = Callable[[], object]

RUNTIME_BYTES = 1 << 15  # of _PyRuntime, in which the list of interpreters begins


class InterpreterIsolation:
    """Made before the target's first line, with calibration's ``threads``. Raises ValueError if the
    interpreter does not export its runtime."""

    def __init__(self, threads: dict[str, int], memory: Memory) -> None:
        self._head = threads["head"]
        self._links = (threads["newer_offset"], threads["older_offset"])
        self._memory = memory
        self._runtime = ctypes.addressof(ctypes.c_char.in_dll(api, "_PyRuntime"))

    def steps(self) -> list[Step]:
        """What the copying thread calls in the copy. Raises LookupError if there are other
        interpreters, and the head of their list is not found."""
        own, first = _address(quietly(raw_thread_state)), _address(quietly(first_interpreter))
        steps = [_write(self._head, own), *(_write(own + link, None) for link in self._links)]
        if first != own_interpreter:
            steps.append(_write(self._head_of_interpreters(first), own_interpreter))
        return steps

    def _head_of_interpreters(self, first: int) -> int:
        words = self._memory.words(self._runtime, RUNTIME_BYTES // WORD)
        places = [index for index, word in enumerate(words) if word == first]
        if len(places) != 1:
            raise LookupError("the list of interpreters was not found")
        return self._runtime + WORD * places[0]


def _address(found: object) -> int:
    return found if type(found) is int else 0


def _write(address: int, value: int | None) -> Step:
    """A step that writes a word, None for 0."""
    word = quietly(partial(ctypes.c_void_p.from_address, address))
    step: Step = partial(setattr, word, "value", value)
    return step
