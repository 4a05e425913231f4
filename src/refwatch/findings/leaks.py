"""What keeps growing in the processes of a session: one leak for each type, wherever it leaks."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from msgspec import Struct
from msgspec.structs import replace

from refwatch.readings.objects.events import ChainsFound
from refwatch.readings.objects.growth import GrowthSuspect, follows
from refwatch.readings.objects.records import TypeName
from refwatch.session.process import ProcessState
from refwatch.text.formats import fmt_plural, fmt_rate, fmt_type
from refwatch.text.sanitize import shorten
from refwatch.wire.event import MAIN

Found = tuple[ProcessState, Sequence[GrowthSuspect]]
"""A process, and what is suspected there, the worst first."""
NAME = 48  # characters of a class's name, at most


class Leak(Struct, frozen=True, kw_only=True):
    """``suspect`` has the sums over the ``processes``, in the first of which it grows fastest."""

    suspect: GrowthSuspect
    processes: list[ProcessState]

    @property
    def holders(self) -> ChainsFound | None:
        """What was found of who holds them; None where nobody looked."""
        return self.processes[0].references.holders_of(self.suspect.name)

    @property
    def where(self) -> str:
        """`` in 3 children``, `` in child 4711``; empty where it is the program alone."""
        number, main = len(self.processes), any(each.number == MAIN for each in self.processes)
        if number == 1:
            return "" if main else f" in child {self.processes[0].pid}"
        return f" in {fmt_plural(number, 'process', 'processes') if main else f'{number} children'}"

    @property
    def title(self) -> str:
        """``app.Session in 3 children``"""
        return f"{fmt_type(*self.suspect.name)}{self.where}"

    def sentence(self, width: int = NAME) -> str:
        """``app.Session grows by 45/s in 3 children``"""
        name = shorten(fmt_type(*self.suspect.name), width)
        return f"{name} grows by {fmt_rate(self.suspect.per_second)}{self.where}"


def leaks(found: Iterable[Found]) -> list[Leak]:
    """Without what only grows along with others; in the order in which each process has them, and
    of equals those that grow fastest first."""
    same: dict[TypeName, list[tuple[ProcessState, GrowthSuspect]]] = defaultdict(list)
    place: dict[TypeName, int] = {}
    for process, suspects in found:
        for index, each in enumerate(suspects):
            same[each.name].append((process, each))
            place[each.name] = min(index, place.get(each.name, index))
    least = min(map(follows, same), default=0)
    merged = [_merged(each) for name, each in same.items() if follows(name) == least]
    return sorted(merged, key=lambda one: (place[one.suspect.name], -one.suspect.per_second))


def _merged(same: list[tuple[ProcessState, GrowthSuspect]]) -> Leak:
    same.sort(key=lambda each: -each[1].per_second)
    suspects = [suspect for _, suspect in same]
    return Leak(suspect=summed(suspects), processes=[process for process, _ in same])


def summed(suspects: Sequence[GrowthSuspect]) -> GrowthSuspect:
    """One type that is suspected in several processes, as one."""
    return replace(
        suspects[0],
        count=sum(each.count for each in suspects),
        grown=sum(each.grown for each in suspects),
        per_second=sum(each.per_second for each in suspects),
        r2=min(each.r2 for each in suspects),
        since_s=min(each.since_s for each in suspects),
    )
