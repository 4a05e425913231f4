"""In a copy, makes the thread that has copied and its interpreter the only ones there are.

PyOS_AfterFork_Child would do so itself, by giving up the others: what they have in thread-local and
context variables and in their modules, and so it would run finalizers of the target's. One that
deletes a temporary folder would delete the target's own. Here the others stay as they are, and
nobody comes by them any more (CPython's Python/pystate.c: _PyThreadState_DeleteExcept and
_PyInterpreterState_DeleteExceptMain go by the lists that are cut here).
"""

from __future__ import annotations

from _functools import partial  # type: ignore[import-not-found]

from ..capi import api, ctypes, first_interpreter, own_interpreter, raw_thread_state
from ..peek import WORD, Memory
from ..quiet import quietly

TYPE_CHECKING = False  # typing itself would be one more module in the target
if TYPE_CHECKING:
    from collections.abc import Callable

    Step = Callable[[], object]

RUNTIME_BYTES = 1 << 15  # of _PyRuntime, in which the list of interpreters begins


class Alone:
    """To be made before the target's first line, of where calibration has found the thread states.
    Raises ValueError where the interpreter does not export its runtime."""

    def __init__(self, threads: dict[str, int], memory: Memory) -> None:
        self._head = threads["head"]
        self._links = (threads["newer_offset"], threads["older_offset"])
        self._memory = memory
        self._runtime = ctypes.addressof(ctypes.c_char.in_dll(api, "_PyRuntime"))

    def steps(self) -> list[Step]:
        """What to call in the copy; for the thread that makes it. Raises LookupError where there
        are other interpreters, and the head of their list is not found."""
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
    """A step that writes a word; None for 0."""
    word = quietly(partial(ctypes.c_void_p.from_address, address))
    step: Step = partial(setattr, word, "value", value)
    return step
