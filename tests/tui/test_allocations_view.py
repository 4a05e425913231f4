"""The Allocations panel's views: pure functions of a state."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.simulate import Simulation
from tests.simulate_allocations import HOME, LEAK_PER_S, many, traces, with_allocations
from tests.tui.driving import state_of
from tests.tui.test_spans import HOSTILE

from refwatch.readings.allocations.estimates import Estimate
from refwatch.readings.allocations.state import By
from refwatch.readings.allocations.types import BurstUse
from refwatch.session import events as ev
from refwatch.session.events import Event
from refwatch.session.state import State
from refwatch.text.formats import fmt_bytes
from refwatch.tui.panels.allocations.detail_view import (
    draw_allocation_facts,
    draw_callers,
    draw_source,
    view_allocation,
)
from refwatch.tui.panels.allocations.lines import draw_empty, draw_how, draw_range
from refwatch.tui.panels.allocations.stacks import callers_of, stacks_of
from refwatch.tui.panels.allocations.table import (
    FIRST,
    HIDINGS,
    Drawn,
    TableOptions,
    arrange,
    columns_for,
    fmt_blocks,
    fmt_estimate,
    fmt_site,
    make_row,
)
from refwatch.tui.panels.allocations.view import AllocationsReader, AllocationsView, Between
from refwatch.tui.subject import Subject
from refwatch.tui.views.places import origin_of, short_path, shortened
from refwatch.tui.views.styled_text import Line, width_of
from refwatch.tui.views.table import Order, sortable
from refwatch.tui.views.weighted_tree import REST
from refwatch.wire.commands import Mode
from refwatch.wire.event import MAIN
from refwatch.wire.heap_values import Site

PUT, ANSWER, BUILD, ROWS, ROWS_AGAIN = 1, 2, 3, 4, 5
"""Numbers of sites in tests.simulate_allocations."""


def seen(mode: Mode = "burst", seconds: float = 12.0, frames: int = 8) -> AllocationsView:
    events = with_allocations(Simulation(seconds), mode, frames=frames)
    return AllocationsReader().read(Subject(state_of(events)))


def text(line: Line) -> str:
    return "".join(piece for piece, _ in line)


def rows(figures: Between, options: TableOptions, order: Order = FIRST) -> list[list[str]]:
    """The cells of all rows as text."""
    arranged = arrange(figures, options, order)
    drawn = Drawn(figures, options, arranged, 60, lambda _file, _line: "")
    made = (make_row(number, key, drawn) for number, key in enumerate(arranged.keys))
    return [[text(cell) for cell in row.cells] for row in made]


# -- files -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("file", "origin"),
    [
        ("/usr/lib/python3.12/json/decoder.py", "stdlib"),
        ("/opt/py/lib/python3.13t/threading.py", "stdlib"),
        ("<frozen importlib._bootstrap>", "stdlib"),
        ("/usr/lib/python3.12/site-packages/attr/_make.py", "site"),
        ("/usr/lib/python3/dist-packages/yaml/loader.py", "site"),
        ("/home/me/lib/python_tools/a.py", "own"),
        ("/home/me/app.py", "own"),
        ("<unknown>", "stdlib"),
        ("<string>", "own"),
    ],
)
def test_whose_a_file_is(file: str, origin: str) -> None:
    assert origin_of(file) == origin


def test_paths_are_short() -> None:
    assert short_path("/home/app/app/cache.py", "/home/app") == "app/cache.py"
    assert short_path("/home/application/cache.py", "/home/app") == "/home/application/cache.py"
    assert short_path("/usr/lib/python3.12/json/decoder.py", "/x") == "json/decoder.py"
    packaged = "/usr/lib/python3.12/site-packages/attr/_make.py"
    assert short_path(packaged, "/x") == "attr/_make.py"


# -- figures ---------------------------------------------------------------------------------------


def test_exact_figures_are_those_of_the_traces() -> None:
    view = seen("exact")
    figures = view.between(1, None)  # from "warm", whose traces came at 4.05 s
    put = figures.exact(By.LINE, PUT)
    taken = view.now.traces.taken_s
    assert put.rate == pytest.approx(LEAK_PER_S + 40_000, rel=0.01)
    assert put.grown.size == pytest.approx((LEAK_PER_S + 40_000) * (taken - 4.05), rel=0.01)
    assert figures.span_s == pytest.approx(taken - 4.05)
    assert figures.exact(By.LINE, 999).now.size == 0


def test_between_two_marks() -> None:
    view = seen("exact")
    whole, part = view.between(1, None), view.between(1, 2)
    assert part.until.name == "busy"
    assert part.span_s == pytest.approx(4.0)
    grown = part.exact(By.LINE, PUT).grown.size
    assert grown == pytest.approx((LEAK_PER_S + 40_000) * 4.0, rel=0.01)
    assert grown < whole.exact(By.LINE, PUT).grown.size


def test_rates_of_bursts_and_their_errors() -> None:
    figures = seen().between(0, None)
    rows_ = figures.burst(By.LINE, ROWS)
    assert rows_.size.rate == pytest.approx(9_000_000, rel=0.2)
    assert abs(rows_.size.rate - 9_000_000) < 4 * rows_.size.error
    assert 0 < rows_.size.error < 0.2 * rows_.size.rate
    assert rows_.kept < 0.05
    assert figures.burst(By.LINE, PUT).kept > 0.7
    assert rows_.total == pytest.approx(rows_.size.rate * 11.75, rel=0.02)


def test_rates_between_marks_are_of_their_windows() -> None:
    view = seen()
    part = view.between(1, 2)
    assert part.windows.count == 16
    assert part.windows.count < view.between(0, None).windows.count
    assert part.burst(By.LINE, ROWS).size.rate == pytest.approx(9_000_000, rel=0.3)
    assert part.total == pytest.approx(sum(size for _, size in part.weights(By.LINE)))


def test_the_version_changes_with_the_figures() -> None:
    state = state_of(with_allocations(Simulation(3.0), "exact"))
    reader = AllocationsReader()
    before = reader.read(Subject(state)).version
    assert reader.read(Subject(state)).version == before
    state.apply(traces(3.1, 9))
    assert reader.read(Subject(state)).version != before


# -- why there is nothing --------------------------------------------------------------------------


def started(*events: Event) -> State:
    return state_of([*Simulation(0.5).events(), *events])


@pytest.mark.parametrize(
    ("events", "reason"),
    [
        ([], "were not traced in this session"),
        ([ev.AllocationsSwitched(at=1.0, process=MAIN, mode="off", frames=0)], "tracing is off"),
        (
            [
                ev.AllocationsSwitched(
                    at=1.0, process=MAIN, mode="off", frames=0, note="no tracemalloc here"
                )
            ],
            "no tracemalloc",
        ),
        (
            [
                ev.ReadingLimited(
                    at=1.0, process=MAIN, reading="tracemalloc", reason="it is not there"
                )
            ],
            "it is not there",
        ),
        (
            [ev.AllocationsSwitched(at=1.0, process=MAIN, mode="burst", frames=8)],
            "first sampling window is still open",
        ),
        (
            [
                ev.AllocationsSwitched(at=1.0, process=MAIN, mode="burst", frames=8),
                ev.BurstMeasured(at=1.2, process=MAIN, window_s=0.1, span_s=0.2, uses=[]),
            ],
            "Nothing was allocated",
        ),
        (
            [ev.AllocationsSwitched(at=1.0, process=MAIN, mode="exact", frames=1)],
            "blocks are being counted",
        ),
        (
            [
                ev.AllocationsSwitched(at=1.0, process=MAIN, mode="exact", frames=1),
                ev.TracesFailed(at=1.5, process=MAIN, reason="no copy", retry_s=None),
            ],
            "could not be counted: no copy",
        ),
        (
            [
                ev.AllocationsSwitched(at=1.0, process=MAIN, mode="exact", frames=1),
                ev.TargetExited(at=1.2, process=MAIN, exit_code=0),
            ],
            "ended before the blocks were counted",
        ),
    ],
)
def test_why_there_is_nothing(events: list[Event], reason: str) -> None:
    view = AllocationsReader().read(Subject(started(*events)))
    assert reason in view.reason
    assert reason in " ".join(text(line) for line in draw_empty(view, 200, 20))


def test_what_was_seen_is_still_there_when_it_is_off() -> None:
    state = state_of(with_allocations(Simulation(4.0)))
    state.apply(ev.AllocationsSwitched(at=4.1, process=MAIN, mode="off", frames=0))
    view = AllocationsReader().read(Subject(state))
    assert view.reason == ""
    assert view.shown == "burst"
    assert "nothing is traced now" in text(draw_how(view.between(0, None), 120))
    state.apply(ev.AllocationsSwitched(at=4.2, process=MAIN, mode="exact", frames=8))
    assert "being counted" in AllocationsReader().read(Subject(state)).reason


# -- rows ------------------------------------------------------------------------------------------


def test_lines_files_and_tracebacks() -> None:
    figures = seen("exact").between(1, None)
    lines = rows(figures, TableOptions(By.LINE))
    assert lines[0][0] == "app/cache.py:21 put"
    assert "MiB" in lines[0][2]
    assert lines[0][4].startswith("+")
    assert rows(figures, TableOptions(By.FILE))[0][0] == "app/cache.py"
    tracebacks = rows(figures, TableOptions(By.TRACEBACK))
    assert tracebacks[0][0].startswith("cache.py:21 ← cache.py:34 ← server.py:90")
    assert len(tracebacks) > len(lines)


def test_shares_are_of_all() -> None:
    figures = seen("exact").between(0, None)
    shares = [row[1].split()[-2] for row in rows(figures, TableOptions()) if "<" not in row[1]]
    assert sum(int(share) for share in shares) == pytest.approx(100, abs=4)


def test_libraries_are_hidden() -> None:
    figures = seen("exact").between(0, None)
    names = [row[0] for row in rows(figures, TableOptions(hidden=HIDINGS[2]))]
    assert names[0] == "app/cache.py:21 put"
    assert not [name for name in names if "decoder" in name or "_make" in name or "<" in name]
    some = [row[0] for row in rows(figures, TableOptions(hidden=HIDINGS[1]))]
    assert "attr/_make.py:611 __init__" in some
    assert "json/decoder.py:353 raw_decode" not in some
    arranged = arrange(figures, TableOptions(hidden=HIDINGS[2]), FIRST)
    assert arranged.hidden == 5
    assert arranged.hidden_size > 4_000_000
    told = text(draw_range(figures, TableOptions(hidden=HIDINGS[2]), arranged, 120))
    assert "libraries hidden: 5 of 10" in told


def test_a_traceback_without_its_libraries() -> None:
    figures = seen("exact").between(0, None)
    names = [row[0] for row in rows(figures, TableOptions(By.TRACEBACK, HIDINGS[2]))]
    assert "main.py:9" in names  # the import that compiled a module
    assert all("decoder" not in name for name in names)


def test_filter_looks_at_the_path_and_the_function() -> None:
    figures = seen("exact").between(0, None)
    assert [row[0] for row in rows(figures, TableOptions(filter="CACHE"))] == [
        "app/cache.py:21 put"
    ]
    assert [row[0] for row in rows(figures, TableOptions(filter="build"))] == [
        "app/index.py:58 build"
    ]
    by_caller = rows(figures, TableOptions(By.TRACEBACK, filter="report.py"))
    assert len(by_caller) == 3


@pytest.mark.parametrize("mode", ["exact", "burst"])
def test_every_column_sorts(mode: Mode) -> None:
    figures = seen(mode).between(1, None)
    for sort in sortable(columns_for(figures.view.shown, By.LINE, 200)):
        up = arrange(figures, TableOptions(), Order(sort)).keys
        down = arrange(figures, TableOptions(), Order(sort, reverse=True)).keys
        assert set(up) == set(down)
        assert up != down
    first = arrange(figures, TableOptions(), Order("name")).keys[0]
    assert figures.view.site(int(first)).file.startswith((HOME, "/usr", "<"))


def test_the_most_kept_comes_first() -> None:
    figures = seen().between(1, None)
    ranked = arrange(figures, TableOptions(), Order("kept", reverse=True)).keys
    assert ranked.index(PUT) < ranked.index(ROWS)
    kept = [figures.burst(By.LINE, key).kept for key in ranked]
    assert kept == sorted(kept, reverse=True)
    assert kept[0] > 0.5 > kept[-1]
    stays = arrange(figures, TableOptions(), Order("stays", reverse=True)).keys
    assert stays[0] == PUT


@pytest.mark.parametrize("width", [78, 100, 118])
@pytest.mark.parametrize("mode", ["exact", "burst"])
def test_rows_have_a_cell_for_each_column(mode: Mode, width: int) -> None:
    figures = seen(mode).between(0, None)
    for by in By:
        columns = columns_for(figures.view.shown, by, width)
        assert all(len(row) >= len(columns) for row in rows(figures, TableOptions(by)))


@pytest.mark.parametrize(
    ("rate", "error", "shown"),
    [
        (12_900_000, 258_000, "12.3 MiB  ±2 %"),
        (12_900_000, 25_000, "12.3 MiB ±<1 %"),
        (12_900_000, 1_290_000, "12.4 MiB ±10 %"),
        (940, 700, "900 B ±74 %"),
        (40_000, 40_000, "39.1 KiB ±100%"),
        (40_000, 4_000_000, "39.1 KiB ±>10x"),
        (0, 0, "0"),
    ],
)
def test_an_estimate_with_its_error(rate: float, error: float, shown: str) -> None:
    assert text(fmt_estimate(Estimate(rate=rate, error=error), fmt_bytes, "")) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0.034, "0.034"), (4.24, "4.2"), (96.4, "96"), (2e5, "200 k")],
)
def test_few_blocks_are_not_none(value: float, shown: str) -> None:
    assert fmt_blocks(value) == shown


def test_only_much_growth_stands_out() -> None:
    figures = seen("exact").between(1, None)
    arranged = arrange(figures, TableOptions(), FIRST)
    drawn = Drawn(figures, TableOptions(), arranged, 60, lambda _file, _line: "")
    styles = {key: make_row(0, key, drawn).cells[4][0][1] for key in arranged.keys}
    assert [key for key, style in styles.items() if style == "warning"] == [PUT]


def test_a_folder_gives_way_to_the_name() -> None:
    line: Line = (("a/very/long/folder/", "muted"), ("name.py:12", "strong"), (" f", ""))
    assert text(shortened(line, 99)) == text(line)
    for width in (13, 16, 20):
        assert width_of(shortened(line, width)) <= width
        assert "name.py:12" in text(shortened(line, width))


@pytest.mark.parametrize(
    ("width", "shown"),
    [
        (60, "app/web/name.py:12 Page.render.<listcomp>"),
        (31, "…name.py:12 …render.<listcomp>"),
        (24, "…name.py:12 …<listcomp>"),
        (20, "…name.py:12 <listco…"),
    ],
)
def test_of_a_function_the_end_says_most(width: int, shown: str) -> None:
    """Two lines may differ only in it: a comprehension's and that of the function around it."""
    site = Site(file="app/web/name.py", line=12, function="Page.render.<locals>.<listcomp>")
    view = replace(seen(), sites={1: site})
    assert text(shortened(fmt_site(view, 1), width)) == shown


def test_of_a_frozen_module_the_line_stays() -> None:
    view = replace(
        seen(),
        sites={1: Site(file="<frozen importlib._bootstrap_external>", line=752, function="get")},
    )
    assert text(fmt_site(view, 1)) == "<frozen importlib._bootstrap_external>:752 get"
    assert text(shortened(fmt_site(view, 1), 29)) == "…_bootstrap_external>:752 get"


def test_it_says_how_it_sees() -> None:
    told = text(draw_how(seen().between(0, None), 120))
    assert "estimates ± standard error" in told
    assert "47 windows" in told
    assert "8 % of the time" in told
    exact = text(draw_how(seen("exact").between(0, None), 160))
    assert "allocated since 0.20 s" in exact
    assert "8 frames deep" in exact
    for width in (40, 60, 78, 118):
        assert width_of(draw_how(seen().between(0, None), width)) <= width


def test_a_mark_that_is_still_counted() -> None:
    state = state_of(with_allocations(Simulation(6.0), "exact"))
    state.apply(ev.Marked(at=6.1, name="now or never"))
    figures = AllocationsReader().read(Subject(state)).between(2, None)
    told = text(
        draw_range(figures, TableOptions(since=2), arrange(figures, TableOptions(), FIRST), 100)
    )
    assert "from now or never" in told
    assert "is being counted" in told


# -- one group -------------------------------------------------------------------------------------


def nowhere(_file: str, _first: int, _last: int) -> tuple[str, ...]:
    return ()


def test_who_leads_to_a_line() -> None:
    figures = seen("exact").between(0, None)
    top = callers_of(figures, TableOptions(), PUT)
    assert [node.site for node in top.ranked()] == [PUT]
    answer = top.below[PUT].below[ANSWER]
    assert [node.site for node in answer.ranked()] == [6, 8]
    whole = figures.exact(By.LINE, PUT).now.size
    assert top.weight == answer.weight == pytest.approx(whole)


def test_what_no_traceback_tells_is_said() -> None:
    state = state_of(with_allocations(Simulation(3.0), "exact"))
    newest = traces(3.1, 9)
    few = ev.TracesTaken(
        at=3.1,
        process=MAIN,
        number=9,
        frames=8,
        traced=newest.traced,
        peak=0,
        blocks=newest.blocks,
        pause_s=0.0,
        took_s=0.0,
        lines=newest.lines,
        files=newest.files,
        tracebacks=newest.tracebacks[1:],
    )
    state.apply(few)
    figures = AllocationsReader().read(Subject(state)).between(0, None)
    top = callers_of(figures, TableOptions(), PUT)
    assert top.ranked()[0].site == REST
    view = view_allocation(figures, TableOptions(), PUT, None, (), nowhere)
    assert "too small to be listed" in text(draw_callers(view, 100)[0].line)


def test_the_tree_opens_where_most_comes_from() -> None:
    figures = seen("exact").between(0, None)
    view = view_allocation(figures, TableOptions(), PUT, None, (), nowhere)
    assert [one.path[-1] for one in view.callers] == [PUT, ANSWER, 6, 7, 14, 8]
    closed = view_allocation(figures, TableOptions(), PUT, frozenset(), (), nowhere)
    assert [one.path for one in closed.callers] == [(PUT,)]
    assert closed.callers[0].opens
    for width in (40, 78, 118):
        for one in draw_callers(view, width):
            assert width_of(one.line) <= width


def test_a_file_has_its_lines_at_the_top() -> None:
    figures = seen("exact").between(0, None)
    view = view_allocation(
        figures, TableOptions(By.FILE), f"{HOME}/app/parse.py", frozenset(), (), nowhere
    )
    assert [one.path for one in view.callers] == [(ROWS,), (ROWS_AGAIN,)]
    assert [line.number for line in view.source.lines] == [17, 22]


def test_source_has_what_each_line_allocates() -> None:
    asked: list[tuple[str, int, int]] = []

    def source(file: str, first: int, last: int) -> tuple[str, ...]:
        asked.append((file, first, last))
        return tuple(f"    line {number}" for number in range(first, 40))

    figures = seen().between(0, None)
    view = view_allocation(figures, TableOptions(), ROWS, None, (), source)
    assert asked == [(f"{HOME}/app/parse.py", 1, 77)]
    lines = [text(line) for line in draw_source(view.source, view.unit, 100)]
    assert lines[16].startswith("▶")
    assert "MiB/s" in lines[16]
    assert lines[16].endswith("17     line 17")
    assert "MiB/s" in lines[21]
    assert "MiB" not in lines[20]
    caller = view_allocation(figures, TableOptions(), ROWS, None, (ROWS, 6), source)
    assert caller.source.file == "app/server.py"
    assert caller.source.line == 90


def test_the_facts_of_one_group() -> None:
    exact = view_allocation(seen("exact").between(1, None), TableOptions(), PUT, None, (), nowhere)
    told = text(draw_allocation_facts(exact, 200)[0])
    assert "blocks, 512 B each" in told
    assert "since warm, +1.5 MiB/s" in told
    burst = view_allocation(seen().between(1, None), TableOptions(), ROWS, None, (), nowhere)
    told = text(draw_allocation_facts(burst, 200)[0])
    assert "MiB/s" in told
    assert "±" in told
    assert "outlives its window" in told


def test_hidden_callers_are_left_out() -> None:
    figures = seen("exact").between(0, None)
    top = callers_of(figures, TableOptions(hidden=HIDINGS[2]), 9)
    assert [node.site for node in top.below[9].ranked()] == [ROWS]


# -- extremes --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names(name: str) -> None:
    state = state_of(with_allocations(Simulation(1.0), "burst"))
    state.apply(
        ev.SitesSeen(
            at=1.0, process=MAIN, first=50, sites=[Site(file=f"/x/{name}", line=3, function=name)]
        )
    )
    state.apply(ev.TracebacksSeen(at=1.0, process=MAIN, first=50, tracebacks=[[50, 50]]))
    state.apply(
        ev.BurstMeasured(
            at=1.1,
            process=MAIN,
            window_s=0.1,
            span_s=0.1,
            uses=[
                BurstUse(
                    traceback=50,
                    blocks=9e6,
                    size=9e9,
                    blocks_variance=1,
                    size_variance=1,
                    kept_blocks=0,
                    kept_size=0,
                )
            ],
            samples=5,
        )
    )
    state.apply(ev.AllocationsSwitched(at=1.2, process=MAIN, mode="burst", frames=8, note=name))
    state.apply(ev.Marked(at=1.3, name=name))
    figures = AllocationsReader().read(Subject(state)).between(0, None)
    lines: list[Line] = []
    for by, key in ((By.LINE, 50), (By.FILE, f"/x/{name}"), (By.TRACEBACK, 50)):
        options = TableOptions(by)
        assert all(cell.isprintable() for row in rows(figures, options) for cell in row)
        view = view_allocation(figures, options, key, None, (), lambda *_: (name, name, name))
        lines += [row.line for row in draw_callers(view, 80)]
        lines += draw_source(view.source, view.unit, 80)
    lines.append(draw_how(figures, 80))
    lines.append(draw_range(figures, TableOptions(), arrange(figures, TableOptions(), FIRST), 80))
    assert all(text(line).isprintable() for line in lines)


def test_an_unknown_traceback_is_drawn() -> None:
    state = state_of(Simulation(0.5).events())
    state.apply(ev.AllocationsSwitched(at=0.5, process=MAIN, mode="burst", frames=8))
    state.apply(
        ev.BurstMeasured(
            at=1.1,
            process=MAIN,
            window_s=0.1,
            span_s=0.1,
            uses=[
                BurstUse(
                    traceback=77,
                    blocks=9,
                    size=900,
                    blocks_variance=1,
                    size_variance=1,
                    kept_blocks=0,
                    kept_size=0,
                )
            ],
            samples=5,
        )
    )
    figures = AllocationsReader().read(Subject(state)).between(0, None)
    assert rows(figures, TableOptions(By.TRACEBACK))[0][0].startswith("?")
    assert stacks_of(figures, TableOptions()).weight == pytest.approx(9000)


def test_only_rows_that_are_looked_at_are_made() -> None:
    state = state_of([*with_allocations(Simulation(1.0)), *many(1.1, 2000)])
    figures = AllocationsReader().read(Subject(state)).between(0, None)
    arranged = arrange(figures, TableOptions(), FIRST)
    assert len(arranged.keys) > 2000
    sizes = dict(figures.weights(By.LINE))
    ranked = [sizes[key] for key in arranged.keys]
    assert ranked == sorted(ranked, reverse=True)
