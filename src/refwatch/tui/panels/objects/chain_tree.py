"""Tree of reference chains, from the roots down to the instances.

A chain leads from an instance up to its root. Read the other way round it is a path as one would
write it in the program; chains with one root share their beginning.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from refwatch.readings.objects.chains import is_root
from refwatch.text.sanitize import printable
from refwatch.tui.views.chains import ROOT, fmt_link
from refwatch.tui.views.styled_text import Line, StyledText, cut_middle, fit, two_ends, width_of
from refwatch.tui.views.tree import guides, shorten_guide
from refwatch.wire.heap_values import ChainLink

UNROOTED = "◌"
"""Before an object that nothing refers to, or whose referrers nobody has looked for."""
LIKE_LEAVES = 3
"""Instances of one type listed below one holder; the others are only counted."""


@dataclass(frozen=True)
class ChainRow:
    """One object of the tree. ``guide`` is the tree's line before it."""

    guide: str
    edge: str
    """How the object above holds this one; empty at the top."""
    what: str
    type: str
    address: str
    chains: int
    """Chains that go through it."""
    root: bool
    """A module, a frame or a thread."""
    leaf: bool
    more: int = 0
    """Above 0: instances that it stands for."""


@dataclass
class _Branch:
    link: ChainLink
    chains: int = 0
    below: dict[ChainLink, _Branch] = field(default_factory=dict)


def chain_rows(chains: Sequence[Sequence[ChainLink]]) -> tuple[ChainRow, ...]:
    """Rows of the tree, top down, the root of most chains first."""
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
        before, below = guides(guide, last=index == len(shown) - 1 and not more)
        yield _row(child, before, top=False)
        yield from _below(child, below)
    for index, (what, count) in enumerate(more.items()):
        before, _ = guides(guide, last=index == len(more) - 1)
        yield ChainRow(before, "", what, what, "", count, root=False, leaf=True, more=count)


def _listed(branches: list[_Branch]) -> tuple[list[_Branch], dict[str, int]]:
    """(branches that have a row, type -> instances only counted)"""
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


class ChainLine(NamedTuple):
    line: Line
    row: ChainRow


def chain_lines(chains: Sequence[Sequence[ChainLink]], width: int) -> tuple[ChainLine, ...]:
    """The tree in lines of at most ``width`` cells."""
    rows = chain_rows(chains)
    tops = sum(not row.guide for row in rows)
    of = len(chains) if tops > 1 else 0
    return tuple(ChainLine(_line(row, width, of), row) for row in rows)


def _line(row: ChainRow, width: int, of: int) -> Line:
    """``of``: number of chains, where there are several roots."""
    guide = shorten_guide(row.guide, width // 2)
    if not guide:
        mark: StyledText = (f"{ROOT} ", "accent") if row.root else (f"{UNROOTED} ", "muted")
        share: Line = ((f"{row.chains} of {of} chains", "muted"),) if of else ()
        return two_ends((mark, (row.what, "strong")), share, width)
    if row.more:
        return fit(((guide, "muted"), (f"… {row.more} more {row.what}", "muted")), width)
    styled: list[StyledText] = [(guide, "muted")]
    room = width - len(guide)
    if row.edge:
        kept = max(room // 2, room - width_of(((row.what, ""),)) - 2)
        styled += [(cut_middle(row.edge, kept), "foreground"), ("  ", "")]
    styled.append((row.what, "primary-bold" if row.leaf else "primary"))
    if row.leaf and row.address and width_of(styled) + len(row.address) + 2 <= width:
        styled.append((f"  {row.address}", "muted"))
    return fit(tuple(styled), width)
