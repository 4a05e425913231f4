"""Query: the references around a type's newest instances, as a graph in DOT (graphviz)."""

from __future__ import annotations

from ...builtin_types import ModuleType
from ...raw_access import is_a, type_name
from ..edges import edges
from ..frozen_heap import Heap, frame_label
from ..heap import label_of, object_at, rare_first

DEPTH = 6
MOST_NODES = 80
WIDEST = 12  # holders of one object
STARTS = 3  # instances

TYPE_CHECKING = False  # typing itself would be one more module in the target
if TYPE_CHECKING:
    from ..worker import Worker


def answer(worker: Worker, *, module: str, name: str, born: int) -> None:
    starts = worker.newest(module, name, born, STARTS)
    worker.progress("looking for holders", None)
    worker.send({"message": "graph", "dot": dot(worker.heap(), starts, f"{module}.{name}")})


def dot(heap: Heap, starts: list[int], title: str) -> str:
    """The graph of these objects' holders, and theirs, up to modules and frames."""
    lines = [
        f"digraph {_quoted(title)} {{",
        "  rankdir=BT; node [shape=box, style=rounded, fontname=sans, fontsize=10];",
        "  edge [fontname=sans, fontsize=9];",
    ]
    lines += [_node(address, bold=True) for address in starts]
    drawn, level = set(starts), list(starts)
    cut: set[int] = set()  # objects some of whose holders are missing
    for _ in range(DEPTH):
        above: list[int] = []
        for address in level:
            for line, holder in _holders(heap, address):
                if holder and holder not in drawn:
                    if len(drawn) >= MOST_NODES:
                        cut.add(address)
                        continue
                    drawn.add(holder)
                    lines.append(_node(holder))
                    if holder not in heap.modules and holder not in heap.module_ids:
                        above.append(holder)
                lines.append(line)
        level = above
    lines += [line for address in sorted(cut.union(level)) for line in _more(address, "not drawn")]
    return "\n".join([*lines, "}", ""])


def _holders(heap: Heap, address: int) -> list[tuple[str, int]]:
    held = object_at(address)
    found: list[tuple[str, int]] = []
    holders = rare_first(heap.holders([held]))
    for holder in holders[:WIDEST]:
        edge = edges(holder, held)[0]
        found.append((f"  n{id(holder)} -> n{address} [label={_quoted(edge)}];", id(holder)))
    if len(holders) > WIDEST:
        found += [(line, 0) for line in _more(address, f"{len(holders) - WIDEST} more")]
    for frame, name in heap.locals_at(address):
        node = f"f{id(frame)}"
        found.append((f"  {node} [shape=ellipse, label={_quoted(frame_label(frame))}];", 0))
        found.append((f"  {node} -> n{address} [label={_quoted(f'local {name}')}];", 0))
    return found


def _more(address: int, words: str) -> list[str]:
    """A node in place of holders that are not drawn."""
    more = f"m{len(words)}_{address}"
    return [
        f"  {more} [shape=plain, label={_quoted(words)}];",
        f"  {more} -> n{address} [style=dotted];",
    ]


def _node(address: int, *, bold: bool = False) -> str:
    obj = object_at(address)
    label = label_of(obj)
    words = type_name(obj) + (f"\\n{label}" if label else "")
    style = ", penwidth=2" if bold else ", shape=ellipse" if is_a(obj, ModuleType) else ""
    return f"  n{address} [label={_quoted(words)}{style}];"


def _quoted(words: str) -> str:
    escaped = words.replace("\\", "\\\\").replace('"', '\\"').replace("\\\\n", "\\n")
    return '"' + escaped.replace("\n", " ") + '"'
