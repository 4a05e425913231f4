"""Calibration: all searches in turn, each with its result or the reason for none."""

from __future__ import annotations

from ..capi import allow_reader
from ..own_memory import Memory
from .find_attributes import find_attributes
from .find_collecting import find_collecting
from .find_collections import find_collections
from .find_frames import find_frames
from .find_gil import NotFound, find_gil
from .find_interpreters import find_interpreters
from .find_locks import find_locks
from .find_references import find_references
from .find_text import find_text
from .find_thread_count import find_thread_count
from .find_threads import find_threads
from .helper import Helper, Stuck

TYPE_CHECKING = False  # typing itself would be one more module in the target
if TYPE_CHECKING:
    from collections.abc import Callable

Layout = dict[str, object]


class Search:
    """``layout`` has what was found and verified; failed searches leave their reasons in
    ``limits``."""

    def __init__(self, limits: dict[str, str]) -> None:
        self.layout: Layout = {}
        self._limits = limits

    def begin(self, reader: int, *, gil: bool, free_threaded: bool) -> None:
        """Run all searches, and let process ``reader`` read this one's memory."""
        allow_reader(reader)
        try:
            memory = Memory()
            helpers = [Helper(), Helper()]
        except (Stuck, OSError, RuntimeError) as error:
            self._limits["outside reading"] = f"calibration could not begin: {error}"
            return
        try:
            self._all(memory, helpers, gil=gil, free_threaded=free_threaded)
        finally:
            for helper in helpers:
                helper.end()
            memory.close()

    def _all(
        self, memory: Memory, helpers: list[Helper], *, gil: bool, free_threaded: bool
    ) -> None:
        if gil:
            self._attempt("gil", "GIL", lambda: find_gil(memory, helpers[0]))
        self._attempt("threads", "thread states", lambda: find_threads(memory, *helpers))
        threads = self.layout.get("threads")
        if type(threads) is dict:
            head = int(threads["head"])
            self._attempt("thread_count", "", lambda: find_thread_count(memory, head))
            found = self.layout.get("gil")
            if type(found) is dict or not gil:
                place = int(found["gil"]) if type(found) is dict else None
                self._attempt("interpreters", "", lambda: find_interpreters(memory, place))
        if gil:
            collector = "garbage collector"
            self._attempt("collecting", collector, lambda: find_collecting(memory))
            pauses = "garbage collections"
            self._attempt("collections", pauses, lambda: find_collections(memory))
        self._attempt("frames", "stacks", lambda: find_frames(memory))
        self._attempt("text", "source lines", lambda: find_text(memory))
        frames = self.layout.get("frames")
        if type(frames) is dict:
            self._attempt("attributes", "", lambda: find_attributes(memory, frames))
            if "text" in self.layout:
                self._attempt("locks", "locks", lambda: find_locks(memory, helpers, frames))
        if free_threaded:
            reason = "a free-threaded build splits an object's count among threads"
            self._limits["references"] = reason
        else:
            self._attempt("references", "references", lambda: find_references(memory))

    def _attempt(self, name: str, reading: str, search: Callable[[], object]) -> None:
        try:
            self.layout[name] = search()
        except (NotFound, Stuck, OSError, ValueError, RuntimeError) as error:
            if reading:
                self._limits[reading] = f"calibration failed: {error}"
