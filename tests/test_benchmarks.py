"""How the benchmarks read what other tools write, and how they judge a tree of calls."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from benchmarks.accuracy import repeated
from benchmarks.judges_stacks import depth_of, found, seconds_of
from benchmarks.peers import folded, py_spy_place, sampling_place
from benchmarks.readings import at_most

from refwatch.export.schema_types import StackNode
from refwatch.readings.threads.states import ThreadState as S


def node(
    function: str,
    seconds: float = 0.0,
    children: Sequence[StackNode] = (),
    left: float = 0.0,
) -> StackNode:
    return StackNode(
        file="a.py",
        line=1,
        function=function,
        own={S.GIL_HELD: seconds},
        children=list(children),
        left_out={S.SLEEP: left} if left else {},
    )


TREE = [
    node(
        "main", 1.0, [node("few", 0.5, [node("leaf", 1.0)]), node("leaf", 2.0, [node("leaf", 4.0)])]
    ),
    node("other", 0.0, left=0.25),
]


def test_a_tree_adds_up() -> None:
    assert seconds_of(TREE) == pytest.approx(8.75)
    assert depth_of(TREE) == 3


def test_the_outermost_nodes_of_a_function() -> None:
    assert seconds_of(found(TREE, "leaf")) == pytest.approx(7.0)
    assert [one.own[S.GIL_HELD] for one in found(TREE, "leaf")] == [1.0, 2.0]


def test_stacks_as_py_spy_writes_them(tmp_path: Path) -> None:
    output = tmp_path / "raw"
    output.write_text(
        "Thread.run (threading.py:982);task (my pool.py:40);sort (my pool.py:9) 7\n"
        "Thread.run (threading.py:982) 2\n"
        "<module> (<frozen importlib._bootstrap>:3) 1\n"
    )
    counts = folded(output, lambda frame: py_spy_place(frame, "my pool"))
    assert counts == {
        "sort": 7,
        "Thread.run (threading.py)": 2,
        "<module> (<frozen importlib._bootstrap>)": 1,
    }


def test_stacks_as_the_profiler_of_3_15_writes_them(tmp_path: Path) -> None:
    output = tmp_path / "collapsed"
    output.write_text(
        "tid:7;threading.py:Thread.run:1161;pool.py:task:40;pool.py:sort:9 12\n"
        "tid:7;threading.py:Thread.run:1161;<GC> 3\n"
    )
    counts = folded(output, lambda frame: sampling_place(frame, "pool"))
    assert counts == {"sort": 12, "<GC>": 3}


def test_of_many_runs_one_that_was_wrong_is_shown() -> None:
    runs = [[at_most("share", value, 0.02)] for value in (0.01, 0.03, 0.015)]
    assert repeated(runs) == [["share", "0.030", "<= 0.020", "2 of 3 MISS"]]
    assert repeated(runs[:1]) == [["share", "0.010", "<= 0.020", "OK"]]
