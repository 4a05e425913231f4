"""What a hidden copy does: it works on one task, tells the daemon on a line of its own, and ends.

It never returns to the target's code, and leaves without running any of it.
"""

from __future__ import annotations

import _socket
import time
from _json import encode_basestring_ascii, make_encoder

from ..capi import libc
from ..link import read_lines
from . import census, garbage, largest, traces
from .chains import ChainFinder
from .frozen import Heap
from .graph import dot
from .growth import Below
from .heap import object_at
from .inspection import Inspection
from .instances import instances, is_there, newest
from .memory import MemoryAsked
from .running import Frames, RunningFrame
from .shown import show

TYPE_CHECKING = False  # typing itself would be one more module in the target
if TYPE_CHECKING:
    from ..tracing import InCopy
    from .growth import Spread

CHAINS = 3  # of one type
MADE = 2000  # instances that are looked at, and of which it is looked up where they were made

NOT_GROWN = "where they have become more could not be told"

_encode = make_encoder(None, None, encode_basestring_ascii, None, ":", ",", False, False, True)  # type: ignore[arg-type]  # fmt: skip


class Copied:
    """One copy, working on ``task``."""

    def __init__(
        self,
        task: dict[str, object],
        path: str,
        frames: list[RunningFrame],
        young: int,
        traced: InCopy,
    ) -> None:
        self._young = young
        self._traced = traced
        self._task = task
        self._frames = frames
        self._socket = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
        self._socket.connect(path)
        self.send({"message": "copy", "pid": int(str(libc.getpid()))})

    def send(self, message: dict[str, object]) -> None:
        """One line; the copy ends where nobody listens any more."""
        data = "".join(_encode({**message, "work": self._task["work"]}, 0)).encode() + b"\n"
        self._socket.sendall(data)

    def progress(self, text: str, share: float | None) -> None:
        self.send({"message": "progress", "text": text, "share": share})

    def work(self) -> None:
        """Do what the task says."""
        task = self._task["task"]
        if task == "census":
            self._census()
        elif task == "chains":
            self._chains()
        elif task == "inspect":
            self._inspect()
        elif task == "graph":
            self._graph()
        elif task == "traces" and self._traced.traces is not None:
            self.send(traces.message(self._traced.traces))
        self.send({"message": "done"})

    def _census(self) -> None:
        asked = MemoryAsked()
        held: list[int] = self._task.get("held") or []  # type: ignore[assignment]
        places = (place for frame in self._frames for place in frame.places.values())
        found = census.take(self._young, places)
        self.progress("looking for garbage", None)  # it ends where nobody listens any more
        found |= garbage.look(self._young, held)
        rows: list[largest.Row] = found["largest"]  # type: ignore[assignment]
        known = self._task.get("largest") or []
        if [[row["address"], row["type"], row["size"]] for row in rows] != known:
            began = time.perf_counter()
            largest.tell_holders(rows, self._heap(), self.progress)
            found["took_s"] += time.perf_counter() - began  # type: ignore[operator]
        self.send(found)
        self.send(asked.message())

    def _newest(self, most: int) -> list[int]:
        found, _ = self._instances()
        return newest(found, self._born(), most)

    def _instances(self) -> tuple[list[int], bool]:
        self.progress("looking for instances", None)
        return instances(str(self._task["module"]), str(self._task["name"]), self._young)

    def _born(self) -> int:
        return int(str(self._task.get("born") or 0))

    def _chains(self) -> None:
        every, by_age = self._instances()
        found = self._chains_of_newest(every) if by_age else self._chains_of_grown(every)
        message = {"message": "chains", "module": self._task["module"], "name": self._task["name"]}
        self.send({**message, **found})

    def _chains_of_newest(self, every: list[int]) -> dict[str, object]:
        sites = self._sites(newest(every, self._born(), MADE))
        found = ChainFinder(self._heap(), every, self.progress).find(self._born(), CHAINS)
        return {**found.message(), "allocated_at": sites}

    def _chains_of_grown(self, every: list[int]) -> dict[str, object]:
        """Of those that have become more since the look before, if there was one; else, if the task
        says so, of any."""
        before = self._look_before() if self._task.get("compared") else None
        finder = ChainFinder(self._heap(), every, self.progress)
        below = Below(finder.found, every)
        grown = below.grown(before, MADE) if before and finder.found.complete else []
        found = finder.find(0, CHAINS)
        if grown and found.chains:
            found.chains = finder.told(grown[:: max(1, len(grown) // CHAINS)][:CHAINS])
        elif found.chains:
            found.missing = found.missing or NOT_GROWN
            found.chains = found.chains if self._task.get("any") else []
        spread = below.spread() if finder.found.complete else None
        return {**found.message(), "allocated_at": self._sites(grown), "spread": spread}

    def _look_before(self) -> Spread | None:
        """What the daemon says of it, on the copy's own line."""
        for command in read_lines(self._socket):
            return command["spread"]  # type: ignore[return-value]
        return None

    def _heap(self) -> Heap:
        return Heap(self._frames, self._young, self._held())

    def _held(self) -> set[int]:
        """Addresses of objects at which the probe holds a reference of its own."""
        return {int(str(one)) for one in self._task.get("held") or []}  # type: ignore[attr-defined]

    def _sites(self, addresses: list[int]) -> list[dict[str, object]]:
        """Where tracemalloc saw these objects made, if it is on; it is not from now on."""
        look_up = self._traced.traceback_of
        if look_up is None:
            return []
        found = [traces.traceback_of(object_at(address), look_up) for address in addresses]
        self._traced.stop()
        return traces.sites_of(found)

    def _inspect(self) -> None:
        subject = self._subject()
        if subject is None:
            self.send({"message": "failed", "reason": "there is no such object any more"})
            return
        self.progress("looking for holders", None)
        inspection = Inspection(self._heap(), subject, self._held())
        self.send(inspection.open(0))
        for command in read_lines(self._socket):
            node = int(str(command["node"]))
            if command["command"] == "open":
                self.send(inspection.open(node))
            elif command["command"] == "way":
                self.send({"message": "way", "node": node, "way": inspection.way(node)})

    def _subject(self) -> int | None:
        """Address of the object to look at: a watched one, one seen before, or the newest."""
        address = int(str(self._task.get("address") or 0))
        if self._task.get("watch"):
            return address or None
        if not address:
            return next(iter(self._newest(1)), None)
        kind = self._task.get("type")
        return address if kind is None or is_there(address, str(kind)) else None

    def _graph(self) -> None:
        starts = self._newest(CHAINS)
        self.progress("looking for holders", None)
        title = f"{self._task['module']}.{self._task['name']}"
        self.send({"message": "graph", "dot": dot(self._heap(), starts, title)})


def run(
    task: dict[str, object],
    path: str,
    frames: Frames | None,
    young: int,
    traced: InCopy,
    hidden: bytes,
) -> None:
    """Work on the task, and end this process. ``frames`` are those that ran, ``young`` is how many
    objects there were in the youngest generation, ``hidden`` those that :func:`show` is to show."""
    leave = libc["_exit"]
    try:
        running = frames.running() if frames is not None else []
        young += show(hidden)
        copied = Copied(task, path, running, young, traced)
        try:
            copied.work()
        except OSError:
            pass  # the daemon has closed the line
        except BaseException as error:  # noqa: BLE001 - whatever it is, the daemon says so
            name = type.__dict__["__name__"].__get__(type(error))
            words = str(error) if type(error).__module__ == "builtins" else ""
            copied.send({"message": "failed", "reason": f"{name}: {words}"[:500]})
    finally:
        leave(0)
