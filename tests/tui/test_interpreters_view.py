"""What is shown of several GILs in one process."""

from __future__ import annotations

import msgspec
import pytest
from tests.sample_events import sampled, target_started

from refwatch.readings.threads.states import ThreadState as S
from refwatch.session import events as ev
from refwatch.session.process import ProcessState
from refwatch.session.state import State
from refwatch.tui.panels.overview.view import view_overview
from refwatch.tui.panels.threads.detail_view import view_detail
from refwatch.tui.subject import Subject
from refwatch.tui.views.interpreters import all_gils, interpreter_of
from refwatch.wire.event import MAIN


def gil(held_s: float) -> ev.GilSlice:
    return ev.GilSlice(held_s=held_s, wait_s=0.05, handoffs=2, interval_s=0.005)


def state_with(*others: int) -> State:
    """The main interpreter for three seconds, and others for the last two; the last one ends after
    one."""
    state = State()
    state.apply(target_started())
    for serial in (1, 2):
        state.apply(ev.ThreadStarted(at=0.0, process=MAIN, serial=serial, tid=serial, ident=serial))
    for tick in range(1, 31):
        there = others if 10 < tick <= 20 else others[:-1] if tick > 20 else ()
        pieces = [
            ev.InterpreterSlice(
                number=number,
                span_s=0.1,
                gil_own=True,
                gil=gil(0.1),
                threads=[2],
                ended=tick == 20 and number == others[-1],
            )
            for number in there
        ]
        thread = ev.ThreadSlice(serial=2, samples=100, states={S.GIL_HELD: 0.1})
        event = sampled(tick / 10, thread, gil=gil(0.02))
        state.apply(msgspec.structs.replace(event, interpreters=pieces))
    return state


def process_of(state: State) -> ProcessState:
    assert state.main is not None
    return state.main


def test_gils_are_added_up_while_they_are_there() -> None:
    state = state_with(1, 4)
    found = all_gils(process_of(state))
    assert found is not None
    assert found.number == 2
    assert found.held == pytest.approx(1.2)
    assert found.waiting == pytest.approx(1.0)
    held = dict(found.history[0])
    assert [held[at] for at in (0.5, 1.5, 2.5)] == pytest.approx([0.2, 2.2, 1.2])
    gauge = view_overview(Subject(state)).held
    assert gauge is not None
    assert (gauge.title, gauge.value, gauge.unit) == ("GILs held", "1.20", "of 2")


def test_one_gil_is_told_as_ever() -> None:
    state = state_with()
    assert all_gils(process_of(state)) is None
    assert interpreter_of(process_of(state), 2) == ""
    gauge = view_overview(Subject(state)).held
    assert gauge is not None
    assert (gauge.title, gauge.value) == ("GIL held", "20 %")


def test_the_interpreters_of_a_thread() -> None:
    state = state_with(1)
    assert interpreter_of(process_of(state), 1) == "main"
    assert interpreter_of(process_of(state), 2) == "1, GIL 100 % held"
    view = view_detail(Subject(state), 2, lambda *_: "")
    assert view is not None
    assert view.facts[0] == ("interpreter", "1, GIL 100 % held")
    assert interpreter_of(process_of(state_with(1, 4)), 2) == "1, 4"
