"""The tree of call paths in the snapshot."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from tests.tui.test_time_view import SPENT, state_with

from refwatch.export import stacks as export
from refwatch.export.schema_types import StackNode
from refwatch.export.snapshot import build_snapshot
from refwatch.export.stacks import stacks
from refwatch.readings.threads.events import LEFT_OUT, ThreadSlice
from refwatch.readings.threads.states import ThreadState as S
from refwatch.session import events as ev
from refwatch.wire.event import MAIN


def test_seconds_at_each_line_and_below_its_callers() -> None:
    found = stacks(state_with(("w-1", 1.0), ("w-2", 1.0)).processes[MAIN])
    assert found is not None
    (run,) = found.children
    assert (run.function, run.line, run.own) == ("run", 10, {S.GIL_HELD: 1.0})
    fib, load = run.children
    assert (fib.line, fib.own) == (20, {S.GIL_HELD: 2.0})
    assert (load.function, load.own, load.children) == ("load", {S.IO_WAIT: 8.0}, [])
    assert fib.children[0].children[0].own == {S.NATIVE: 6.0}


def test_what_is_left_out_is_told_at_its_caller(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export, "MOST_NODES", 2)
    found = stacks(state_with(("w-1", 1.0)).processes[MAIN])
    assert found is not None
    (run,) = found.children
    (fib,) = run.children  # 6 s with all below it
    assert run.left_out == {S.IO_WAIT: 4.0}
    assert fib.left_out == {S.GIL_HELD: 2.0, S.NATIVE: 3.0}
    assert told(run) == pytest.approx(sum(seconds for _, _, seconds in SPENT))


@pytest.mark.parametrize("gap", [0, 4_000])
def test_of_a_deep_recursion_the_middle_is_left_out(gap: int) -> None:
    """``gap`` calls were not read themselves."""
    state = state_with(("w-1", 1.0))
    paths = [(node, node - 1, 2) for node in range(6, 306)]
    if gap:
        line = ev.LineSeen(
            at=1.0, process=MAIN, line=90, file=LEFT_OUT, number=gap, function=LEFT_OUT
        )
        state.apply(line)
        paths[120] = (126, 125, 90)
    paths[-1] = (305, 304, 3)
    state.apply(ev.PathsSeen(at=1.0, process=MAIN, nodes=paths))
    piece = ThreadSlice(serial=1, samples=1, states={}, paths=[(305, S.GIL_HELD, 7.0)])
    state.apply(
        ev.Sampled(at=2.0, process=MAIN, span_s=1.0, samples=1, gil=None, threads=[piece],
                   rate_hz=100.0)
    )  # fmt: skip
    found = stacks(state.processes[MAIN])
    assert found is not None
    (node,) = found.children
    lines, left_out = [node.line], [node.frames_left_out]
    while node.children:
        node = node.children[0]
        lines.append(node.line)
        left_out.append(node.frames_left_out)
    assert len(lines) == 75
    assert node.own[S.GIL_HELD] == 7.0
    deep = 302 + gap - (gap > 0)
    assert [count for count in left_out if count] == [deep - 75]
    assert not node.left_out


def told(node: StackNode) -> float:
    own = sum(node.own.values()) + sum(node.left_out.values())
    return own + sum(told(child) for child in node.children)


def test_none_where_no_stack_was_read() -> None:
    assert stacks(state_with().processes[MAIN]) is None


def test_threads_of_one_name_or_function_are_a_group() -> None:
    state = state_with(("w-1", 1.0), ("w-2", 1.0), ("alone", 1.0), ("python", 1.0), ("python", 1.0))
    for serial in (1, 2, 3):
        name = state.processes[MAIN].threads[serial].name
        state.apply(ev.ThreadNamed(at=1.0, process=MAIN, serial=serial, name=name))
    state.apply(ev.ThreadEnded(at=1.0, process=MAIN, serial=2))
    process = build_snapshot(state, taken_at=datetime.now(UTC)).processes[0]
    groups = {group.name: (group.threads, group.alive) for group in process.groups}
    assert groups == {"in load": (2, 2), "w-*": (2, 1)}
    of_each = [thread.group for thread in process.threads]
    assert of_each == ["w-*", "w-*", None, "in load", "in load"]
    workers = next(group for group in process.groups if group.name == "w-*")
    assert workers.states == {S.GIL_HELD: 21.0}
    assert (workers.hot[0].function, workers.hot[0].seconds) == ("load", 8.0)
