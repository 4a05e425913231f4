"""Chains of references, drawn as one tree from the roots down to the instances.

A chain comes from an instance up to its root. Read the other way round it is a path, as one would
write it in the program, and chains with the same root share their beginning.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from refwatch.readings.objects.chains import Chain, is_root
from refwatch.text.sanitize import printable
from refwatch.tui.views.spans import Line, Span, cut_middle, fit, two_ends, width_of
from refwatch.tui.views.tree import hung, narrowed
from refwatch.wire.heap_values import ChainLink

ROOT = "◉"
"""Before a module, a frame or a thread: what keeps all below it alive."""
UNROOTED = "◌"
"""Before an object beyond which nobody has looked, or that nothing refers to."""
_FOLDERS = re.compile(r"(?<=\()[^()]*/")
LIKE_LEAVES = 3
"""So many instances of one type are listed below one holder, the others only counted."""


@dataclass(frozen=True)
class ChainRow:
    """One object on the way. ``guide`` is the tree's line before it."""

    guide: str
    edge: str
    """How the object above holds this one; empty at the top."""
    what: str
    type: str
    address: str
    chains: int
    """How many chains go through it."""
    root: bool
    """A module, a frame or a thread."""
    leaf: bool
    more: int = 0
    """Above 0 it stands for so many instances that are not listed."""


@dataclass
class _Branch:
    link: ChainLink
    chains: int = 0
    below: dict[ChainLink, _Branch] = field(default_factory=dict)


def chain_rows(chains: Sequence[Sequence[ChainLink]]) -> tuple[ChainRow, ...]:
    """The tree, top down, the root of the most chains first."""
    top: dict[ChainLink, _Branch] = {}
    for chain in chains:
        level = top
        for link in reversed(chain):
            branch = level.get(link)
            if branch is None:
                branch = level[link] = _Branch(link)
            branch.chains += 1
            level = branch.below
    rows: list[ChainRow] = []
    for root in sorted(top.values(), key=lambda branch: -branch.chains):
        rows.append(_row(root, "", top=True))
        rows += _below(root, "")
    return tuple(rows)


def _below(branch: _Branch, guide: str) -> Iterable[ChainRow]:
    shown, more = _listed(list(branch.below.values()))
    for index, child in enumerate(shown):
        before, below = hung(guide, last=index == len(shown) - 1 and not more)
        yield _row(child, before, top=False)
        yield from _below(child, below)
    for index, (what, count) in enumerate(more.items()):
        before, _ = hung(guide, last=index == len(more) - 1)
        yield ChainRow(before, "", what, what, "", count, root=False, leaf=True, more=count)


def _listed(branches: list[_Branch]) -> tuple[list[_Branch], dict[str, int]]:
    """(those that have a row, type -> instances that are only counted)"""
    seen: dict[str, int] = {}
    shown: list[_Branch] = []
    more: dict[str, int] = {}
    for branch in branches:
        what = printable(branch.link.type)
        if not branch.below:
            seen[what] = seen.get(what, 0) + 1
        if not branch.below and seen[what] > LIKE_LEAVES:
            more[what] = more.get(what, 0) + 1
        else:
            shown.append(branch)
    return shown, more


def _row(branch: _Branch, guide: str, *, top: bool) -> ChainRow:
    link = branch.link
    return ChainRow(
        guide,
        "" if top else printable(link.edge or ""),
        fmt_link(link),
        link.type,
        printable(link.address),
        branch.chains,
        root=top and is_root(link),
        leaf=not branch.below,
    )


def scattered(chains: Sequence[Chain]) -> bool:
    """Whether no two of them have a holder in common: then they say nothing of where objects
    gather, only where some happen to be."""
    seen: set[str] = set()
    for chain in chains:
        holders = {link.address or fmt_link(link) for link in chain[1:-1]}
        if holders & seen:
            return False
        seen |= holders
    return len(chains) > 1


def fmt_link(link: ChainLink) -> str:
    """``module app``, ``dict, 5 items``, or only the type of what has no name."""
    return fmt_named(link.type, link.name or "")


def fmt_named(type_: str, label: str) -> str:
    """A type and what is known of the object besides, neither said twice: ``list, 256 items``,
    ``app.Server``, ``app.Page(name='x')``, ``class app.Page``."""
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


class ChainLine(NamedTuple):
    line: Line
    row: ChainRow


def chain_lines(chains: Sequence[Sequence[ChainLink]], width: int) -> tuple[ChainLine, ...]:
    """The chains as lines of at most ``width`` cells, each with what it is about."""
    rows = chain_rows(chains)
    tops = sum(not row.guide for row in rows)
    of = len(chains) if tops > 1 else 0
    return tuple(ChainLine(_line(row, width, of), row) for row in rows)


def _line(row: ChainRow, width: int, of: int) -> Line:
    """``of``: all chains, where it matters how many of them go through the top."""
    guide = narrowed(row.guide, width // 2)
    if not guide:
        mark: Span = (f"{ROOT} ", "accent") if row.root else (f"{UNROOTED} ", "muted")
        share: Line = ((f"{row.chains} of {of} chains", "muted"),) if of else ()
        return two_ends((mark, (row.what, "strong")), share, width)
    if row.more:
        return fit(((guide, "muted"), (f"… {row.more} more {row.what}", "muted")), width)
    spans: list[Span] = [(guide, "muted")]
    room = width - len(guide)
    if row.edge:
        kept = max(room // 2, room - width_of(((row.what, ""),)) - 2)
        spans += [(cut_middle(row.edge, kept), "foreground"), ("  ", "")]
    spans.append((row.what, "primary-bold" if row.leaf else "primary"))
    if row.leaf and row.address and width_of(spans) + len(row.address) + 2 <= width:
        spans.append((f"  {row.address}", "muted"))
    return fit(tuple(spans), width)


def chain_line(chain: Sequence[ChainLink], width: int) -> Line:
    """``← item 17 ← global sessions ← module app``: how each object is held, up to the root. Where
    there is no room for all, the folders of a frame's file give way, then those in the middle: what
    is nearest to the object and to the root stays."""
    edges = [printable(link.edge) for link in chain[:-1] if link.edge]
    root = fmt_link(chain[-1])
    short = _FOLDERS.sub("", root) if chain[-1].type == "frame" else root
    lines = [tuple(_arrows(edges, root))]
    lines += [tuple(_arrows(_both_ends(edges, n), short)) for n in range(max(1, len(edges)), 0, -1)]
    return next((line for line in lines if width_of(line) <= width), fit(lines[-1], width))


def _both_ends(edges: Sequence[str], kept: int) -> list[str]:
    """So many of them, with a mark for those that are left out."""
    if kept >= len(edges):
        return list(edges)
    return [*edges[: (kept + 1) // 2], "…", *edges[len(edges) - kept // 2 :]]


def _arrows(edges: Sequence[str], root: str) -> list[Span]:
    spans: list[Span] = []
    for edge in edges:
        spans += [("← ", "muted"), (f"{edge} ", "muted" if edge == "…" else "foreground")]
    return [*spans, ("← ", "muted"), (root, "strong")]
