"""tracemalloc in the target: start, stop and status.

Only its C part is used, and not entered in ``sys.modules``, where the target finds what it would
find alone. If ``tracemalloc`` is loaded, the target uses it itself, and it is not stopped. Traces
are read in copies only.
"""

from __future__ import annotations

import sys
import time

TYPE_CHECKING = False  # typing itself would be one more module in the target
if TYPE_CHECKING:
    from collections.abc import Callable

    from .link import Link
    from .messages import Message

    Frame = tuple[str, int]
    Trace = tuple[int, int, tuple[Frame, ...], int]
    """Domain, size, frames (innermost first), how many there were."""

C_PART, PYTHON_PART = "_tracemalloc", "tracemalloc"


class _Functions:
    """Functions of the C part. Raises ImportError if there is none."""

    def __init__(self) -> None:
        was_loaded = C_PART in sys.modules
        import _tracemalloc

        if not was_loaded:
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
    """All traces at one moment, ``began`` by time.perf_counter()."""

    def __init__(self, c: _Functions) -> None:
        self.began = time.perf_counter()
        self.on = c.is_tracing()
        self.frames = c.frames()
        self.peak = c.traced_and_peak()[1]
        self.list = c.traces()


class TracingInCopy:
    """tracemalloc in a copy: all traces if the query is to count them, or ``traceback_of(object)``
    until ``stop`` is called."""

    def __init__(self, c: _Functions | None, query: object) -> None:
        self.traces: Traces | None = None
        self.traceback_of: Callable[[object], tuple[Frame, ...] | None] | None = None
        self._c = c
        if c is None:
            return
        if query == "traces":
            self.traces = Traces(c)
        if query == "chains" and c.is_tracing():
            self.traceback_of = c.traceback_of
        else:
            self.stop()

    def stop(self) -> None:
        """Stop tracing, which slows the copy down."""
        self.traceback_of = None
        if self._c is not None:
            self._c.stop()


class Tracing:
    """Whether tracemalloc is on in this process, and who has started it."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._left = False
        self._ours = False
        """It was started here, and as far as we know not stopped."""
        self._depth = 0
        self._early = False
        self._lost = 0
        self._missing = ""
        self._c: _Functions | None = None
        try:
            self._c = _Functions()
        except (ImportError, AttributeError) as error:
            self._missing = f"the target's Python has no tracemalloc: {error}"
        self.commands: dict[str, Callable[..., None]] = {
            "trace": self._trace,
            "untrace": self._untrace,
        }

    def begin(self, frames: int, *, early: bool = False) -> None:
        """Start if it is off; set the depth of tracebacks if it is ours. ``early``: no line of the
        target has run."""
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
        """Stop for good: the daemon is gone, or this is the child of a fork."""
        self._left = True
        self._stop()

    def _stop(self) -> None:
        if self._c is not None and self._is_ours() and not _used():
            self._c.stop()
        self._ours = False

    def _is_ours(self) -> bool:
        """Whether it runs as it was started here."""
        c = self._c
        return self._ours and c is not None and c.is_tracing() and c.frames() == self._depth

    def _trace(self, frames: int) -> None:
        self.begin(frames)
        self._tell()

    def _untrace(self) -> None:
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

    def in_copy(self, query: object) -> TracingInCopy:
        """For a copy, before anything else: its own blocks are not the target's."""
        return TracingInCopy(self._c, query)


def _used() -> bool:
    """Whether the target has loaded tracemalloc itself."""
    return PYTHON_PART in sys.modules
