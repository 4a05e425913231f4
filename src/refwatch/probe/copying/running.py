"""The frames that run in the target when it is copied, and what their local variables hold.

They are taken by functions of C, one after the other without the interpreter's loop in between: no
frame can return meanwhile, whose locals would then live on by it.

``sys._current_frames`` makes frame objects for the threads of all interpreters; since 3.12 another
one may have an allocator of its own, and the process ends when that frees what this one's has made.
So where there are others no frame is taken.
"""

from __future__ import annotations

import gc
import sys
from _functools import partial  # type: ignore[import-not-found]
from _operator import attrgetter, call, truth
from itertools import accumulate, chain, islice, repeat, takewhile

from ..capi import first_interpreter, own_interpreter
from ..plain import is_ours
from ..quiet import keep

TYPE_CHECKING = False  # typing itself would be one more module in the target
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from types import CodeType, FrameType
    from typing import Any

    Step = Callable[[], object]

MOST_FRAMES = 2000
CO_OPTIMIZED = 0x1  # Include/cpython/code.h
OWN_ALLOCATORS = sys.version_info >= (3, 12)  # PEP 684
VIEWS = sys.version_info >= (3, 13)  # f_locals is a view of the frame: PEP 667


class RunningFrame:
    """One of them. ``places`` are the addresses of its local variables' values: a reference of ours
    would be one that the target has not."""

    def __init__(self, code: CodeType, line: int | None, values: dict[str, object]) -> None:
        self.code = code
        self.line = line or 0
        self.places: dict[str, int] = {}
        optimized = bool(code.co_flags & CO_OPTIMIZED)
        if optimized:  # else they are a namespace, tracked as any dict
            hidden = {*code.co_cellvars, *code.co_freevars}  # these lie in cells
            self.places = {name: id(value) for name, value in values.items() if name not in hidden}
        if optimized or VIEWS:  # a copy, or the frame's own dict, which refers to all of them
            values.clear()


class Frames:
    """Takes the frames of all threads, innermost first in each."""

    def __init__(self) -> None:
        self._tops: list[object] = []
        self._frames: list[FrameType] = []
        self._about: list[tuple[CodeType, int | None]] = []
        self._values: list[dict[str, object]] = []
        self._young: list[int] = []
        self._kept: list[object] = []

    def in_target(self) -> Step:
        """What is to be called before the copy is made: the other threads' states end with them."""
        take = keep(sys._current_frames, self._tops)  # noqa: SLF001 - the documented name
        if not OWN_ALLOCATORS:
            return take
        alone: Step = partial(any, map(own_interpreter.__eq__, map(call, (first_interpreter,))))
        step: Step = partial(all, map(call, (alone, take)))  # take returns None: never true
        return step

    def after(self) -> Step:
        """What is to be called in the target after that, so that it keeps no frame."""
        return self._tops.clear

    def in_copy(self) -> Iterator[Step]:
        """What is to be called in the copy, while what leads to the frames is still there."""
        tops: Iterable[FrameType] = chain.from_iterable(map(dict.values, self._tops))  # type: ignore[arg-type]
        young = partial(gc.get_objects, 0)
        yield _extend(self._young, map(len, map(call, (young,))))
        ways = map(chain, zip(tops), repeat(repeat("f_back")))
        walks = map(takewhile, repeat(truth), map(accumulate, ways, repeat(getattr)))
        yield _extend(self._frames, islice(chain.from_iterable(walks), MOST_FRAMES))
        yield _extend(self._about, map(attrgetter("f_code", "f_lineno"), self._frames))
        values: Iterable[dict[str, object]] = map(attrgetter("f_locals"), self._frames)
        if VIEWS:
            values = map(dict, values)
        yield _extend(self._values, values)

    @property
    def young(self) -> int:
        """How many objects there were in the youngest generation before any of this was made."""
        return self._young[0]

    def running(self) -> list[RunningFrame]:
        """What was taken, without frames of the probe's own."""
        found: list[RunningFrame] = []
        for (code, line), values in zip(self._about, self._values, strict=False):
            if not is_ours(code):
                found.append(RunningFrame(code, line, values))
        self._put_away()
        return found

    def _put_away(self) -> None:
        """A census that looks at what there was before must not come by the frames."""
        self._kept = [*self._frames, *self._about, *self._values]
        for some in (*self._tops, self._tops, self._frames, self._about, self._values):
            some.clear()  # type: ignore[attr-defined]


def _extend(found: list[Any], more: Iterable[object]) -> Step:
    step: Step = partial(found.extend, more)
    return step
