"""The Refcounts panel's rows and the lines below them: order, growth, trends, raw readings."""

from __future__ import annotations

from typing import cast

import pytest
from msgspec.structs import replace
from tests.sample_events import watched_found
from tests.simulate import Simulation
from tests.simulate_references import with_references
from tests.tui.driving import state_of
from tests.tui.test_spans import HOSTILE

from refwatch.readings.objects.records import WatchedRecord
from refwatch.session import events as ev
from refwatch.session.events import Event
from refwatch.session.state import State
from refwatch.tui.panels.refcounts.lines import (
    Chosen,
    draw_edge,
    draw_empty,
    draw_facts,
    draw_history,
    round_up,
)
from refwatch.tui.panels.refcounts.view import (
    BY_DEFAULT,
    RefcountsView,
    arrange,
    columns_for,
    fmt_totals,
    rises,
    view_refcounts,
)
from refwatch.tui.subject import Subject
from refwatch.tui.views.styled_text import Line, width_of
from refwatch.tui.views.table import Order, Row, heading, lay, place, sortable
from refwatch.wire.event import MAIN

START, WARM = 0, 1
"""The baselines of the simulated session; the mark is at 4 s."""


def recorded(seconds: float = 8.0) -> list[Event]:
    return list(with_references(Simulation(seconds)))


@pytest.fixture(scope="module")
def view() -> RefcountsView:
    return view_refcounts(Subject(state_of(recorded())))


def text(line: Line) -> str:
    return "".join(piece for piece, _ in line)


def rows(view: RefcountsView, baseline: int = WARM, **order: object) -> list[Row]:
    columns = columns_for(view, 120, baseline)
    return list(arrange(view, columns, Order(**order), baseline))  # type: ignore[arg-type]


def names(view: RefcountsView, baseline: int = WARM, **order: object) -> list[str]:
    return [text(row.cells[0]) for row in rows(view, baseline, **order)]


def cell(view: RefcountsView, name: str, column: str, baseline: int = WARM) -> Line:
    columns = columns_for(view, 120, baseline)
    index = [each.key for each in columns].index(column)
    return next(row for row in rows(view, baseline) if text(row.cells[0]) == name).cells[index]


def test_what_has_grown_since_the_mark_comes_first(view: RefcountsView) -> None:
    shown = names(view, sort=BY_DEFAULT.sort, reverse=BY_DEFAULT.reverse)
    assert shown[0] == "template"
    assert shown[-4:] == ["retries", "request", "batch", "request"]


def test_growth_is_counted_from_the_chosen_baseline(view: RefcountsView) -> None:
    one = next(one for one in view.objects if one.found.name == "template")
    assert one.references == 4 + 40 * 8
    assert view.growth(one, WARM) == 40 * 4
    assert text(cell(view, "template", "growth")) == "+160"
    assert view.growth(one, START) == pytest.approx(40 * 7.7, abs=1)


def test_growth_of_one_that_came_after_the_mark_is_since_then(view: RefcountsView) -> None:
    newest = next(one for one in view.objects if one.found.watch == 14)
    assert newest.series.first() is not None
    assert view.growth(newest, WARM) == (newest.references or 0) - (newest.series.first() or 0)


def test_a_baseline_that_is_not_kept_any_more_means_the_newest(view: RefcountsView) -> None:
    one = next(one for one in view.objects if one.found.name == "template")
    assert view.growth(one, 7) == view.growth(one, WARM)
    assert view.since(7) == 4.0


def test_only_what_grows_for_good_stands_out(view: RefcountsView) -> None:
    assert cell(view, "template", "growth")[0][1] == "warn"
    assert cell(view, "template", "trend")[0][1] == "warning"
    assert cell(view, "cache", "trend")[0][1] == "trend"
    assert cell(view, "log", "trend") == (("▁" * 16, "fill-sleep"),)
    assert rises(3, [1, 2, 3, 4])
    assert not rises(3, [1, 9, 4])
    assert not rises(0, [1, 1])
    assert not rises(None, [])


def test_a_trend_begins_where_the_object_was_found(view: RefcountsView) -> None:
    found = next(one for one in view.objects if one.found.watch == 14)
    assert found.series.at(7.0) is None
    last = rows(view)[-4]
    assert last.key == 14
    assert text(last.cells[3])[:12] == " " * 12
    assert text(last.cells[3])[-1] != " "


def test_a_fresh_change_has_an_arrow(view: RefcountsView) -> None:
    assert text(cell(view, "template", "references")) == "324▲"
    assert text(cell(view, "log", "references")) == "41 "
    assert text(cell(view, "server", "references")).endswith("▼")


def test_an_immortal_object_has_a_word_for_a_number(view: RefcountsView) -> None:
    assert text(cell(view, "retries", "references")) == "immortal"
    for column in ("growth", "trend", "watch"):
        assert text(cell(view, "retries", column)) == ""


def test_the_dead_are_dim_below_and_can_be_hidden(view: RefcountsView) -> None:
    dead = rows(view)[-3:]
    assert [row.dim for row in dead] == [True] * 3
    assert [text(row.cells[3]) for row in dead] == ["died 7.10 s", "died 5.30 s", "died 2.90 s"]
    assert not any(row.dim for row in rows(view, hide_ended=True))
    assert names(view, reverse=True)[-3:] == names(view)[-3:]


def test_one_that_is_only_let_go_is_not_shown() -> None:
    state = state_of([*recorded(), ev.WatchedEnded(at=8.0, process=MAIN, watch=3, died=False)])
    assert "cache" not in names(view_refcounts(Subject(state)))


def test_raw_readings_are_as_they_were_read(view: RefcountsView) -> None:
    assert text(cell(view, "sessions", "references")) == "3 "
    assert text(cell(view, "sessions", "ctypes")) == "4"
    assert text(cell(view, "sessions", "getrefcount")) == "5"
    assert text(cell(view, "sessions", "watch")) == "held"
    assert text(cell(view, "cache", "watch")) == "weak"
    titles = [column.title for column in columns_for(view, 120, WARM)]
    assert "raw ctypes" in titles
    assert "raw getrefcount" in titles


@pytest.mark.parametrize(
    "sort", ["seen", *sortable(columns_for(view_refcounts(Subject(State())), 0, 0))]
)
def test_any_column_sorts(view: RefcountsView, sort: str) -> None:
    rising, falling = names(view, sort=sort), names(view, sort=sort, reverse=True)
    assert sorted(rising) == sorted(falling)
    assert rising[-3:] == falling[-3:]


def test_sorting_by_count(view: RefcountsView) -> None:
    shown = names(view, sort="references", reverse=True)
    assert shown[:2] == ["template", "log"]
    assert shown[-4] == "retries"


def test_the_filter_looks_at_name_type_and_address(view: RefcountsView) -> None:
    assert names(view, filter="TEMPL") == ["template"]
    assert names(view, filter="db.pool") == ["pool"]
    assert len(names(view, filter="0x7f3a5c")) == len(view.objects)
    assert names(view, filter="no such") == []


@pytest.mark.parametrize("width", [20, 40, 60, 78, 118, 200])
def test_columns_fit_and_keep_name_count_and_growth(view: RefcountsView, width: int) -> None:
    columns = columns_for(view, width, WARM)
    placed = place(columns, width)
    assert [each.column.key for each in placed][:3] == ["name", "references", "growth"]
    if width >= 44:
        assert placed[-1].x + placed[-1].width <= width
    for row in arrange(view, columns, Order(), WARM):
        assert width_of(lay(row, placed)) == width_of(heading(placed, "", reverse=False))


def test_what_80_and_120_columns_have_room_for(view: RefcountsView) -> None:
    def shown(width: int) -> list[str]:
        return [each.column.key for each in place(columns_for(view, width, WARM), width - 2)]

    first = ["name", "references", "growth", "trend", "type", "watch", "ctypes"]
    assert shown(80) == first
    assert shown(120) == [*first, "getrefcount", "address"]


def test_totals(view: RefcountsView) -> None:
    assert fmt_totals(view, 14) == "11 watched, 3 died"
    assert fmt_totals(view, 1) == "1 shown of 11 watched, 3 died"


def test_rows_are_made_only_when_looked_at(view: RefcountsView) -> None:
    """Of thousands of objects, those that are not seen cost no more than their place."""
    many = [
        replace(view.objects[0], found=replace(view.objects[0].found, watch=n)) for n in range(5000)
    ]
    counted = [_Counting(one) for one in many]
    objects = cast("tuple[WatchedRecord, ...]", tuple(counted))
    large = RefcountsView(objects, 8.0, view.baselines, view.counts, 1, "")
    arranged = arrange(large, columns_for(large, 120, WARM), BY_DEFAULT, WARM)
    assert len(arranged) == 5000
    assert len({arranged[index].key for index in range(40)}) == 40
    assert sum(one.drawn for one in counted) == 40


class _Counting:
    """A watched object that counts how often its raw reading, which only a row shows, is read."""

    def __init__(self, one: object) -> None:
        self._one = one
        self.drawn = 0

    def __getattr__(self, name: str) -> object:
        if name == "getrefcount":
            self.drawn += 1
        return getattr(self._one, name)


# -- below the table -------------------------------------------------------------------------------


def test_the_edge_says_baseline_offset_and_what_held_means(view: RefcountsView) -> None:
    edge = text(draw_edge(view, WARM, 116))
    assert edge.startswith("since warm (4.00 s)")
    assert "getrefcount reads 1 more here" in edge
    assert "held: refwatch holds it, as no weak reference" in edge
    assert text(draw_edge(view, START, 116)).startswith("since start")
    narrow = text(draw_edge(view, WARM, 78))
    assert narrow.endswith("held: refwatch holds it")


@pytest.mark.parametrize(("offset", "said"), [(0, "reads the same"), (-1, "reads 1 less")])
def test_other_offsets(offset: int, said: str) -> None:
    state = state_of(
        [*recorded(), ev.WatchedRead(at=8.0, process=MAIN, offset=offset, readings=[])]
    )
    assert said in text(draw_edge(view_refcounts(Subject(state)), WARM, 116))


def chosen(view: RefcountsView, name: str) -> Chosen:
    return Chosen(view, next(one for one in view.objects if one.found.name == name), WARM)


def test_facts_of_one_object(view: RefcountsView) -> None:
    (line,) = draw_facts(chosen(view, "template"), 140)
    for piece in ("app.views.Template", "weak reference", "raw: ctypes 304, getrefcount 305",
                  "bound in __main__", "0x7f3a5c051130"):  # fmt: skip
        assert piece in text(line)
    first, second = draw_facts(chosen(view, "names"), 70)
    assert "held: one raw reference is refwatch's own" in text(first)
    assert "raw: ctypes 3, getrefcount 4" in text(second)
    assert "immortal" in text(draw_facts(chosen(view, "retries"), 140)[0])
    assert "died at 5.30 s" in text(draw_facts(chosen(view, "batch"), 140)[0])


@pytest.mark.parametrize("name", ["template", "log", "retries", "batch", "request"])
@pytest.mark.parametrize(("width", "height"), [(116, 14), (76, 9), (30, 4), (8, 2)])
def test_a_history_keeps_to_its_room(
    view: RefcountsView, name: str, width: int, height: int
) -> None:
    lines = draw_history(chosen(view, name), width, height)
    assert 0 < len(lines) <= height
    assert all(width_of(line) <= width for line in lines)


def test_a_history_begins_at_the_baseline(view: RefcountsView) -> None:
    last = text(draw_history(chosen(view, "template"), 116, 14)[-1])
    assert "4.00 s" in last
    assert "8.00 s" in last


@pytest.mark.parametrize(
    ("count", "top"), [(0, 2), (1, 2), (5, 6), (9, 10), (41, 42), (99, 102), (324, 340)]
)
def test_the_top_of_an_axis(count: int, top: int) -> None:
    assert round_up(count) == top


def test_nothing_watched_says_what_to_do() -> None:
    lines = [text(line) for line in draw_empty("", 76)]
    assert lines[0] == "Nothing is watched yet."
    for way in ("__main__", "--watch", "refwatch.watch(", "pkg.mod.name.attr"):
        assert any(way in line for line in lines)
    assert "not on this build" in text(draw_empty("refcounts: not on this build", 76)[0])


def test_why_nothing_is_watched_is_read_from_the_limits() -> None:
    limit = ev.ReadingLimited(
        at=0.2, process=MAIN, reading="refcounts", reason="the layout was not found"
    )
    view = view_refcounts(Subject(state_of([*Simulation(0.5).start(), limit])))
    assert view.reason == "refcounts: the layout was not found"


def test_hostile_texts_keep_the_columns() -> None:
    found = [
        watched_found(0.5, 100 + index, name=name, type=name, address=name, source=name)
        for index, name in enumerate(HOSTILE)
    ]
    counted = ev.WatchedCounted(
        at=0.6, process=MAIN, counts=[(100 + index, 3) for index in range(len(found))]
    )
    view = view_refcounts(Subject(state_of([*Simulation(0.4).events(), *found, counted])))
    columns = columns_for(view, 120, START)
    placed = place(columns, 118)
    for row in arrange(view, columns, Order(), START):
        assert width_of(lay(row, placed)) == width_of(heading(placed, "", reverse=False))
    for one in view.objects:
        for line in (*lays(view), *draw_facts(Chosen(view, one, START), 70)):
            assert all(piece.isprintable() for piece, _ in line)


def lays(view: RefcountsView) -> list[Line]:
    columns = columns_for(view, 120, START)
    return [lay(row, place(columns, 118)) for row in arrange(view, columns, Order(), START)]
