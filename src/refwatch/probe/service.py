"""Commands that the probe's thread runs: watched objects, hidden copies, allocations."""

from __future__ import annotations

import atexit
import gc
import os
import sys
import time
from _thread import allocate_lock

from .arming.arm import Arming
from .at_fork import handler_lists
from .audit_hooks import prepare
from .copying import original_allocator  # noqa: F401 - reads it before the target's first line
from .copying.hidden_copy import Copier, NoCopy, reap, settle
from .copying.running_frames import Frames
from .follow_path import describe, follow_path
from .hooking.burst_mode import BurstMode
from .link import Link
from .namespace import find_namespace
from .own_memory import Memory
from .raw_access import address_of
from .reopen import opened
from .script import bind
from .startup_failure import StartupFailure, missing_module
from .tracing import Tracing
from .untrack import Untracked
from .watched_objects import WatchedObjects

TYPE_CHECKING = False  # typing itself would be one more module in the target
if TYPE_CHECKING:
    from collections.abc import Callable

    from .follow_path import Step
    from .messages import Message

    Tell = Callable[[Callable[[], Message]], bool]
    Lists = tuple[list[object], list[object], list[object]]


LAST_READING_S = 0.2


class Service:
    """State behind the commands. ``threads``: where calibration found the thread states, or
    None."""

    def __init__(self, link: Link, tell: Tell, limits: dict[str, str], threads: object) -> None:
        self._arming: Arming | None = None
        self._link = link
        self._memory = Memory(opened)  # opened late, the target's audit hooks would see it
        prepare(self._memory)
        self._watched = WatchedObjects(tell, self._memory)
        self.handlers = _handlers()
        self._copier = _copier(limits, threads, self._memory, self.handlers)
        self._bursts = BurstMode(link)
        self._tracing = Tracing(link)
        self._untracked = Untracked(self._memory)
        self._reading_last = allocate_lock()
        self._pid = os.getpid()
        self._failure = StartupFailure()
        self._no_copy = limits.get("census", "")
        self.commands: dict[str, Callable[..., None]] = {
            "scan": self._scan,
            "read": self._read,
            "let_go": self._let_go,
            "forget": self._watched.forget,
            "paths": self._set_paths,
            "watch_at": self._watch_at,
            "copy": self._copy,
            "inside": self._answer_inside,
            "reap": reap,
            "end": self._end,
            **self._bursts.commands,
            **self._tracing.commands,
        }
        """Each gets its message's fields."""

    def begin(self, tell: Tell, leave: Callable[[], None]) -> None:
        """Bind the script's API. At exit let the daemon read once more, then call ``leave``."""
        bind(self._watched, tell)
        atexit.register(self._exit, tell, leave)

    def _exit(self, tell: Tell, leave: Callable[[], None]) -> None:
        """Report the end and wait for the last reading, before objects die as they would alone."""
        if self._watched.closed:  # in the child of a fork
            return
        if os.getpid() != self._pid:
            self.settle()
        self.look_after()
        new = self._watched.scan()
        message: Message = {
            "message": "ending",
            "found": self._watched.rows(new),
            "readings": self._watched.read(new),
            "failure": self._failure.reason(),
            "missing": missing_module(),
        }
        self._reading_last.acquire(blocking=False)
        if tell(lambda: message):
            self._reading_last.acquire(timeout=LAST_READING_S)
        self._bursts.close()
        self._watched.close()
        leave()

    def _end(self) -> None:
        if self._reading_last.locked():
            self._reading_last.release()

    def arm(self, daemon: int, allocations: str, wanted: str) -> str:
        """Have children that start Python anew watched, as :class:`Arming` has it; return why none
        can be, if that is so."""
        self._arming = Arming(self._memory, daemon, self._link.path, allocations, wanted)
        return self._arming.reason

    def begin_burst(self, layout: object) -> Message | None:
        """Start sampling blocks before the target's first line."""
        frames: object = layout["frames"]  # type: ignore[index]
        return self._bursts.begin_early(frames)

    def begin_trace(self, frames: int) -> None:
        """Start tracemalloc before the target's first line."""
        self._tracing.begin(frames, early=True)

    def untrack(self, earlier: set[int]) -> None:
        """Untrack the probe's objects before the target's first line, but none at an ``earlier``
        address."""
        self._untracked.untrack(earlier)

    def _disarm(self) -> None:
        if self._arming is not None:
            self._arming.end()

    def daemon_gone(self) -> None:
        """Leave the target as it would be alone."""
        self._disarm()
        self._tracing.leave()
        self._bursts.close()

    def settle(self) -> None:
        """Go on in the child of a fork: by the probe's thread, or before it has run at exit."""
        self._pid = os.getpid()
        self._watched.forked()
        self._bursts.close()  # the daemon opens it anew

    def close(self) -> None:
        """Give everything up in the child of a fork."""
        self._disarm()
        self._bursts.close()
        self._tracing.leave()
        self._watched.close()
        self._memory.close()

    def look_after(self) -> None:
        """Open again what the target may have closed."""
        self._memory.look_after()

    def _scan(self) -> None:
        began = time.thread_time()
        found = self._watched.rows(self._watched.scan())
        namespace = None
        main = sys.modules.get("__main__")
        if type(main) is type(sys):
            namespace = find_namespace(self._memory, main.__dict__)
        self._link.send(
            {
                "message": "scanned",
                "namespace": namespace,
                "found": found,
                "left_out": self._watched.left_out,
                "full": self._watched.full,
                "cpu_s": time.thread_time() - began,
            }
        )

    def _read(self, watches: list[int]) -> None:
        self._link.send({"message": "raw", "readings": self._watched.read(watches)})

    def _let_go(self, watches: list[int]) -> None:
        self._link.send({"message": "let_go", "dead": self._watched.let_go(watches)})

    def _set_paths(self, paths: list[str]) -> None:
        self._watched.paths = paths

    def _watch_at(self, steps: list[Step], address: int) -> None:
        new: list[int] = []
        try:
            obj = follow_path(steps)
            if address_of(obj) == address:
                number = self._watched.watch(obj, describe(steps), "viewer")
                new = [] if number is None else [number]
        except LookupError:
            pass
        self._link.send({"message": "watching", "found": self._watched.rows(new)})

    def _copy(self, work: str, launcher: int, query: Message, *, frames: bool) -> None:
        """Make a hidden copy, which answers the query on a connection of its own."""
        if self._copier is None:
            self._link.send({"message": "no_copy", "work": work, "reason": self._no_copy})
            return
        running, own = Frames() if frames else None, os.getpid()
        try:
            pid, pause_s = self._copier.copy(launcher, running)
        except NoCopy as error:
            reason = {"reason": str(error), "passing": error.passing}
            self._link.send({"message": "no_copy", "work": work, **reason})
            return
        if pid == 0:
            settle()
            traced = self._tracing.in_copy(query["query"])
            # All that follows makes objects, as taking the frames has.
            young = running.young if running is not None else len(gc.get_objects(generation=0))
            from .copying.worker import run

            run(
                work,
                query,
                self._link.path,
                own,
                running,
                young,
                traced,
                self._untracked.addresses,
                self._watched.address,
            )  # never returns
        self._link.send({"message": "copied", "work": work, "pid": pid, "pause_s": pause_s})

    def _answer_inside(self, work: str, query: Message) -> None:
        """Answer in the target itself, if no copy can be made and the user has asked for it."""
        from .copying.queries import answer_inside

        began = time.perf_counter()
        message = answer_inside(query)
        pause_s = time.perf_counter() - began
        self._link.send({"message": "copied", "work": work, "pid": 0, "pause_s": pause_s})
        self._link.send({**message, "work": work})


def _handlers() -> Lists | None:
    try:
        return handler_lists()
    except LookupError:
        return None


def _copier(
    limits: dict[str, str], threads: object, memory: Memory, handlers: Lists | None
) -> Copier | None:
    """The maker of hidden copies, or None with the reason in ``limits``."""
    try:
        if type(threads) is not dict:
            raise NoCopy("the thread states were not found")
        if handlers is None:
            raise NoCopy("the lists of at-fork handlers were not found")
        return Copier(threads, memory, handlers)
    except (NoCopy, OSError, AttributeError, ValueError) as error:
        limits["census"] = f"hidden copies cannot be made here: {error}"
        return None
