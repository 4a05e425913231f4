"""The GILs of a process, where its interpreters have several: which of them limits it."""

from __future__ import annotations

from typing import NamedTuple

from refwatch.findings.parties import ThreadParty
from refwatch.readings.threads.state import GilRecord
from refwatch.session.process import ProcessState

WAITED = 0.1  # mean threads waiting for a GIL, from which on it may limit the program
USED = 0.1  # share of the time that a GIL must have been held to count as used


class GilUse(NamedTuple):
    """One GIL. ``interpreter`` is the number of its interpreter; None where there is no other."""

    gil: GilRecord
    interpreter: int | None = None
    without: frozenset[int] = frozenset()
    """Serials of threads that take another one."""
    only: frozenset[int] | None = None
    """Serials of the threads that take it; None for all others."""

    def concerns(self, party: ThreadParty) -> bool:
        """Whether the party takes this GIL, as far as is known."""
        if party.serial is None:
            return self.only is None
        return party.serial not in self.without and (self.only is None or party.serial in self.only)


def gils_of(process: ProcessState) -> list[GilUse]:
    """The main interpreter's GIL, and those of others that have their own."""
    others = process.interpreters.with_own_gil()
    if not others:
        return [GilUse(process.gil)]
    elsewhere = frozenset(serial for one in others for serial in one.serials)
    uses = [GilUse(process.gil, 0, without=elsewhere)]
    return uses + [GilUse(o.gil, o.number, only=frozenset(o.serials)) for o in others]


def limiting_gil(process: ProcessState) -> GilUse:
    """The one for which threads waited most; where nobody waited, that which was held most."""
    gils = gils_of(process)
    waited = max(gils, key=lambda one: one.gil.wait_s)
    if waited.gil.wait_s >= WAITED * process.sampled_s:
        return waited
    return max(gils, key=lambda one: one.gil.held_s)


def held_at_once(process: ProcessState) -> float:
    """Mean number of GILs that were held."""
    return sum(one.gil.held_s for one in gils_of(process)) / process.sampled_s


def used(process: ProcessState) -> int:
    """Number of GILs that were held for much of the time."""
    gils = gils_of(process)
    return sum(one.gil.held_s >= USED * process.sampled_s for one in gils)
