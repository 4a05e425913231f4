"""Who refers to an object: the tree of an inspection, as far as it is open, and its account."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from refwatch.readings.objects.records import Inspection
from refwatch.text.formats import fmt_plural
from refwatch.text.sanitize import printable
from refwatch.tui.subject import Subject
from refwatch.tui.views.chains import ROOT, fmt_named
from refwatch.tui.views.styled_text import (
    Line,
    StyledText,
    cut_middle,
    fit,
    pad,
    two_ends,
    width_of,
)
from refwatch.tui.views.tree import OPEN, OPENS, Path, TreeRow, guides, shorten_guide
from refwatch.tui.views.work import WorkView, draw_work, view_work
from refwatch.wire.heap_values import Referrer

Kind = Literal["top", "closed", "open", "root", "cycle", "shut", "looking", "nobody", "more"]
"""``cycle``: it stands above already; ``shut``: its copy is gone, so it cannot be opened any more;
the last three are no referrers but say what there is instead."""

GLYPHS: dict[Kind, str] = {
    "top": OPEN, "closed": OPENS, "open": OPEN, "root": ROOT, "cycle": "↺", "shut": "·",
    "looking": "◌", "nobody": "·", "more": "…",
}  # fmt: skip
GLYPH_STYLES: dict[Kind, str] = {"root": "accent", "cycle": "warning", "looking": "accent"}
LONGEST_EDGE = 34
"""Cells that siblings' edges are padded to at most."""


@dataclass(frozen=True)
class HolderView:
    """One row. ``account`` is that of a node that is open."""

    path: Path
    guide: str
    kind: Kind
    text: str
    """How it holds the object above, in words; of rows that are no referrers, all there is."""
    padded: int = 0
    """Cells of the longest such text among its siblings."""
    what: str = ""
    address: str = ""
    count: int = 1
    account: StyledText | None = None


@dataclass(frozen=True)
class InspectionView:
    """``known`` is False until the object itself was found; ``ended``: why nothing more can be
    opened."""

    title: str
    """What the user wanted to know this of."""
    address: str
    references: int | None
    seen: int | None
    account: StyledText
    found: bool
    answered: frozenset[int]
    """Nodes whose referrers are known."""
    holders: tuple[HolderView, ...]
    """The object itself first."""
    work: WorkView | None
    ended: str | None


@dataclass(frozen=True)
class Opened:
    """What the user has opened of an inspection, and what was asked for."""

    paths: frozenset[Path] = frozenset()
    asked: frozenset[int] = frozenset()
    """Nodes whose referrers are being looked for."""


def view_inspection(subject: Subject, name: str, title: str, opened: Opened) -> InspectionView:
    """Read an inspection; ``title`` says of what."""
    process = subject.process
    inspection = process.references.inspections.get(name) if process is not None else None
    work = view_work(process.work.get(name) if process is not None else None, subject.now)
    top = inspection.nodes.get(0) if inspection is not None else None
    ended = None if inspection is None or inspection.ended is None else printable(inspection.ended)
    if inspection is None or top is None:
        return InspectionView(
            title, "", None, None, ("", ""), found=False, answered=frozenset(), holders=(),
            work=work, ended=ended,
        )  # fmt: skip
    what = fmt_named(top.type, top.label)
    itself = HolderView((0,), "", "top", "", what=what, address=printable(top.address))
    return InspectionView(
        title,
        itself.address,
        top.references,
        top.seen,
        fmt_account(top.references, top.seen),
        found=True,
        answered=frozenset(inspection.nodes),
        holders=(itself, *_below(inspection, opened, (0,), "")),
        work=work,
        ended=ended,
    )


def _below(
    inspection: Inspection, opened: Opened, path: Path, guide: str, above: Sequence[str] = ()
) -> Iterator[HolderView]:
    """The rows below the node at the end of a path. ``above``: addresses of those on the way."""
    node = inspection.nodes.get(path[-1])
    if node is None:
        looking = path[-1] in opened.asked and inspection.ended is None
        yield _remark(path, guide, *_LOOKING if looking else _UNANSWERED)
        return
    above = (*above, node.address)
    padded = min(LONGEST_EDGE, max((_cells(referrer) for referrer in node.referrers), default=0))
    for index, referrer in enumerate(node.referrers):
        last = index == len(node.referrers) - 1 and not node.left_out
        before, below = guides(guide, last=last)
        own = (*path, referrer.node)
        kind = _kind(inspection, opened, own, referrer, above)
        node_below = inspection.nodes.get(referrer.node) if kind == "open" else None
        account = (
            fmt_account(node_below.references, node_below.seen, short=True) if node_below else None
        )
        yield HolderView(
            own, before, kind, _edges(referrer), padded, fmt_named(referrer.type, referrer.label),
            printable(referrer.address), referrer.count, account,
        )  # fmt: skip
        if kind == "open":
            yield from _below(inspection, opened, own, below, above)
    if node.left_out:
        yield _remark(path, guide, "more", f"and {node.left_out:,} more")
    elif not node.referrers:
        yield _remark(path, guide, "nobody", "no referrer was found")


_LOOKING: tuple[Kind, str] = ("looking", "looking …")
_UNANSWERED: tuple[Kind, str] = ("nobody", "no answer")


def _remark(path: Path, guide: str, kind: Kind, text: str) -> HolderView:
    """A row that stands beside or for referrers."""
    return HolderView((*path, -1), guides(guide, last=True)[0], kind, text)


def _kind(
    inspection: Inspection, opened: Opened, path: Path, referrer: Referrer, above: Sequence[str]
) -> Kind:
    if referrer.root:
        return "root"
    if referrer.address and referrer.address in above:
        return "cycle"
    if path in opened.paths:
        return "open"
    gone = inspection.ended is not None and referrer.node not in inspection.nodes
    return "shut" if gone else "closed"


def _edges(referrer: Referrer) -> str:
    named = [
        edge for edge in referrer.edges if edge != f"held by {referrer.type}"
    ]  # that says nothing more
    return printable(", ".join(named)) or "refers to it"


def _cells(referrer: Referrer) -> int:
    return width_of(((_edges(referrer), ""),))


def fmt_account(references: int | None, seen: int | None, *, short: bool = False) -> StyledText:
    """Whether all references were found, plainly."""
    if references is None or seen is None:
        return ("immortal: its references are not counted", "muted")
    missing = references - seen
    counted = fmt_plural(references, "reference")
    if missing == 0:
        return (f"{counted}: all seen", "muted" if short else "success")
    if missing < 0:
        why = "" if short else "; some hold it without counting"
        return (f"{counted}, {seen:,} seen{why}", "warning")
    if short:
        return (f"{counted}, {missing:,} unaccounted", "warning")
    why = "a C extension, or a value being computed"
    return (f"{counted}: {seen:,} seen, {missing:,} unaccounted ({why})", "warning")


# -- lines -----------------------------------------------------------------------------------------


def draw_holders(view: InspectionView, width: int) -> tuple[TreeRow, ...]:
    """The tree's rows, each of at most ``width`` cells."""
    return tuple(
        TreeRow(
            holder.path,
            _line(holder, width),
            opens=holder.kind in {"closed", "open"},
            open=holder.kind == "open",
        )
        for holder in view.holders
    )


def _line(holder: HolderView, width: int) -> Line:
    guide = shorten_guide(holder.guide, width // 2)
    glyph = (f"{GLYPHS[holder.kind]} ", GLYPH_STYLES.get(holder.kind, "muted"))
    head: list[StyledText] = [(guide, "muted"), glyph]
    if not holder.what:
        return fit((*head, (holder.text, "muted")), width)
    if not holder.text:
        return two_ends((*head, (holder.what, "strong")), ((holder.address, "muted"),), width)
    room = width - width_of(head)
    edge = min(holder.padded, max(8, room // 2))
    head += [(pad(cut_middle(holder.text, edge), edge), "foreground"), ("  ", "")]
    head.append((holder.what, "strong" if holder.kind == "root" else "primary"))
    if holder.count > 1:
        head.append((f"  {holder.count:,} references", "accent"))
    if holder.kind == "cycle":
        head.append(("  shown above", "warning"))
    return two_ends(tuple(head), _right_end(holder, width - width_of(head)), width)


def _right_end(holder: HolderView, room: int) -> Line:
    """The account of what is open, and the address, where there is room."""
    styled: list[StyledText] = []
    if holder.account is not None and len(holder.account[0]) + 3 <= room:
        styled.append(holder.account)
        room -= len(holder.account[0]) + 3
    if holder.address and len(holder.address) + 3 <= room:
        styled += [("  " if styled else "", ""), (holder.address, "muted")]
    return tuple(styled)


def draw_title(view: InspectionView, width: int) -> Line:
    """Whose referrers these are, and where it is."""
    left: Line = (
        (" esc ← ", "muted"),
        ("Who refers to ", "foreground"),
        (view.title, "strong"),
    )
    return two_ends(left, ((f"{view.address} ", "muted"),), width)


def draw_account(view: InspectionView, width: int, height: int) -> tuple[Line, ...]:
    """The account; below it what goes on in the copy, or that there is none any more."""
    lines: list[Line] = []
    if view.found:
        text, style = view.account
        lines.append(fit(((text, style),), width))
    if view.ended is not None:
        stays = f"the copy is gone: {view.ended}; opened rows stay"
        text = stays if view.found else f"nothing was found: {view.ended}"
        lines.append(fit((("■ ", "warn"), (text, "foreground")), width))
    elif view.work is not None and (view.work.failure is not None or not view.work.done):
        running = view.work.failure is None
        stop: Line = (("x", "key"), (" cancels", "muted")) if running else ()
        work = draw_work(view.work, max(8, width - width_of(stop) - 1))
        lines.append(two_ends(work, stop, width) if running else work)
    elif not view.found:
        lines.append((("◌ ", "accent"), ("copying the program …", "foreground")))
    return tuple(lines[:height])
