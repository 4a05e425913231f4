"""View of one class or type: instances over time, numbers, and what keeps it alive."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from refwatch.readings.objects.chains import why_no_chain
from refwatch.readings.objects.events import ChainsFound
from refwatch.readings.objects.growth import GrowthSuspect
from refwatch.readings.objects.records import TypeName
from refwatch.text.formats import (
    fmt_bytes,
    fmt_moment,
    fmt_number,
    fmt_per_second,
    fmt_plural,
    fmt_rate,
    fmt_seconds,
    fmt_signed,
)
from refwatch.text.sanitize import printable
from refwatch.tui.panels.objects.chain_tree import ChainRow, chain_lines
from refwatch.tui.panels.objects.table import fmt_name
from refwatch.tui.panels.objects.view import (
    ObjectRow,
    ObjectsView,
    cancelled,
    chains_work,
    graph_work,
    per_second,
)
from refwatch.tui.views.baselines import BaselineView, clamp
from refwatch.tui.views.chart import Points, chart, nice_top, step_points
from refwatch.tui.views.styled_text import (
    Line,
    StyledText,
    cut,
    cut_middle,
    fit,
    pad,
    two_ends,
    width_of,
    wrap,
)
from refwatch.tui.views.work import WorkView, draw_work, view_work
from refwatch.wire.heap_values import ChainLink, Site

_BLANK = "\u2800"


@dataclass(frozen=True)
class Requests:
    """Requests to the daemon. ``asked``: name of the work -> time, seconds; ``live``: there is a
    daemon; ``paused``: an answer would not be seen yet."""

    asked: Mapping[str, float] = field(default_factory=dict)
    live: bool = False
    paused: bool = False


NO_REQUESTS = Requests()


@dataclass(frozen=True)
class Holders:
    """What keeps instances alive, as last looked for. ``looked_s``: when, None if never."""

    looked_s: float | None
    chains: tuple[tuple[ChainLink, ...], ...]
    sites: tuple[Site, ...]
    work: WorkView | None
    """The newest search."""
    waits: str
    """Why a requested search has no answer yet; empty if none is awaited."""
    may_ask: bool
    """There is a daemon to ask."""
    found: ChainsFound | None = None


@dataclass(frozen=True)
class ObjectView:
    """One row. ``points`` are (seconds, instances); ``growth`` since each baseline, of which
    ``chosen`` is the current one."""

    key: int
    name: TypeName
    live: bool
    instances: int
    per_second: float
    size: int | None
    census_age_s: float | None
    points: Points
    marks: tuple[tuple[float, str], ...]
    growth: tuple[tuple[BaselineView, int], ...]
    chosen: int
    judged: GrowthSuspect | None
    holders: Holders
    graph: WorkView | None
    gone: bool = False
    """The class is gone, or the type's last instance."""


def view_object(
    view: ObjectsView, key: int, baseline: int, requests: Requests = NO_REQUESTS
) -> ObjectView | None:
    """Read one row; None if it is gone."""
    row = view.row(key)
    if row is None:
        return None
    judged = next((each.judged for each in view.suspects if each.key == key), None)
    until = view.end_s if row.live else view.census.taken_s
    graph = view_work(view.work.get(graph_work(row.full_name)), view.end_s)
    return ObjectView(
        key,
        row.full_name,
        row.live,
        row.instances,
        per_second(row, view),
        row.size,
        view.end_s - view.census.taken_s if view.census.taken else None,
        _points(row, view.baselines[clamp(baseline, view.baselines)].at, until),
        view.marks,
        tuple((each, view.grown(row, index)) for index, each in enumerate(view.baselines)),
        clamp(baseline, view.baselines),
        judged,
        _holders(view, row.full_name, requests),
        graph,
    )


def _points(row: ObjectRow, since: float, until: float) -> Points:
    """Its counts since the baseline."""
    return (*step_points(row.series, since, until), (max(since, until), float(row.instances)))


def _holders(view: ObjectsView, name: TypeName, requests: Requests) -> Holders:
    found = view.chains.get(name)
    work = view.work.get(chains_work(name))
    may_ask = requests.live and not (view.over or view.together)
    asked_s = requests.asked.get(chains_work(name)) if may_ask else None
    waits = ""
    if asked_s is not None and (work is None or work.at <= asked_s):
        waits = _PAUSED if requests.paused else _WAITS
    return Holders(
        found.at if found is not None else None,
        tuple(tuple(chain) for chain in found.chains) if found is not None else (),
        tuple(found.allocated_at) if found is not None else (),
        view_work(work, view.end_s),
        waits,
        may_ask,
        found,
    )


_WAITS = "requested; waiting for an answer …"
_PAUSED = "requested; the answer shows after the pause"


def draw_object_title(view: ObjectView, width: int) -> Line:
    """Its name, and how it is counted."""
    how: StyledText = ("counted live", "success") if view.live else ("counted by census", "muted")
    if view.gone:
        how = ("gone", "warn")
    back: Line = ((" esc ← ", "muted"),)
    name = fmt_name(*view.name, max(8, width - width_of(back) - len(how[0]) - 3))
    return two_ends((*back, *name), (how, (" ", "")), width)


def draw_object_chart(view: ObjectView, width: int, height: int) -> tuple[Line, ...]:
    """Instances over time, with a dashed line and a name at each mark."""
    most = max((count for _, count in view.points), default=0.0)
    style = "warning" if view.judged is not None else "primary"
    lines = chart(view.points, width, height, style, nice_top(most * 1.02), fmt_number, fmt_moment)
    if not lines:
        return ()
    inner = len(lines[0][-1][0])
    start = view.points[0][0]
    span = max(view.points[-1][0] - start, 1.0)
    places = {
        int((at - start) / span * inner): name
        for at, name in view.marks
        if start < at < start + span
    }
    rows = [_with_marks(line, places) for line in lines[:-1]]
    return (_with_names(rows[0], places), *rows[1:], lines[-1])


def _with_marks(line: Line, places: Mapping[int, str]) -> Line:
    """A row of the chart with ``┊`` at marks where it is empty."""
    *head, (text, style) = line
    styled: list[StyledText] = list(head)
    start = 0
    for x in sorted(places):
        if x < len(text) and text[x] in {_BLANK, " "}:
            styled += [(text[start:x], style), ("┊", "accent")]
            start = x + 1
    return (*styled, (text[start:], style))


def _with_names(line: Line, places: Mapping[int, str]) -> Line:
    """The names of the marks, to the right of their lines where there is room."""
    styled: list[StyledText] = []
    names = [name for _, name in sorted(places.items())]
    after_mark = False
    for text, style in line:
        room = len(text) - len(text.lstrip(_BLANK + " "))
        if after_mark and names and room > 3:
            name = cut(printable(names[0]), room - 1)
            used = width_of(((name, ""),))
            styled += [(name, "muted"), (text[used:], style)]
        else:
            styled.append((text, style))
        if after_mark:
            names = names[1:]
        after_mark = text == "┊"
    return tuple(styled)


def draw_object_facts(view: ObjectView, width: int, height: int) -> tuple[Line, ...]:
    """Its numbers, one per line; growth since each baseline, newest first."""
    facts = _facts(view)
    for index in reversed(range(len(view.growth))):
        baseline, growth = view.growth[index]
        text = fmt_signed(growth, fmt_number) if growth else "no change"
        chosen = "  ◂ baseline" if index == view.chosen and len(view.growth) > 1 else ""
        style = "warning" if growth > 0 else "foreground"
        facts.append((f"since {baseline.name}", ((text, style), (chosen, "muted"))))
    facts = facts[:height]
    label = min(max(len(name) for name, _ in facts), max(10, width // 3))
    return tuple(
        fit(((pad(name, label, right=True), "muted"), ("  ", ""), *value), width)
        for name, value in facts
    )


def _facts(view: ObjectView) -> list[tuple[str, Line]]:
    age = "" if view.census_age_s is None else f"census {fmt_seconds(view.census_age_s)} ago"
    count = fmt_number(view.instances)
    facts: list[tuple[str, Line]] = [
        ("count", ((count, "strong"), ("  live" if view.live else f"  {age}", "muted")))
    ]
    if view.size is not None:
        each = f"  {fmt_bytes(view.size / view.instances)} each" if view.instances else ""
        facts.append(("size", ((fmt_bytes(view.size), "foreground"), (each, "muted"))))
    more = view.per_second
    if abs(more) >= 0.05:
        text = fmt_signed(more, fmt_per_second)
        style = "warning" if more > 0 else "foreground"
        facts.append(("per second", ((text, style), ("  recently", "muted"))))
    if view.judged is not None:
        judged = view.judged
        growing = fmt_signed(judged.per_second, fmt_rate)
        since = f"  since {fmt_moment(judged.since_s)}"
        facts.append(("growing", ((growing, "warn"), (since, "muted"))))
        facts.append(("steady", ((f"{judged.r2:.2f}", "foreground"), ("  r² of a line", "muted"))))
    return facts


class HolderLine(NamedTuple):
    """``row``: the object on this line, if any."""

    line: Line
    row: ChainRow | None = None


def draw_holders(view: ObjectView, width: int) -> tuple[HolderLine, ...]:
    """State of the search, the tree of chains, and allocation sites."""
    parts = [_plain(_work_lines(view, width)), _chain_part(view.holders, width)]
    if view.holders.sites:
        sites = [_site_line(site, width) for site in view.holders.sites]
        parts.append(_plain([fit((("Allocated at", "title"),), width), *sites]))
    lines: list[HolderLine] = []
    for part in parts:
        lines += [HolderLine(()), *part] if lines and part else part
    return tuple(lines)


def _plain(lines: list[Line]) -> list[HolderLine]:
    return [HolderLine(line) for line in lines]


def _work_lines(view: ObjectView, width: int) -> list[Line]:
    """Running or failed work."""
    holders = view.holders
    hint: Line = (("  x", "key"), (" cancels", "muted"))
    room = max(10, width - width_of(hint))
    lines: list[Line] = []
    if holders.waits:
        lines.append((("◌ ", "accent"), (cut(holders.waits, room), "foreground"), *hint))
    for work in (None if holders.waits else holders.work, view.graph):
        if work is None:
            continue
        if work.failure is not None and not cancelled(work.failure):
            lines.append(draw_work(work, width))
        elif not work.done and holders.may_ask:
            lines.append((*draw_work(work, room), *hint))
    return lines


def _chain_part(holders: Holders, width: int) -> list[HolderLine]:
    if holders.chains:
        lines = [HolderLine(*each) for each in chain_lines(holders.chains, width)]
        return lines + _plain(_wrapped(_not_all(holders.found), width))
    if holders.looked_s is not None:
        return _plain(_wrapped(why_no_chain(holders.found), width))
    if not holders.may_ask:
        text = "Nobody looked for them while the program ran."
        return _plain(_wrapped(text, width))
    if holders.waits or (holders.work is not None and not holders.work.done):
        return []
    text = "not looked for yet; " if holders.work is None else "not found; "
    return _plain([((text, "muted"), ("enter", "key"), (" looks", "muted"))])


def _not_all(found: ChainsFound | None) -> str:
    """What the chains leave out."""
    if found is None:
        return ""
    words = [found.missing] if found.missing else []
    if found.garbage:
        words.append(f"{found.garbage:,} of {found.looked:,} are garbage: nothing holds them")
    return "; ".join(words)


def _wrapped(text: str, width: int) -> list[Line]:
    return [((line, "muted"),) for line in wrap(text, width, 6)]


def _site_line(site: Site, width: int) -> Line:
    function = printable(site.function)
    room = max(8, width - len(function) - 4)
    where = cut_middle(f"{printable(site.file)}:{site.line}", room)
    return fit((("  ", ""), (where, "foreground"), ("  ", ""), (function, "muted")), width)


def fmt_looked(view: ObjectView) -> str:
    """For the border: how many chains, and when they were found."""
    holders = view.holders
    if holders.looked_s is None:
        return ""
    return f"{fmt_plural(len(holders.chains), 'chain')} at {fmt_moment(holders.looked_s)}"
