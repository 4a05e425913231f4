"""The watch over objects: which there are, their counts from outside, their deaths."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

from refwatch.readings.objects.events import (
    RawReading,
    WatchedCounted,
    WatchedEnded,
    WatchedFound,
    WatchedRead,
)
from refwatch.readings.objects.namespace import NamespaceReader
from refwatch.readings.objects.watched_reader import WatchedObjects
from refwatch.target import probe_commands as pc
from refwatch.target import probe_messages as rp
from refwatch.target.context import Context
from refwatch.target.layout import ReferencesLayout

SECOND_NS = 1_000_000_000
SOONEST_NS, LATEST_NS = 50_000_000, 800_000_000  # between two scans of __main__
ALWAYS_NS = 2_000_000_000  # at the latest, though nothing seems to have changed
SCAN_SHARE = 0.002  # of the time, that such scans may take
BUSY_NS = 1_000_000_000  # after which no answer is waited for: another thread keeps the GIL
MOST_PATHS = 200  # the probe follows each of them at every look
RAW_EACH = 100  # objects that are read raw in a second


class WatchedCollector:
    """The watched objects of process ``pid``. ``memory`` is None where outside reading is denied:
    then the raw readings, once a second, are all there is."""

    def __init__(
        self,
        context: Context,
        layout: ReferencesLayout,
        paths: list[str],
    ) -> None:
        self.cost_s = 0.0
        """CPU time of the readings so far."""
        self._context = context
        self._offset = layout.offset
        memory = context.memory
        self._objects = WatchedObjects(memory, layout) if memory is not None else None
        self._paths = [_as_python_has_it(path) for path in paths]
        self._found: dict[int, rp.FoundObject] = {}
        self._namespace: NamespaceReader | None = None
        self._bindings = b""
        self._busy = 0
        self._busy_since = 0
        self._scanned_ns = 0
        self._scan_cost_ns = 0.0
        self._pause_ns = SOONEST_NS
        self._raw_ns = 0
        self._raw_wanted: dict[int, None] = {}
        self._letting_go: set[int] = set()
        self._muted: set[int] = set()
        """Those that are told of no more. The probe would find an object that is bound in
        ``__main__`` again at its next look, so it keeps it."""
        self._immortal: dict[str, int] = {}
        """By their names those bound in ``__main__`` that never die."""
        self._asked_to_go: deque[list[int]] = deque()
        """Watches whose references the probe was asked to let go, and has not answered yet."""
        self._names: set[str] = set()
        if paths:
            self._context.send(pc.SetPaths(paths=[*self._paths]))

    def add_path(self, path: str) -> bool:
        """Watch what this leads to, now or later; False where there are too many already."""
        path = _as_python_has_it(path)
        name = path.removeprefix("__main__.")
        if self.again(lambda found: found.name == name):
            return True
        if path not in self._paths:
            if len(self._paths) >= MOST_PATHS:
                return False
            self._paths.append(path)
            self._context.send(pc.SetPaths(paths=[*self._paths]))
        self._scanned_ns = 0
        return True

    def forget(self, watch: int, now: int) -> None:
        """Somebody has asked for it to be watched no longer."""
        found = self._found.get(watch)
        if found is None or watch in self._muted:
            return
        self._context.emit(
            WatchedEnded(at=now / 1e9, process=self._context.process, watch=watch, died=False)
        )
        self._raw_wanted.pop(watch, None)
        if found.source == "main":
            self._muted.add(watch)
            return
        del self._found[watch]
        if found.source == "option" and found.name in self._paths:
            self._paths.remove(found.name)
            self._context.send(pc.SetPaths(paths=[*self._paths]))
        self._context.send(pc.Forget(watches=[watch]))
        if self._objects is not None:
            self._objects.remove(watch)

    def again(self, wanted: Callable[[rp.FoundObject], bool]) -> bool:
        """Tell again of the objects that were to be watched no longer and now are; whether there
        is one."""
        found = [self._found[watch] for watch in self._muted if wanted(self._found[watch])]
        self._muted -= {one.watch for one in found}
        for one in found:
            self._tell_found(one, self._context.clock(), "viewer")
            if self._objects is not None:
                self._objects.tell_again(one.watch)
        return bool(found)

    def address_of(self, watch: int) -> int | None:
        found = self._found.get(watch)
        return found.address if found is not None else None

    @property
    def asking(self) -> bool:
        """The probe is doing what it was asked to, and may itself refer to what it looks at."""
        return self._busy > 0

    def held(self) -> list[int]:
        """Addresses at which the probe holds a reference, also when it comes to read this: what it
        has been asked to let go is freed by then, and something else may lie there."""
        asked = [self._found.get(watch) for watches in self._asked_to_go for watch in watches]
        going = {found.address for found in asked if found is not None}
        everything = self._found.values()
        return [one.address for one in everything if one.held and one.address not in going]

    def let_garbage_go(self, addresses: list[int], now: int) -> None:
        """Nobody can come by these any more, and the collector has left them only for the probe's
        reference: their end is now, whenever it comes to free them."""
        dead = set(addresses)
        for found in [one for one in self._found.values() if one.held and one.address in dead]:
            if self._objects is not None:
                self._objects.remove(found.watch)
            self._died(found.watch, now)

    def tick(self, now: int) -> None:
        """Read, and ask the probe for what only it can say. Raises MemoryGone, ReadingDenied."""
        began = time.thread_time()
        if self._busy and now - self._busy_since > BUSY_NS:
            self._busy = 0
        if not self._busy:
            if self._objects is not None:
                self._read()
            self._ask(now)
        self.cost_s += time.thread_time() - began

    def _read(self) -> None:
        assert self._objects is not None
        if not len(self._objects):
            return
        reading = self._objects.read()
        now = self._context.clock()  # nothing is told before it has happened
        counts = reading.counts
        if self._muted:
            counts = [each for each in counts if each[0] not in self._muted]
        if counts:
            self._context.emit(
                WatchedCounted(at=now / 1e9, process=self._context.process, counts=counts)
            )
            self._raw_wanted |= dict.fromkeys(watch for watch, _ in counts)
        for watch in reading.died:
            self._died(watch, now)
        self._letting_go |= set(reading.last)

    def read_last(self, ending: rp.Ending, now: int) -> None:
        """Read what there is before the interpreter ends. Raises MemoryGone and ReadingDenied."""
        self._take_found(ending.found, now)
        self._take_raw(ending.readings, now)
        if self._objects is not None:
            self._read()
            for watch in list(self._letting_go):
                self._died(watch, now)

    def _died(self, watch: int, now: int) -> None:
        if self._found.pop(watch, None) is not None:
            self._raw_wanted.pop(watch, None)
            self._letting_go.discard(watch)
            self._context.send(pc.Forget(watches=[watch]))
            self._tell_death(watch, now)

    def _tell_death(self, watch: int, now: int) -> None:
        if watch in self._muted:
            self._muted.discard(watch)
        else:
            self._context.emit(
                WatchedEnded(at=now / 1e9, process=self._context.process, watch=watch)
            )

    # What the probe is asked

    def _ask(self, now: int) -> None:
        if self._letting_go:
            self._asked_to_go.append(sorted(self._letting_go))
            self._command(pc.LetGo(watches=self._asked_to_go[-1]), now)
            self._letting_go = set()
        elif self._scan_is_due(now):
            self._scanned_ns = now
            self._command(pc.Scan(), now)
        elif now - self._raw_ns >= SECOND_NS and self._found:
            self._raw_ns = now
            chosen = list(self._raw_wanted)[:RAW_EACH]
            chosen = chosen or [one for one in self._found if one not in self._muted][:RAW_EACH]
            for watch in chosen:
                self._raw_wanted.pop(watch, None)
            self._command(pc.Read(watches=chosen), now)

    def _scan_is_due(self, now: int) -> bool:
        if now - self._scanned_ns < self._pause_ns:
            return False
        latest = SECOND_NS if self._always_scans() else ALWAYS_NS
        since = now - self._scanned_ns
        if self._scanned_ns == 0 or since >= max(latest, self._scan_cost_ns / SCAN_SHARE):
            return True
        if self._namespace is None:
            return False
        bindings = self._namespace.read()
        if bindings == self._bindings:
            self._pause_ns = max(SOONEST_NS, self._pause_ns // 2)
            return False
        self._bindings = bindings
        return True

    def _always_scans(self) -> bool:
        """Where nothing outside tells of a change."""
        return bool(self._paths) or self._namespace is None

    def _command(self, command: pc.ProbeCommand, now: int) -> None:
        self._busy += 1
        self._busy_since = now
        self._context.send(command)

    # What the probe says

    def take(self, report: rp.Report, now: int) -> bool:
        """A report about objects; False if it is none."""
        if isinstance(report, rp.Scanned):
            self._take_scan(report, now)
        elif isinstance(report, rp.WatchAdded):
            self._take_found(report.found, now)
            return True
        elif isinstance(report, rp.RawCounts):
            self._take_raw(report.readings, now)
        elif isinstance(report, rp.Released):
            if self._asked_to_go:
                self._asked_to_go.popleft()
            for watch in report.dead:
                if self._objects is not None:
                    self._objects.remove(watch)
                if self._found.pop(watch, None) is not None:
                    self._tell_death(watch, now)
        else:
            return False
        self._busy = max(0, self._busy - 1)
        return True

    def _take_scan(self, report: rp.Scanned, now: int) -> None:
        self._scan_cost_ns = report.cpu_s * 1e9
        if report.full:
            self._context.limit("watched objects", "no more can be watched at a time")
        elif report.left_out:
            self._context.limit(
                "watched objects",
                "__main__ binds more names than are looked at: the first are watched",
            )
        fresh = {found.name for found in report.found} - self._names
        self._names |= fresh
        # Names that are bound anew all the time, in a loop, need not be looked at each time.
        rebound = bool(report.found) and not fresh
        self._pause_ns = min(LATEST_NS, self._pause_ns * 2) if rebound else SOONEST_NS
        if report.namespace is not None and self._context.memory is not None:
            self._namespace = NamespaceReader(self._context.memory, report.namespace)
        else:
            self._namespace = None
        self._take_found(report.found, now)

    def _take_found(self, objects: list[rp.FoundObject], now: int) -> None:
        for found in objects:
            self._found[found.watch] = found
            self._raw_wanted[found.watch] = None
            died = self._objects.add(found) if self._objects is not None else []
            for watch in died:
                self._died(watch, now)
            self._tell_found(found, now, found.source)
            if found.source == "main":
                self._rebound(found, now)

    def _rebound(self, found: rp.FoundObject, now: int) -> None:
        """What its name was bound to before it dies when it must; what is immortal would be watched
        for ever: each small number that a counter has been."""
        before = self._immortal.pop(found.name, None)
        if found.immortal:
            self._immortal[found.name] = found.watch
        if before is None or self._found.pop(before, None) is None:
            return
        self._raw_wanted.pop(before, None)
        self._context.send(pc.Forget(watches=[before]))
        if before not in self._muted:
            self._context.emit(
                WatchedEnded(at=now / 1e9, process=self._context.process, watch=before, died=False)
            )
        self._muted.discard(before)

    def _tell_found(self, found: rp.FoundObject, now: int, source: str) -> None:
        self._context.emit(
            WatchedFound(
                at=now / 1e9,
                process=self._context.process,
                watch=found.watch,
                name=found.name,
                type=found.type,
                address=hex(found.address),
                source=source,
                held=found.held,
                immortal=found.immortal,
            )
        )

    def _take_raw(self, raw: list[tuple[int, int, int]], now: int) -> None:
        readings = [
            RawReading(watch=watch, ctypes=by_ctypes, getrefcount=by_call)
            for watch, by_ctypes, by_call in raw
            if watch not in self._muted
        ]
        if readings:
            self._context.emit(
                WatchedRead(
                    at=now / 1e9,
                    process=self._context.process,
                    offset=self._offset,
                    readings=readings,
                )
            )
        if self._objects is None:
            counts = [
                (one.watch, one.ctypes - self._found[one.watch].held)
                for one in readings
                if one.watch in self._found and not self._found[one.watch].immortal
            ]
            self._context.emit(
                WatchedCounted(at=now / 1e9, process=self._context.process, counts=counts)
            )


def _as_python_has_it(path: str) -> str:
    """Names that look alike are one to Python's parser, however they were typed (PEP 3131)."""
    if path.isascii():
        return path
    from unicodedata import normalize

    return normalize("NFKC", path)
