"""What a copy adds up of tracemalloc's traces, against tracemalloc's own statistics."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from refwatch.probe.copying.allocation_sites import sites_of
from refwatch.probe.copying.functions import Files, functions_at
from refwatch.probe.copying.queries.traces import INJECT, grouped, is_own, largest
from refwatch.probe.raw_access import FOLDER

PROGRAM = """
import gc, json, sys, tracemalloc
from refwatch.probe import tracing
from refwatch.probe.copying.queries import traces
gc.disable()

class Node:
    def __init__(self, number):
        self.value = [number]

def fill(count):
    return [Node(number) for number in range(count)]

def deep(depth, count):
    return deep(depth - 1, count) if depth else fill(count)

tracemalloc.start(int(sys.argv[1]))
kept = [deep(5, 3000), fill(2000), {number: str(number) for number in range(5000)}]
snapshot = tracemalloc.take_snapshot()
mine = tracing.Tracing(None)
found = mine._c.traces()
said = traces.report(mine.in_copy("traces").traces)
me = __file__

def own(key):
    return [[*map(list, one.traceback._frames), one.size, one.count]
            for one in snapshot.statistics(key) if one.traceback[-1].filename == me]

print(json.dumps({
    "their lines": sorted(own("lineno")),
    "our lines": sorted([said["sites"][site][:2], size, count] for site, size, count
                        in said["lines"] if said["sites"][site][0] == me),
    "their tracebacks": sorted(
        [[list(frame) for frame in one.traceback._frames], one.size, one.count]
        for one in snapshot.statistics("traceback") if one.traceback[-1].filename == me),
    "our tracebacks": sorted([[said["sites"][site][:2] for site in reversed(way)], size, count]
                             for way, size, count in said["tracebacks"]
                             if said["sites"][way[0]][0] == me),
    "their file": [[one.size, one.count] for one in snapshot.statistics("filename")
                   if one.traceback[0].filename == me],
    "our file": [[size, count] for file, size, count in said["files"] if file == me],
    "functions": {site[1]: site[2] for site in said["sites"] if site[0] == me},
    "ours": [site for site in said["sites"] if "refwatch/probe" in site[0]],
    "sums": [said["traced"], said["blocks"], said["frames"]],
    "files": [sum(one[1] for one in said["files"]), sum(one[2] for one in said["files"])],
}))
"""


@pytest.mark.parametrize("frames", [1, 25])
def test_sizes_and_counts_are_tracemalloc_s_own(tmp_path: Path, frames: int) -> None:
    """But for what this program itself has made since its snapshot, on the lines after it."""
    script = tmp_path / "program.py"
    script.write_text(PROGRAM)
    done = subprocess.run(
        [sys.executable, str(script), str(frames)],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    said = json.loads(done.stdout)
    last = PROGRAM.splitlines().index("snapshot = tracemalloc.take_snapshot()") + 1

    lines = {line: (size, count) for (_, line), size, count in said["our lines"] if line < last}
    assert lines == {
        line: (size, count) for (_, line), size, count in said["their lines"] if line < last
    }
    assert {said["functions"][str(line)] for line in lines} >= {"Node.__init__", "fill", "<module>"}
    ours = [one for one in said["our tracebacks"] if all(line < last for _, line in one[0])]
    theirs = [one for one in said["their tracebacks"] if all(line < last for _, line in one[0])]
    assert ours == theirs
    assert max(len(way) for way, _, _ in ours) == (1 if frames == 1 else 10 - COMPREHENSION)
    assert said["files"] == said["sums"][:2]
    assert said["sums"][2] == frames
    assert said["ours"] == []


COMPREHENSION = sys.version_info >= (3, 12)  # no longer a frame of its own


def test_the_same_line_is_one_though_its_name_is_there_twice() -> None:
    first, second = b"a.py".decode(), b"a.py".decode()
    assert first is not second
    files = Files()
    groups = grouped([(0, 10, ((first, 3),), 1), (0, 5, ((second, 3),), 1), (0, 1, (("b", 1),), 1)])

    found = largest(groups, lambda frames: files.plain(frames[0][0]), 2)

    assert found == [("a.py", 15, 2), ("b", 1, 1)]


def test_what_is_refwatch_s_own() -> None:
    own, inject = (FOLDER + "service.py", 5), (INJECT + "sitecustomize.py", 9)
    theirs, loading = ("/app/main.py", 1), ("<frozen importlib._bootstrap>", 200)
    files = Files()

    def judged(*frames: tuple[str, int]) -> bool:
        return is_own(frames, files)

    assert judged(own)
    assert judged(own, theirs)
    assert judged(inject)
    assert judged(loading, own, theirs)
    assert not judged(theirs, own)
    assert not judged(loading, inject)
    assert not judged(loading, theirs, own)
    assert not judged(theirs)
    assert not judged()


def one_line() -> list[int]: return [1]  # fmt: skip


def outer() -> object:
    values = [
        (number, number)
        for number in range(10)
    ]  # fmt: skip

    def inner() -> object:
        return values

    return inner


class Holder:
    table = {"a": 1}  # noqa: RUF012

    def method(self) -> list[int]:
        return [2]


def test_the_function_around_a_line() -> None:
    first = outer.__code__.co_firstlineno
    holder = Holder.method.__code__.co_firstlineno
    one = one_line.__code__.co_firstlineno
    places = {
        one: "one_line",
        first - 1: "<module>",
        first: "<module>",
        first + 2: "outer",
        first + 3: "outer",
        first + 6: "outer",
        first + 7: "outer.<locals>.inner",
        holder - 2: "<module>",
        holder + 1: "Holder.method",
    }

    found = functions_at([(__file__, line) for line in places], Files())

    assert found == {(__file__, line): name for line, name in places.items()}
    nowhere = [("/nowhere.py", 3), ("<frozen importlib._bootstrap>", 1)]
    assert functions_at(nowhere, Files()) == {nowhere[0]: "", nowhere[1]: "<module>"}


def test_sites_are_told_by_how_often_they_are_seen() -> None:
    line = Holder.method.__code__.co_firstlineno + 1
    seldom, often = (("/nowhere.py", 3),), ((__file__, line), ("/nowhere.py", 3))

    found = sites_of([seldom, often, None, often, ()], 5)

    assert found == [
        {"file": __file__, "line": line, "function": "Holder.method"},
        {"file": "/nowhere.py", "line": 3, "function": ""},
    ]
    assert sites_of([seldom, often, often], 1) == found[:1]
