"""The frames that ran in the target when it was copied, and what their local variables hold.

Looked at in the copy: the other threads are not there, but the memory that they had is.
"""

from __future__ import annotations

TYPE_CHECKING = False  # typing itself would be one more module in the target
if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import CodeType, FrameType

MOST_FRAMES = 2000
CO_OPTIMIZED = 0x1  # Include/cpython/code.h


class RunningFrame:
    """One of them. ``places`` are the addresses of its local variables' values: a reference of ours
    would be one that the target has not."""

    def __init__(self, thread: int, frame: FrameType) -> None:
        self.thread = thread
        self.code: CodeType = frame.f_code
        self.line: int = frame.f_lineno or 0
        self.places: dict[str, int] = {}
        if self.code.co_flags & CO_OPTIMIZED:  # else they are a namespace, tracked as any dict
            hidden = {*self.code.co_cellvars, *self.code.co_freevars}  # these lie in cells
            values = frame.f_locals  # since 3.13 a view of the frame (PEP 667), before it a dict
            self.places = {name: id(value) for name, value in values.items() if name not in hidden}
            if type(values) is dict:
                values.clear()  # it is the frame's own, and refers to all of them


def running_frames(tops: Iterable[object], but: int) -> list[RunningFrame]:
    """The frames of all threads but the one of this ident, innermost first in each. ``tops`` has
    what ``sys._current_frames()`` returned."""
    found: list[RunningFrame] = []
    for frames in tops:
        for ident, top in frames.items():  # type: ignore[attr-defined]
            frame: FrameType | None = None if ident == but else top
            while frame is not None and len(found) < MOST_FRAMES:
                found.append(RunningFrame(ident, frame))
                frame = frame.f_back
    return found
