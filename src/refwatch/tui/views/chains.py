"""Reference chains on one line, and names of the objects in them."""

from __future__ import annotations

import re
from collections.abc import Sequence

from refwatch.text.sanitize import printable
from refwatch.tui.views.styled_text import (
    Line,
    StyledText,
    fit,
    width_of,
)
from refwatch.wire.heap_values import ChainLink

ROOT = "◉"
"""Marks a module, a frame or a thread: what keeps all below it alive."""
_FOLDERS = re.compile(r"(?<=\()[^()]*/")


def fmt_link(link: ChainLink) -> str:
    """``module app``, ``dict, 5 items``, or the type of an unnamed object."""
    return fmt_named(link.type, link.name or "")


def fmt_named(type_: str, label: str) -> str:
    """Type and label of an object without repetition: ``list, 256 items``, ``app.Server``,
    ``app.Page(name='x')``, ``class app.Page``."""
    short = type_.rpartition(".")[2]
    if not label or label in {type_, short, f"<{type_}>"}:
        return printable(type_)
    if label.startswith((type_, "class ", "globals of ")):
        return printable(label)
    if label.startswith(short) and not label[len(short)].isidentifier():
        return printable(type_ + label[len(short) :])
    if label.endswith((" item", " items")):
        return printable(f"{type_}, {label}")
    return printable(f"{'class' if type_ == 'type' else type_} {label}")


def chain_line(chain: Sequence[ChainLink], width: int) -> Line:
    """``← item 17 ← global sessions ← module app``: how each object is held, up to the root. If it
    does not fit, a frame's folder gives way, then the middle."""
    edges = [printable(link.edge) for link in chain[:-1] if link.edge]
    root = fmt_link(chain[-1])
    short = _FOLDERS.sub("", root) if chain[-1].type == "frame" else root
    lines = [tuple(_arrows(edges, root))]
    lines += [tuple(_arrows(_both_ends(edges, n), short)) for n in range(max(1, len(edges)), 0, -1)]
    return next((line for line in lines if width_of(line) <= width), fit(lines[-1], width))


def _both_ends(edges: Sequence[str], kept: int) -> list[str]:
    """The first and last ``kept`` of them, with a mark for the rest."""
    if kept >= len(edges):
        return list(edges)
    return [*edges[: (kept + 1) // 2], "…", *edges[len(edges) - kept // 2 :]]


def _arrows(edges: Sequence[str], root: str) -> list[StyledText]:
    styled: list[StyledText] = []
    for edge in edges:
        styled += [("← ", "muted"), (f"{edge} ", "muted" if edge == "…" else "foreground")]
    return [*styled, ("← ", "muted"), (root, "strong")]
