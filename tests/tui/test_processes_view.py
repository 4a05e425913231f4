"""The Processes panel's views: tree, order, totals, timelines."""

from __future__ import annotations

import pytest
from msgspec.structs import replace
from tests.simulate import PID, Simulation, child, merged, pool
from tests.tui.driving import state_of
from tests.tui.test_spans import HOSTILE

from refwatch.findings.crossing import Crossing
from refwatch.session import events as ev
from refwatch.session.events import Event
from refwatch.session.state import KEEP_PROCESSES, State
from refwatch.tui.panels.processes.costs import CostsView, draw_costs
from refwatch.tui.panels.processes.lines import choose, draw_timelines, draw_totals
from refwatch.tui.panels.processes.table import (
    FIRST,
    arrange,
    columns_for,
    fmt_condition,
    fmt_hint,
    make_row,
)
from refwatch.tui.panels.processes.view import ProcessesView, view_processes
from refwatch.tui.subject import Subject
from refwatch.tui.views.styled_text import Line, width_of
from refwatch.tui.views.table import Order, heading, lay, place, sortable
from refwatch.wire.event import MAIN

KEPT = Order()
"""With what has ended."""


@pytest.fixture(scope="module")
def state() -> State:
    return state_of(pool())


@pytest.fixture(scope="module")
def view(state: State) -> ProcessesView:
    return view_processes(Subject(state))


def text(line: Line) -> str:
    return "".join(part for part, _ in line)


def numbers(view: ProcessesView, order: Order = KEPT) -> list[int]:
    return [row.process.number for row in arrange(view, order)]


def tree(view: ProcessesView, order: Order = KEPT) -> list[str]:
    return [f"{row.guide}{row.process.number}" for row in arrange(view, order)]


def cells(view: ProcessesView, number: int) -> dict[str, str]:
    rows = arrange(view, KEPT)
    columns = columns_for(rows)
    row = next(row for row in rows if row.process.number == number)
    made = make_row(row, view.subject)
    return {
        column.key: text(cell).strip() for column, cell in zip(columns, made.cells, strict=True)
    }


def deep() -> list[Event]:
    """The program has two children, the first of them two, one of these one."""
    short = Simulation(0.3, workers=1)
    pids = {number: PID + number - MAIN for number in range(1, 8)}
    parents = {2: 1, 3: 1, 4: 2, 5: 2, 6: 4}
    return merged(
        short.events(),
        *(
            child(Simulation(0.3, 1).events(), number, ppid=pids[parent], began_s=number / 100)
            for number, parent in parents.items()
        ),
    )


# -- what one costs --------------------------------------------------------------------------------


def costs(view: CostsView, width: int = 120) -> list[str]:
    lines = draw_costs(view, width)
    assert all(width_of(line) <= width for line in lines)
    return [text(line) for line in lines]


def test_what_a_child_costs_beside_its_work() -> None:
    view = CostsView(
        pid=42,
        method="fork",
        startup_s=0.0031,
        inherited=20 << 20,
        copied=10 << 20,
        by_counts=8 << 20,
        crossing=Crossing(pickling_s=0.2, sending_s=0.4, receiving_s=12.0, other_s=0.1),
    )
    assert costs(view, 80) == [
        "42 fork · start-up 3.1 ms",
        "  copied 10.0 MiB of 20.0 MiB inherited, 8.0 MiB by refcounts alone",
        "  pickling 0.20 s · sending 0.40 s · receiving 12.0 s",
    ]
    for width in range(8, 130, 7):
        assert 1 <= len(costs(view, width)) <= 3


def test_what_is_not_known_of_its_cost_is_not_told() -> None:
    view = CostsView(42, "", None, None, 0, 0, None)
    assert costs(view) == ["42 program"]


# -- the tree --------------------------------------------------------------------------------------


def test_children_stand_below_their_parents() -> None:
    view = view_processes(Subject(state_of(deep())))
    assert tree(view) == ["1", "├ 2", "│ ├ 4", "│ │ └ 6", "│ └ 5", "└ 3"]


def test_siblings_are_sorted_and_stay_below_their_parents() -> None:
    view = view_processes(Subject(state_of(deep())))
    falling = Order("pid", reverse=True)
    assert tree(view, falling) == ["1", "├ 3", "└ 2", "  ├ 5", "  └ 4", "    └ 6"]


def test_a_pid_that_comes_again_is_the_newest_process_before() -> None:
    """So a child belongs to the one that was there as it began."""
    first = [*child(Simulation(0.1, 1).start(), 2)]
    again = [*child(Simulation(0.1, 1).start(), 3, began_s=2.0)]
    again = [ev.TargetExited(at=1.0, process=2, exit_code=0), *_with_pid(again, PID + 1)]
    early = child(Simulation(0.1, 1).start(), 4, ppid=PID + 1, began_s=0.5)
    late = child(Simulation(0.1, 1).start(), 5, ppid=PID + 1, began_s=3.0)
    state = state_of(merged(Simulation(0.1, 1).start(), first, again, early, late))
    assert tree(view_processes(Subject(state))) == ["1", "├ 2", "│ └ 4", "└ 3", "  └ 5"]


def _with_pid(events: list[Event], pid: int) -> list[Event]:
    return [replace(each, pid=pid) if isinstance(each, ev.TargetStarted) else each
            for each in events]  # fmt: skip


def test_a_child_of_somebody_unknown_is_the_program_s() -> None:
    state = state_of(
        merged(Simulation(0.1, 1).start(), child(Simulation(0.1, 1).start(), 2, ppid=99))
    )
    assert tree(view_processes(Subject(state))) == ["1", "└ 2"]


def test_what_has_ended_is_folded_away_and_told(view: ProcessesView) -> None:
    assert numbers(view) == [1, 2, 3, 4, 5]
    assert numbers(view, FIRST) == [1, 2, 3, 4]
    assert fmt_hint(view, arrange(view, FIRST)) == "1 folded: E"
    assert fmt_hint(view, arrange(view, KEPT)) == "1 ended"


def test_what_has_ended_stays_above_a_child_that_runs() -> None:
    ended = [ev.TargetExited(at=1.0, process=number, exit_code=0) for number in (2, 4, 5)]
    view = view_processes(Subject(state_of([*deep(), *ended])))
    assert tree(view, FIRST) == ["1", "├ 2", "│ └ 4", "│   └ 6", "└ 3"]


def test_where_all_has_ended_nothing_is_folded() -> None:
    ended = [ev.TargetExited(at=1.0, process=number, exit_code=0) for number in range(1, 7)]
    view = view_processes(Subject(state_of([*deep(), *ended])))
    assert numbers(view, FIRST) == [1, 2, 4, 6, 5, 3]


def test_the_filter_keeps_what_stands_above(view: ProcessesView) -> None:
    assert numbers(view, Order(filter="sigkill")) == []
    assert numbers(view, Order(filter=str(PID + 3))) == [1, 4]
    assert numbers(view, Order(filter="RUNNING")) == [1, 2, 3]
    rows = arrange(view, Order(filter="RUNNING"))
    assert [make_row(row, MAIN).dim for row in rows] == [True, False, False]


@pytest.mark.parametrize("sort", ["seen", *sortable(columns_for(()))])
def test_any_column_sorts(view: ProcessesView, sort: str) -> None:
    for reverse in (False, True):
        assert sorted(numbers(view, Order(sort, reverse=reverse))) == [1, 2, 3, 4, 5]
    assert numbers(view, Order("cpu_s", reverse=True))[1] in {2, 3}


# -- what is told of a process -----------------------------------------------------------------


def test_the_cells_of_a_child_that_runs(view: ProcessesView) -> None:
    told = cells(view, 3)
    assert told.pop("rss").endswith(" MiB")
    assert told.pop("uss").endswith(" MiB")
    assert told == {
        "pid": f"├ {PID + 2}",
        "state": "● running",
        "cpus": "1.00",
        "held": "99 %",
        "cpu_s": "5.45",
        "threads": "4",
        "method": "fork",
        "age": "5.80 s",
        "line": "threads_cpu.py:21 crunch",
    }


def test_of_what_has_ended_its_life_is_told(view: ProcessesView) -> None:
    told = cells(view, 5)
    assert told["state"] == "✕ SIGKILL"
    assert told["age"] == "0.50 s"
    assert (told["cpus"], told["held"]) == ("0.99", "100 %")
    assert {told[key] for key in ("rss", "uss", "threads")} == {""}


def test_what_was_never_read_is_not_told() -> None:
    short = [*child(Simulation(0.1, 1).start(), 2),
             ev.TargetExited(at=0.1, process=2, exit_code=0)]  # fmt: skip
    told = cells(view_processes(Subject(state_of([*Simulation(0.3).events(), *short]))), 2)
    assert {told[key] for key in ("cpus", "held", "rss", "uss", "threads")} == {""}


def test_the_totals_of_a_session_that_is_over() -> None:
    ended = [ev.TargetExited(at=6.0, process=number, exit_code=0) for number in range(1, 5)]
    view = view_processes(Subject(state_of([*pool(), *ended])))
    said = text(draw_totals(view, 118)[0])
    assert said.startswith("▌ 2.01 GILs held · 2.06 CPUs on average · 5 processes · RSS ")
    assert said.endswith(" MiB at most · 12.4 CPU s")


def test_one_that_waits_is_idle_and_tells_where(view: ProcessesView) -> None:
    told = cells(view, MAIN)
    assert told["state"] == "· idle"
    assert told["method"] == "program"
    assert told["line"] == "threading.py:1149 _wait_for_tstate_lock"


@pytest.mark.parametrize(
    ("code", "said"),
    [(0, "✓ exit 0"), (3, "✕ exit 3"), (137, "✕ SIGKILL"), (255, "✕ exit 255"), (None, "✕ ended")],
)
def test_how_it_ended(code: int | None, said: str) -> None:
    events = [*Simulation(0.1).start(), ev.TargetExited(at=1.0, process=MAIN, exit_code=code)]
    (row,) = view_processes(Subject(state_of(events))).rows
    assert fmt_condition(row)[0] == said


def test_a_size_that_was_not_read_is_told_as_such() -> None:
    read = ev.ProcessMeasured(
        at=0.2, process=MAIN, rss=1 << 24, peak_rss=1 << 24, user_s=0.1, system_s=0.0
    )
    view = view_processes(Subject(state_of([*Simulation(0.1).start(), read])))
    assert cells(view, MAIN)["rss"] == "16.0 MiB"
    assert cells(view, MAIN)["uss"] == "-"
    assert text(draw_totals(view, 80)[0]).endswith("RSS 16.0 MiB · USS - · 0.1 CPU s")


@pytest.mark.parametrize("width", [30, 78, 118, 200])
def test_the_columns_that_matter_stay(view: ProcessesView, width: int) -> None:
    rows = arrange(view, KEPT)
    placed = place(columns_for(rows), width)
    keys = [each.column.key for each in placed]
    assert keys[:4] == ["pid", "state", "cpus", "held"]
    if width >= 78:
        assert placed[-1].column.key == "line"
        assert placed[-1].x + placed[-1].width <= width
    for row in rows:
        line = lay(make_row(row, MAIN), placed)
        assert width_of(line) == width_of(heading(placed, "", reverse=False))


def test_hostile_names_keep_the_lines() -> None:
    names = tuple(HOSTILE)
    events = merged(
        Simulation(0.5, workers=len(names), names=names).events(),
        child(Simulation(0.5, workers=len(names), names=names).events(), 2),
        *(
            [ev.LineSeen(at=0.1, process=2, line=1, file=name, number=1, function=name)]
            for name in names
        ),
    )
    view = view_processes(Subject(state_of(events)))
    chosen = choose(view, [1, 2], 0.0, 60, 90)
    drawn = draw_timelines(chosen, lambda _: (), lambda _, width: [("x" * width, "")], 1, 90)
    for line in drawn[1:]:
        assert width_of(line) in {0, 90}
        assert all(part.isprintable() for part, _ in line)
    for row in arrange(view, KEPT):
        assert all(part.isprintable() for cell in make_row(row, 1).cells for part, _ in cell)


# -- what they add up to -----------------------------------------------------------------------


def test_the_totals(view: ProcessesView) -> None:
    (line,) = draw_totals(view, 118)
    said = text(line)
    assert said.startswith("▌ 1.99 GILs held · 2.00 CPUs · 4 of 5 alive · RSS 7")
    assert said.endswith("11.7 CPU s")
    assert ("1.99", "gil_held-bold") in line
    for width in range(20, 118):
        (short,) = draw_totals(view, width)
        assert width_of(short) <= width
        assert said.startswith(text(short))


def test_the_totals_of_a_program_without_children() -> None:
    view = view_processes(Subject(state_of(Simulation(1.0).events())))
    assert "· 1 process ·" in text(draw_totals(view, 118)[0])
    assert fmt_hint(view, arrange(view, FIRST)) == "1 process"


def test_what_runs_on_when_the_session_ends_is_told_as_such() -> None:
    ended = [ev.TargetExited(at=6.0, process=number, exit_code=0) for number in (1, 3, 4)]
    over = ev.SessionEnded(at=6.0, reason="the target has ended")
    view = view_processes(Subject(state_of([*pool(), *ended, over])))
    told = cells(view, 2)
    assert told["state"] == "■ unwatched"
    assert told["held"] == "100 %"
    assert told["rss"] == ""
    assert fmt_hint(view, arrange(view, FIRST)) == "4 ended"


def test_why_children_are_not_watched_is_said() -> None:
    limit = ev.ReadingLimited(at=0.2, process=MAIN, reading="children", reason="--no-children")
    view = view_processes(Subject(state_of([*Simulation(0.3).events(), limit])))
    assert text(draw_totals(view, 80)[1]) == "▌ children: --no-children"


def test_forgotten_processes_are_in_the_totals() -> None:
    state = state_of(pool())
    before = view_processes(Subject(state)).totals
    for number in range(10, 12 + KEEP_PROCESSES):
        for event in child(Simulation(0.1, 0).start(), number, began_s=7.0):
            state.apply(event)
        state.apply(ev.TargetExited(at=7.5, process=number, exit_code=0))
    after = view_processes(Subject(state)).totals
    assert state.forgotten.processes
    assert after.processes == before.processes + 2 + KEEP_PROCESSES
    assert after.cpu_s == pytest.approx(before.cpu_s)


def test_private_memory_that_is_partly_known_is_a_lower_bound() -> None:
    unread = ev.ProcessMeasured(
        at=6.1, process=2, rss=1 << 30, peak_rss=1 << 30, user_s=6.0, system_s=0.0
    )
    view = view_processes(Subject(state_of([*pool(), unread])))
    assert "USS ≥ " in text(draw_totals(view, 118)[0])


# -- timelines -------------------------------------------------------------------------------------


def test_the_timelines_of_all_processes(view: ProcessesView) -> None:
    chosen = choose(view, [1, 2, 3, 4], 0.0, 40, 100)
    assert [strip.number for strip in chosen.strips] == [1, 1, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4]
    assert chosen.spaced
    assert chosen.rows == 15
    assert not chosen.left_out
    assert chosen.rest == ""


def test_the_most_active_are_told_first_and_how_many_are_not(view: ProcessesView) -> None:
    chosen = choose(view, [1, 2, 3, 4], 0.0, 3, 100)
    names = [(strip.number, strip.name) for strip in chosen.strips]
    assert names == [(2, "worker-1"), (3, "worker-1"), (3, "worker-2")]
    assert chosen.left_out == 9
    assert chosen.rest == "9 less active threads left out"
    assert not chosen.spaced


def test_they_stand_in_the_order_of_the_table(view: ProcessesView) -> None:
    assert [strip.number for strip in choose(view, [3, 2], 0.0, 40, 100).strips][:1] == [3]
    assert not choose(view, [], 0.0, 40, 100).strips


def test_one_that_ended_before_what_is_seen_has_none(view: ProcessesView) -> None:
    assert {strip.number for strip in choose(view, [1, 5], 0.0, 40, 100).strips} == {1, 5}
    assert {strip.number for strip in choose(view, [1, 5], 2.0, 40, 100).strips} == {1}


@pytest.mark.parametrize("rows", [3, 40])
def test_a_line_finds_its_thread(view: ProcessesView, rows: int) -> None:
    chosen = choose(view, [1, 2, 3, 4], 0.0, rows, 100)
    drawn = draw_timelines(chosen, lambda _: (), lambda _, width: [("x" * width, "")], 1, 100)
    assert len(drawn) == chosen.rows + 1
    assert chosen.at(0) is None
    for index, line in enumerate(drawn[1:], 1):
        strip = chosen.at(index)
        assert (strip.name in text(line)) if strip is not None else not line
