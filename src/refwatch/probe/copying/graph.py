"""The references around some objects as a graph in graphviz's DOT language."""

from __future__ import annotations

from ..kinds import ModuleType
from ..plain import is_a, type_name
from .edges import edges
from .frozen import Heap, frame_label
from .heap import label_of, object_at, rare_first

DEPTH = 6
MOST_NODES = 80
WIDEST = 12  # holders of one object


def dot(heap: Heap, starts: list[int], title: str) -> str:
    """The holders of these objects, and theirs, up to modules and frames."""
    lines = [
        f"digraph {_quoted(title)} {{",
        "  rankdir=BT; node [shape=box, style=rounded, fontname=sans, fontsize=10];",
        "  edge [fontname=sans, fontsize=9];",
    ]
    lines += [_node(address, bold=True) for address in starts]
    known, level = set(starts), list(starts)
    cut: set[int] = set()  # whose holders are not all there
    for _ in range(DEPTH):
        above: list[int] = []
        for address in level:
            for line, holder in _holders(heap, address):
                if holder and holder not in known:
                    if len(known) >= MOST_NODES:
                        cut.add(address)
                        continue
                    known.add(holder)
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
    """In place of holders that the graph has not."""
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
