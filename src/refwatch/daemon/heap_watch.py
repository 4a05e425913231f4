"""What is on the heap of one target: its references and its allocations. Both are looked at through
the probe and in copies, and both hear of marks, of viewers and of the end."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from refwatch.daemon.allocations import AllocationOptions, AllocationWatch
from refwatch.daemon.connections import Connection
from refwatch.daemon.objects import line_of
from refwatch.daemon.references import ReferenceOptions, ReferenceWatch
from refwatch.model import events as ev
from refwatch.model import reports as rp
from refwatch.model.commands import Command
from refwatch.observe.memory import MemoryGone, ReadingDenied, RemoteMemory
from refwatch.session.references import References

AGAIN_NS = 100_000_000


@dataclass(frozen=True)
class HeapOptions:
    """What the user asked for."""

    references: ReferenceOptions = field(default_factory=ReferenceOptions)
    allocations: AllocationOptions = field(default_factory=AllocationOptions)


class HeapWatch:
    """The heap of process ``pid``, from its probe's first words on. ``write`` sends the probe
    lines."""

    def __init__(
        self,
        pid: int,
        launcher: int,
        options: HeapOptions,
        hello: rp.Hello,
        memory: RemoteMemory | None,
        emit: Callable[[ev.Event], None],
        write: Callable[[bytes], None],
        fold: Callable[[], References | None],
        clock: Callable[[], int],
    ) -> None:
        self._references = ReferenceWatch(
            pid, launcher, options.references, hello, memory, emit, write, fold, clock
        )
        self._allocations = AllocationWatch(
            pid,
            options.allocations,
            hello,
            memory,
            self._references.copies,
            emit,
            lambda command: write(line_of(command)),
            clock,
        )

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
    def counting_traces(self) -> bool:
        """The traces of exact mode are being counted in a copy, or what may have grown: its last
        words are worth more than those of others."""
        return self._allocations.counting or self._references.confirming

    def step(self, now: int, ran_ns: int) -> int:
        """Do what is due; the time at which to come again. A thread of the target's was last seen
        to run at ``ran_ns``. Raises ReadingDenied."""
        following = [now + AGAIN_NS]
        self._references.ran(ran_ns)
        self._references.traced(self._allocations.mode == "exact")
        with _unless_gone():
            following.append(self._references.step(now))
        with _unless_gone():
            following.append(self._allocations.step(now))
        return min(following)

    def take(self, report: rp.Report, connection: Connection[rp.Report]) -> bool:
        """A report about the heap; False if it is none. It may lead to a reading, of a target that
        is gone."""
        with _unless_gone(), contextlib.suppress(ReadingDenied):
            return self._allocations.take(report) or self._references.take(report, connection)
        return True

    def obey(self, command: Command) -> bool:
        """A viewer's command about the heap; False if it is none."""
        return self._allocations.obey(command) or self._references.obey(command)

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
