"""Query: a census, which counts the heap and tells what each class's own references mean."""

from __future__ import annotations

import sys
import time

from ...raw_access import HAS_GC, flags_of, name_of
from .. import garbage, largest_objects
from ..allocator_stats import AllocatorStats
from ..heap import (
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
    from collections.abc import Collection, Iterable

    from ...messages import Message
    from ..worker import Worker


def answer(
    worker: Worker,
    *,
    largest: list[list[object]],
    held: Collection[int] = (),
    tasks: bool = False,
) -> None:
    """``largest``: what is known of the largest objects, whose holders are not looked for again.
    ``tasks``: list those of the event loops as well."""
    stats = AllocatorStats()
    places = (place for frame in worker.frames for place in frame.places.values())
    report = take(worker.young, places)
    worker.progress("looking for garbage", None)  # it ends where nobody listens any more
    report |= garbage.find(worker.young, held)
    rows: list[Message] = report["largest"]  # type: ignore[assignment]
    if [[row["address"], row["type"], row["size"]] for row in rows] != largest:
        began = time.perf_counter()
        largest_objects.add_chains(rows, worker.heap(set(held)), worker.progress)
        report["took_s"] += time.perf_counter() - began  # type: ignore[operator]
    worker.send(report)
    worker.send(stats.report())
    if tasks or "greenlet" in sys.modules:
        from ..tasks import list_tasks  # most censuses need none of it

        worker.send(list_tasks())


def answer_inside(**_: object) -> Message:
    return take()


def take(young: int | None = None, places: Iterable[int] = ()) -> Message:
    """The report on the objects of ``tracked(young)`` and those that frames refer to, at the
    ``places``. All counts are from before this function's own objects."""
    began = time.perf_counter()
    objects = tracked(young)
    counts = count_types(objects)
    classes = python_classes(objects)
    number = len(objects)
    del objects  # it holds one reference to everything
    references = {address: count_at(address) for address in classes}
    objects = tracked(young)
    rows = _class_rows(classes, references, counts, objects)
    report: Message = {
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
    report["untracked"] = everything is not objects
    large: list[tuple[int, object]] = []
    report["types"] = type_rows(counts, sizes(everything, counts, large))
    report["largest"] = largest_objects.rows(large)
    report["took_s"] = time.perf_counter() - began
    return report


def _class_rows(
    classes: list[int], references: dict[int, int], counts: dict[int, int], objects: list[object]
) -> list[list[object]]:
    """[address, tp_name, metaclass, references, references from other than instances, instances,
    module, name] of each class. Instances are -1 if the collector does not track them, references
    from others -1 if the heap is too large to count them."""
    countable = len(objects) <= MOST_FOR_EDGES
    edges = edges_to(set(classes), objects) if countable else {}
    rows: list[list[object]] = []
    for address in classes:
        cls = object_at(address)
        instances = counts.get(address, 0) if flags_of(cls) & HAS_GC else -1
        others = edges[address] - max(instances, 0) if countable else -1
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
