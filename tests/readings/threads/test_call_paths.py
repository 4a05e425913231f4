"""Time at lines is shared among the callers that were seen."""

from __future__ import annotations

import pytest

from refwatch.readings.threads import call_paths
from refwatch.readings.threads.call_paths import SET_OFF, CallPaths, ThreadPaths
from refwatch.readings.threads.events import LineSeen, PathsSeen
from refwatch.readings.threads.states import ThreadState as S
from refwatch.target.locations import NewLine
from refwatch.wire.event import MAIN

LEAF, OTHER_LEAF, A, B, RUN = 1, 2, 3, 4, 5
FUNCTIONS = {LEAF: 10, OTHER_LEAF: 10, A: 11, B: 12, RUN: 13, -1: 14}


class Context:
    """Keeps what is emitted and limited."""

    process = MAIN

    def __init__(self) -> None:
        self.events: list[LineSeen | PathsSeen] = []
        self.limits: dict[str, str] = {}

    def emit(self, event: LineSeen | PathsSeen) -> None:
        self.events.append(event)

    def limit(self, reading: str, reason: str) -> None:
        self.limits[reading] = reason


@pytest.fixture(name="context")
def _context() -> Context:
    return Context()


@pytest.fixture(name="paths")
def _paths(context: Context) -> CallPaths:
    return CallPaths(context, FUNCTIONS)  # type: ignore[arg-type]


def node(paths: CallPaths, *lines: int) -> int:
    """The path through these lines, outermost first."""
    found = 0
    for line in lines:
        below = paths.below(found, line)
        assert below is not None
        found = below
    return found


def saw(thread: ThreadPaths, stack: list[int], paths: CallPaths) -> None:
    thread.follow(stack, paths)
    thread.count()


def test_by_how_often_each_caller_was_seen(paths: CallPaths) -> None:
    thread = ThreadPaths()
    for caller in (A, B, B, B):
        saw(thread, [LEAF, caller, RUN], paths)
    placed, rest = thread.place([(LEAF, S.GIL_HELD, 4.0), (OTHER_LEAF, S.NATIVE, 1.0)], paths)
    assert sorted(placed) == sorted(
        [
            (node(paths, RUN, A, LEAF), S.GIL_HELD, 1.0),
            (node(paths, RUN, B, LEAF), S.GIL_HELD, 3.0),
            (node(paths, RUN, A, OTHER_LEAF), S.NATIVE, 0.25),
            (node(paths, RUN, B, OTHER_LEAF), S.NATIVE, 0.75),
        ]
    )
    assert rest == []


def test_by_the_last_caller_where_none_was_seen_lately(paths: CallPaths) -> None:
    thread, other = ThreadPaths(), ThreadPaths()
    saw(thread, [LEAF, A, RUN], paths)
    thread.place([], paths)
    assert thread.place([(LEAF, S.SLEEP, 1.0)], paths)[0] == [
        (node(paths, RUN, A, LEAF), S.SLEEP, 1.0)
    ]
    # a thread that lived for a moment has the callers of another
    assert other.place([(A, S.GIL_HELD, 1.0)], paths)[0] == [(node(paths, RUN, A), S.GIL_HELD, 1.0)]
    # nobody has seen B, nor who calls it
    assert other.place([(B, S.GIL_HELD, 1.0)], paths) == ([], [(B, S.GIL_HELD, 1.0)])


def test_frames_of_the_probe_are_none_of_the_program_s(paths: CallPaths) -> None:
    thread = ThreadPaths()
    saw(thread, [-1, LEAF, RUN], paths)
    assert thread.place([(LEAF, S.GIL_HELD, 1.0)], paths)[0] == [
        (node(paths, RUN, LEAF), S.GIL_HELD, 1.0)
    ]


def test_new_lines_and_paths_are_told_once_and_in_order(paths: CallPaths, context: Context) -> None:
    saw(ThreadPaths(), [LEAF, A, RUN], paths)
    paths.tell(1_000_000_000, [NewLine(RUN, "/a.py", 1, "run")])
    paths.tell(2_000_000_000, [])
    line, told = context.events
    assert isinstance(line, LineSeen)
    assert isinstance(told, PathsSeen)
    assert (line.at, line.function) == (1.0, "run")
    assert told.nodes == [(1, 0, RUN), (2, 1, A), (3, 2, LEAF)]


def test_beyond_the_most_paths_lines_are_told_alone(
    paths: CallPaths, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(call_paths, "MOST_PATHS", 2)
    thread = ThreadPaths()
    saw(thread, [LEAF, A, RUN], paths)
    assert thread.place([(LEAF, S.GIL_HELD, 1.0)], paths) == ([], [(LEAF, S.GIL_HELD, 1.0)])
    paths.tell(1, [])
    assert "stacks" in context.limits


def test_a_wait_whose_stack_was_read_is_of_its_callers_alone(paths: CallPaths) -> None:
    thread = ThreadPaths()
    saw(thread, [LEAF, A, RUN], paths)
    assert not thread.has_many_callers(LEAF, paths)
    saw(thread, [LEAF, B, RUN], paths)
    assert thread.has_many_callers(LEAF, paths)
    inner = thread.innermost(paths)
    assert inner == node(paths, RUN, B, LEAF)
    thread.waited(LEAF, S.LOCK_WAIT, inner, 3_000_000_000)
    placed, rest = thread.place([(LEAF, S.LOCK_WAIT, 4.0), (LEAF, S.GIL_HELD, 2.0)], paths)
    by_node: dict[tuple[int, S], float] = {}
    for at, state, seconds in placed:
        by_node[at, state] = by_node.get((at, state), 0.0) + seconds
    assert by_node == {
        (inner, S.LOCK_WAIT): 3.5,
        (node(paths, RUN, A, LEAF), S.LOCK_WAIT): 0.5,
        (inner, S.GIL_HELD): 1.0,
        (node(paths, RUN, A, LEAF), S.GIL_HELD): 1.0,
    }
    assert rest == []


def test_waits_are_never_longer_than_the_time_at_their_line(paths: CallPaths) -> None:
    """A part of a wait may have been given to a run."""
    thread = ThreadPaths()
    thread.follow([LEAF, A, RUN], paths)
    inner = thread.innermost(paths)
    assert inner is not None
    thread.waited(LEAF, S.SLEEP, inner, 3_000_000_000)
    placed, rest = thread.place([(LEAF, S.SLEEP, 2.0)], paths)
    assert placed == [(inner, S.SLEEP, 2.0)]
    assert rest == []


def test_the_collectors_time_is_below_the_line_that_set_it_off(paths: CallPaths) -> None:
    paths.collector = 9
    thread = ThreadPaths()
    saw(thread, [LEAF, A, RUN], paths)
    spent = [(LEAF, S.GIL_HELD, 1.0), (SET_OFF + LEAF, S.GIL_HELD, 2.0)]
    placed, rest = thread.place([*spent, (SET_OFF + B, S.CPU_WAIT, 3.0)], paths)
    assert placed == [
        (node(paths, RUN, A, LEAF), S.GIL_HELD, 1.0),
        (node(paths, RUN, A, LEAF, 9), S.GIL_HELD, 2.0),
    ]
    assert rest == [(9, S.CPU_WAIT, 3.0)]
