"""Query: what keeps a type's instances alive, and where they were allocated.

The newest instances tell it where their age is known. Otherwise the daemon looks twice, and those
count that have become more in between.
"""

from __future__ import annotations

from ..allocation_sites import sites_of, traceback_of
from ..growth import Below
from ..heap import object_at
from ..instances import pick_newest
from ..reference_chains import ChainFinder

TYPE_CHECKING = False  # typing itself would be one more module in the target
if TYPE_CHECKING:
    from collections.abc import Collection

    from ...messages import Message
    from ..growth import Spread
    from ..worker import Worker

CHAINS = 3  # of one type
MADE = 2000  # instances whose allocation is looked up
NOT_GROWN = "where they have become more could not be told"


def answer(
    worker: Worker,
    *,
    module: str,
    name: str,
    born: int,
    compared: bool,
    or_any: bool,
    held: Collection[int] = (),
) -> None:
    every, by_age = worker.instances(module, name)
    if by_age:
        found = _of_newest(worker, every, born, held)
    else:
        earlier = _earlier_spread(worker) if compared else None
        found = _of_grown(worker, every, held, earlier, or_any=or_any)
    worker.send({"message": "chains", "module": module, "name": name, **found})


def _of_newest(worker: Worker, every: list[int], born: int, held: Collection[int]) -> Message:
    sites = _sites(worker, pick_newest(every, born, MADE))
    found = ChainFinder(worker.heap(set(held)), every, worker.progress).find(born, CHAINS)
    return {**vars(found), "allocated_at": sites}


def _of_grown(
    worker: Worker, every: list[int], held: Collection[int], earlier: Spread | None, *, or_any: bool
) -> Message:
    """Chains of those that have become more since the ``earlier`` look; without one, of any if
    ``or_any``."""
    finder = ChainFinder(worker.heap(set(held)), every, worker.progress)
    complete = finder.search.complete
    below = Below(finder.search, every)
    grown = below.grown(earlier, MADE) if earlier and complete else []
    found = finder.find(0, CHAINS)
    if grown and found.chains:
        found.chains = finder.chains_of(grown[:: max(1, len(grown) // CHAINS)][:CHAINS])
    elif found.chains:
        found.missing = found.missing or NOT_GROWN
        found.chains = found.chains if or_any else []
    spread = below.spread() if complete else None
    return {**vars(found), "allocated_at": _sites(worker, grown), "spread": spread}


def _earlier_spread(worker: Worker) -> Spread | None:
    for name, fields in worker.commands():
        if name == "earlier":
            spread: Spread = fields["spread"]
            return spread
    return None


def _sites(worker: Worker, addresses: list[int]) -> list[dict[str, object]]:
    """Where tracemalloc saw these objects allocated; it is stopped afterwards."""
    look_up = worker.traced.traceback_of
    if look_up is None:
        return []
    tracebacks = [traceback_of(object_at(address), look_up) for address in addresses]
    worker.traced.stop()
    return sites_of(tracebacks)
