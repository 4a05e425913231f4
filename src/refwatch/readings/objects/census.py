"""The censuses of one process: when they are taken, what comes of them, and the search for what
keeps a suspect alive."""

from __future__ import annotations

import contextlib
import time
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial

from refwatch.readings.allocations.events import MemoryMeasured
from refwatch.readings.memory.breakdown import Resident, read_resident, split_of
from refwatch.readings.objects.chain_searches import ChainSearches, Search
from refwatch.readings.objects.events import (
    CensusBegun,
    CensusFailed,
    CensusTaken,
    ClassEnded,
    ClassesCounted,
    ClassFound,
)
from refwatch.readings.objects.growth import LEAST_CENSUSES, GrowthSuspect, suspicions, unconfirmed
from refwatch.readings.objects.instance_counts import LiveClasses
from refwatch.readings.objects.judged import unseen_s
from refwatch.readings.objects.records import TypeName
from refwatch.readings.objects.state import References
from refwatch.readings.objects.watched_objects import WatchedCollector
from refwatch.readings.threads.tasks import tasks_listed
from refwatch.target import probe_commands as pc
from refwatch.target import probe_messages as rp
from refwatch.target.context import Context
from refwatch.target.copies import Copies
from refwatch.target.headroom import memory_shortage
from refwatch.target.memory import MemoryGone, ReadingDenied, RemoteMemory
from refwatch.wire.heap_values import Largest, TypeCount

FIRST_NS = 600_000_000  # after the probe's first words: start-up is over in most programs
INTERVAL_NS = 2_500_000_000
PAUSE_SHARE = 0.0015  # of the time, for which the target stands still: its copies cost it far more
TRACED_SHARE = 0.0005  # the same while tracemalloc traces, which writes all over its tables
MOST_SHARE = 0.004  # where a pause was long for once, as on a machine that was busy elsewhere
SOON_S = 10.0  # until the next, whatever the pause, while there are too few to judge by
FIRST_CENSUSES = 6  # of which none is put off because no thread has run
STILL = 4  # times their distance, by which others are then
LOOK_NS = 5_000_000_000  # from one look at what grows to the next, where no census comes meanwhile
GROWN, GROWN_SHARE = 32 << 20, 0.5  # resident memory by which a census is due before its time
TOLD_NS = 1_000_000_000  # after which is told that the live counts are what they were
USUAL = 3  # pauses of which the shortest is what a census costs
TASK_NS = 50_000_000  # for each task, from one list of them to the next
LIMIT_S = 60.0  # that a census may take in its copy
CHAINS_AGAIN_NS = 60_000_000_000
CHAINS_RETRY_NS = 10_000_000_000  # where they were not found
RETRY_NS = 10_000_000_000
LONGEST_RETRY_NS = 600_000_000_000
MOST_SUSPECTS = 3  # whose chains are looked for after one census
OURS = "_refwatch_probe"


class CensusTaker:
    """Takes censuses by ``copies``; ``inside`` where the target itself is to walk its heap."""

    def __init__(
        self,
        context: Context,
        copies: Copies,
        fold: Callable[[], References | None],
        counted: RemoteMemory | None,
        objects: WatchedCollector | None,
        *,
        inside: bool,
    ) -> None:
        self.cost_s = 0.0
        """CPU time of reading the classes so far."""
        self.traced = False
        """Tracemalloc traces in the target."""
        self.ran_ns = context.clock()
        """When a thread of the target's was last seen to run."""
        self._begun_ns = 0
        self._tasks_due_ns = 0
        """When a census is to list the tasks again."""
        self._context = context
        self._copies = copies
        self._classes = LiveClasses(counted) if counted is not None else None
        self._fold = fold
        self._objects = objects
        self._inside = inside
        self._due_ns: int | None = context.clock() + int(FIRST_NS * context.copying())
        self._retry_ns = RETRY_NS
        self._number = 0
        self._reason = "interval"
        self._work = ""
        self._ending = False
        """The live counts were read for the last time."""
        self._awaited = False
        """Then a census was worth waiting for: to confirm growth, or as there was none for long."""
        self._ended = False
        self._now = context.clock()
        self._taken_at = 0.0
        self._resident: Resident | None = None
        """Of the target, at that time."""
        self._pauses_s = 0.0  # since the census before
        self._pauses: deque[float] = deque(maxlen=USUAL)  # the sums before
        self._types: dict[TypeName, TypeCount] = {}
        self._largest: list[Largest] = []
        self._look_ns = self._told_ns = self._now
        self._look_again: dict[TypeName, int] = {}
        """When the chains of a suspect are looked for anew, at the earliest."""
        self._looking: set[TypeName] = set()
        """Suspects of which a copy looks for the first chains."""
        self._held = objects.held if objects is not None else None
        self.chains = ChainSearches(context, copies, self.paused, self._held)

    def wanted(self, reason: str, now: int) -> None:
        """Take one as soon as the one that is under way is done."""
        self._reason, self._due_ns = reason, now

    def read_last(self, now: int) -> None:
        """The target is about to end: count once more. A last copy has the census, if there was
        none yet or none for long, or if live counts that grow wait for one; others show who holds
        what grows."""
        with contextlib.suppress(MemoryGone, ReadingDenied, OSError):
            self.read_classes(last=True)
        self._ending = True
        references = self._fold()
        waiting = unconfirmed(references) if references is not None else []
        late = references is not None and unseen_s(references) > 0
        self._awaited = late or bool(waiting)
        if not self._inside and not self._work and (self._number == 0 or self._awaited):
            self._reason, self._due_ns = "end", now
            self.tick(now)
        self._look_at_suspects(waiting)

    @property
    def confirming(self) -> bool:
        """It is being found out whether something has grown, or who holds what has."""
        return (self._awaited and bool(self._work)) or bool(self._looking)

    def target_ended(self) -> None:
        """No other census can be taken."""
        self._ended = True
        self.chains.target_ended()

    def tick(self, now: int) -> None:
        """Begin what is due."""
        self._now = now
        self.chains.tick(now)
        if self._ended or self._work:
            return
        if now - self._look_ns > LOOK_NS:
            self._look_at_suspects()
            if self._due_ns is not None and self._has_grown():
                self._due_ns = now
        if self._due_ns is not None and now >= self._due_ns + self._put_off_ns(self._due_ns):
            self._begin()

    def _put_off_ns(self, due_ns: int) -> int:
        """By how much later the next one is taken where nothing can have changed since the last:
        no thread has run."""
        still = self.ran_ns < self._begun_ns and self._reason == "interval"
        return STILL * (due_ns - self._begun_ns) if still and self._number >= FIRST_CENSUSES else 0

    def _has_grown(self) -> bool:
        """Whether there is so much more in memory than at the last census that this says nothing
        of what is there now."""
        before = None if self._inside else self._resident
        resident = read_resident(self._context.pid) if before is not None else None
        if before is None or resident is None:
            return False
        return sum(resident) > sum(before) + max(GROWN, GROWN_SHARE * sum(before))

    def _begin(self) -> None:
        reason, self._reason = self._reason, "interval"
        self._due_ns, self._begun_ns = None, self._now
        if not self._inside:
            short = memory_shortage(self._context.pid)
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
            elif isinstance(report, rp.TasksReport) and not self._ending:
                self._tasks_due_ns = self._now + len(report.tasks) * TASK_NS
                self._context.emit(tasks_listed(self._context, report, self._taken_at))

        def fail(reason: str) -> None:
            if not taken:  # else what is missing is not the census
                self._failed(reason)

        held = all(one.chain for one in self._largest)  # else it is looked for again
        known = [(one.address, one.type, one.size) for one in self._largest] if held else []
        self._work = self._copies.start(
            pc.Census(largest=known, tasks=self._wants_tasks()),
            take,
            fail,
            limit_s=LIMIT_S,
            held=self._held,
            inside=self._inside,
        )

    def _wants_tasks(self) -> bool:
        """Whether the copy is to list the tasks too. At the target's end its loops are over."""
        late = self._now >= self._tasks_due_ns
        return bool(self._context.loops) and late and not self._ending

    def read_classes(self, *, last: bool = False) -> None:
        """Read the live instances. Raises MemoryGone and ReadingDenied. The time of a reading is
        that at its end: nothing is told before it has happened."""
        if self._classes is None or not len(self._classes) or self._ending:
            return
        began = time.thread_time()
        counts = self._classes.read()
        now = self._context.clock()
        if counts or last or now - self._told_ns > TOLD_NS:
            self._told_ns = now
            self._context.emit(
                ClassesCounted(
                    at=now / 1e9, process=self._context.process, counts=counts, last=last
                )
            )
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
        self._resident = read_resident(self._context.pid)
        self._pauses_s += report.pause_s
        method = "inside" if report.pid == 0 else "copy"
        self._context.emit(
            CensusBegun(
                at=self._taken_at,
                process=self._context.process,
                number=number,
                reason=reason,
                pause_s=report.pause_s,
                method=method,
            )
        )

    def _taken(self, report: rp.CensusReport, number: int) -> None:
        self._work = ""
        self._retry_ns = RETRY_NS
        early = number < LEAST_CENSUSES  # without so many little is judged
        stretch = self._context.copying()
        if not early:
            stretch = max(stretch, self._context.stretch())
        self._due_ns = self._now + int(stretch * self._interval_ns(report.took_s, number))
        if self._reason != "interval":  # wanted while this one was taken
            self._due_ns = self._now
        self._pauses_s = 0.0
        moved = self._anchor(report)
        self._largest = self._with_chains(report.largest)
        if self._objects is not None:
            self._objects.let_garbage_go(report.garbage, self._now)
        self.read_classes_now()  # a mark may come before the next reading
        self._context.emit(
            CensusTaken(
                at=self._taken_at,
                process=self._context.process,
                number=number,
                took_s=report.took_s,
                objects=report.objects,
                types=self._changed(report),
                most_referenced=report.most_referenced,
                untracked=report.untracked,
                moved=moved,
                garbage=report.unreachable,
                largest=self._largest,
            )
        )
        self._look_at_suspects()

    def _interval_ns(self, took_s: float, taken: int) -> int:
        """From now, when the last of so many censuses has come, to the next one."""
        share = TRACED_SHARE if self.traced else PAUSE_SHARE
        self._pauses.append(self._pauses_s)
        usual_s = min(self._pauses) if len(self._pauses) > 1 else 0.0
        spent_s = max(usual_s / share, self._pauses_s / MOST_SHARE)
        if taken >= LEAST_CENSUSES:
            return max(INTERVAL_NS, int(max(spent_s, 2 * took_s) * 1e9))
        since_ns = self._now - int(self._taken_at * 1e9)  # it may be long on a busy machine
        return max(int(max(min(spent_s, SOON_S), took_s / 4) * 1e9), INTERVAL_NS - since_ns)

    def _split_memory(self, report: rp.MemoryReport) -> None:
        for reason in report.reasons:
            self._context.limit("memory split", reason)
        if self._resident is not None:
            split = split_of(self._resident, report)
            self._context.emit(
                MemoryMeasured(at=self._taken_at, process=self._context.process, split=split)
            )

    def _anchor(self, report: rp.CensusReport) -> list[tuple[int, int]]:
        """(serial, by how much) of the classes whose live count has moved without instances."""
        if self._classes is None:
            return []
        anchored = self._classes.anchor(report)
        now = self._now / 1e9
        for serial in anchored.ended:
            self._context.emit(ClassEnded(at=now, process=self._context.process, serial=serial))
        for serial, module, name in anchored.found:
            self._context.emit(
                ClassFound(
                    at=now, process=self._context.process, serial=serial, module=module, name=name
                )
            )
        counts = self._classes.at_census({serial for serial, _, _ in anchored.found})
        if counts:
            self._context.emit(
                ClassesCounted(
                    at=self._taken_at,
                    process=self._context.process,
                    counts=counts,
                    last=self._ending,
                )
            )
        return anchored.moved

    def _changed(self, report: rp.CensusReport) -> list[TypeCount]:
        """The types whose numbers are not what they were; those that are gone with a count of 0."""
        types = {
            (module, name): TypeCount(module=module, name=name, count=count, size=size)
            for module, name, count, size in report.types
            if not module.startswith(OURS)
        }
        before, self._types = self._types, types
        changed = [count for name, count in types.items() if before.get(name) != count]
        return changed + [
            TypeCount(module=name[0], name=name[1], count=0, size=0)
            for name in before.keys() - types.keys()
        ]

    def _with_chains(self, rows: list[rp.LargestRow]) -> list[Largest]:
        """Those that were known have the chains of before."""
        chains = {one.address: one.chain for one in self._largest}
        return [
            Largest(
                type=row.type,
                size=row.size,
                filled=row.filled,
                chain=chains.get(row.address, []) if row.chain is None else row.chain,
                address=row.address,
            )
            for row in rows
        ]

    def _failed(self, reason: str) -> None:
        self._work = ""
        if self._ended and self._types:
            return  # the program has ended before it; there were others
        self._due_ns = self._now + self._retry_ns
        self._context.emit(
            CensusFailed(
                at=self._now / 1e9,
                process=self._context.process,
                reason=_advised(reason),
                retry_s=self._retry_ns / 1e9,
            )
        )
        self._retry_ns = min(2 * self._retry_ns, LONGEST_RETRY_NS)

    def _look_at_suspects(self, waiting: Sequence[GrowthSuspect] = ()) -> None:
        """Have who holds them looked for, and who holds those that wait for a census."""
        self._look_ns = self._now
        references = self._fold()
        if references is None or self._inside or self._ended:
            return
        begun = 0
        for suspicion in [*suspicions(references), *waiting][: 2 * MOST_SUSPECTS]:
            again = self._look_again.get(suspicion.name, 0)
            if begun < MOST_SUSPECTS and self._now >= again:
                begun += 1
                self._look_again[suspicion.name] = self._now + CHAINS_AGAIN_NS
                over = partial(self._looked_for, suspicion.name)
                if references.holders_of(suspicion.name) is None:
                    self._looking.add(suspicion.name)
                self.chains.begin(Search(name=suspicion.name, born=suspicion.grown, over=over))

    def _looked_for(self, name: TypeName, failure: str | None) -> None:
        self._looking.discard(name)
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
