"""The summary is short, aligned, and safe for a terminal."""

from __future__ import annotations

import pytest

from refwatch.export.summary import MAX_LINES, summary_lines
from refwatch.model import events as ev
from refwatch.model.states import ThreadState as S
from refwatch.session.state import State

PID = 42


def test_the_summary_of_a_session(state: State) -> None:
    lines = summary_lines(state)
    assert lines[:3] == [
        "target   x.py 'a b' · exit status 3 · 10.00 s",
        "verdict  4 threads: 99 % of the GIL held, each waits 75 % of its time",
        "GIL      99 % held, 3.0 threads waiting for it on average, 2000 handoffs",
    ]
    assert lines[3] == "threads  spinner 1  gil_wait 75 %, gil_held 25 %  /app/work.py:12"
    assert lines[-3].endswith("(and 1 more)")
    assert lines[-2] == (
        "memory   9.5 MiB resident, 8.6 MiB of it private, 19.1 MiB at most"
        " · CPU 10.00 s user, 0.0 ms system"
    )
    assert (
        lines[-1] == "cost     12.3 ms CPU in the target, 1.0 ms of the GIL; 0.50 s CPU beside it"
    )


def test_it_is_never_longer_than_nine_lines(state: State) -> None:
    state.apply(ev.ReadingLimited(1.0, "memory.uss", "not readable"))
    state.apply(ev.ReadingLimited(1.0, "stacks", "not verified"))
    lines = summary_lines(state)
    assert len(lines) == MAX_LINES
    assert lines[-1] == "limits   2 readings missing or less exact: memory.uss, stacks"


def test_a_session_without_readings_is_summed_up_too() -> None:
    state = State()
    assert summary_lines(state)[1] == "verdict  no target has started yet"
    state.apply(ev.TargetStarted(0.0, PID, ["x.py"], "/py", "/tmp", "2026-01-01T00:00:00Z", "0"))
    state.apply(ev.TargetExited(0.02, PID, None))
    assert summary_lines(state) == [
        "target   x.py · ended, status unknown · 20.0 ms",
        "verdict  no samples: the target ended too soon",
    ]


@pytest.mark.parametrize("odd", ["\x1b[2J\n", "\udcff", "\u202e", "x" * 5000])
def test_what_the_target_says_is_safe_and_short(odd: str) -> None:
    state = State()
    state.apply(ev.TargetStarted(0.0, PID, [odd], odd, odd, "2026-01-01T00:00:00Z", "0"))
    state.apply(ev.ThreadStarted(0.0, 1, PID, 100))
    state.apply(ev.ThreadNamed(0.0, 1, odd))
    state.apply(ev.LineSeen(0.0, 1, odd, 1, odd))
    piece = ev.ThreadSlice(1, 100, {S.GIL_HELD: 1.0}, "", [(1, S.GIL_HELD, 1.0)], [1])
    state.apply(ev.Sampled(1.0, PID, 1.0, 100, ev.GilSlice(1, 0, 0, 0.005), [piece], 1000.0))
    state.apply(ev.ReadingLimited(1.0, odd, odd))
    for line in summary_lines(state):
        assert line.isprintable()
        assert len(line) <= 130
        line.encode()


def test_without_a_gil_it_says_so() -> None:
    state = State()
    state.apply(ev.TargetStarted(0.0, PID, ["x.py"], "/py", "/tmp", "2026-01-01T00:00:00Z", "0"))
    state.apply(ev.InterpreterFound(0.0, PID, "3.14", True, False, 0.005))
    assert "GIL      none in this interpreter" in summary_lines(state)
