"""Query: who refers to an object, step by step; the copy stays for further questions.

The copy is frozen: nothing but its own objects is made or freed in it, so an address names an
object for as long as the copy lives.
"""

from __future__ import annotations

import gc

from ...builtin_types import ModuleType
from ...raw_access import IMMORTAL, is_a, is_class, namespace_of, short, text, type_name
from ..edges import count_edges, edges
from ..find_path import find_steps
from ..frozen_heap import Heap, frame_label
from ..heap import count_at, label_of, object_at
from ..instances import is_there
from ..root_search import RootSearch

TYPE_CHECKING = False  # typing itself would be one more module in the target
if TYPE_CHECKING:
    from collections.abc import Collection
    from typing import Any

    from ...builtin_types import Getter
    from ...messages import Message
    from ..worker import Worker

    Row = dict[str, Any]

_proxy_of: Getter = vars(type)["__dict__"].__get__
MOST_ROWS = 100
MOST_OWNERS = 200  # dicts whose owners are looked for


def answer(
    worker: Worker,
    *,
    held: Collection[int] = (),
    watch: int | None = None,
    address: int | None = None,
    type: str | None = None,  # noqa: A002
    module: str = "",
    name: str = "",
) -> None:
    if watch is not None:
        found: int | None = worker.address_of_watch(watch)
    elif address is not None:
        found = address if type is None or is_there(address, type) else None
    else:
        found = next(iter(worker.newest(module, name, 0, 1)), None)
    if not found:
        worker.send({"message": "failed", "reason": "there is no such object any more"})
        return
    worker.progress("looking for holders", None)
    tree = ReferrerTree(worker.heap(set(held)), found)
    worker.send(tree.open(0))
    for command, fields in worker.commands():
        if command == "open":
            worker.send(tree.open(**fields))
        elif command == "find_path":
            worker.send(tree.find_path(**fields))


class ReferrerTree:
    """Objects that were reported, each with a number: node 0 is the object at ``address``."""

    def __init__(self, heap: Heap, address: int) -> None:
        self._heap = heap
        self._nodes = [address]

    def open(self, node: int) -> Message:
        """The report on one node. Raises IndexError for an unknown one."""
        address = self._nodes[node]
        count = count_at(address)  # before there is a reference of ours
        ours = (address in self._heap.held) + (address in self._heap.module_ids)
        references = None if count >= IMMORTAL else count - ours
        obj = object_at(address)
        rows = self._holders(obj) + self._frames(address)
        alike: dict[str, int] = {}
        for row in rows:
            alike[row["type"]] = alike.get(row["type"], 0) + 1
        # A holder unlike the others is not pushed out by many alike, as items that know their list.
        rows.sort(key=lambda row: (not row.get("root"), alike[row["type"]], -row["count"]))
        seen = sum(row["count"] for row in rows)
        for row in rows[:MOST_ROWS]:
            row["node"] = self._add(int(row["address"], 16))
        return {
            "message": "referrers",
            "node": node,
            "type": type_name(obj),
            "label": label_of(obj) or short(obj),
            "address": hex(address),
            "references": references,
            "seen": None if references is None else seen,
            "referrers": rows[:MOST_ROWS],
            "left_out": max(0, len(rows) - MOST_ROWS),
        }

    def find_path(self, node: int) -> Message:
        """The report on how the probe finds this object in the target: by names, keys and indices
        from a module, if there is such a path."""
        address = self._nodes[node]
        up = RootSearch(self._heap, {address}, lambda *_: None, frames=False).path(address)
        steps = None if up is None else find_steps(self._heap, up)
        path = None if steps is None else {"address": address, "steps": steps}
        return {"message": "path", "node": node, "path": path}

    def _add(self, address: int) -> int:
        self._nodes.append(address)
        return len(self._nodes) - 1

    def _holders(self, obj: object) -> list[Row]:
        holders = self._heap.holders([obj])
        owners = self._owners(holders)
        rows: list[Row] = []
        for holder in holders:
            count = count_edges(holder, obj)
            code = self._heap.constants.get(id(holder))
            if code is not None:
                rows.append(self._row(holder, ["constant"], count) | {"label": code})
            else:
                owner = owners.get(id(holder), holder)
                rows.append(self._row(owner, edges(owner, obj), count))
        return rows

    def _owners(self, holders: list[object]) -> dict[int, object]:
        """Address of a dict among these -> the module, class or instance whose namespace it is."""
        dicts: list[object] = [holder for holder in holders if type(holder) is dict]
        owners = {id(names): self._heap.modules[id(names)] for names in dicts
                  if id(names) in self._heap.modules}  # fmt: skip
        rest = [names for names in dicts if id(names) not in owners][:MOST_OWNERS]
        self._heap.ours |= {id(dicts), id(rest)}
        for candidate in self._heap.holders(rest) if rest else ():
            for own in _namespaces(candidate):
                owners.setdefault(id(own), candidate)
        wanted = {id(names) for names in dicts}
        return {address: owner for address, owner in owners.items() if address in wanted}

    def _row(self, holder: object, how: list[str], count: int) -> Row:
        return {
            "type": "module" if is_a(holder, ModuleType) else type_name(holder),
            "label": label_of(holder),
            "address": hex(id(holder)),
            "edges": how,
            "count": count,
            "root": is_a(holder, ModuleType),
        }

    def _frames(self, address: int) -> list[Row]:
        return [
            {
                "type": "frame",
                "label": frame_label(frame),
                "address": hex(id(frame)),
                "edges": [f"local {text(name)}"],
                "count": 1,
                "root": True,
            }
            for frame, name in self._heap.locals_at(address)
        ]


def _namespaces(owner: object) -> list[object]:
    """The dicts that are the object's namespace."""
    if is_class(owner):
        return gc.get_referents(_proxy_of(owner))
    own = namespace_of(owner)
    return [] if own is None else [own]
