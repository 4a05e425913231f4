"""What is on the heap of one target: its references and its allocations. Both are looked at through
the probe and in copies, and both hear of marks, of viewers and of the end."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

from msgspec import Struct, field

from refwatch.readings.allocations.collector import AllocationCollector, AllocationOptions
from refwatch.readings.objects.collector import ReferenceCollector, ReferenceOptions
from refwatch.readings.objects.state import References
from refwatch.target import probe_messages as rp
from refwatch.target.context import Context
from refwatch.target.memory import MemoryGone, ReadingDenied
from refwatch.wire.commands import Command
from refwatch.wire.connections import Connection


class HeapOptions(Struct, frozen=True):
    """What the user asked for."""

    references: ReferenceOptions = field(default_factory=ReferenceOptions)
    allocations: AllocationOptions = field(default_factory=AllocationOptions)


class HeapWatch:
    """The heap of one process, from its probe's first words on."""

    def __init__(
        self,
        context: Context,
        options: HeapOptions,
        hello: rp.Hello,
        fold: Callable[[], References | None],
    ) -> None:
        self._references = ReferenceCollector(context, options.references, hello, fold)
        self._allocations = AllocationCollector(
            context, options.allocations, hello, self._references.copies
        )
        self._references.traced(self._allocations.mode == "exact")

    @property
    def tracing_s(self) -> float:
        """Time that burst mode has cost the target so far, seconds."""
        return self._allocations.tracing_s

    @property
    def working(self) -> bool:
        """Something is being worked on in a copy."""
        return self._references.working

    @property
    def copied(self) -> bool:
        """A copy may exist, with which the target shares its memory."""
        return self._references.copied

    @property
    def answering(self) -> bool:
        """A copy counts the traces of exact mode, or is to tell whether something has grown, or who
        holds it: its last words are worth more than those of others."""
        return self._allocations.counting or self._references.confirming

    def ran(self, at_ns: int) -> None:
        """When a thread of the target's was last seen to run."""
        self._references.ran(at_ns)

    def take(self, report: rp.Report, connection: Connection[rp.Report]) -> bool:
        """A report about the heap; False if it is none. It may lead to a reading, of a target that
        is gone."""
        with _unless_gone(), contextlib.suppress(ReadingDenied):
            return self._allocations.take(report) or self._references.take(report, connection)
        return True

    def obey(self, command: Command) -> bool:
        """A viewer's command about the heap; False if it is none."""
        if self._allocations.obey(command):
            self._references.traced(self._allocations.mode == "exact")
            return True
        return self._references.obey(command)

    @contextlib.contextmanager
    def marking(self) -> Iterator[None]:
        """A mark is set within this: before it what the mark is to keep is read, and after it
        growth is counted from there."""
        self._references.marking()
        yield
        self._references.marked()
        self._allocations.marked()

    def read_last(self, ending: rp.Ending) -> None:
        """The target is about to end: nothing that is read after this is worth anything."""
        with _unless_gone(), contextlib.suppress(ReadingDenied):
            self._references.read_last(ending)
        with _unless_gone(), contextlib.suppress(ReadingDenied):
            self._allocations.read_last()

    def probe_gone(self, reason: str) -> None:
        """Nobody in the target can be asked any more."""
        self._allocations.take(rp.BurstUnavailable(reason=reason))

    def target_ended(self) -> None:
        """There is nothing to read any more; copies may be at work."""
        self._references.target_ended()

    def end(self) -> None:
        """The watch is over."""
        self._allocations.end()
        self._references.end()


def _unless_gone() -> contextlib.suppress:
    """Where the target is gone the sampler says so."""
    return contextlib.suppress(MemoryGone, OSError)
