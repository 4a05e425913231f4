"""Frames that run in the target when it is copied, and the values of their local variables.

C functions take them without the interpreter's loop in between: a frame that returned meanwhile
would keep its locals alive.

``sys._current_frames`` makes frame objects for the threads of all interpreters. Since 3.12 another
interpreter may have its own allocator, and the process crashes when that frees one of them. So no
frame is taken if there are other interpreters.
"""

from __future__ import annotations

import gc
import sys
from _functools import partial  # type: ignore[import-not-found]
from _operator import attrgetter, call, truth
from itertools import accumulate, chain, islice, repeat, takewhile

from ..audit_hooks import keep
from ..capi import first_interpreter, own_interpreter
from ..raw_access import is_ours

TYPE_CHECKING = False  # typing itself would be one more module in the target
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from types import CodeType, FrameType
    from typing import Any

    Step = Callable[[], object]

MOST_FRAMES = 2000
CO_OPTIMIZED = 0x1  # Include/cpython/code.h
OWN_ALLOCATORS = sys.version_info >= (3, 12)  # PEP 684
VIEWS = sys.version_info >= (3, 13)  # f_locals is a view (PEP 667)


class RunningFrame:
    """One frame. ``places``: name -> address of each local variable's value, since a reference
    would be one more than the target has."""

    def __init__(self, code: CodeType, line: int | None, values: dict[str, object]) -> None:
        self.code = code
        self.line = line or 0
        self.places: dict[str, int] = {}
        optimized = bool(code.co_flags & CO_OPTIMIZED)
        if optimized:  # else its locals are a namespace, tracked as any dict
            cells = {*code.co_cellvars, *code.co_freevars}
            self.places = {name: id(value) for name, value in values.items() if name not in cells}
        if optimized or VIEWS:  # ``values`` is a copy, or the frame's own cache
            values.clear()


class Frames:
    """Collector of the frames of all threads, innermost first in each."""

    def __init__(self) -> None:
        self._tops: list[object] = []
        self._frames: list[FrameType] = []
        self._about: list[tuple[CodeType, int | None]] = []
        self._values: list[dict[str, object]] = []
        self._young: list[int] = []
        self._kept: list[object] = []

    def in_target(self) -> Step:
        """The step before the copy is made, in which the other threads' states end."""
        take = keep(sys._current_frames, self._tops)  # noqa: SLF001 - the documented name
        if not OWN_ALLOCATORS:
            return take
        alone: Step = partial(any, map(own_interpreter.__eq__, map(call, (first_interpreter,))))
        step: Step = partial(all, map(call, (alone, take)))  # take returns None: never true
        return step

    def after(self) -> Step:
        """The step after that in the target, so that it keeps no frame."""
        return self._tops.clear

    def in_copy(self) -> Iterator[Step]:
        """The steps in the copy, while the frames can still be reached."""
        tops: Iterable[FrameType] = chain.from_iterable(map(dict.values, self._tops))  # type: ignore[arg-type]
        young = partial(gc.get_objects, 0)
        yield _extend(self._young, map(len, map(call, (young,))))
        starts = map(chain, zip(tops), repeat(repeat("f_back")))
        walks = map(takewhile, repeat(truth), map(accumulate, starts, repeat(getattr)))
        yield _extend(self._frames, islice(chain.from_iterable(walks), MOST_FRAMES))
        yield _extend(self._about, map(attrgetter("f_code", "f_lineno"), self._frames))
        values: Iterable[dict[str, object]] = map(attrgetter("f_locals"), self._frames)
        if VIEWS:
            values = map(dict, values)
        yield _extend(self._values, values)

    @property
    def young(self) -> int:
        """Size of the youngest generation before these steps made objects."""
        return self._young[0]

    def running(self) -> list[RunningFrame]:
        """The frames that were taken, without the probe's own."""
        found: list[RunningFrame] = []
        for (code, line), values in zip(self._about, self._values, strict=False):
            if not is_ours(code):
                found.append(RunningFrame(code, line, values))
        self._put_away()
        return found

    def _put_away(self) -> None:
        """Keep the frames alive, but out of a census's reach."""
        self._kept = [*self._frames, *self._about, *self._values]
        for some in (*self._tops, self._tops, self._frames, self._about, self._values):
            some.clear()  # type: ignore[attr-defined]


def _extend(found: list[Any], more: Iterable[object]) -> Step:
    step: Step = partial(found.extend, more)
    return step
