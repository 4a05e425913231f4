"""The censuses of one process: when they are taken, what comes of them, and the search for what
keeps a suspect alive."""

from __future__ import annotations

import contextlib
import time
from collections import deque
from collections.abc import Callable
from functools import partial

from refwatch.daemon.chains import ChainSearches, Search
from refwatch.daemon.copies import Copies
from refwatch.daemon.memory_split import Resident, read_resident, split_of
from refwatch.daemon.objects import ObjectsWatch
from refwatch.daemon.shortage import shortage
from refwatch.model import events as ev
from refwatch.model import reports as rp
from refwatch.model.references import TypeCount
from refwatch.observe.classes import LiveClasses
from refwatch.observe.memory import MemoryGone, ReadingDenied, RemoteMemory
from refwatch.session.references import References, TypeName
from refwatch.session.suspects import suspicions

FIRST_NS = 600_000_000  # after the probe's first words: start-up is over in most programs
INTERVAL_NS = 2_500_000_000
PAUSE_SHARE = 0.0015  # of the time, for which the target stands still: its copies cost it far more
TRACED_SHARE = 0.0005  # the same while tracemalloc traces, which writes all over its tables
MOST_SHARE = 0.004  # where a pause was long for once, as on a machine that was busy elsewhere
USUAL = 3  # pauses of which the shortest is what a census costs
LIMIT_S = 60.0  # that a census may take in its copy
CHAINS_AGAIN_NS = 60_000_000_000
CHAINS_RETRY_NS = 10_000_000_000  # where they were not found
RETRY_NS = 10_000_000_000
LONGEST_RETRY_NS = 600_000_000_000
MOST_SUSPECTS = 3  # whose chains are looked for after one census
OURS = "_refwatch_probe"


class Censuses:
    """Takes censuses by ``copies``; ``inside`` where the target itself is to walk its heap."""

    def __init__(
        self,
        pid: int,
        copies: Copies,
        memory: RemoteMemory | None,
        emit: Callable[[ev.Event], None],
        fold: Callable[[], References | None],
        clock: Callable[[], int],
        objects: ObjectsWatch | None,
        *,
        inside: bool,
    ) -> None:
        self.cost_s = 0.0
        """CPU time of reading the classes so far."""
        self.traced = False
        """Tracemalloc traces in the target."""
        self._pid = pid
        self._copies = copies
        self._classes = LiveClasses(memory) if memory is not None else None
        self._emit = emit
        self._fold = fold
        self._objects = objects
        self._inside = inside
        self._due_ns: int | None = clock() + FIRST_NS
        self._retry_ns = RETRY_NS
        self._number = 0
        self._reason = "interval"
        self._work = ""
        self._ended = False
        self._clock = clock
        self._now = clock()
        self._taken_at = 0.0
        self._resident: Resident | None = None
        """Of the target, at that time."""
        self._unknown: set[str] = set()
        """Why parts of it are not known, as far as it was said."""
        self._pauses_s = 0.0  # since the census before
        self._pauses: deque[float] = deque(maxlen=USUAL)  # the sums before
        self._types: dict[TypeName, TypeCount] = {}
        self._look_again: dict[TypeName, int] = {}
        """When the chains of a suspect are looked for anew, at the earliest."""
        self._held = objects.held if objects is not None else None
        self.chains = ChainSearches(pid, copies, emit, self.paused, self._held)

    def wanted(self, reason: str, now: int) -> None:
        """Take one as soon as the one that is under way is done."""
        self._reason, self._due_ns = reason, now

    def take_last(self, now: int) -> None:
        """The target is about to end: if there was no census yet, there is one now."""
        if self._number == 0 and not self._inside:
            self._reason, self._due_ns = "end", now
            self.tick(now)

    def target_ended(self) -> None:
        """No other census can be taken."""
        self._ended = True
        self.chains.target_ended()

    def tick(self, now: int) -> None:
        """Begin what is due."""
        self._now = now
        self.chains.tick(now)
        if self._ended or self._work or self._due_ns is None or now < self._due_ns:
            return
        reason, self._reason = self._reason, "interval"
        self._due_ns = None
        if not self._inside:
            short = shortage(self._pid)
            if short:
                self._failed(short)
                return
        self._number += 1
        number = self._number

        taken: list[rp.CensusReport] = []

        def take(report: rp.WorkReport | rp.Copied) -> None:
            if isinstance(report, rp.Copied):
                self._begun(report, number, reason)
            elif isinstance(report, rp.CensusReport):
                taken.append(report)
                self._taken(report, number)
            elif isinstance(report, rp.MemoryReport):
                self._split_memory(report)

        def fail(reason: str) -> None:
            if not taken:  # else what is missing is not the census
                self._failed(reason)

        self._work = self._copies.start(
            "census", {"inside": self._inside}, take, fail, limit_s=LIMIT_S, held=self._held
        )

    def read_classes(self) -> None:
        """Read the live instances. Raises MemoryGone and ReadingDenied. The time of a reading is
        that at its end: nothing is told before it has happened."""
        if self._classes is None or not len(self._classes):
            return
        began = time.thread_time()
        counts = self._classes.read()
        if counts:
            self._emit(ev.ClassesCounted(self._clock() / 1e9, self._pid, counts))
        self.cost_s += time.thread_time() - began

    def read_classes_now(self) -> None:
        """The same out of turn; where it cannot be done, the next reading says so."""
        with contextlib.suppress(MemoryGone, ReadingDenied, OSError):
            self.read_classes()

    def paused(self, pause_s: float) -> None:
        """Another copy has made the target stand still."""
        self._pauses_s += pause_s

    def _begun(self, report: rp.Copied, number: int, reason: str) -> None:
        self._taken_at = max(0.0, self._now / 1e9)
        self._resident = read_resident(self._pid)
        self._pauses_s += report.pause_s
        method = "inside" if report.pid == 0 else "copy"
        self._emit(
            ev.CensusBegun(self._taken_at, self._pid, number, reason, report.pause_s, method)
        )

    def _taken(self, report: rp.CensusReport, number: int) -> None:
        self._work = ""
        self._retry_ns = RETRY_NS
        share = TRACED_SHARE if self.traced else PAUSE_SHARE
        self._pauses.append(self._pauses_s)
        usual_s = min(self._pauses) if len(self._pauses) > 1 else 0.0
        spent = max(usual_s / share, self._pauses_s / MOST_SHARE, 2 * report.took_s)
        self._due_ns = self._now + max(INTERVAL_NS, int(spent * 1e9))
        if self._reason != "interval":  # wanted while this one was taken
            self._due_ns = self._now
        self._pauses_s = 0.0
        self._anchor(report)
        if self._objects is not None:
            self._objects.let_garbage_go(report.garbage, self._now)
        self.read_classes_now()  # a mark may come before the next reading
        self._emit(
            ev.CensusTaken(
                self._taken_at,
                self._pid,
                number,
                report.took_s,
                report.objects,
                self._changed(report),
                report.most_referenced,
                report.untracked,
                report.unreachable,
            )
        )
        self._look_at_suspects()

    def _split_memory(self, report: rp.MemoryReport) -> None:
        for reason in report.reasons:
            if reason not in self._unknown:
                self._unknown.add(reason)
                self._emit(ev.ReadingLimited(self._now / 1e9, "memory split", reason))
        if self._resident is not None:
            split = split_of(self._resident, report)
            self._emit(ev.MemoryMeasured(self._taken_at, self._pid, split))

    def _anchor(self, report: rp.CensusReport) -> None:
        if self._classes is None:
            return
        anchored = self._classes.anchor(report)
        now = self._now / 1e9
        for serial in anchored.ended:
            self._emit(ev.ClassEnded(now, self._pid, serial))
        for serial, module, name in anchored.found:
            self._emit(ev.ClassFound(now, self._pid, serial, module, name))

    def _changed(self, report: rp.CensusReport) -> list[TypeCount]:
        """The types whose numbers are not what they were; those that are gone with a count of 0."""
        types = {
            (module, name): TypeCount(module, name, count, size)
            for module, name, count, size in report.types
            if not module.startswith(OURS)
        }
        before, self._types = self._types, types
        changed = [count for name, count in types.items() if before.get(name) != count]
        return changed + [TypeCount(*name, 0, 0) for name in before.keys() - types.keys()]

    def _failed(self, reason: str) -> None:
        self._work = ""
        self._due_ns = self._now + self._retry_ns
        self._emit(
            ev.CensusFailed(self._now / 1e9, self._pid, _advised(reason), self._retry_ns / 1e9)
        )
        self._retry_ns = min(2 * self._retry_ns, LONGEST_RETRY_NS)

    def _look_at_suspects(self) -> None:
        references = self._fold()
        if references is None or self._inside or self._ended:
            return
        begun = 0
        for suspicion in suspicions(references)[: 2 * MOST_SUSPECTS]:
            again = self._look_again.get(suspicion.name, 0)
            if begun < MOST_SUSPECTS and self._now >= again:
                begun += 1
                self._look_again[suspicion.name] = self._now + CHAINS_AGAIN_NS
                over = partial(self._looked_for, suspicion.name)
                self.chains.begin(Search(suspicion.name, suspicion.grown, over))

    def _looked_for(self, name: TypeName, failure: str | None) -> None:
        references = self._fold()
        found = references.chains.get(name) if references is not None else None
        if failure is not None:
            self._look_again.pop(name, None)  # after the next census
        elif found is not None and found.missing:
            self._look_again[name] = self._now + CHAINS_RETRY_NS


def _advised(reason: str) -> str:
    refused = ("clone", "hidden copies", "memory is short")
    if reason.startswith(refused):
        return f"{reason} (--census inside takes it in the target itself)"
    return reason
