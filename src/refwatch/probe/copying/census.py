"""The census: what the heap holds, and what each class's own reference count means."""

from __future__ import annotations

import time

from ..plain import HAS_GC, flags_of, name_of
from . import largest
from .heap import (
    MOST_FOR_EDGES,
    MOST_FOR_UNTRACKED,
    TP_NAME,
    count_at,
    count_types,
    edges_to,
    most_referenced,
    object_at,
    python_classes,
    sizes,
    tracked,
    type_rows,
    untracked,
    word_at,
)

TYPE_CHECKING = False  # typing itself would be one more module in the target
if TYPE_CHECKING:
    from collections.abc import Iterable


def take(young: int | None = None, places: Iterable[int] = ()) -> dict[str, object]:
    """The message for the daemon, of the objects that ``tracked(young)`` are, and of those at the
    ``places``, to which frames refer. All counts are those before this function's own objects."""
    began = time.perf_counter()
    objects = tracked(young)
    counts = count_types(objects)
    classes = python_classes(objects)
    number = len(objects)
    del objects  # it holds one reference to everything
    references = {address: count_at(address) for address in classes}
    objects = tracked(young)
    rows = _class_rows(classes, references, counts, objects)
    message: dict[str, object] = {
        "message": "census",
        "objects": number,
        "classes": rows,
        "most_referenced": most_referenced(objects),
    }
    everything = objects
    if number <= MOST_FOR_UNTRACKED:
        others = untracked(objects, map(object_at, places))
        everything = objects + others
        for address, count in count_types(others).items():
            counts[address] = counts.get(address, 0) + count
    message["untracked"] = everything is not objects
    large: list[tuple[int, object]] = []
    message["types"] = type_rows(counts, sizes(everything, counts, large))
    message["largest"] = largest.rows(large)
    message["took_s"] = time.perf_counter() - began
    return message


def _class_rows(
    classes: list[int], references: dict[int, int], counts: dict[int, int], objects: list[object]
) -> list[list[object]]:
    """[address, tp_name, metaclass, references, those that are no instance's, instances, module,
    name] of each class. ``instances`` is -1 where the collector does not track them, the references
    of others -1 where they were not counted because the heap is too large."""
    known = len(objects) <= MOST_FOR_EDGES
    edges = edges_to(set(classes), objects) if known else {}
    rows: list[list[object]] = []
    for address in classes:
        cls = object_at(address)
        instances = counts.get(address, 0) if flags_of(cls) & HAS_GC else -1
        others = edges[address] - max(instances, 0) if known else -1
        rows.append(
            [
                address,
                word_at(address + TP_NAME),
                id(type(cls)),
                references[address],
                others,
                instances,
                *name_of(cls),
            ]
        )
    return rows
