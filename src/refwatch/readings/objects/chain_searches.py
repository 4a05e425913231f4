"""The search for who keeps objects of a type alive, in copies of the target."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct

from refwatch.readings.objects.events import ChainsFound
from refwatch.readings.objects.records import TypeName
from refwatch.target import probe_commands as pc
from refwatch.target import probe_messages as rp
from refwatch.target.context import Context
from refwatch.target.copies import Copies
from refwatch.target.events import TargetPaused

LIMIT_S = 60.0
SECOND_LOOK_NS = 3_000_000_000  # in which what grows has become more by some objects
KEEP_SPREADS = 20
AGAIN = "looking again in 3 s, for what has become more"
ENDED = "the target has ended"

Spread = list[tuple[int, int]]


class Search(Struct, frozen=True, kw_only=True):
    """What is looked for: holders of the ``born`` youngest objects of this type. ``over`` gets the
    reason why nothing was found out, or None."""

    name: TypeName
    born: int
    over: Callable[[str | None], None]
    work: str = ""
    """A viewer's name for it, who is told of any objects where nothing tells which have become
    more."""
    progress: Callable[[rp.Progress], None] | None = None


class ChainSearches:
    """Makes them. Where only two looks tell which objects have become more, there are two.
    ``paused`` hears how long the target stood still, ``held`` says at which addresses the probe
    holds a reference."""

    def __init__(
        self,
        context: Context,
        copies: Copies,
        paused: Callable[[float], None],
        held: Callable[[], list[int]] | None,
    ) -> None:
        self._context = context
        self._copies = copies
        self._paused = paused
        self._held = held
        self._now = 0
        self._spreads: dict[TypeName, Spread] = {}
        """What the next look at objects of a type is compared with."""
        self._waiting: list[tuple[int, Search]] = []
        """For the second look, and until when."""

    def tick(self, now: int) -> None:
        """Begin what is due."""
        self._now = now
        due = [search for at, search in self._waiting if now >= at]
        self._waiting = [each for each in self._waiting if now < each[0]]
        for search in due:
            self.begin(search)

    def begin(self, search: Search) -> None:
        """Make a copy and look."""
        before = self._spreads.get(search.name)
        unsaid = [before] if before is not None else []

        def take(report: rp.WorkReport | rp.Copied) -> None:
            if isinstance(report, rp.Copied):
                self._paused(report.pause_s)
                self._context.emit(
                    TargetPaused(
                        at=self._now / 1e9, process=self._context.process, pause_s=report.pause_s
                    )
                )
            elif isinstance(report, rp.ChainsReport):
                self._take(report, search, again=before is None)
            elif isinstance(report, rp.Progress):
                # To the copy alone: it is much, and the target is not to have it.
                if unsaid and self._copies.tell(report.work, pc.EarlierSpread(spread=unsaid[0])):
                    unsaid.clear()
                if search.progress is not None:
                    search.progress(report)

        module, name = search.name
        query = pc.Chains(
            module=module,
            name=name,
            born=search.born,
            compared=before is not None,
            or_any=bool(search.work),
        )
        self._copies.start(
            query, take, search.over, limit_s=LIMIT_S, name=search.work, held=self._held
        )

    def cancel(self, work: str, reason: str) -> None:
        """Give up a viewer's second look."""
        self._give_up([search for _, search in self._waiting if search.work == work], reason)

    def target_ended(self) -> None:
        """There will be no second look."""
        self._give_up([search for _, search in self._waiting], ENDED)

    def _give_up(self, searches: list[Search], reason: str) -> None:
        self._waiting = [each for each in self._waiting if each[1] not in searches]
        for search in searches:
            search.over(reason)

    def _take(self, report: rp.ChainsReport, search: Search, *, again: bool) -> None:
        if report.spread is not None and (again or not report.missing):
            self._spreads.pop(search.name, None)
            self._spreads[search.name] = report.spread
            while len(self._spreads) > KEEP_SPREADS:
                del self._spreads[next(iter(self._spreads))]
        if again and report.spread is not None and report.missing:
            self._waiting.append((self._now + SECOND_LOOK_NS, search))
            if search.progress is not None:
                search.progress(rp.Progress(work=search.work, text=AGAIN, share=None))
            return
        self._context.emit(
            ChainsFound(
                at=self._now / 1e9,
                process=self._context.process,
                module=report.module,
                name=report.name,
                chains=report.chains,
                allocated_at=report.allocated_at,
                missing=report.missing,
                looked=report.looked,
                garbage=report.garbage,
            )
        )
        search.over(None)
