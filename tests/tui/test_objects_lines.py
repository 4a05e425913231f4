"""The Objects panel's lines: table, suspects, edge, work."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.simulate_references import reference_events
from tests.tui.driving import state_of
from tests.tui.test_objects_view import SECONDS, begun, census, read, row_of
from tests.tui.test_spans import HOSTILE

from refwatch.session import events as ev
from refwatch.session.events import Event
from refwatch.text.formats import fmt_moment, fmt_number
from refwatch.tui.panels.objects.suspects import (
    PART,
    draw_calm,
    draw_edge,
    draw_suspects,
    draw_work_line,
    running,
)
from refwatch.tui.panels.objects.table import (
    FIRST,
    SPANS_S,
    arrange,
    columns_for,
    draw_scale,
    fmt_empty,
    fmt_name,
    make_row,
    scale_for,
    span_for,
    spark,
)
from refwatch.tui.panels.objects.view import (
    NOTHING,
    ObjectsReader,
    ObjectsView,
    chains_work,
    graph_work,
)
from refwatch.tui.subject import Subject
from refwatch.tui.views.chains import chain_line
from refwatch.tui.views.styled_text import Line, width_of
from refwatch.tui.views.table import descends_first, heading, lay, place
from refwatch.wire.event import MAIN
from refwatch.wire.heap_values import ChainLink, TypeCount

SESSION = ("app", "Session")


@pytest.fixture(scope="module")
def view() -> ObjectsView:
    return read(reference_events(SECONDS))


def text(line: Line) -> str:
    return "".join(piece for piece, _ in line)


def page(lines: tuple[Line, ...]) -> str:
    return "\n".join(map(text, lines))


def names(view: ObjectsView, baseline: int = 99, **order: object) -> list[str]:
    return [row.name for row in arrange(view, replace(FIRST, **order), baseline)]  # type: ignore[arg-type]


# -- table -----------------------------------------------------------------------------------------


def test_by_default_what_has_grown_most_is_first(view: ObjectsView) -> None:
    grown = {"dict", "Session", "list", "Entry"}
    for baseline in (0, 99):
        assert set(names(view, baseline)[:4]) == grown
        growth = [view.grown(row, baseline) for row in arrange(view, FIRST, baseline)]
        assert growth == sorted(growth, reverse=True)
    assert names(view, reverse=False)[-1] == names(view)[0]


def test_of_equals_the_more_numerous_is_first(view: ObjectsView) -> None:
    assert names(view)[5:8] == ["function", "tuple", "wrapper_descriptor"]


@pytest.mark.parametrize(
    ("sort", "first"),
    [("name", "_abc_data"), ("instances", "function"), ("rate", "dict"),
     ("growth", "Session"), ("size", "dict"), ("how", "Session")],
)  # fmt: skip
def test_every_column_sorts(view: ObjectsView, sort: str, first: str) -> None:
    assert {column.key for column in columns_for(80)} >= {sort}
    if sort == "name":
        first = "Loop"  # of __main__
    assert names(view, sort=sort, reverse=descends_first(columns_for(0), sort))[0] == first
    turned = names(view, sort=sort, reverse=not descends_first(columns_for(0), sort))
    assert sorted(turned) == sorted(names(view))
    assert turned[0] != first


def test_the_filter_looks_at_module_and_name(view: ObjectsView) -> None:
    assert names(view, filter="SESSION") == ["Session"]
    assert set(names(view, filter="app.db.")) == {"Connection", "Pool", "Cursor", "Row",
                                                  "Migration"}  # fmt: skip
    assert names(view, filter="builtins.di") == ["dict", "dict_keyiterator"]
    assert names(view, filter="no such") == []


def test_classes_without_instances_can_be_hidden(view: ObjectsView) -> None:
    without = [row.name for row in view.rows if not row.instances]
    assert without
    assert not set(without) & set(names(view, hide_ended=True))


def test_why_no_row_is_shown(view: ObjectsView) -> None:
    assert fmt_empty(view, replace(FIRST, filter="zzz")) == "No name contains “zzz”."
    assert fmt_empty(NOTHING, FIRST) == "Nothing has been counted yet."
    assert fmt_empty(replace(NOTHING, over=True), FIRST) == "Nothing was counted."
    assert fmt_empty(view, FIRST) == "No instances."


def drawn(view: ObjectsView, module: str, name: str, width: int = 110) -> str:
    placed = place(columns_for(width), width, 10)
    widths = {each.column.key: each.width for each in placed}
    suspects = {each.key for each in view.suspects}
    row = make_row(row_of(view, module, name), view, 99, suspects, widths)
    line = lay(row, placed)
    assert width_of(line) == width_of(heading(placed, "", reverse=False)) <= width
    return " ".join(text(line).split())


def test_a_row_says_all(view: ObjectsView) -> None:
    assert drawn(view, *SESSION) == "▲ app.Session 564 +40 +412 35.2 KiB live"
    assert drawn(view, "app", "Entry") == "app.Entry 300 +100 21.1 KiB live"
    assert drawn(view, "builtins", "tuple") == "tuple 2,750 172 KiB census"
    assert drawn(view, "builtins", "tuple", 140).endswith("172 KiB census 1 s")


def test_a_narrow_table_keeps_name_count_and_growth(view: ObjectsView) -> None:
    assert drawn(view, *SESSION, 58) == "▲ app.Session 564 +40 +412"
    assert drawn(view, *SESSION, 46) == "▲ app.Session 564 +412"


def test_growing_and_shrinking_have_their_sign_and_colour() -> None:
    counts = [(1.0, 5_000_000, 100), (9.0, 9_500_000, 40)]
    view = read(
        census(
            at,
            TypeCount(module="builtins", name="list", count=grows, size=8),
            TypeCount(module="builtins", name="set", count=falls, size=8),
        )
        for at, grows, falls in counts
    )
    widths = {"name": 20}
    grows, shrinks = (
        make_row(row_of(view, "builtins", name), view, 0, (), widths).cells
        for name in ("list", "set")
    )
    assert grows[3] == (("+4.5 M", "foreground"),)
    assert shrinks[3] == (("-60", "muted"),)
    assert grows[2] == (("+562 k", "foreground"),)
    assert shrinks[2] == (("-7.5", "muted"),)


@pytest.mark.parametrize("width", [1, 3, 6, 9, 12, 20, 40])
def test_names_fit_and_the_module_gives_way_first(width: int) -> None:
    cases = [("app.models", "Order"), ("builtins", "wrapper_descriptor"), ("", "x"),
             *((name, name) for name in HOSTILE)]  # fmt: skip
    for module, name in cases:
        line = fmt_name(module, name, width)
        assert width_of(line) <= width
        assert text(line).isprintable()
    assert text(fmt_name("app.models.shop", "Order", 20)) == "app.models.shop.Order"[:0] + (
        text(fmt_name("app.models.shop", "Order", 20))
    )


def test_a_name_is_cut_in_the_middle() -> None:
    assert text(fmt_name("app.models.shop", "Order", 21)) == "app.models.shop.Order"
    assert text(fmt_name("app.models.shop", "Order", 15)) == "app….shop.Order"
    assert text(fmt_name("app.models.shop", "Order", 6)) == "…Order"
    assert text(fmt_name("builtins", "dict", 20)) == "dict"


def test_numbers_are_in_full_where_they_fit() -> None:
    assert fmt_number(1_234_567) == "1,234,567"
    assert fmt_number(12_345_678) == "12.3 M"
    assert fmt_number(1_234_567, 7) == "1.23 M"


def test_a_span_reaches_back_to_the_start() -> None:
    usual = SPANS_S.index(300.0)
    assert SPANS_S[span_for(0.0, usual)] == 10.0
    assert SPANS_S[span_for(14.3, usual)] == 15.0
    assert SPANS_S[span_for(100.0, usual)] == 120.0
    assert SPANS_S[span_for(5000.0, usual)] == 300.0
    assert SPANS_S[span_for(1e9, len(SPANS_S) - 1)] == 86400.0


def test_the_scale_says_what_its_width_stands_for() -> None:
    scale = scale_for(100.0, 9, 30)
    assert (scale.cell_s, scale.last) == (4.0, 25)
    assert text(draw_scale(scale, 30)).startswith("2 min ago┈┈")
    assert text(draw_scale(scale, 30)).endswith("┈now")
    assert text(draw_scale(scale, 8)) == "     now"
    assert width_of(draw_scale(scale, 0)) <= 3


def test_a_spark_moves_on_by_whole_cells_and_ends_now() -> None:
    events: list[Event] = [ev.ClassFound(at=0.0, process=MAIN, serial=7, module="app", name="X")]
    events += [
        ev.ClassesCounted(at=float(at), process=MAIN, counts=[(7, at * 10)]) for at in range(2, 10)
    ]
    row = row_of(read(events), "app", "X")
    ((line, style),) = spark(row, scale_for(9.0, 0, 10), "warning")
    assert line == " ▁▂▃▄▅▆▇▇▇"
    assert style == "warning"
    later = spark(row, scale_for(9.9, 0, 10), "warning")
    assert later == [(line, style)]


def test_a_spark_counts_from_the_mark() -> None:
    events: list[Event] = [ev.ClassFound(at=0.0, process=MAIN, serial=7, module="app", name="X")]
    events += [
        ev.ClassesCounted(at=float(at), process=MAIN, counts=[(7, at * 10)]) for at in range(1, 30)
    ]
    scale = scale_for(29.0, 9, 20, since_s=18.0)
    assert scale.cell_s * scale.cells == 15.0
    ((line, _),) = spark(row_of(read(events), "app", "X"), scale, "")
    assert line.startswith("    ")
    assert line[-10:].strip() == line[-10:]


def test_a_spark_of_what_does_not_change_is_a_grey_line(view: ObjectsView) -> None:
    scale = scale_for(view.end_s, 9, 15)
    ((line, style),) = spark(row_of(view, "builtins", "tuple"), scale, "primary")
    assert line == "▁" * 15
    assert style == "fill-sleep"


def test_a_small_change_of_many_does_not_look_like_a_great_one() -> None:
    events: list[Event] = [ev.ClassFound(at=0.0, process=MAIN, serial=7, module="app", name="X")]
    events += [
        ev.ClassesCounted(at=float(at), process=MAIN, counts=[(7, 10_000 + at)])
        for at in range(1, 10)
    ]
    ((line, _),) = spark(row_of(read(events), "app", "X"), scale_for(9.0, 0, 10), "")
    assert set(line.strip()) == {"▁"}


# -- suspects --------------------------------------------------------------------------------------


def test_suspects_say_what_grows_and_what_holds_it(view: ObjectsView) -> None:
    lines = page(draw_suspects(view, 76, 3, may_ask=True)).splitlines()
    since = fmt_moment(view.suspects[0].judged.since_s)
    assert lines[0].split() == ["▲", "app.Session", "+40/s", "564", "now", "since", since,
                                "steady", "1.00"]  # fmt: skip
    assert lines[1] == "  ← item 17 ← global sessions ← module __main__"
    assert lines[3] == "  who keeps them alive is not known yet; enter looks"
    assert lines[0].index("/s") == lines[2].index("/s") == lines[4].index("/s")
    assert len(lines) == 6
    assert len(draw_suspects(view, 76, 1, may_ask=True)) == 2


def test_where_nobody_can_look_no_key_is_offered(view: ObjectsView) -> None:
    lines = page(draw_suspects(view, 76, 3, may_ask=False)).splitlines()
    assert lines[3] == "  who keeps them alive is not known yet"


def test_parts_of_what_leaks_are_not_told_of_where_others_of_their_type_are(
    view: ObjectsView,
) -> None:
    parts = [*view.suspects[:2], replace(view.suspects[2], chain=(), part=True)]
    lines = page(draw_suspects(replace(view, suspects=tuple(parts)), 76, 3, may_ask=True))
    assert lines.splitlines()[5].strip() == PART


def test_a_suspect_that_nothing_leads_to() -> None:
    none = ev.ChainsFound(
        at=13.0, process=MAIN, module=SESSION[0], name=SESSION[1], chains=[], looked=9, garbage=9
    )
    view = read([*reference_events(13.0), none])
    assert "nobody holds all: garbage" in page(draw_suspects(view, 76, 1, may_ask=True))
    cut = ev.ChainsFound(
        at=13.0,
        process=MAIN,
        module=SESSION[0],
        name=SESSION[1],
        chains=[],
        missing="the search was cut short",
        looked=9,
    )
    view = read([*reference_events(13.0), cut])
    assert "not known: the search was cut short" in page(draw_suspects(view, 76, 1, may_ask=True))


@pytest.mark.parametrize("width", [24, 30, 40, 60, 76, 116])
def test_suspects_fit_any_width(view: ObjectsView, width: int) -> None:
    for line in draw_suspects(view, width, 5, may_ask=True):
        assert width_of(line) <= width
    assert "+40/s" in page(draw_suspects(view, width, 5, may_ask=True))


def test_a_long_chain_keeps_both_its_ends() -> None:
    links = [ChainLink(type="app.X", edge=f"attribute step_{n}") for n in range(9)]
    chain = [*links, ChainLink(type="module", name="module app")]
    full = text(chain_line(chain, 400))
    assert full.count("←") == 10
    for width in (40, 60, 80, 120):
        line = chain_line(chain, width)
        assert width_of(line) <= width
        assert text(line).count("…") == 1
    assert text(chain_line(chain, 60)) == ("← attribute step_0 ← … ← attribute step_8 ← module app")
    assert text(chain_line(chain, 50)) == "← attribute step_0 ← … ← module app"
    assert "step_0" in text(chain_line(chain, 80))
    assert "step_8" in text(chain_line(chain, 80))


def test_without_suspects_it_says_what_that_rests_on() -> None:
    calm = read(e for e in reference_events(SECONDS) if not isinstance(e, ev.CensusTaken))
    assert text(draw_calm(calm, 80)) == "◌ the first heap count (census) is running …"
    assert text(draw_calm(NOTHING, 80)) == "◌ not judged yet, because there was no census"
    steady = [
        census(at, TypeCount(module="builtins", name="list", count=5, size=5))
        for at in (1.0, 4.0, 7.0, 10.5)
    ]
    assert text(draw_calm(read(steady), 80)) == "✓ nothing keeps growing (4 censuses over 9.50 s)"
    slower = replace(read(steady), slower=(("app.Entry", 137.4), ("list", 140.0)))
    assert text(draw_calm(slower, 120)) == (
        "◌ ever slower, like a cache that fills: app.Entry +137/s and 1 more; else nothing keeps "
        "growing (4 censuses over 9.50 s)"
    )
    early = "◌ not judged yet, because it takes 4 censuses over 7 s: there were "
    assert text(draw_calm(read(steady[:2]), 100)) == f"{early}2"
    slow = read(
        [
            census(at, TypeCount(module="builtins", name="list", count=5, size=5))
            for at in (1.0, 4.0, 11.5)
        ]
    )
    assert text(draw_calm(slow, 100)) == f"{early}3"
    found = ev.ClassFound(at=1.0, process=MAIN, serial=1, module="app", name="A")
    counts = [ev.ClassesCounted(at=at, process=MAIN, counts=[(1, 5)]) for at in (1.0, 12.0)]
    live = read([*steady[:2], found, *counts])
    assert text(draw_calm(live, 200)) == (
        "◌ no class that is counted live keeps growing; types that only a census counts were not "
        "judged yet, because it takes 4 censuses over 7 s: there were 2"
    )


def test_without_suspects_it_says_why_it_cannot_tell() -> None:
    steady = [
        census(at, TypeCount(module="builtins", name="list", count=5, size=5))
        for at in (1.0, 4.0, 7.0, 10.5)
    ]
    failed = ev.CensusFailed(at=11.0, process=MAIN, reason="no memory\x1b left", retry_s=10.0)
    assert text(draw_calm(read([failed]), 80)) == "! no heap count: no memory\\x1b left"
    later = text(draw_calm(read([*steady, failed]), 90))
    assert later.endswith("; now no heap count: no memory\\x1b left")
    ended = ev.TargetExited(at=12.0, process=MAIN, exit_code=0)
    assert text(draw_calm(read([ended]), 80)) == "· not judged, because there was no census"
    assert "not judged, because it takes" in text(draw_calm(read([steady[0], ended]), 80))
    assert "nothing kept growing" in text(draw_calm(read([*steady, ended]), 80))
    for width in (1, 10, 30):
        assert width_of(draw_calm(read([failed]), width)) <= width


def test_moments_are_minutes_and_seconds() -> None:
    assert [fmt_moment(at) for at in (4.9, 67.0, 3723.0)] == ["0:04", "1:07", "1:02:03"]


# -- edge ------------------------------------------------------------------------------------------


def test_the_edge_says_how_old_the_numbers_are(view: ObjectsView) -> None:
    assert text(draw_edge(view, 99, 118)) == (
        "40 classes live · 132 types by census · census 1 s ago, paused 2.9 ms"
        " · growth since warm (4.00 s)"
    )
    assert text(draw_edge(view, 0, 78)) == (
        "40 live · 132 types · census 1 s ago, paused 2.9 ms · since start"
    )
    for width in (10, 30, 50, 60):
        assert width_of(draw_edge(view, 99, width)) <= width
    assert "census 1 s ago" in text(draw_edge(view, 99, 60))


def test_the_edge_says_that_a_census_is_running() -> None:
    view = read(
        [
            *reference_events(3.0),
            ev.CensusBegun(at=3.5, process=MAIN, number=2, reason="viewer", pause_s=0.002),
        ]
    )
    line = draw_edge(view, 99, 118)
    assert ("◌ census running, paused 2 ms", "accent") in line
    assert "no census yet" in text(draw_edge(NOTHING, 99, 118))


def test_the_edge_says_why_nothing_is_counted_live() -> None:
    events = [
        *begun(free_threaded=True),
        census(1.0, TypeCount(module="builtins", name="list", count=5, size=5)),
    ]
    view = ObjectsReader().read(Subject(state_of(events)))
    wide, narrow = text(draw_edge(view, 99, 118)), text(draw_edge(view, 99, 60))
    assert wide.startswith("no live counts: free-threaded build · 1 type by census")
    assert narrow.startswith("no live counts · 1 type · census")
    assert drawn(view, "builtins", "list").endswith("census")


# -- work ------------------------------------------------------------------------------------------


def working(*events: Event) -> ObjectsView:
    return read([*reference_events(5.0), *events])


def test_work_that_goes_on_has_a_line() -> None:
    work = chains_work(SESSION)
    view = working(ev.WorkProgressed(at=5.1, process=MAIN, work=work, text="walking", share=0.42))
    assert running(view) == work
    line = text(draw_work_line(view, 76))
    assert "walking" in line
    assert line.endswith("42 %  x cancels")
    other = ev.WorkProgressed(at=5.1, process=MAIN, work="inspect-1", text="looking", share=0.5)
    assert draw_work_line(working(other), 76) == ()


def test_work_that_failed_is_said_for_a_while() -> None:
    work = graph_work(SESSION)
    failed = ev.WorkProgressed(
        at=5.1,
        process=MAIN,
        work=work,
        text="not done",
        share=1.0,
        done=True,
        failure="no graph: full",
    )
    assert text(draw_work_line(working(failed), 76)) == "✕ no graph: full"
    assert draw_work_line(working(failed, ev.Noted(at=30.0, level="info", text="later")), 76) == ()
    wanted = replace_failure(failed, "no graph: cancelled")
    assert draw_work_line(working(wanted), 76) == ()
    assert draw_work_line(working(replace_failure(failed, None)), 76) == ()


def replace_failure(event: ev.WorkProgressed, failure: str | None) -> ev.WorkProgressed:
    return ev.WorkProgressed(
        at=event.at,
        process=MAIN,
        work=event.work,
        text="done",
        share=1.0,
        done=True,
        failure=failure,
    )


def test_nothing_goes_on_once_all_is_over() -> None:
    work = ev.WorkProgressed(at=5.1, process=MAIN, work=graph_work(SESSION), text="drawing")
    assert running(working(work, ev.TargetExited(at=6.0, process=MAIN, exit_code=0))) == ""
