"""What a viewer that comes late must be sent to have the same state as one that was there.

Folding ``events()`` gives the totals, names, threads, lines, notes and output that folding every
event gave, in bounded memory. What thins out with age is what only a chart shows: the GIL and the
memory over time. Strips go as far back as a viewer keeps them. What is known of references is
bounded in the state already: it is taken from there when a viewer comes, and costs nothing before.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain
from operator import itemgetter
from typing import Any, ClassVar

from msgspec.structs import replace

from refwatch.model import events as ev
from refwatch.model import kept
from refwatch.model.events import Event
from refwatch.session.past import Numbered, SampledPast, Thinned, keep_newer
from refwatch.session.process import KEEP_ENDED
from refwatch.session.restore import kept_events
from refwatch.session.restore_allocations import kept_allocations
from refwatch.session.state import (
    ALLOCATION_FOLDS,
    KEEP_MARKS,
    KEEP_NOTES,
    KEEP_RATE_CHANGES,
    KEEP_WORK,
    REFERENCE_FOLDS,
    Output,
    State,
    death_of,
)

Key = tuple[str, int | str]


@dataclass
class _Thread:
    """The events that make a thread what it is."""

    started: Numbered[ev.ThreadStarted]
    named: Numbered[ev.ThreadNamed] | None = None
    """Its name before the renamings that are among the notes."""
    flagged: Numbered[ev.ThreadNamed] | None = None
    """The newest event that changed its daemon flag only."""
    ended: Numbered[ev.ThreadEnded] | None = None
    name: str | None = None
    daemon: bool | None = None

    def rename(self, number: int, event: ev.ThreadNamed) -> None:
        """Take a renaming that is no longer among the notes as the name."""
        before = [item for item in (self.named, self.flagged) if item and item[0] < number]
        if event.daemon is None and before:
            event = replace(event, daemon=max(before, key=itemgetter(0))[1].daemon)
        self.named = (number, event)

    def events(self) -> Iterator[Numbered[Event]]:
        for item in (self.started, self.named, self.flagged, self.ended):
            if item is not None:
                yield item


class Backlog:
    """A bounded digest of the events so far; ``add`` each, ask for ``events()`` at any time."""

    def __init__(self) -> None:
        self._count = 0
        self._noted: deque[Numbered[Event]] = deque()
        """The newest of the events that a user reads in the list of events."""
        self._latest: dict[Key, Numbered[Event]] = {}
        self._rates: deque[Numbered[Event]] = deque(maxlen=KEEP_RATE_CHANGES)
        self._marks: deque[Numbered[Event]] = deque(maxlen=KEEP_MARKS)
        self._limits: dict[str, str] = {}
        self._threads: dict[int, _Thread] = {}
        self._sampled: dict[int, SampledPast] = {}
        self._measured: dict[int, Thinned[ev.ProcessMeasured]] = {}
        self._tell_death: dict[tuple[int, int], ev.WatchedFound] = {}
        """Watched objects whose death will be a note."""
        self._work: dict[str, Numbered[Event]] = {}
        self._output = Output()
        self._output_at = 0.0

    def add(self, event: Event) -> None:
        """Take the next event."""
        self._count += 1
        self._TAKE[type(event)](self, event)

    def events(self, state: State) -> list[Event]:
        """The events to send, in an order in which they can be folded. ``state`` is the fold of
        those that were added."""
        past = chain(
            self._latest.values(),
            self._rates,
            self._marks,
            self._noted,
            self._work.values(),
            *(thread.events() for thread in self._threads.values()),
            *(past.events() for past in self._sampled.values()),
            *self._measured.values(),
        )
        ordered = [event for _, event in sorted(past, key=itemgetter(0))]
        for pid, process in state.processes.items():
            ordered += [
                kept.CrowdKept(state.now, pid, crowd.name, line, crowd.threads, crowd.states, hot)
                for (_, line), crowd in process.crowds.items()
                for hot in [[(*key, seconds) for key, seconds in crowd.hot.items()]]
            ]
            ordered += kept_events(state.now, pid, process.references)
            ordered += kept_allocations(state.now, pid, process.allocations)
        return ordered + [ev.OutputWritten(self._output_at, piece) for piece in self._output.pieces]

    def _note(self, event: Event) -> None:
        """Keep it among the notes; what falls out of them is kept where it still matters."""
        self._noted.append((self._count, event))
        if len(self._noted) > KEEP_NOTES:
            self._retire(self._noted.popleft())

    def _retire(self, item: Numbered[Event]) -> None:
        event = item[1]
        if isinstance(event, ev.RateChanged):
            self._rates.append(item)
        elif isinstance(event, ev.Marked):
            self._marks.append(item)
        elif isinstance(event, ev.ThreadNamed):
            thread = self._threads.get(event.serial)
            if thread is not None:
                thread.rename(item[0], event)
        elif isinstance(event, ev.WorkProgressed):
            if event.work not in self._work:
                self._keep_work(item, event.work)
        elif not isinstance(event, ev.Noted | ev.CensusFailed | ev.TracesFailed):
            self._latest[_key(event)] = item

    def _keep_latest(self, event: Event) -> None:
        self._latest[_key(event)] = (self._count, event)

    def _in_state(self, event: Event) -> None:
        """Of this the state has all that matters."""

    def _watched_found(self, event: ev.WatchedFound) -> None:
        if event.source != "main":
            self._tell_death[event.pid, event.watch] = event

    def _watched_ended(self, event: ev.WatchedEnded) -> None:
        found = self._tell_death.pop((event.pid, event.watch), None)
        if found is not None and event.died:
            self._note(ev.Noted(event.at, "info", death_of(found.name, found.type)))

    def _work_progressed(self, event: ev.WorkProgressed) -> None:
        self._work.pop(event.work, None)
        if event.failure is not None:
            self._note(event)
        else:
            self._keep_work((self._count, event), event.work)

    def _keep_work(self, item: Numbered[Event], work: str) -> None:
        self._work[work] = item
        if len(self._work) > KEEP_WORK:
            del self._work[min(self._work, key=lambda name: self._work[name][0])]

    def _reading_limited(self, event: ev.ReadingLimited) -> None:
        if self._limits.get(event.reading) != event.reason:
            self._limits[event.reading] = event.reason
            self._note(event)

    def _thread_started(self, event: ev.ThreadStarted) -> None:
        past = self._past(event.pid)
        past.start_thread(event.serial)
        self._threads[event.serial] = _Thread((self._count, event))
        ended = [
            serial
            for serial, thread in self._threads.items()
            if thread.ended is not None and thread.started[1].pid == event.pid
        ]
        for serial in ended[: max(0, len(ended) - KEEP_ENDED)]:  # as the fold forgets them
            del self._threads[serial]
            past.forget_thread(serial)

    def _thread_named(self, event: ev.ThreadNamed) -> None:
        thread = self._threads.get(event.serial)
        if thread is None:
            return
        if thread.name is None:
            thread.named = (self._count, event)
        elif thread.name != event.name:
            self._note(event)
        elif event.daemon not in {None, thread.daemon}:
            thread.flagged = (self._count, event)
        thread.name = event.name
        thread.daemon = thread.daemon if event.daemon is None else event.daemon

    def _thread_ended(self, event: ev.ThreadEnded) -> None:
        thread = self._threads.get(event.serial)
        if thread is not None:
            thread.ended = (self._count, event)

    def _take_sampled(self, event: ev.Sampled) -> None:
        self._past(event.pid).add((self._count, event))

    def _past(self, pid: int) -> SampledPast:
        past = self._sampled.get(pid)
        if past is None:
            past = self._sampled[pid] = SampledPast(pid)
        return past

    def _take_measured(self, event: ev.ProcessMeasured) -> None:
        past = self._measured.get(event.pid)
        if past is None:
            past = self._measured[event.pid] = Thinned(keep_newer)
        past.add((self._count, event))

    def _take_output(self, event: ev.OutputWritten) -> None:
        self._output.add(event.data)
        self._output_at = event.at

    _TAKE: ClassVar[dict[type, Callable[[Backlog, Any], None]]] = {
        **dict.fromkeys(REFERENCE_FOLDS, _in_state),
        **dict.fromkeys(ALLOCATION_FOLDS, _in_state),
        ev.TargetStarted: _note,
        ev.InterpreterFound: _note,
        ev.ReadingLimited: _reading_limited,
        ev.ThreadStarted: _thread_started,
        ev.ThreadNamed: _thread_named,
        ev.ThreadEnded: _thread_ended,
        ev.LineSeen: _keep_latest,
        ev.Sampled: _take_sampled,
        ev.ProcessMeasured: _take_measured,
        ev.GcMeasured: _keep_latest,
        ev.CostMeasured: _keep_latest,
        ev.RateChanged: _note,
        ev.OutputWritten: _take_output,
        ev.Noted: _note,
        ev.Marked: _note,
        ev.SnapshotWritten: _note,
        ev.TargetExited: _note,
        ev.WatchEnded: _keep_latest,
        ev.WatchedFound: _watched_found,
        ev.WatchedEnded: _watched_ended,
        ev.CensusFailed: _note,
        ev.WorkProgressed: _work_progressed,
        ev.GraphWritten: _note,
        ev.GcPaused: _in_state,
        ev.AllocationsSwitched: _note,
        ev.TracesFailed: _note,
        kept.CrowdKept: _in_state,
        kept.ReferencesKept: _in_state,
        kept.AllocationsKept: _in_state,
    }


def _key(event: Event) -> Key:
    """Of all events with the same key the newest says everything."""
    if isinstance(event, ev.LineSeen):
        return "line_seen", event.line
    if isinstance(event, ev.ReadingLimited):
        return "reading_limited", event.reading
    return type(event).__name__, getattr(event, "pid", 0)
