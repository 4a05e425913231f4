"""Everything about references in one target: watched objects, live classes, censuses, and what
viewers ask. Each at its pace, by the daemon's one loop."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct

from refwatch.readings.objects.census import CensusTaker
from refwatch.readings.objects.queries import ViewerQueries
from refwatch.readings.objects.state import References
from refwatch.readings.objects.watched_objects import WatchedCollector
from refwatch.target import probe_messages as rp
from refwatch.target.context import Context
from refwatch.target.copies import Copies
from refwatch.wire import commands as cmd
from refwatch.wire.connections import Connection

USUAL_HZ = 20.0
CLASSES_NS = 100_000_000
LATER_NS, MOST_LATE_NS = 3_000_000, 50_000_000
COPIES_NS = 50_000_000
SHARE = 0.02  # of a core, that reading the watched objects may take before it is done less often
SLOW_PAUSES = 10  # more of them than of others, after which it is said
SHARE_ASKED = 0.25  # the same where the user has asked for more readings than usual
NANOSECONDS = 1e9


class ReferenceOptions(Struct, frozen=True, kw_only=True):
    """What the user asked for. ``watch_hz``: readings per second of the watched objects; ``census``
    is ``copy``, ``inside`` or ``off``."""

    paths: tuple[str, ...] = ()
    watch_hz: float = USUAL_HZ
    census: str = "copy"


class ReferenceCollector:
    """The references of one process."""

    def __init__(
        self,
        context: Context,
        options: ReferenceOptions,
        hello: rp.Hello,
        fold: Callable[[], References | None],
    ) -> None:
        now = context.clock()
        self._reading = True
        self._period_ns = int(NANOSECONDS / options.watch_hz)
        self._share = SHARE if options.watch_hz <= USUAL_HZ else SHARE_ASKED
        for job in (self._read_objects, self._read_classes, self._tick_copies):
            context.scheduler.at(job, now)
        self._classes_ns = now
        self._slow_pauses = 0
        self._context = context
        self._copies = Copies(context.pid, context.launcher, context.send)
        missing = dict(hello.limits)
        self._objects: WatchedCollector | None = None
        if hello.layout.references is not None:
            self._objects = WatchedCollector(context, hello.layout.references, list(options.paths))
        self._censuses: CensusTaker | None = None
        if options.census != "off" and ("census" not in missing or options.census == "inside"):
            counted = context.memory if hello.layout.references is not None else None
            inside = options.census == "inside"
            self._censuses = CensusTaker(
                context, self._copies, fold, counted, self._objects, inside=inside
            )
        self._viewers = ViewerQueries(context, self._copies, self._censuses, self._objects, fold)

    @property
    def copies(self) -> Copies:
        """What makes copies of the target, for other work as well."""
        return self._copies

    def traced(self, now: bool) -> None:
        """Tracemalloc traces in the target from now on, or no longer."""
        if self._censuses is not None:
            self._censuses.traced = now

    def ran(self, at_ns: int) -> None:
        """When a thread of the target's was last seen to run."""
        if self._censuses is not None:
            self._censuses.ran_ns = at_ns

    @property
    def cost_s(self) -> float:
        """CPU time of reading counts so far."""
        objects = self._objects.cost_s if self._objects is not None else 0.0
        return objects + (self._censuses.cost_s if self._censuses is not None else 0.0)

    def _read_objects(self, now: int) -> int:
        if self._objects is None or not self._reading:
            return now + CLASSES_NS
        before = self._objects.cost_s
        self._objects.tick(now)
        cost = self._objects.cost_s - before
        pause_ns = max(self._period_ns, int(cost / self._share * NANOSECONDS))
        self._judge_rate(pause_ns)
        return now + self._context.stretched(pause_ns)

    def _judge_rate(self, pause_ns: int) -> None:
        """Say once that the objects are read less often than they are to be."""
        if self._slow_pauses >= SLOW_PAUSES:
            return
        slow = pause_ns > 1.5 * self._period_ns
        self._slow_pauses = self._slow_pauses + 1 if slow else max(0, self._slow_pauses - 1)
        if self._slow_pauses == SLOW_PAUSES:
            asked = NANOSECONDS / self._period_ns
            reason = f"they are read less often than {asked:g} times a second: so many change"
            self._context.limit("watch rate", reason)

    def _read_classes(self, now: int) -> int:
        asking = self._objects is not None and self._objects.asking
        if asking and now - self._classes_ns < CLASSES_NS + MOST_LATE_NS:
            return now + LATER_NS  # a reference of the probe's would be an instance more
        self._classes_ns = now
        if self._censuses is not None and self._reading:
            self._censuses.read_classes()
        return now + self._context.stretched(CLASSES_NS)

    def _tick_copies(self, now: int) -> int:
        self._copies.tick()
        self._viewers.tick()
        if self._censuses is not None:
            self._censuses.tick(now)
        return now + self._context.stretched(COPIES_NS)

    def take(self, report: rp.Report, connection: Connection[rp.Report]) -> bool:
        """A report about references; False if it is none."""
        now = self._context.clock()
        if isinstance(report, rp.MarkSet):
            return False
        if self._objects is not None and self._objects.take(report, now):
            return True
        if self._censuses is not None:
            self._censuses.tick(now)  # so that what it says has the right time
        return self._copies.take(report, connection)

    def obey(self, command: cmd.Command) -> bool:
        """A viewer's command about references; False if it is none."""
        return self._viewers.obey(command)

    def read_last(self, ending: rp.Ending) -> None:
        """The target is about to end: read all counts, and none from now on. Raises MemoryGone,
        ReadingDenied."""
        now = self._context.clock()
        if self._reading:
            self._reading = False
            if self._objects is not None:
                self._objects.read_last(ending, now)
            if self._censuses is not None:
                self._censuses.read_last(now)

    def target_ended(self) -> None:
        """There is nothing to read any more."""
        self._reading = False
        if self._censuses is not None:
            self._censuses.target_ended()

    @property
    def confirming(self) -> bool:
        """A copy that is at work is to tell whether something has grown, or who holds it."""
        return self._censuses is not None and self._censuses.confirming

    @property
    def working(self) -> bool:
        """A copy is at work, or has been asked for."""
        return bool(self._copies)

    @property
    def copied(self) -> bool:
        """A copy may exist, with which the target shares its memory."""
        return self._copies.any_left

    def marking(self) -> None:
        """A mark is being set: read what it is to keep."""
        if self._censuses is not None:
            self._censuses.read_classes_now()

    def marked(self) -> None:
        """A mark was set: growth is to count from here."""
        if self._censuses is not None:
            self._censuses.wanted("mark", self._context.clock())

    def end(self) -> None:
        """The watch is over."""
        self._copies.end()
        self._viewers.end()
