"""Time of a loop's thread by the outermost coroutine function."""

from __future__ import annotations

import pytest

from refwatch.readings.threads.coroutine_times import coroutine_times
from refwatch.readings.threads.state import Line
from refwatch.series.stack_tree import StackTree

BASE = "/lib/asyncio/base_events.py"
LINES = {
    1: Line(file="/app.py", number=90, function="<module>"),
    2: Line(file="/lib/asyncio/runners.py", number=118, function="Runner.run"),
    3: Line(file=BASE, number=640, function="BaseEventLoop.run_forever"),
    4: Line(file=BASE, number=1999, function="BaseEventLoop._run_once"),
    5: Line(file="/lib/asyncio/events.py", number=88, function="Handle._run"),
    6: Line(file="/app.py", number=10, function="serve"),
    7: Line(file="/app.py", number=12, function="serve"),
    8: Line(file="/app.py", number=30, function="parse"),
    9: Line(file="/lib/selectors.py", number=452, function="EpollSelector.select"),
    10: Line(file=BASE, number=800, function="BaseEventLoop.call_soon"),
    11: Line(file="/app.py", number=50, function="on_ready"),
    12: Line(file="/site/trio/_core/_run.py", number=2700, function="unrolled_run"),
    13: Line(
        file="/site/trio/_core/_io_epoll.py", number=200, function="EpollIOManager.get_events"
    ),
}


def tree(*paths: list[int]) -> tuple[StackTree, list[int]]:
    """A tree with these paths, outermost first, and the node at the end of each."""
    grown, nodes, ends = StackTree(), dict[tuple[int, ...], int](), []
    for path in paths:
        above = 0
        for depth in range(1, len(path) + 1):
            key = tuple(path[:depth])
            if key not in nodes:
                nodes[key] = len(grown)
                grown.add([(nodes[key], above, path[depth - 1])])
            above = nodes[key]
        ends.append(above)
    return grown, ends


def test_all_that_a_coroutine_calls_is_its_own() -> None:
    loop = [1, 2, 3, 4, 5]
    grown, ends = tree(
        [*loop, 6], [*loop, 7, 8], [*loop, 11],
        [1, 2, 3, 4, 9], [*loop, 10], [*loop, 7, 3, 4, 5, 11],
    )  # fmt: skip
    seconds = [0.5, 2.0, 1.0, 9.0, 0.25, 0.125]
    found = coroutine_times(grown, LINES, zip(ends, seconds, strict=True))
    assert [(one.function, one.line, one.seconds, one.own_s) for one in found] == [
        ("serve", 12, 2.625, 0.5),
        ("on_ready", 50, 1.0, 1.0),
    ]


@pytest.mark.parametrize(
    ("kind", "loop"), [("uvloop", [1, 2]), ("trio", [1, 12])], ids=["uvloop", "trio"]
)
def test_loops_that_call_coroutines_themselves(kind: str, loop: list[int]) -> None:
    grown, ends = tree([*loop, 6], [*loop, 7, 8], loop, [*loop, 13])
    found = coroutine_times(grown, LINES, ((end, 1.0) for end in ends), kind)
    assert [(one.function, one.seconds, one.own_s) for one in found] == [("serve", 2.0, 1.0)]


def test_a_thread_without_a_loop_has_none() -> None:
    grown, ends = tree([1, 6], [1, 7, 8])
    assert coroutine_times(grown, LINES, ((end, 1.0) for end in ends)) == []
    assert coroutine_times(grown, LINES, [(99, 1.0)]) == []
