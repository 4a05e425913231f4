"""Live instances of classes defined in Python: as many as there are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.e2e.references import WAIT, alike, classes_in, watching

from refwatch.wire.commands import Mark

if TYPE_CHECKING:
    from tests.e2e.conftest import Bench

KINDS = """
import abc, dataclasses, enum, gc, typing
class Plain: pass
class Slots: __slots__ = ("a",)
class EmptySlots: __slots__ = ()
@dataclasses.dataclass
class Data: a: int = 0
@dataclasses.dataclass(slots=True)
class DataSlots: a: int = 0
class Row(typing.NamedTuple):
    a: int = 0
class Failure(Exception): pass
class Number(int): pass
class NumberSlots(int): __slots__ = ()
class Word(str): pass
class Stack(list): pass
class Table(dict): pass
class Pair(tuple): pass
class Meta(type): pass
class Made(metaclass=Meta): pass
T = typing.TypeVar("T")
class Box(typing.Generic[T]): pass
class Shape(abc.ABC):
    @abc.abstractmethod
    def area(self): ...
class Square(Shape):
    def area(self): ...
class Born:
    def __new__(cls): return super().__new__(cls)
class Callback:
    def __call__(self): ...
class Mortal:
    def __del__(self): ...
class Both(Plain, Callback): pass
class Parent: pass
class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2
def local_class():
    class Local: pass
    return Local
KINDS = [Plain, Slots, EmptySlots, Data, DataSlots, Row, Failure, Number, NumberSlots, Word, Stack,
         Table, Pair, Made, Box, Square, Born, Callback, Mortal, Both, Parent, local_class()]
"""
NAMES = [
    *("Plain", "Slots", "EmptySlots", "Data", "DataSlots", "Row", "Failure", "Number"),
    *("NumberSlots", "Word", "Stack", "Table", "Pair", "Made", "Box", "Square", "Born"),
    *("Callback", "Mortal", "Both", "Parent", "Local"),
]
CHANGES = """
held = {kind: [] for kind in KINDS}
def change(count):
    for index, kind in enumerate(KINDS):
        wanted = count and count + index
        del held[kind][wanted:]
        while len(held[kind]) < wanted:
            held[kind].append(kind())
for count in (0, 1, 100, 2, 0):
    change(count)
    wait()
class Child(Parent): pass  # a reference to Parent that is no instance
children = [Child(), Child(), Child()]
wait()
"""


def numbers(count: int) -> dict[str, int]:
    return {name: count + index if count else 0 for index, name in enumerate(NAMES)}


def test_classes_of_every_kind(bench: Bench) -> None:
    script = bench.script(WAIT + KINDS + CHANGES)
    with watching(bench, script) as session:
        for count in (0, 1, 100, 2, 0):
            session.instances(**numbers(count), Level=2, Meta=1, Shape=0)
            session.go()
        session.instances(Parent=0, Child=3)
        session.censuses(session.references.census.taken + 2)  # which find that this stands
        session.go()
        done, snapshot = session.end()

    for name in NAMES:
        own = classes_in(snapshot, name)
        assert {(one.module, one.exact) for one in own} == {("__main__", True)}
        assert sum(one.instances for one in own) == 0
    alike(bench, done, script)


COMING_AND_GOING = f"""{WAIT}
import gc
def make(count):
    class Late: pass
    return Late, [Late() for _ in range(count)]
wait()
class Keep: pass  # what is not bound in __main__ itself is not held by refwatch either
Keep.kind, Keep.held = make(5)
wait()
Keep.held = Keep.held[:2]
wait()
Keep.kind = Keep.held = None
gc.collect()
wait()
Keep.kind, Keep.held = make(3)
wait()
import library
wait()
"""


def test_classes_that_come_later_and_go(bench: Bench) -> None:
    bench.write("library.py", "class Book: pass\nbooks = [Book() for _ in range(7)]\n")
    script = bench.script(COMING_AND_GOING)
    with watching(bench, script) as session:
        session.wait(lambda known: known.census.taken, "a first census")
        assert session.count("Late") is None
        session.go()
        session.instances(Late=5)
        session.go()
        session.instances(Late=2)
        session.go()
        session.wait(lambda _: session.classes("Late")[0].ended_s is not None, "the class's end")
        session.go()
        session.instances(Late=3)
        first, second = session.classes("Late")
        assert first.serial != second.serial
        session.go()
        session.instances(Book=7)
        session.go()
        _, snapshot = session.end()

    assert [one.instances for one in classes_in(snapshot, "Late") if one.instances] == [3]
    (book,) = classes_in(snapshot, "Book")
    assert (book.module, book.name, book.instances) == ("library", "Book", 7)


def test_the_difference_to_a_mark(bench: Bench) -> None:
    script = bench.script(f"""{WAIT}
class Thing: pass
class Other: pass
things, others = [Thing() for _ in range(10)], [Other()]
wait()
things += [Thing() for _ in range(25)]
wait()
del things[5:], others[:]
wait()
""")
    with watching(bench, script) as session:
        session.instances(Thing=10, Other=1)
        session.go()
        session.instances(Thing=35)
        session.ask(Mark(name="grown"))
        session.wait(lambda _: session.state.marks, "the mark")
        session.go()
        session.instances(Thing=5, Other=0)
        session.go()
        _, snapshot = session.end()

    deltas = {name: classes_in(snapshot, name)[0].delta for name in ("Thing", "Other")}
    assert deltas == {"Thing": -30, "Other": -1}
    counts = [count for _, count in classes_in(snapshot, "Thing")[0].series]
    steady = [count for count in counts if count in {10, 35, 5}]  # others in mid-change
    assert steady == [10, 35, 5], classes_in(snapshot, "Thing")[0].series


def test_references_to_a_class_are_no_instances(bench: Bench) -> None:
    """Its own reference count has them; a census tells the two apart."""
    script = bench.script(f"""{WAIT}
class Thing:
    @classmethod
    def make(cls): return cls()
things = [Thing.make() for _ in range(4)]
wait()
aliases = [Thing] * 500 + [Thing.make]
wait()
""")
    with watching(bench, script) as session:
        session.instances(Thing=4)
        session.go()
        session.wait(lambda _: len(session.references.watched) > 1, "the aliases")
        session.recount()
        session.instances(Thing=4)
        session.go()
        _, snapshot = session.end()

    (thing,) = classes_in(snapshot, "Thing")
    assert (thing.instances, thing.exact) == (4, False)  # other references may still come


def test_ten_thousand_classes(bench: Bench) -> None:
    script = bench.script(f"""{WAIT}
kinds = [type(f"Kind{{n}}", (), {{}}) for n in range(10_000)]
held = [kind() for kind in kinds for _ in range(3)]
wait()
del held[:]
wait()
""")
    with watching(bench, script) as session:
        session.instances(Kind0=3, Kind5000=3, Kind9999=3)
        session.go()
        session.instances(Kind0=0, Kind5000=0, Kind9999=0)
        session.go()
        _, snapshot = session.end()

    assert len([one for one in snapshot.processes[0].classes if "Kind" in one.name]) == 10_000
