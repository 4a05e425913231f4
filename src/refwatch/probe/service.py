"""What the daemon may ask of the probe, and how it is answered."""

from __future__ import annotations

import atexit
import gc
import sys
import time
from _thread import allocate_lock

from .begun import Begun, missing_module
from .copying import first_allocator  # noqa: F401 - reads what is so before the target's first line
from .copying.hidden_copy import Copier, NoCopy, reap, settle
from .copying.running import Frames
from .forks import handler_lists
from .hidden import Hidden
from .hooking.commands import BurstCommands
from .link import Link
from .namespace import find_namespace
from .peek import Memory
from .plain import address_of
from .quiet import prepare
from .reopen import opened
from .script import bind
from .tracing import Tracing
from .watching import Watching
from .ways import go, words

TYPE_CHECKING = False  # typing itself would be one more module in the target
if TYPE_CHECKING:
    from collections.abc import Callable

    from .gc_times import GcTimes

    Tell = Callable[[Callable[[], dict[str, object]]], bool]
    Command = dict[str, object]
    Message = dict[str, object]
    Lists = tuple[list[object], list[object], list[object]]


LAST_READING_S = 0.2


class Service:
    """Obeys commands in the probe's thread. ``threads``: where calibration has found the thread
    states, None where it has not."""

    def __init__(self, link: Link, tell: Tell, limits: dict[str, str], threads: object) -> None:
        self.gc_times: GcTimes | None = None
        self._link = link
        self._memory = Memory(stays=True)  # opened late, the target's audit hooks would see it
        prepare(self._memory)
        self._watching = Watching(tell, self._memory)
        self.handlers = _handlers()
        self._copier = _copier(limits, threads, self._memory, self.handlers)
        self._bursts = BurstCommands(link)
        self._tracing = Tracing(link)
        self._hidden = Hidden(self._memory)
        self._read_last = allocate_lock()
        self._begun = Begun()
        self._no_copy = limits.get("census", "")
        self._commands: dict[str, Callable[[Command], None]] = {
            "scan": self._scan,
            "read": self._read,
            "let_go": self._let_go,
            "forget": self._forget,
            "paths": self._paths,
            "way": self._way,
            "copy": self._copy,
            "inside": self._inside,
            "reap": self._reap,
            "time_gc": self._time_gc,
            "end": self._end,
            **self._bursts.table,
            **self._tracing.table,
        }

    def begin(self, tell: Tell, leave: Callable[[], None]) -> None:
        """Scripts may ask from now on. At the end what is held must die when it would have, and
        then the probe's thread is to ``leave``."""
        bind(self._watching, tell)
        atexit.register(self._leave, tell, leave)

    def _leave(self, tell: Tell, leave: Callable[[], None]) -> None:
        """The interpreter is about to end: let the daemon read once more before all of it goes."""
        if self._watching.closed:  # in the child of a fork
            return
        self._memory.look_after(opened)
        new = self._watching.scan()
        message: Message = {
            "message": "ending",
            "found": self._watching.rows(new),
            "readings": self._watching.read(new),
            "failure": self._begun.failure(),
            "missing": missing_module(),
        }
        self._read_last.acquire(blocking=False)
        if tell(lambda: message):
            self._read_last.acquire(timeout=LAST_READING_S)
        self._bursts.close()
        self._watching.close()
        leave()

    def _end(self, _: Command) -> None:
        if self._read_last.locked():
            self._read_last.release()

    def burst(self, layout: object) -> Message | None:
        """Look at some blocks from now on; the target has not run yet."""
        frames: object = layout["frames"]  # type: ignore[index]
        return self._bursts.begin_early(frames)

    def trace(self, frames: int) -> None:
        """Have tracemalloc see every block from now on; the target has not run yet."""
        self._tracing.begin(frames, early=True)

    def hide(self, known: set[int]) -> None:
        """Hide all but the objects at these addresses from the target's collector; the target has
        not run yet."""
        self._hidden.hide(known)

    def leave_link(self) -> None:
        """The daemon is gone, or the watch has ended: the target is left as it would be alone."""
        self._tracing.leave()
        self._bursts.close()

    def end(self) -> None:
        """This is the child of a fork."""
        self._bursts.close()
        self._tracing.leave()
        self._watching.close()
        self._memory.close()

    def obey(self, command: Command) -> None:
        """Do it and send what there is to say; what is not known is left alone."""
        action = self._commands.get(str(command.get("command")))
        if action is not None:
            self._memory.look_after(opened)
            action(command)

    def _scan(self, _: Command) -> None:
        began = time.thread_time()
        found = self._watching.rows(self._watching.scan())
        namespace = None
        main = sys.modules.get("__main__")
        if type(main) is type(sys):
            namespace = find_namespace(self._memory, main.__dict__)
        self._link.send(
            {
                "message": "scanned",
                "namespace": namespace,
                "found": found,
                "left_out": self._watching.left_out,
                "full": self._watching.full,
                "cpu_s": time.thread_time() - began,
            }
        )

    def _read(self, command: Command) -> None:
        self._link.send({"message": "raw", "readings": self._watching.read(_numbers(command))})

    def _let_go(self, command: Command) -> None:
        dead = self._watching.let_go(_numbers(command))
        self._link.send({"message": "let_go", "dead": dead})

    def _forget(self, command: Command) -> None:
        self._watching.forget(_numbers(command))

    def _paths(self, command: Command) -> None:
        paths = command.get("paths")
        self._watching.paths = [str(path) for path in paths] if type(paths) is list else []

    def _way(self, command: Command) -> None:
        """Watch what lies at the end of a way that a copy has found, if it is still the same."""
        way: list[list[object]] = command["way"]  # type: ignore[assignment]
        new: list[int] = []
        try:
            obj = go(way)
            if address_of(obj) == command["address"]:
                number = self._watching.watch(obj, words(way), "viewer")
                new = [] if number is None else [number]
        except LookupError:
            pass
        self._link.send({"message": "watching", "found": self._watching.rows(new)})

    def _copy(self, command: Command) -> None:
        work = command["work"]
        if self._copier is None:
            self._link.send({"message": "no_copy", "work": work, "reason": self._no_copy})
            return
        path, launcher = self._link.path, int(str(command["launcher"]))
        try:
            frames = Frames() if command.get("frames") else None
            pid, pause_s = self._copier.copy(launcher, frames)
        except NoCopy as error:
            said = {"reason": str(error), "passing": error.passing}
            self._link.send({"message": "no_copy", "work": work, **said})
            return
        if pid == 0:
            settle()
            if command.get("watch"):
                command["address"] = self._watching.address(command["watch"])
            traced = self._tracing.in_copy(command["task"])
            # What follows makes more, as taking frames has.
            young = frames.young if frames is not None else len(gc.get_objects(generation=0))
            from .copying.copied import run

            run(command, path, frames, young, traced, self._hidden.addresses)  # never returns
        self._link.send({"message": "copied", "work": work, "pid": pid, "pause_s": pause_s})

    def _inside(self, command: Command) -> None:
        """A census in the target itself, where no copy can be had and the user has asked for it."""
        from .copying.census import take

        began = time.perf_counter()
        message = take()
        pause_s = time.perf_counter() - began
        work = command["work"]
        self._link.send({"message": "copied", "work": work, "pid": 0, "pause_s": pause_s})
        self._link.send({**message, "work": work})

    def _reap(self, command: Command) -> None:
        reap(int(str(command["pid"])))

    def _time_gc(self, _: Command) -> None:
        from .gc_times import GcTimes

        self.gc_times = self.gc_times or GcTimes()


def _numbers(command: Command) -> list[int]:
    numbers = command.get("watches")
    return [one for one in numbers if type(one) is int] if type(numbers) is list else []


def _handlers() -> Lists | None:
    try:
        return handler_lists()
    except LookupError:
        return None


def _copier(
    limits: dict[str, str], threads: object, memory: Memory, handlers: Lists | None
) -> Copier | None:
    """What makes hidden copies, where they can be made."""
    try:
        if type(threads) is not dict:
            raise NoCopy("the thread states were not found")
        if handlers is None:
            raise NoCopy("the lists of at-fork handlers were not found")
        return Copier(threads, memory, handlers)
    except (NoCopy, OSError, AttributeError, ValueError) as error:
        limits["census"] = f"hidden copies cannot be made here: {error}"
        return None
