"""Who refers to an object, step by step, in a copy that waits for the next question.

The copy is frozen: nothing in it is made or freed but the copy's own objects, so that an address
names an object for as long as the copy lives.
"""

from __future__ import annotations

import gc

from ..kinds import ModuleType
from ..plain import IMMORTAL, is_a, is_class, namespace_of, short, text, type_name
from .descend import steps
from .edges import count_edges, edges
from .from_roots import FromRoots
from .frozen import Heap, frame_label
from .heap import count_at, label_of, object_at

TYPE_CHECKING = False  # typing itself would be one more module in the target
if TYPE_CHECKING:
    from ..kinds import Getter

_proxy_of: Getter = vars(type)["__dict__"].__get__
MOST_ROWS = 100
MOST_OWNERS = 200  # dicts whose owners are looked for

Row = dict[str, object]


class Inspection:
    """A tree of holders; node 0 is the object at ``subject``. ``held`` are the addresses at which
    the probe holds a reference of its own."""

    def __init__(self, heap: Heap, subject: int, held: set[int]) -> None:
        self._heap = heap
        self._held = held
        self._nodes = [subject]

    def open(self, node: int) -> dict[str, object]:
        """The message about one node. Raises IndexError for one that there is not."""
        address = self._nodes[node]
        count = count_at(address)  # before there is a reference of ours
        ours = (address in self._held) + (address in self._heap.module_ids)
        references = None if count >= IMMORTAL else count - ours
        obj = object_at(address)
        rows = self._holders(obj) + self._frames(address)
        alike: dict[object, int] = {}
        for row in rows:
            alike[row["type"]] = alike.get(row["type"], 0) + 1
        # Of many alike, as items that know their list, none pushes out the one that is not.
        rows.sort(
            key=lambda row: (not row.get("root"), alike[row["type"]], -int(str(row["count"])))
        )
        seen = sum(int(str(row["count"])) for row in rows)
        for row in rows[:MOST_ROWS]:
            row["node"] = self._node(int(str(row["address"]), 16))
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

    def way(self, node: int) -> dict[str, object] | None:
        """How the probe finds this object again in the target: from a module, by names, keys and
        indices; None where no such way is known."""
        address = self._nodes[node]
        way = FromRoots(self._heap, {address}, lambda *_: None, frames=False).way(address)
        found = None if way is None else steps(self._heap, way)
        return None if found is None else {"address": address, "steps": found}

    def _node(self, address: int) -> int:
        self._nodes.append(address)
        return len(self._nodes) - 1

    def _holders(self, obj: object) -> list[Row]:
        holders = self._heap.holders([obj])
        owners = self._owners(holders)
        rows: list[Row] = []
        for holder in holders:
            owner = owners.get(id(holder))
            count = count_edges(holder, obj)
            code = self._heap.constants.get(id(holder))
            if code is not None:
                rows.append(self._row(holder, ["constant"], count) | {"label": code})
            elif owner is None:
                rows.append(self._row(holder, edges(holder, obj), count))
            else:
                rows.append(self._row(owner, edges(owner, obj), count))
        return rows

    def _owners(self, holders: list[object]) -> dict[int, object]:
        """Address of a dict among these -> the module, class or instance whose namespace it is."""
        dicts: list[object] = [one for one in holders if type(one) is dict]
        owners = {id(one): self._heap.modules[id(one)] for one in dicts
                  if id(one) in self._heap.modules}  # fmt: skip
        rest = [one for one in dicts if id(one) not in owners][:MOST_OWNERS]
        self._heap.ours |= {id(dicts), id(rest)}
        for candidate in self._heap.holders(rest) if rest else ():
            for own in _namespaces(candidate):
                owners.setdefault(id(own), candidate)
        wanted = {id(one) for one in dicts}
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
    """The dicts that are its namespace."""
    if is_class(owner):
        return gc.get_referents(_proxy_of(owner))
    own = namespace_of(owner)
    return [] if own is None else [own]
