"""Who refers to an object: the tree's rows, and the account of its references."""

from __future__ import annotations

import pytest
from tests.simulate import Simulation
from tests.simulate_references import INSPECTION, with_references
from tests.tui.driving import state_of
from tests.tui.test_spans import HOSTILE

from refwatch.session import events as ev
from refwatch.session.state import State
from refwatch.tui.referrers.tree import (
    InspectionView,
    Opened,
    draw_account,
    draw_holders,
    draw_title,
    fmt_account,
    view_inspection,
)
from refwatch.tui.subject import Subject
from refwatch.tui.views.chains import fmt_named
from refwatch.tui.views.styled_text import Line, width_of
from refwatch.tui.views.tree import Path
from refwatch.wire.event import MAIN
from refwatch.wire.heap_values import Referrer


def text(line: Line) -> str:
    return "".join(piece for piece, _ in line)


def view(state: State, *paths: Path, asked: tuple[int, ...] = ()) -> InspectionView:
    opened = Opened(frozenset(paths), frozenset(asked))
    return view_inspection(Subject(state), INSPECTION, "session", opened)


def drawn(view: InspectionView, width: int = 78) -> list[str]:
    return [text(row.line).rstrip() for row in draw_holders(view, width)]


@pytest.fixture
def state() -> State:
    return state_of(with_references(Simulation(8.0)))


def found(node: int, *referrers: Referrer, at: float = 8.0, left_out: int = 0) -> ev.Event:
    return ev.ReferrersFound(
        at=at,
        process=MAIN,
        inspection=INSPECTION,
        node=node,
        type="app.Server",
        label="Server",
        address="0x7",
        references=2,
        seen=2,
        referrers=list(referrers),
        left_out=left_out,
    )


def test_before_anything_is_known() -> None:
    empty = view(state_of(Simulation(0.5).start()))
    assert not empty.found
    assert draw_holders(empty, 78) == ()
    assert "session" in text(draw_title(empty, 78))
    assert "copying" in text(draw_account(empty, 78, 2)[0])


def test_the_holders_of_the_object(state: State) -> None:
    lines = drawn(view(state), 60)
    assert [line[:40].rstrip() for line in lines] == [
        "▾ app.Session",
        "├ ▸ item 17                 list of 256",
        "├ ▸ value of key 'session'  dict of 12",
        "└ ◉ local session           frame dispat",
    ]


def test_an_open_node_has_its_holders_below_it_and_its_account(state: State) -> None:
    lines = drawn(view(state, (0, 1)))
    assert lines[1].startswith("├ ▾ item 17")
    assert "2 references: all seen" in lines[1]
    assert lines[2].startswith("│ ├ ◉ global sessions     module __main__")
    assert lines[3].startswith("│ └ ▸ attribute sessions  app.Server")
    assert lines[4].startswith("├ ▸ value of key 'session'")


def test_an_asked_node_says_so_until_it_is_answered(state: State) -> None:
    assert "│ └ ◌ looking …" in [
        line[:40].rstrip() for line in drawn(view(state, (0, 2), asked=(2,)))
    ]
    assert "no answer" in "\n".join(drawn(view(state, (0, 2))))
    state.apply(found(2))
    assert "no referrer was found" in "\n".join(drawn(view(state, (0, 2), asked=(2,))))


def test_a_node_on_the_way_is_a_cycle_and_does_not_open(state: State) -> None:
    server, session = (0, 1, 5), "0x7f3a5c4e08b0"
    state.apply(
        found(
            5,
            Referrer(
                node=0,
                type="app.Session",
                label="Session",
                address=session,
                edges=["attribute a"],
                count=1,
            ),
        )
    )
    shown = view(state, (0, 1), server, (*server, 0))
    (cycle,) = [one for one in shown.holders if one.kind == "cycle"]
    assert cycle.path == (*server, 0)
    (row,) = [row for row in draw_holders(shown, 78) if row.key == cycle.path]
    assert not row.opens
    assert "shown above" in text(row.line)


def test_the_same_node_elsewhere_is_no_cycle(state: State) -> None:
    again = Referrer(
        node=1,
        type="list",
        label="list of 256",
        address="0x7f3a5c0206e0",
        edges=["attribute a"],
        count=1,
    )
    state.apply(found(2, again))
    shown = view(state, (0, 1), (0, 2))
    assert {one.path: one.kind for one in shown.holders}[0, 2, 1] == "closed"


def test_how_many_are_left_out(state: State) -> None:
    state.apply(
        found(
            2,
            Referrer(
                node=9,
                type="list",
                label="list of 3",
                address="0x9",
                edges=["item 0", "item 2"],
                count=2,
            ),
            left_out=37,
        )
    )
    lines = drawn(view(state, (0, 2)))
    assert any("item 0, item 2  list of 3  2 references" in line for line in lines)
    assert any(line.startswith("│ └ … and 37 more") for line in lines)


def test_when_the_copy_is_gone_what_was_opened_stays(state: State) -> None:
    state.apply(
        ev.InspectionEnded(at=8.0, process=MAIN, inspection=INSPECTION, reason="it took too long")
    )
    shown = view(state, (0, 1), asked=(2,))
    kinds = {one.path: one.kind for one in shown.holders}
    assert kinds[0, 1] == "open"
    assert kinds[0, 2] == "shut"
    assert not any(row.opens for row in draw_holders(shown, 78) if row.key == (0, 2))
    assert "the copy is gone: it took too long" in text(draw_account(shown, 78, 2)[1])


@pytest.mark.parametrize(
    ("references", "seen", "said"),
    [
        (3, 3, "3 references: all seen"),
        (1, 1, "1 reference: all seen"),
        (5, 3, "5 references: 3 seen, 2 unaccounted (a C extension, or a value being computed)"),
        (1, 0, "1 reference: 0 seen, 1 unaccounted (a C extension, or a value being computed)"),
        (2, 3, "2 references, 3 seen; some hold it without counting"),
        (None, None, "immortal: its references are not counted"),
    ],
)
def test_the_account_is_plain(references: int | None, seen: int | None, said: str) -> None:
    account, _ = fmt_account(references, seen)
    assert account == said
    assert len(account) <= 78


def test_the_header_says_type_address_and_counts(state: State) -> None:
    title = text(draw_title(view(state), 78))
    assert title.startswith(" esc ← Who refers to session ")
    assert title.endswith(" 0x7f3a5c4e08b0 ")
    assert "4 references: 3 seen, 1 unaccounted" in text(draw_account(view(state), 78, 2)[0])


def test_progress_is_shown_with_the_way_to_cancel() -> None:
    state = state_of(with_references(Simulation(6.5)))
    (line,) = draw_account(view(state), 78, 2)
    assert "looking for referrers" in text(line)
    assert "60 %" in text(line)
    assert text(line).endswith("x cancels")


def test_a_failure_is_said(state: State) -> None:
    state.apply(
        ev.WorkProgressed(
            at=8.0, process=MAIN, work=INSPECTION, text="", done=True, failure="out of memory"
        )
    )
    assert text(draw_account(view(state), 78, 2)[1]) == "✕ out of memory"


@pytest.mark.parametrize(
    ("type_name", "label", "said"),
    [
        ("app.Server", "Server", "app.Server"),
        ("app.Page", "Page(name='x')", "app.Page(name='x')"),
        ("list", "list of 256", "list of 256"),
        ("module", "module app", "module app"),
        ("frame", "main, app.py:12", "frame main, app.py:12"),
        ("list", "", "list"),
        ("app.Log", "Logger", "app.Log Logger"),
        ("dict", "5 items", "dict, 5 items"),
        ("type", "app.Page", "class app.Page"),
    ],
)
def test_a_label_with_its_type_only_where_it_says_more(
    type_name: str, label: str, said: str
) -> None:
    assert fmt_named(type_name, label) == said


@pytest.mark.parametrize("width", [8, 20, 40, 78, 116])
def test_rows_fit(state: State, width: int) -> None:
    long = Referrer(
        node=9,
        type="app.models.Order",
        label="Order(number=17)",
        address="0x9",
        edges=["value of key " * 5],
        count=3,
    )
    state.apply(
        found(
            2,
            long,
            Referrer(
                node=10, type="list", label="list of 3", address="0x10", edges=["item 0"], count=1
            ),
        )
    )
    shown = view(state, (0, 1), (0, 2))
    assert all(width_of(row.line) <= width for row in draw_holders(shown, width))
    assert all(width_of(line) <= width for line in draw_account(shown, width, 2))
    assert width_of(draw_title(shown, width)) <= width


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names(name: str) -> None:
    state = state_of(Simulation(0.5).start())
    holder = Referrer(node=1, type=name, label=name, address=name, edges=[name], count=2)
    state.apply(
        ev.ReferrersFound(
            at=1.0,
            process=MAIN,
            inspection=INSPECTION,
            node=0,
            type=name,
            label=name,
            address=name,
            references=2,
            seen=2,
            referrers=[holder],
        )
    )
    state.apply(ev.WorkProgressed(at=1.0, process=MAIN, work=INSPECTION, text=name, failure=name))
    shown = view(state)
    lines = [*(row.line for row in draw_holders(shown, 60)), *draw_account(shown, 60, 2)]
    assert all(piece.isprintable() for line in lines for piece, _ in line)
    assert all(width_of(line) <= 60 for line in lines)
