"""Exact mode: tracemalloc in the target, and its traces counted in copies.

The target may use tracemalloc as well, which is one for all: what it has begun or loaded itself is
left alone. So the probe is asked every second what is so, and each change is told. A count is at
most so frequent that the target stands still, and the copy works, for a small share of the time.
"""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace

from refwatch.readings.allocations.events import AllocationsSwitched, TracesFailed, TracesTaken
from refwatch.readings.allocations.site_table import SiteTable
from refwatch.readings.allocations.types import FileUse, LineUse, TracebackUse
from refwatch.target import probe_commands as pc
from refwatch.target import probe_messages as rp
from refwatch.target.context import Context
from refwatch.target.copies import Copies
from refwatch.target.events import Noted
from refwatch.target.headroom import memory_shortage
from refwatch.text.formats import fmt_duration
from refwatch.wire.commands import Mode
from refwatch.wire.heap_values import Site

LOOK_NS = 1_000_000_000
FIRST_NS = 1_000_000_000  # after the probe's first words; the first census comes before
INTERVAL_NS = 4_000_000_000
PAUSE_SHARE = 0.0005  # of the time; until a copy ends, what the target writes to costs it far more
WORK_SHARE = 0.3  # of the time, that a copy may work
LIMIT_S = 120.0  # that a count may take in its copy
RETRY_NS = 5_000_000_000
LONGEST_RETRY_NS = 600_000_000_000
NEVER_NS = 1 << 62
MOST_NAMES = 50_000  # of lines' functions that are kept


class _Count(Struct, kw_only=True):
    """One that is being made. ``at_ns``: when its copy was made, or was asked for if a mark was set
    before it was known to be there."""

    number: int
    last: bool
    at_ns: int
    pause_s: float | None = None
    marked: bool = False


class ExactMode:
    """Has tracemalloc switched on and off, and copies made that count its traces."""

    def __init__(
        self,
        context: Context,
        copies: Copies,
        numbers: SiteTable,
    ) -> None:
        self._context = context
        self._copies = copies
        self._numbers = numbers
        self._on = False
        self._frames = 1
        self._look_ns = NEVER_NS
        self._due_ns = NEVER_NS
        self._retry_ns = RETRY_NS
        self._count: _Count | None = None
        self._counted = 0
        self._told: AllocationsSwitched | None = None
        self._lost: int | None = None
        """How often the target had stopped it when the probe first answered."""
        self._stops = 0
        self._stopped_s = 0.0
        self._since_s = 0.0
        self._leaving = False
        self._names: dict[tuple[str, int], str] = {}

    @property
    def counting(self) -> bool:
        """A copy is counting, or is about to."""
        return self._count is not None

    def begin(self, frames: int) -> None:
        """Switch it on, with tracebacks so deep."""
        now = self._context.clock()
        self._on, self._leaving, self._frames = True, False, frames
        self._told, self._lost, self._stops = None, None, 0
        self._since_s = now / 1e9
        self._look_ns, self._due_ns = now, now + FIRST_NS
        self._retry_ns = RETRY_NS
        self.step(now)

    def end(self) -> None:
        """Switch it off, unless it is the target's own."""
        if self._on:
            self._on, self._leaving = False, True
            self._look_ns = self._due_ns = NEVER_NS
            self._context.send(pc.Untrace())

    def wanted(self) -> None:
        """Count the traces as soon as the count that is under way is done."""
        if self._on:
            self._due_ns = self._context.clock()
            if self._count is not None:
                self._count.marked = True

    def step(self, now: int) -> int:
        """Do what is due; the time at which to come again."""
        if now >= self._look_ns:
            self._look_ns = now + LOOK_NS
            self._context.send(pc.Trace(frames=self._frames))
        if now >= self._due_ns and self._count is None:
            self._start(now, last=False)
        return min(self._look_ns, self._due_ns if self._count is None else NEVER_NS)

    def take_last(self, now: int) -> None:
        """The target is about to end, and waits until it has been copied: this count is final."""
        if self._on and (self._count is None or self._count.pause_s is not None):
            self._start(now, last=True)

    # What the probe says

    def take(self, report: rp.Report) -> bool:
        """A report about tracemalloc; False if it is none."""
        if not isinstance(report, rp.TracingStatus):
            return False
        if self._on:
            self._heard(report)
        elif self._leaving:
            self._leaving = False
            if report.on and not report.missing:
                text = "tracemalloc stays on: the target uses it itself"
                self._context.emit(
                    Noted(
                        at=self._context.now(),
                        process=self._context.process,
                        level="info",
                        text=text,
                    )
                )
        return True

    def _heard(self, report: rp.TracingStatus) -> None:
        now_s = self._context.now()
        if self._lost is None:
            self._lost = report.lost
        stops = report.lost - self._lost
        if stops > self._stops and stops & (stops - 1) == 0:  # 1, 2, 4 ..: not a note every second
            self._stops, self._stopped_s = stops, now_s
        mode: Mode = "exact" if report.on else "off"
        told = AllocationsSwitched(
            at=0.0,
            process=self._context.process,
            mode=mode,
            frames=report.frames,
            note=self._note(report),
        )
        if told != self._told:
            self._told = told
            self._context.emit(replace(told, at=now_s))
        if report.missing:
            self._on = False
            self._look_ns = self._due_ns = NEVER_NS

    def _note(self, report: rp.TracingStatus) -> str:
        """What limits the figures, if anything does."""
        if not report.on:
            return report.missing or "tracemalloc was not switched on"
        said: list[str] = []
        if not report.ours:
            said.append(
                "the target has switched tracemalloc on itself: what was allocated before is not "
                "known"
            )
        elif self._stops:
            often = f" {self._stops} times" if self._stops > 1 else ""
            said.append(
                f"the target has stopped tracemalloc{often}; it was begun again at "
                f"{fmt_duration(self._stopped_s)}, and what was allocated before is not known"
            )
        elif not report.early:
            said.append(f"what was allocated before {fmt_duration(self._since_s)} is not known")
        if report.frames != self._frames:
            said.append(f"tracebacks are {report.frames} deep, not {self._frames}")
        if report.used and report.ours:
            said.append("the target has loaded tracemalloc: it will not be switched off")
        return "; ".join(said)

    # Counts

    def _start(self, now: int, *, last: bool) -> None:
        self._due_ns = NEVER_NS
        short = memory_shortage(self._context.pid)
        if short:
            self._failed(short, last=last)
            return
        self._counted += 1
        count = self._count = _Count(number=self._counted, last=last, at_ns=now)

        def take(report: rp.WorkReport | rp.Copied) -> None:
            if isinstance(report, rp.Copied):
                count.pause_s = report.pause_s
                if not count.marked:
                    count.at_ns = self._context.clock()
            elif isinstance(report, rp.TracesReport):
                self._taken(report, count)

        def fail(reason: str) -> None:
            self._over(count)
            if self._on or last:
                self._failed(reason, last=last)

        self._copies.start(pc.Traces(), take, fail, limit_s=LIMIT_S)

    def _over(self, count: _Count) -> None:
        if self._count is count:
            self._count = None

    def _taken(self, report: rp.TracesReport, count: _Count) -> None:
        self._over(count)
        self._retry_ns = RETRY_NS
        at, pause_s = count.at_ns / 1e9, count.pause_s or 0.0
        if self._on and self._due_ns == NEVER_NS:
            spent = max(pause_s / PAUSE_SHARE, report.took_s / WORK_SHARE)
            self._due_ns = self._context.clock() + max(INTERVAL_NS, int(spent * 1e9))
        places = [self._named(*site) for site in report.sites]
        sites = self._numbers.sites(at, places)
        ways = [[places[index] for index in way] for way, _, _ in report.tracebacks]
        tracebacks = self._numbers.tracebacks(at, ways)
        self._context.emit(
            TracesTaken(
                at=at,
                process=self._context.process,
                number=count.number,
                frames=report.frames,
                traced=report.traced,
                peak=report.peak,
                blocks=report.blocks,
                pause_s=pause_s,
                took_s=report.took_s,
                lines=[
                    LineUse(site=sites[index], size=size, count=blocks)
                    for index, size, blocks in report.lines
                ],
                files=[
                    FileUse(file=file, size=size, count=blocks)
                    for file, size, blocks in report.files
                ],
                tracebacks=[
                    TracebackUse(traceback=number, size=size, count=blocks)
                    for number, (_, size, blocks) in zip(tracebacks, report.tracebacks, strict=True)
                ],
            )
        )

    def _named(self, file: str, line: int, function: str) -> Site:
        """The line with the name that it was first told with: a function may go, its blocks stay,
        and a place with another name would be another place."""
        if len(self._names) > MOST_NAMES:
            self._names.clear()
        return Site(
            file=file,
            line=line,
            function=self._names.setdefault((file, line), function),
        )

    def _failed(self, reason: str, *, last: bool) -> None:
        now = self._context.clock()
        if self._on and not last:
            self._due_ns = now + self._retry_ns
        retry_s = None if last else self._retry_ns / 1e9
        self._context.emit(
            TracesFailed(
                at=now / 1e9, process=self._context.process, reason=reason, retry_s=retry_s
            )
        )
        self._retry_ns = min(2 * self._retry_ns, LONGEST_RETRY_NS)
