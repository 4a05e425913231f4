"""The Threads panel's rows: order, filter, columns, hostile names."""

from __future__ import annotations

import pytest
from tests.simulate import Simulation
from tests.tui.driving import state_of
from tests.tui.test_spans import HOSTILE

from refwatch.session import events as ev
from refwatch.tui.panels.threads.view import (
    ThreadsView,
    arrange,
    columns_for,
    fmt_totals,
    view_threads,
)
from refwatch.tui.subject import Subject
from refwatch.tui.views.styled_text import width_of
from refwatch.tui.views.table import Order, column_at, heading, lay, place
from refwatch.wire.event import MAIN


@pytest.fixture(scope="module")
def view() -> ThreadsView:
    return view_threads(Subject(state_of(Simulation(3.0).events())))


def names(view: ThreadsView, **order: object) -> list[str]:
    rows = arrange(view, columns_for(view), Order(**order))  # type: ignore[arg-type]
    return ["".join(text for text, _ in row.cells[0]) for row in rows]


def test_shares_are_of_its_life(view: ThreadsView) -> None:
    worker = next(thread for thread in view.threads if thread.name == "worker-1")
    held, waiting = worker.shares[0], worker.shares[1]
    assert held == pytest.approx(0.25, abs=0.06)
    assert held + waiting == pytest.approx(1.0)
    assert worker.place.startswith("threads_cpu.py:2")
    assert worker.line == f"{worker.place} crunch"
    assert view.end_s == pytest.approx(3.0)


def test_as_seen_by_default(view: ThreadsView) -> None:
    assert names(view) == ["MainThread", "reader", *(f"worker-{n}" for n in (1, 2, 3, 4))]
    assert names(view, reverse=True)[0] == "worker-4"


def test_any_column_sorts(view: ThreadsView) -> None:
    for column in columns_for(view):
        assert sorted(names(view, sort=column.key)) == sorted(names(view))
    assert names(view, sort="io_wait", reverse=True)[0] == "reader"
    assert names(view, sort="cpu", reverse=True)[0].startswith("worker")
    assert names(view, sort="name", reverse=True)[0] == "worker-4"


def test_filter_looks_at_name_and_line(view: ThreadsView) -> None:
    assert names(view, filter="WORKER-2") == ["worker-2"]
    assert names(view, filter="socket.py") == ["reader"]
    assert names(view, filter="no such") == []


def test_ended_threads_go_to_the_bottom_or_away() -> None:
    events = list(Simulation(1.0).events())
    events.append(ev.ThreadEnded(at=1.0, process=MAIN, serial=1))
    view = view_threads(Subject(state_of(events)))
    assert names(view)[-1] == "MainThread"
    assert "MainThread" not in names(view, hide_ended=True)
    assert fmt_totals(view, 6) == "5 threads, 1 ended"
    assert fmt_totals(view, 2) == "2 shown of 5 threads, 1 ended"


@pytest.mark.parametrize("width", [20, 40, 56, 80, 116, 200])
def test_columns_fit_and_keep_the_first(view: ThreadsView, width: int) -> None:
    placed = place(columns_for(view), width)
    assert placed[0].column.key == "name"
    if width >= 40:
        assert placed[-1].x + placed[-1].width <= width
    assert width_of(heading(placed, "name", reverse=False)) <= max(width, 23) + 1
    for row in arrange(view, columns_for(view), Order()):
        assert width_of(lay(row, placed)) == width_of(heading(placed, "", reverse=False))


def test_a_click_finds_its_column(view: ThreadsView) -> None:
    placed = place(columns_for(view), 100)
    for each in placed:
        assert column_at(placed, each.x) is each.column
    assert column_at(placed, 500) is None


def test_hostile_names_keep_the_columns() -> None:
    names_ = tuple(HOSTILE)
    events = Simulation(1.0, workers=len(names_), names=names_).events()
    view = view_threads(Subject(state_of(events)))
    placed = place(columns_for(view), 90)
    for row in arrange(view, columns_for(view), Order()):
        line = lay(row, placed)
        assert width_of(line) == width_of(heading(placed, "", reverse=False))
        assert all(text.isprintable() for text, _ in line)


def test_a_thread_without_a_name_has_its_number() -> None:
    events = [
        *Simulation(0.5).start(),
        ev.ThreadStarted(at=0.2, serial=99, process=MAIN, tid=31337),
    ]
    assert "tid 31337" in names(view_threads(Subject(state_of(events))))


def test_the_heading_sorted_by_has_its_arrow(view: ThreadsView) -> None:
    placed = place(columns_for(view), 100)
    for key, wanted in [("gil_held", "▼held"), ("name", "Thread▼")]:
        text = "".join(text for text, _ in heading(placed, key, reverse=True))
        assert wanted in text
        assert len(text) == len("".join(t for t, _ in heading(placed, "", reverse=False)))


def requests(seconds: float = 3.0) -> list[ev.Event]:
    """A simulated session in which twelve threads came and went, and one of them is alive."""
    events = list(Simulation(seconds).events())
    for number in range(12):
        serial, at = 100 + number, number / 5
        events += [
            ev.ThreadStarted(at=at, serial=serial, process=MAIN, tid=serial),
            ev.ThreadNamed(at=at, serial=serial, process=MAIN, name=f"request-{number}"),
        ]
        if number < 11:
            events.append(ev.ThreadEnded(at=at + 0.1, process=MAIN, serial=serial))
    return events


def test_threads_that_come_and_go_are_one_row_that_can_be_opened() -> None:
    state = state_of(requests())
    closed = view_threads(Subject(state))
    (group,) = [thread for thread in closed.threads if thread.count]
    assert names(closed)[-1] == "▸ request-* ×12"
    assert fmt_totals(closed, len(closed.threads)) == "7 threads, 11 ended"
    opened = view_threads(Subject(state), {group.key})
    rows = names(opened)
    at = rows.index("▾ request-* ×12")
    assert rows[at + 1] == "├ request-11"  # the one that is alive
    assert rows[at + 2] == "├ request-10"  # the newest of the others
    assert rows[-1] == "└ request-1"
    assert len(rows) == at + 1 + 11
    assert names(opened, hide_ended=True)[at + 1 :] == ["└ request-11"]
