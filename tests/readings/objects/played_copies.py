"""Copies that a test plays, for the daemon's censuses."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from msgspec.structs import replace
from tests.stand_ins import context

from refwatch.readings.objects.census import CensusTaker
from refwatch.target import probe_messages as rp
from refwatch.wire.event import TimedEvent

if TYPE_CHECKING:
    from collections.abc import Callable

    from refwatch.readings.objects.state import References
    from refwatch.target.copies import Copies


class FakeCopies:
    """Takes what is asked for; the test plays the copy."""

    take: Callable[[rp.WorkReport | rp.Copied], None]
    fail: Callable[[str], None]
    asked = 0

    def start(self, *args: object, **_: object) -> str:
        self.asked += 1
        self.take, self.fail = args[1], args[2]  # type: ignore[assignment]
        return "census-1"


def begun(
    known: References | None = None, **others: Callable[[], float]
) -> tuple[FakeCopies, CensusTaker, list[TimedEvent]]:
    """A census that has just been begun, of this process; ``known`` is what there was before, and
    ``others`` what the context says of other processes."""
    copies, events = FakeCopies(), list[TimedEvent]()
    played, own = cast("Copies", copies), replace(context(events.append), **others)
    censuses = CensusTaker(own, played, lambda: known, None, None, inside=False)
    censuses.tick(10**9)
    copies.take(rp.Copied(work="census-1", pid=12345, pause_s=0.001))
    return copies, censuses, events


CENSUS = rp.CensusReport(
    work="census-1",
    objects=10,
    classes=[],
    types=[],
    most_referenced=[],
    untracked=False,
    took_s=0.01,
)
