"""Copies that a test plays, for the daemon's censuses."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, cast

from refwatch.daemon.censuses import Censuses
from refwatch.model import events as ev
from refwatch.model import reports as rp

if TYPE_CHECKING:
    from collections.abc import Callable

    from refwatch.daemon.copies import Copies
    from refwatch.session.references import References


class FakeCopies:
    """Takes what is asked for; the test plays the copy."""

    take: Callable[[rp.WorkReport | rp.Copied], None]
    fail: Callable[[str], None]
    asked = 0

    def start(self, *args: object, **_: object) -> str:
        self.asked += 1
        self.take, self.fail = args[2], args[3]  # type: ignore[assignment]
        return "census-1"


def begun(known: References | None = None) -> tuple[FakeCopies, Censuses, list[ev.Event]]:
    """A census that has just been begun, of this process; ``known`` is what there was before."""
    copies, events = FakeCopies(), list[ev.Event]()
    played, pid = cast("Copies", copies), os.getpid()
    censuses = Censuses(
        pid, played, None, events.append, lambda: known, lambda: 0, None, inside=False
    )
    censuses.tick(10**9)
    copies.take(rp.Copied("census-1", 12345, 0.001))
    return copies, censuses, events


CENSUS = rp.CensusReport("census-1", 10, [], [], [], False, 0.01)
