"""Table of sites and tracebacks: assigns their ids, and announces each once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from refwatch.readings.allocations.events import SitesSeen, TracebacksSeen
from refwatch.readings.allocations.state import KEEP_NUMBERED
from refwatch.target.context import Context
from refwatch.wire.heap_values import Site


class SiteTable:
    """Ids of one process. Those that a viewer may have forgotten are assigned anew, and announced
    again."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._sites: dict[Site, int] = {}
        self._tracebacks: dict[tuple[int, ...], int] = {}
        self._next_site = 0
        self._next_traceback = 0

    def sites(self, at: float, sites: Iterable[Site]) -> list[int]:
        """The number of each, after the new ones have been told."""
        sites = list(sites)
        if len(self._sites) + len(sites) > KEEP_NUMBERED:
            self._sites.clear()
            self._tracebacks.clear()
        numbers: list[int] = []
        new: list[Site] = []
        for site in sites:
            number = self._sites.get(site)
            if number is None:
                number = self._sites[site] = self._next_site + len(new)
                new.append(site)
            numbers.append(number)
        if new:
            self._context.emit(
                SitesSeen(at=at, process=self._context.process, first=self._next_site, sites=new)
            )
            self._next_site += len(new)
        return numbers

    def tracebacks(self, at: float, tracebacks: Iterable[Sequence[Site]]) -> list[int]:
        """The same for tracebacks, innermost site first."""
        tracebacks = list(tracebacks)
        flat = self.sites(at, (site for one in tracebacks for site in one))
        if len(self._tracebacks) + len(tracebacks) > KEEP_NUMBERED:
            self._tracebacks.clear()
        numbers: list[int] = []
        new: list[list[int]] = []
        start = 0
        for one in tracebacks:
            key = tuple(flat[start : start + len(one)])
            start += len(one)
            number = self._tracebacks.get(key)
            if number is None:
                number = self._tracebacks[key] = self._next_traceback + len(new)
                new.append(list(key))
            numbers.append(number)
        if new:
            self._context.emit(
                TracebacksSeen(
                    at=at, process=self._context.process, first=self._next_traceback, tracebacks=new
                )
            )
            self._next_traceback += len(new)
        return numbers
