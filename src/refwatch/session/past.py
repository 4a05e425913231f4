"""Readings that have aged: summed where a viewer sums them, thinned where it draws them."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

from msgspec.structs import replace

from refwatch.model import events as ev
from refwatch.session.process import ThreadRecord

E = TypeVar("E", bound=ev.Event)
Numbered = tuple[int, E]
"""An event with its place in the order of all events."""

FRESH_S = 5.0  # as they came for this long: what a viewer fades out over two seconds is then right
MANY_THREADS = 64  # with more, strips reach less far back: a viewer must not wait for them
KEEP_POINTS = 600  # of a reading over time


class Thinned(Generic[E]):
    """Events of one kind, merged with their neighbours as they grow too many: at most
    ``limit`` remain, evenly spread over all the time, the newest among them."""

    def __init__(self, merge: Callable[[E, E], E], limit: int = KEEP_POINTS) -> None:
        self._merge = merge
        self._limit = limit
        self._stride = 1  # events in a full point
        self._points: list[Numbered[E]] = []
        self._filled = 0  # events in the newest point

    def add(self, item: Numbered[E]) -> None:
        """Take the next event."""
        if self._points and self._filled < self._stride:
            self._points[-1] = self._joined(self._points[-1], item)
            self._filled += 1
            return
        if len(self._points) == self._limit:
            self._halve()
        self._points.append(item)
        self._filled = 1

    def _halve(self) -> None:
        old = self._points
        self._points = [self._joined(*pair) for pair in zip(old[::2], old[1::2], strict=True)]
        self._stride *= 2

    def _joined(self, first: Numbered[E], second: Numbered[E]) -> Numbered[E]:
        return second[0], self._merge(first[1], second[1])

    def __iter__(self) -> Iterator[Numbered[E]]:
        return iter(self._points)


def merge(first: ev.Sampled, second: ev.Sampled) -> ev.Sampled:
    """Two slices of a process as one that ends with the second. Both must have read the GIL, or
    neither: it is weighed by the span. The threads are summed elsewhere, over all slices."""
    return replace(
        second,
        span_s=first.span_s + second.span_s,
        samples=first.samples + second.samples,
        torn=first.torn + second.torn,
        rate_hz=second.rate_hz or first.rate_hz,
        gil=_merge_gil(first.gil, second.gil),
        unmoved_s=max(first.unmoved_s, second.unmoved_s),
        threads=[],
    )


def _merge_gil(first: ev.GilSlice | None, second: ev.GilSlice | None) -> ev.GilSlice | None:
    if first is None or second is None:
        return second or first
    longer = first if first.longest_hold_s > second.longest_hold_s else second
    known = [gil.collecting_s for gil in (first, second) if gil.collecting_s is not None]
    return replace(
        second,
        held_s=first.held_s + second.held_s,
        wait_s=first.wait_s + second.wait_s,
        handoffs=first.handoffs + second.handoffs,
        longest_hold_s=longer.longest_hold_s,
        longest_serial=longer.longest_serial,
        longest_line=longer.longest_line,
        collecting_s=sum(known) if known else None,
    )


def keep_newer(first: ev.ProcessMeasured, second: ev.ProcessMeasured) -> ev.ProcessMeasured:
    """The second, with the last ``uss`` that was read: it is read less often than the rest."""
    if second.uss is not None or first.uss is None:
        return second
    return replace(second, uss=first.uss, uss_rss=first.uss_rss or first.rss)


class SampledPast:
    """The slices of one process: fresh ones as they came; of the older ones the GIL over time, the
    strips as far back as a viewer keeps them, and one sum for each thread."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._fresh: deque[Numbered[ev.Sampled]] = deque()
        self._gil: Thinned[ev.Sampled] = Thinned(merge)
        self._rest: Numbered[ev.Sampled] | None = None
        """Number, time and rate of the newest aged slice, and the sums of those without a GIL."""
        self._threads: dict[int, ThreadRecord] = {}

    def add(self, item: Numbered[ev.Sampled]) -> None:
        """Take the next slice."""
        self._fresh.append(item)
        while self._fresh[0][1].at < item[1].at - FRESH_S:
            self._age(self._fresh.popleft())

    def start_thread(self, serial: int) -> None:
        """Keep what this thread does from now on."""
        self._threads[serial] = ThreadRecord(serial, 0, None, 0.0)

    def forget_thread(self, serial: int) -> None:
        """Drop what is kept of a thread that viewers have dropped too."""
        self._threads.pop(serial, None)

    def events(self) -> Iterator[Numbered[ev.Sampled]]:
        """Slices that add up to all that came, in order."""
        yield from self._gil
        if self._rest is not None:
            number, rest = self._rest
            yield from ((number, strips) for strips in self._strips(rest))
            seen = [thread for thread in self._threads.values() if thread.samples]
            yield number, replace(rest, threads=[_sum(thread) for thread in seen])
        yield from self._fresh

    def _age(self, item: Numbered[ev.Sampled]) -> None:
        number, event = item
        for piece in event.threads:
            thread = self._threads.get(piece.serial)
            if thread is not None:  # else viewers do not know it either, or no longer
                thread.strip.add(event.at, piece.runs)
                thread.add_up(piece)
        bare = replace(event, threads=[])
        nothing = replace(bare, span_s=0.0, samples=0, torn=0, gil=None)
        if event.gil is not None:
            self._gil.add((number, bare))
            bare = nothing
        sums = self._rest[1] if self._rest is not None else nothing
        self._rest = number, merge(sums, bare)

    def _strips(self, rest: ev.Sampled) -> Iterator[ev.Sampled]:
        slices: defaultdict[float, list[ev.ThreadSlice]] = defaultdict(list)
        fair = min(1.0, MANY_THREADS / max(len(self._threads), 1))
        for serial, thread in self._threads.items():
            for end, runs in thread.strip.slices(since=rest.at - thread.strip.keep_s * fair):
                slices[end].append(ev.ThreadSlice(serial, 0, {}, runs))
        for end in sorted(slices):
            yield ev.Sampled(end, self._pid, 0.0, 0, None, slices[end], rest.rate_hz)


def _sum(thread: ThreadRecord) -> ev.ThreadSlice:
    return ev.ThreadSlice(
        serial=thread.serial,
        samples=thread.samples,
        states=thread.states,
        hot=[(line, state, seconds) for (line, state), seconds in thread.hot.items()],
        stack=thread.stack or None,
        cpu_s=thread.cpu_s,
        cpu_wait_s=thread.cpu_wait_s,
        voluntary_switches=thread.voluntary_switches,
        involuntary_switches=thread.involuntary_switches,
        holds_running_s=thread.holds.running_s,
        holds_cpu_wait_s=thread.holds.cpu_wait_s,
        holds_blocked_s=thread.holds.blocked_s,
        unmoved_s=thread.unmoved_s,
        loop_blocked=[(line, state, s) for (line, state), s in thread.loop_blocked.items()],
    )
