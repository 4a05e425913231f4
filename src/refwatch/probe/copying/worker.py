"""Main program of a hidden copy: answers one query on a connection of its own, then exits.

It never returns to the target's code, and exits without running any of it.
"""

from __future__ import annotations

import _socket
from _json import encode_basestring_ascii, make_encoder

from ..capi import libc
from ..link import read_lines
from ..messages import COPY_COMMANDS, REPORTS
from .frozen_heap import Heap
from .instances import find_instances, pick_newest
from .queries import answer
from .retrack import retrack
from .running_frames import Frames, RunningFrame

TYPE_CHECKING = False  # typing itself would be one more module in the target
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator
    from typing import Any

    from ..messages import Message
    from ..tracing import TracingInCopy

_encode = make_encoder(None, None, encode_basestring_ascii, None, ":", ",", False, False, True)  # type: ignore[arg-type]  # fmt: skip


class Worker:
    """What a query works with: the copy's heap and its connection to the daemon. ``copied`` is the
    pid of the process that was copied; ``young`` as :func:`tracked` has it; ``address_of_watch``
    finds a watched object."""

    def __init__(
        self,
        work: str,
        path: str,
        copied: int,
        frames: list[RunningFrame],
        young: int,
        traced: TracingInCopy,
        address_of_watch: Callable[[int], int],
    ) -> None:
        self.frames = frames
        self.young = young
        self.traced = traced
        self.address_of_watch = address_of_watch
        self._work = work
        self._socket = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
        self._socket.connect(path)
        self.send({"message": "copy", "pid": int(libc.getpid()), "of": copied})

    def send(self, report: Message) -> None:
        """Send one report. Raises OSError if nobody listens any more."""
        message: Message = {**report, "work": self._work}
        REPORTS.check_names(message)
        self._socket.sendall("".join(_encode(message, 0)).encode() + b"\n")

    def progress(self, text: str, share: float | None) -> None:
        self.send({"message": "progress", "text": text, "share": share})

    def commands(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """(name, fields) of the daemon's further commands, until it closes the connection."""
        for line in read_lines(self._socket):
            command = COPY_COMMANDS.decode(line)
            if command is not None:
                yield command

    def heap(self, held: Collection[int] = ()) -> Heap:
        """The copy's heap; ``held``: addresses at which the probe holds a reference."""
        return Heap(self.frames, self.young, held)

    def instances(self, module: str, name: str) -> tuple[list[int], bool]:
        """As :func:`find_instances`."""
        self.progress("looking for instances", None)
        return find_instances(module, name, self.young)

    def newest(self, module: str, name: str, born: int, most: int) -> list[int]:
        """Up to ``most`` addresses of the type's newest instances."""
        return pick_newest(self.instances(module, name)[0], born, most)


def run(
    work: str,
    query: Message,
    path: str,
    copied: int,
    frames: Frames | None,
    young: int,
    traced: TracingInCopy,
    untracked: bytes,
    address_of_watch: Callable[[int], int],
) -> None:
    """Answer the query, and exit. ``copied`` is the pid of the process that was copied; ``frames``
    ran at the copy; ``young`` is the number of objects in the youngest generation; ``untracked``
    are the probe's own, to be tracked again."""
    leave = libc["_exit"]
    try:
        running = frames.running() if frames is not None else []
        young += retrack(untracked)
        worker = Worker(work, path, copied, running, young, traced, address_of_watch)
        try:
            answer(worker, query)
            worker.send({"message": "done"})
        except OSError:
            pass  # the daemon has closed the connection
        except BaseException as error:  # noqa: BLE001 - whatever it is, the daemon says so
            name = type.__dict__["__name__"].__get__(type(error))
            words = str(error) if type(error).__module__ == "builtins" else ""
            worker.send({"message": "failed", "reason": f"{name}: {words}"[:500]})
    finally:
        leave(0)
