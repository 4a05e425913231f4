"""tracemalloc, which sees every block: begun, ended, and what is so told to the daemon.

Only its C part is used, without a place in ``sys.modules``: there the target finds what it would
find alone. ``tracemalloc`` itself is loaded by the target only: then it is the target's, and is not
stopped. What has been traced is looked at in copies alone.
"""

from __future__ import annotations

import sys
import time

TYPE_CHECKING = False  # typing itself would be one more module in the target
if TYPE_CHECKING:
    from collections.abc import Callable

    from .link import Link

    Command = dict[str, object]
    Message = dict[str, object]
    Frame = tuple[str, int]
    Trace = tuple[int, int, tuple[Frame, ...], int]
    """Domain, size, frames (innermost first), how many there were."""

C_PART, PYTHON_PART = "_tracemalloc", "tracemalloc"


class _C:
    """The functions of the C part. Raises ImportError where it is missing."""

    def __init__(self) -> None:
        known = C_PART in sys.modules
        import _tracemalloc

        if not known:
            del sys.modules[C_PART]
        self.start: Callable[[int], None] = _tracemalloc.start
        self.stop: Callable[[], None] = _tracemalloc.stop
        self.is_tracing: Callable[[], bool] = _tracemalloc.is_tracing
        self.frames: Callable[[], int] = _tracemalloc.get_traceback_limit
        self.traced_and_peak: Callable[[], tuple[int, int]] = _tracemalloc.get_traced_memory
        self.traces: Callable[[], list[Trace]]
        self.traces = _tracemalloc._get_traces  # type: ignore[assignment]  # noqa: SLF001
        self.traceback_of: Callable[[object], tuple[Frame, ...] | None]
        self.traceback_of = _tracemalloc._get_object_traceback  # type: ignore[assignment]  # noqa: SLF001


class Traces:
    """All that is traced at one moment, which was ``began`` by time.perf_counter()."""

    def __init__(self, c: _C) -> None:
        self.began = time.perf_counter()
        self.on = c.is_tracing()
        self.frames = c.frames()
        self.peak = c.traced_and_peak()[1]
        self.list = c.traces()


class InCopy:
    """What a copy has of tracemalloc: all traces where it is to count them, or
    ``traceback_of(object)`` until it calls ``stop``."""

    def __init__(self, c: _C | None, task: object) -> None:
        self.traces: Traces | None = None
        self.traceback_of: Callable[[object], tuple[Frame, ...] | None] | None = None
        self._c = c
        if c is None:
            return
        if task == "traces":
            self.traces = Traces(c)
        if task == "chains" and c.is_tracing():
            self.traceback_of = c.traceback_of
        else:
            self.stop()

    def stop(self) -> None:
        """Trace no more: what the copy does would only take longer."""
        self.traceback_of = None
        if self._c is not None:
            self._c.stop()


class Tracing:
    """Whether tracemalloc traces in this process, and who has begun it."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._left = False
        self._ours = False
        """It was begun here, and nobody is known to have ended it."""
        self._depth = 0
        self._early = False
        self._lost = 0
        self._missing = ""
        self._c: _C | None = None
        try:
            self._c = _C()
        except (ImportError, AttributeError) as error:
            self._missing = f"the target's Python has no tracemalloc: {error}"
        self.table: dict[str, Callable[[Command], None]] = {
            "trace": self._trace,
            "untrace": self._untrace,
        }

    def begin(self, frames: int, *, early: bool = False) -> None:
        """Trace, if nobody does; with tracebacks so deep, if it is ours. ``early``: no line of the
        target's has run."""
        c = self._c
        if c is None or self._left:
            return
        if c.is_tracing():
            if not self._is_ours() or _used() or c.frames() == frames:
                return
            c.stop()
        elif self._ours:
            self._lost += 1
        c.start(frames)
        self._ours, self._depth, self._early = True, frames, early

    def leave(self) -> None:
        """The daemon is gone, or this is the child of a fork: nobody looks at traces of ours."""
        self._left = True
        self._stop()

    def _stop(self) -> None:
        if self._c is not None and self._is_ours() and not _used():
            self._c.stop()
        self._ours = False

    def _is_ours(self) -> bool:
        """Whether it traces as it was begun here."""
        c = self._c
        return self._ours and c is not None and c.is_tracing() and c.frames() == self._depth

    def _trace(self, command: Command) -> None:
        self.begin(int(str(command["frames"])))
        self._tell()

    def _untrace(self, _: Command) -> None:
        self._stop()
        self._tell()

    def _tell(self) -> None:
        c = self._c
        on = c is not None and c.is_tracing()
        message: Message = {
            "message": "tracing",
            "on": on,
            "frames": c.frames() if c is not None and on else 0,
            "ours": self._is_ours(),
            "early": self._early,
            "lost": self._lost,
            "used": _used(),
            "missing": self._missing,
        }
        self._link.send(message)

    def in_copy(self, task: object) -> InCopy:
        """For a copy, before it does anything else: its own blocks are none of the target's."""
        return InCopy(self._c, task)


def _used() -> bool:
    """Whether the target itself has loaded tracemalloc."""
    return PYTHON_PART in sys.modules
