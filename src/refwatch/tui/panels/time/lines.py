"""Lines around the Time panel's table, and what its flame graph says of a frame."""

from __future__ import annotations

from refwatch.text.formats import fmt_duration, fmt_percent
from refwatch.text.sanitize import printable
from refwatch.tui.panels.time.hottest import Hottest, point_at
from refwatch.tui.panels.time.table import fit_name, searched
from refwatch.tui.panels.time.view import Kin, Span, TimeView, callees_of, callers_of
from refwatch.tui.source import source_line
from refwatch.tui.views.icicle import FrameName, frame_name
from refwatch.tui.views.places import short_function
from refwatch.tui.views.pointed import placed
from refwatch.tui.views.styled_text import Line, StyledText, fit, two_ends, width_of
from refwatch.tui.views.tree import Path
from refwatch.tui.views.weighted_tree import WHOLE, Node


def draw_how(view: TimeView, since: str, width: int) -> Line:
    """What is added up: of which time, of which threads, from when on."""
    options = view.options
    span = f"since {since}" if options.span is Span.MARK else f"in {options.span}"
    threads = printable(options.kind) or "unnamed" if options.kind is not None else "all threads"
    left: list[StyledText] = [
        (fmt_duration(view.total), "title"),
        (f" {view.what.words}", "primary-bold"),
        (" by ", "muted"),
        (threads, "primary-bold"),
        (" ", ""),
        (span, "foreground"),
    ]
    keys: list[StyledText] = []
    for key, word in (("w", "what"), ("t", "threads"), ("d", "during"), ("v", "level")):
        keys += [(key, "key"), (f" {word}  ", "muted")]
    if width_of(left) + width_of(keys) + 2 <= width:
        return two_ends(tuple(left), tuple(keys), width)
    return fit(tuple(left), width)


def draw_kin(
    view: TimeView, site: int, cwd: str, width: int, *, calls: bool, hottest: Hottest | None = None
) -> tuple[Line, ...]:
    """Who calls the place, or what it calls, with the seconds of each."""
    kin = (callees_of if calls else callers_of)(view.stacks, site)
    if not kin:
        return ((("nothing that takes such time" if calls else "", "muted"),),)
    return tuple(_draw_one(view, each, cwd, width, hottest or {}) for each in kin)


def _draw_one(view: TimeView, kin: Kin, cwd: str, width: int, hottest: Hottest) -> Line:
    share = fmt_percent(kin.seconds / view.total if view.total else 0.0)
    head = f"{fmt_duration(kin.seconds):>8} {share:>5}  "
    if kin.site == WHOLE:
        nobody: Line = (("nobody: a thread begins here", "muted"),)
        return fit(((head, "foreground"), *nobody), width)
    place = view.places[kin.site]
    name = fit_name(place, cwd, width - len(head))
    return placed(fit(((head, "foreground"), *name), width), point_at(place, hottest, cwd))


class StackNames:
    """Names the frames of the flame graph, and seconds."""

    def __init__(self, view: TimeView, cwd: str) -> None:
        self._view = view
        self._cwd = cwd

    def size(self, weight: float) -> str:
        return fmt_duration(weight)

    def name(self, site: int) -> FrameName:
        place = self._view.places[site]
        return frame_name(place.file, place.line, short_function(place.function))

    def searched(self, site: int) -> str:
        return searched(self._view.places[site])

    def describe(self, top: Node, path: Path, width: int) -> tuple[Line, Line]:
        """Where, how long, and its source line."""
        node = top.at(path) or top
        share = node.weight / top.weight if top.weight > 0 else 0.0
        size: list[StyledText] = [
            (fmt_duration(node.weight), "strong"),
            (f"  {fmt_percent(share)} of all", "foreground"),
        ]
        if node.ends > 0 and node.below:
            size.append((f", {fmt_duration(node.ends)} in it itself", "foreground"))
        if node.site == WHOLE:
            name: Line = (("all stacks", "strong"),)
            text = "↑ ↓ ← → move, enter zooms in, esc zooms out, / searches, i: the table"
        else:
            place = self._view.places[node.site]
            name = fit_name(place, self._cwd, width - width_of(size) - 2)
            text = printable(source_line(place.file, place.line)) if place.line else ""
        return two_ends(name, tuple(size), width), fit(((f"  {text}", "muted"),), width)
