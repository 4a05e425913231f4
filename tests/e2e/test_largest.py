"""The largest single objects of a real program, as its hidden copy finds them."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest
from tests.e2e.references import WAIT, watching

from refwatch.wire.commands import TakeCensus
from refwatch.wire.heap_values import Largest

if TYPE_CHECKING:
    from tests.e2e.conftest import Bench

MB = 1 << 20
PROGRAM = f"""{WAIT}
from array import array
from sys import getsizeof

class Odd(list):
    def __len__(self):
        raise SystemExit("the target's code was called")
    __sizeof__ = __iter__ = __len__

class Holder:
    pass

index = dict.fromkeys(range(400_000))
for key in range(7, 400_000):
    del index[key]
holder = Holder()
holder.rows = Odd([None] * 700_000)
numbers = array("d", bytes(4_000_000))

def work():
    seen = {{number: None for number in range(100_000)}}  # only a frame has it
    small = bytes(1000)
    blob = bytes(3_500_000)
    sizes = [getsizeof(index), list.__sizeof__(holder.rows) + 16, getsizeof(numbers)]
    print(*sizes, getsizeof(seen), getsizeof(blob), flush=True)
    wait()
    index.clear()
    wait()

work()
"""


def found(objects: list[Largest], kind: str) -> Largest:
    (one,) = [one for one in objects if one.type == kind]
    return one


def test_the_largest_are_told_with_what_holds_them(bench: Bench) -> None:
    with watching(bench, bench.script(PROGRAM)) as session:
        sizes = [int(word) for word in session.running.line().split()]
        session.ask(TakeCensus())
        session.wait(lambda known: len(known.census.largest) == 5, "five large objects")
        first = session.references.census.largest
        session.go()
        before = session.references.census.taken
        session.ask(TakeCensus())
        session.wait(
            lambda known: known.census.taken > before and len(known.census.largest) == 4,
            "a census without the dict",
        )
        later = session.references.census.largest
        session.go()
        session.end()
    assert [one.size for one in first] == sorted((one.size for one in first), reverse=True)
    index, seen = (one for one in first if one.type == "dict")
    rows, numbers, blob = (found(first, kind) for kind in ("__main__.Odd", "array.array", "bytes"))
    assert [index.size, numbers.size, seen.size, blob.size] == [sizes[0], *sizes[2:]]
    assert abs(rows.size - sizes[1]) <= 16  # words before the object
    assert index.filled == pytest.approx(7 / 699_050, abs=1e-6)
    assert seen.filled == pytest.approx(100_000 / 174_762, abs=1e-4)
    assert rows.filled == pytest.approx(1.0)
    assert numbers.filled is blob.filled is None
    edges = [(one.chain[0].edge, one.chain[-1].type) for one in (index, rows, numbers, seen, blob)]
    assert edges[:3] == [
        ("global index", "module"), ("attribute rows", "module"), ("global numbers", "module"),
    ]  # fmt: skip
    assert edges[3:] == [("local seen", "frame"), ("local blob", "frame")]
    assert {one.address for one in later} == {one.address for one in first} - {index.address}
    snapshot = bench.read_snapshot()
    census = snapshot.processes[0].census
    assert census is not None
    known = {one.address for one in census.largest}  # without the frame's, at a census after it
    assert {rows.address, numbers.address} <= known <= {one.address for one in later}


@pytest.mark.parametrize("kind", ["set", "bytearray"])
def test_how_full_a_set_or_a_bytearray_is(bench: Bench, kind: str) -> None:
    make = {
        "set": "one = set(range(200_000))\nfor number in range(5, 200_000): one.remove(number)",
        "bytearray": "one = bytearray(8_000_000)\ndel one[5_000_000:]",
    }[kind]
    script = bench.script(f"{WAIT}{make}\nprint(sys.getsizeof(one), flush=True)\nwait()")
    with watching(bench, script) as session:
        size = int(session.running.line())
        session.ask(TakeCensus())
        session.wait(lambda known: known.census.largest, "a large object")
        one = found(session.references.census.largest, kind)
        session.go()
        session.end()
    assert one.size == size
    used = 5 if kind == "set" else 5_000_000
    room = (size - sys.getsizeof(set())) // 16 * 3 // 5 if kind == "set" else 8_000_001
    assert one.filled == pytest.approx(used / room, rel=0.05)


def test_garbage_counts_what_only_garbage_holds(bench: Bench) -> None:
    script = bench.script(f"""{WAIT}
import gc
gc.disable()
class Session:
    def __init__(self):
        self.payload = bytes(20_000)
        self.me = self
for _ in range(1000):
    Session()
print("made", flush=True)
wait()
""")
    with watching(bench, script) as session:
        session.running.line()
        session.ask(TakeCensus())

        session.wait(lambda known: known.census.garbage_of(("__main__", "Session")), "garbage")
        garbage = session.references.census.garbage
        session.go()
        session.end()
    assert garbage is not None
    assert 20_000_000 < garbage.bytes < 22_000_000
