"""One class of the Objects panel: its numbers, its chart, who keeps it alive."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.simulate_references import LEAK, reference_events
from tests.tui.driving import state_of
from tests.tui.test_objects_lines import SESSION, page, replace_failure, text, working
from tests.tui.test_objects_view import SECONDS, begun, census, read, row_of
from tests.tui.test_spans import HOSTILE

from refwatch.session import events as ev
from refwatch.session.events import Event
from refwatch.text.formats import fmt_moment
from refwatch.tui.panels.objects.detail_view import (
    ObjectView,
    Requests,
    draw_holders,
    draw_object_chart,
    draw_object_facts,
    draw_object_title,
    fmt_looked,
    view_object,
)
from refwatch.tui.panels.objects.suspects import (
    draw_edge,
    draw_suspects,
    draw_work_line,
)
from refwatch.tui.panels.objects.table import FIRST, make_row
from refwatch.tui.panels.objects.view import ObjectsReader, ObjectsView, chains_work, graph_work
from refwatch.tui.subject import Subject
from refwatch.tui.views.styled_text import width_of
from refwatch.tui.views.table import Order
from refwatch.wire.event import MAIN
from refwatch.wire.heap_values import ChainLink, Site, TypeCount

LIVE = Requests(live=True)


@pytest.fixture(scope="module")
def view() -> ObjectsView:
    return read(reference_events(SECONDS))


def one(
    view: ObjectsView, key: int = LEAK, requests: Requests = LIVE, *, baseline: int = 99
) -> ObjectView:
    found = view_object(view, key, baseline, requests)
    assert found is not None
    return found


def test_one_class_in_numbers(view: ObjectsView) -> None:
    facts = page(draw_object_facts(one(view), 50, 12))
    since = fmt_moment(view.suspects[0].judged.since_s)
    for fact in ("count  564  live", "size  35.2 KiB  64 B each", "per second  +40",
                 f"growing  +40/s  since {since}", "steady  1.00",
                 "since warm  +412  ◂ baseline", "since start  +564"):  # fmt: skip
        assert fact in facts
    made = one(view, row_of(view, "builtins", "tuple").key)
    still = page(draw_object_facts(made, 50, 12))
    assert "2,750  census 1 s ago" in still
    assert "since start  no change" in still
    assert "growing" not in still


@pytest.mark.parametrize(("width", "height"), [(8, 2), (20, 5), (36, 7), (60, 12)])
def test_one_class_fits_any_box(view: ObjectsView, width: int, height: int) -> None:
    shown = one(view)
    for lines in (draw_object_facts(shown, width, height), draw_object_chart(shown, width, height)):
        assert len(lines) <= height
        assert all(width_of(line) <= width for line in lines)
    assert all(width_of(each.line) <= width for each in draw_holders(shown, width))


def test_the_chart_has_the_marks_on_it(view: ObjectsView) -> None:
    lines = [text(line) for line in draw_object_chart(one(view, baseline=0), 60, 12)]
    place_ = lines[0].index("┊")
    assert lines[0][place_ + 1 :].startswith("warm")
    assert sum(line[place_] == "┊" for line in lines) >= 5
    inner = lines[0].index("┤")
    share = (place_ - inner) / (len(lines[0]) - inner)
    assert share == pytest.approx((4.0 - 0.2) / (14.3 - 0.2), abs=0.03)
    assert lines[-1].strip().startswith("└0:00")
    assert lines[-1].strip().endswith("0:14")


def test_the_chart_counts_from_the_chosen_mark(view: ObjectsView) -> None:
    shown = one(view)
    assert shown.points[0] == (4.0, 152.0)
    lines = [text(line) for line in draw_object_chart(shown, 60, 12)]
    assert lines[-1].strip().startswith("└0:04")
    assert "┊" not in "".join(lines)


def test_a_chart_of_one_census_is_a_flat_line() -> None:
    view = read([census(3.0, TypeCount(module="builtins", name="list", count=5, size=5))])
    shown = one(view, view.rows[0].key)
    assert shown.points == ((3.0, 5.0), (3.0, 5.0))
    assert draw_object_chart(shown, 40, 8)


def test_a_chart_reads_no_further_than_the_view() -> None:
    state = state_of([*begun(), *reference_events(5.0)])
    view = ObjectsReader().read(Subject(state))
    before = one(view).points
    state.apply(ev.ClassesCounted(at=6.0, process=MAIN, counts=[(LEAK, 9999)]))
    assert one(view).points == before


def test_the_holders_are_a_tree_with_where_it_was_allocated(view: ObjectsView) -> None:
    shown = held(one(view))
    assert shown.index("◉ module __main__") < shown.index("global sessions")
    assert "Allocated at\n  /home/app/app/__init__.py:118  open_session" in shown
    assert fmt_looked(one(view)) == "3 chains at 0:08"
    assert "x cancels" not in shown


def test_what_nobody_has_looked_for(view: ObjectsView) -> None:
    key = row_of(view, "app", "Entry").key
    assert held(one(view, key)) == "not looked for yet; enter looks"
    assert fmt_looked(one(view, key)) == ""
    recorded = held(one(view, key, Requests(live=False)))
    assert recorded == "Nobody looked for them while the program ran."


def test_a_search_from_asking_to_its_answer() -> None:
    requests = Requests({chains_work(SESSION): 5.0}, live=True)
    assert holders(working(), requests) == "◌ requested; waiting for an answer …  x cancels"
    paused = replace(requests, paused=True)
    assert "shows after the pause" in holders(working(), paused)
    goes = ev.WorkProgressed(
        at=5.2, process=MAIN, work=chains_work(SESSION), text="walking", share=0.3
    )
    assert "30 %  x cancels" in holders(working(goes), requests)
    over = holders(working(goes, ev.TargetExited(at=6.0, process=MAIN, exit_code=0)), requests)
    assert over == "Nobody looked for them while the program ran."
    none = ev.ChainsFound(
        at=5.4, process=MAIN, module=SESSION[0], name=SESSION[1], chains=[], looked=7, garbage=7
    )
    cut = ev.ChainsFound(
        at=5.4,
        process=MAIN,
        module=SESSION[0],
        name=SESSION[1],
        chains=[],
        missing="the search was cut short",
        looked=7,
    )
    done = ev.WorkProgressed(
        at=5.4, process=MAIN, work=chains_work(SESSION), text="done", share=1.0, done=True
    )
    assert holders(working(goes, none, done), requests).startswith("nobody holds all: garbage")
    not_known = "who keeps them alive is not known: the search was cut short"
    assert holders(working(goes, cut, done), requests) == not_known


def test_a_search_that_failed_says_why() -> None:
    requests = Requests({chains_work(SESSION): 5.0}, live=True)
    work = ev.WorkProgressed(
        at=5.2, process=MAIN, work=chains_work(SESSION), text="", done=True, failure="the copy died"
    )
    assert holders(working(work), requests) == "✕ the copy died\n\nnot found; enter looks"
    wanted = replace_failure(work, "cancelled")
    assert holders(working(wanted), requests) == "not found; enter looks"
    again = Requests({chains_work(SESSION): 5.3}, live=True)
    assert "waiting" in holders(working(work), again)


def test_a_graph_that_is_drawn_is_said_beside_the_chains() -> None:
    graph = ev.WorkProgressed(
        at=5.2, process=MAIN, work=graph_work(SESSION), text="drawing", share=0.5
    )
    assert "drawing" in holders(working(graph), LIVE)


def holders(view: ObjectsView, requests: Requests) -> str:
    return held(one(view, requests=requests))


def held(shown: ObjectView) -> str:
    return page(tuple(each.line for each in draw_holders(shown, 76)))


def test_the_title_says_how_it_is_counted(view: ObjectsView) -> None:
    assert text(draw_object_title(one(view), 60)).split() == ["esc", "←", "app.Session",
                                                              "counted", "live"]  # fmt: skip
    made = one(view, row_of(view, "builtins", "dict").key)
    assert text(draw_object_title(made, 60)).endswith("counted by census ")
    assert "gone" in text(draw_object_title(replace(made, gone=True), 60))
    assert view_object(view, 123456, 0) is None


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_are_shown_safely(name: str) -> None:
    links = [ChainLink(type=name, edge=name), ChainLink(type="module", name=name)]
    events: list[Event] = [
        ev.ClassFound(at=0.2, process=MAIN, serial=7, module=name, name=name),
        ev.Marked(at=1.0, name=name),
    ]
    for at in range(1, 14):
        events.append(ev.ClassesCounted(at=float(at), process=MAIN, counts=[(7, at * 50)]))
        events.append(
            census(float(at), TypeCount(module=name, name=name, count=at * 50, size=at * 50))
        )
    events.append(
        ev.ChainsFound(
            at=13.0,
            process=MAIN,
            module=name,
            name=name,
            chains=[links],
            allocated_at=[Site(file=name, line=1, function=name)],
        )
    )
    events.append(ev.WorkProgressed(at=13.0, process=MAIN, work=f"graph {name}.{name}", text=name))
    view = read(events)
    shown = one(view, 7)
    row = make_row(view.rows[0], view, 99, {7}, {"name": 30})
    drawn_ = [
        *draw_suspects(view, 76, 5, may_ask=True), draw_edge(view, 99, 76),
        draw_work_line(view, 76), *(each.line for each in draw_holders(shown, 60)),
        *draw_object_chart(shown, 60, 9),
        *draw_object_facts(shown, 60, 9), draw_object_title(shown, 60), *row.cells,
    ]  # fmt: skip
    assert len(view.suspects) == 1
    for line in drawn_:
        assert text(line).isprintable()
        assert width_of(line) <= 76


def test_the_order_of_the_table_is_the_shared_one() -> None:
    assert Order("growth", reverse=True) == FIRST
