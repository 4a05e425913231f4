"""Watched objects: their references are counted as they are, and they die as if nobody watched."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pytest
from tests.e2e.references import (
    IMMORTAL,
    WAIT,
    alike,
    counts_of,
    last_name,
    watched_in,
    watching,
)

from refwatch.readings.objects.records import WatchedRecord
from refwatch.readings.objects.state import References
from refwatch.wire.commands import Unwatch, WatchObject

if TYPE_CHECKING:
    from tests.e2e.conftest import Bench

# Each wait() stands behind a change; its comment says how many references there are then.
HOLDERS = """
import weakref
class Thing:
    pass
class Holder:
    pass
def read(argument):
    wait()  # 5
def remember(value):
    return lambda: value
def generate(value):
    yield value
thing = Thing(); wait()  # 1
alias = thing; wait()  # 2
holder = Holder(); holder.attribute = thing; wait()  # 3
table = {"key": thing}; wait()  # 4
read(thing)
wait()  # 4
recall = remember(thing); wait()  # 5
running = generate(thing); wait()  # 6
reminder = weakref.ref(thing); wait()  # 6
del running; wait()  # 5
del recall; wait()  # 4
table.clear(); wait()  # 3
del holder; wait()  # 2
del thing; wait()  # 1
del alias; print(reminder()); wait()  # 0
"""
STEPS = [1, 2, 3, 4, 5, 4, 5, 6, 6, 5, 4, 3, 2, 1]


def test_each_reference_is_counted(bench: Bench) -> None:
    script = bench.script(WAIT + HOLDERS)
    with watching(bench, script) as session:
        for count in STEPS:
            session.reaches("thing", count)
            session.go()
        session.dies("thing")
        session.go()
        done, snapshot = session.end()

    (thing,) = watched_in(snapshot, "thing")
    assert counts_of(thing) == [1, 2, 3, 4, 5, 4, 5, 6, 5, 4, 3, 2, 1, 0]
    assert (thing.type, thing.references, thing.alive) == ("__main__.Thing", 0, False)
    assert thing.died_s == thing.series[-1][0]
    assert not thing.held
    assert not thing.immortal
    assert done.lines == ["None"]
    alike(bench, done, script)


# Types of which there are no weak references: (how it is made, what it is called).
PLAIN_TYPES = {
    "items": ("[n, n]", "list"),
    "table": ("{'n': n}", "dict"),
    "group": ("{n}", "set"),
    "pair": ("(n, [n])", "tuple"),
    "text": ("str(n) * 50", "str"),
    "data": ("bytes(n)", "bytes"),
    "whole": ("n ** 40", "int"),
    "real": ("n / 7", "float"),
    "slots": ("Slots()", "__main__.Slots"),
    "plain": ("Plain()", "__main__.Plain"),
}


def test_objects_of_every_type(bench: Bench) -> None:
    """Their counts too are true, and they die soon after their last reference has gone."""
    made = "\n".join(f"{name} = {how}" for name, (how, _) in PLAIN_TYPES.items())
    names = list(PLAIN_TYPES)
    script = bench.script(f"""{WAIT}
class Slots:
    __slots__ = ()
class Plain:
    pass
n = len(sys.argv) + 299  # computed: a constant of the code would have one reference more
{made}
wait()
more = [globals()[name] for name in {names} for _ in range(3)]
wait()
more.clear()
wait()
for name in {names}:
    del globals()[name]
wait()
print("done")
""")
    with watching(bench, script) as session:
        for count in (1, 4, 1):
            for name in names:
                session.wait(session.has(name, count), f"{count} references of {name}")
            session.settle()
            assert {session.watched(name).references for name in names} == {count}
            session.go()
        session.dies(*names)
        session.go()
        done, snapshot = session.end()

    assert done.lines == ["done"]
    for name, (_, kind) in PLAIN_TYPES.items():
        (one,) = watched_in(snapshot, name)
        assert (one.type, counts_of(one)) == (kind, [1, 4, 1, 0])
        assert one.held == (name not in {"plain", "group"})  # a set has weak references
        assert one.died_s is not None


def test_the_raw_readings_are_told_beside(bench: Bench) -> None:
    script = bench.script(f"{WAIT}\nclass Thing: pass\nthing, items = Thing(), [1]\nwait()\n")
    with watching(bench, script) as session:
        session.reaches("thing", 1)
        session.reaches("items", 1)
        session.wait(lambda _: session.watched("items").ctypes is not None, "raw readings")
        session.go()
        _, snapshot = session.end()

    for name, references in (("thing", 1), ("items", 1)):
        (one,) = watched_in(snapshot, name)
        assert one.ctypes == references + one.held
        assert one.getrefcount is not None
        assert one.getrefcount - (one.getrefcount_offset or 0) == one.ctypes


# What is printed by __del__ and by weak references is what a program can tell of an object's end.
MORTALS = """
import time, weakref
def say(*words):
    print(*words, flush=True)
class Mortal:
    def __init__(self, name):
        self.name = name
    def __del__(self):
        say("del", self.name)
class MortalList(list):
    def __del__(self):
        say("del list")
class MortalInt(int):  # of a size that varies, so that there are no weak references
    def __del__(self):
        say("del int")
        told.append(1)
class MortalStr(str):
    def __del__(self):
        say("del str")
told = []
def soon(reference):
    end = time.monotonic() + 10
    while reference() is not None and time.monotonic() < end:
        time.sleep(0.01)
    say("and so is what it held:", reference())
single, group = Mortal("single"), MortalList([1])
number, text = MortalInt(7), MortalStr("x")
items, table, pair = [Mortal("items")], {"key": Mortal("table")}, (Mortal("pair"), 1)
inner = [weakref.ref(items[0]), weakref.ref(table["key"]), weakref.ref(pair[0])]
tell = weakref.ref(single, lambda _: say("told of single"))
tell_too = weakref.ref(group, lambda _: say("told of group"))
wait()
say("now single"); del single; say("is gone", tell())
say("now group"); del group; say("is gone", tell_too())
say("now number"); del number; soon(lambda: None if told else "there"); told.clear()
say("now text"); del text; say("is gone")
say("now items"); del items; soon(inner[0])
say("now table"); del table; soon(inner[1])
say("now pair"); del pair; soon(inner[2])
wait()
"""


def test_watching_keeps_nothing_alive(bench: Bench) -> None:
    """An object that refwatch must hold, because its type has no weak references, ends a moment
    later; all others end at the very same point of the program."""
    script = bench.script(WAIT + MORTALS)
    names = ["single", "group", "number", "text", "items", "table", "pair"]
    with watching(bench, script) as session:
        for name in names:
            session.reaches(name, 1)
        session.go()
        session.dies(*names)
        session.go()
        done, snapshot = session.end()

    assert not any(one.alive for name in names for one in watched_in(snapshot, name))
    alike(bench, done, script)


HELD = f"""{WAIT}
import ctypes
class Thing: pass
class Owner: pass
thing, leaked = Thing(), Thing()
ctypes.pythonapi.Py_IncRef(ctypes.py_object(leaked))  # as a C extension does that forgets one
owner = Owner()
owner.part = thing
table, rows = {{"key": thing}}, [None, thing, thing]
def remember(value):
    return lambda: value
recall = remember(thing)
def work(argument):
    wait()
work(thing)
print("done")
"""
HOLDERS_OF_THING = {
    "global thing": "module",
    "attribute part": "__main__.Owner",
    "value of key 'key'": "dict",
    "index 1": "list",
    "index 2": "list",
    "local argument": "frame",
    "closure cell": "cell",
}


def test_who_refers_to_an_object_and_what_is_unaccounted_for(bench: Bench) -> None:
    script = bench.script(HELD)
    with watching(bench, "--watch", "__main__", script) as session:
        session.reaches("thing", 7)
        session.reaches("leaked", 2)
        session.reaches("__main__", 2)  # that of sys.modules, and the interpreter's own
        trees = {name: session.inspect(name) for name in ("thing", "leaked", "__main__")}
        session.go()
        done, _ = session.end()

    thing, leaked = trees["thing"], trees["leaked"]
    assert (thing.references, thing.seen) == (7, 7)
    assert {edge: one.type for one in thing.referrers for edge in one.edges} == HOLDERS_OF_THING
    assert (leaked.references, leaked.seen) == (2, 1)
    assert [one.edges for one in leaked.referrers] == [["global leaked"]]
    assert (trees["__main__"].references, trees["__main__"].seen) == (2, 1)
    alike(bench, done, script)


LET_BE = f"""{WAIT}
import time, weakref
class Thing: pass
thing, rows = Thing(), [Thing()]
inner = [weakref.ref(thing), weakref.ref(rows[0])]
wait()
later = Thing()
wait()
later = None
del thing, rows
end = time.monotonic() + 20
while any(one() for one in inner) and time.monotonic() < end: time.sleep(0.01)
print([one() for one in inner])
"""


COUNTER = f"""{WAIT}
number = 3
wait()
number = 4
wait()
number = int("4000000000")
wait()
"""


def test_of_the_small_numbers_a_counter_has_been_none_stays(bench: Bench) -> None:
    """They never die, and would be watched for ever under a name that has long been another's."""
    with watching(bench, bench.script(COUNTER)) as session:
        session.wait(lambda known: known.watched, "the number")
        three = session.watched("number")
        assert three.found.immortal
        session.go()
        session.wait(partial(ended, three), "the end of the watch over 3")
        four = session.watched("number")
        assert four.found.immortal
        session.go()
        session.wait(partial(ended, four), "the end of the watch over 4")
        session.reaches("number", 1)
        session.go()
        session.end()
    assert not three.died
    assert not four.died


def ended(record: WatchedRecord, _: References) -> bool:
    return record.ended_s is not None


def test_what_is_to_be_watched_no_longer_does_not_come_back_by_itself(bench: Bench) -> None:
    """It is still bound in ``__main__``, where it would be found; and it can be watched again."""
    with watching(bench, bench.script(LET_BE)) as session:
        for name in ("thing", "rows"):
            session.reaches(name, 1)
            session.ask(Unwatch(watch=session.watched(name).found.watch))
            record = session.watched(name)
            session.wait(partial(ended, record), f"the end of the watch over {name}")
        session.go()
        session.reaches("later", 1)
        assert session.watched("thing").ended_s is not None
        assert session.watched("rows").ended_s is not None
        session.ask(WatchObject(path="__main__.thing"))
        session.reaches("thing", 1)
        assert session.watched("thing").ended_s is None
        session.go()
        session.dies("thing")
        done, snapshot = session.end()
    assert done.lines[-1] == "[None, None]"  # the probe's reference to the list is let go, too
    assert not watched_in(snapshot, "rows")


CYCLES = f"""{WAIT}
import gc, threading, time, weakref
class Inner: pass
items, table, taken = [Inner()], {{"key": Inner()}}, [Inner()]
items.append(items)
table["itself"] = table
inner = [weakref.ref(items[0]), weakref.ref(table["key"]), weakref.ref(taken[0])]
begun, end = threading.Event(), threading.Event()
def work():
    mine = globals().pop("taken")
    mine.append(mine)
    begun.set()
    end.wait()
thread = threading.Thread(target=work)
wait()
thread.start()
begun.wait()
del items, table
wait()
limit = time.monotonic() + 10
while (inner[0]() or inner[1]()) and time.monotonic() < limit:
    gc.collect()  # the probe has been told to let go, and does so in a moment
    time.sleep(0.01)
print([ref() is None for ref in inner])
end.set()
"""


def test_a_cycle_is_collected_though_a_list_in_it_is_watched(bench: Bench) -> None:
    """A census finds out that only the probe's own reference keeps it; a local keeps the other."""
    script = bench.script(CYCLES)
    with watching(bench, script) as session:
        session.reaches("items", 2)
        session.reaches("table", 2)
        session.go()
        session.wait(session.has("taken", 2), "the list in the thread")
        session.recount()
        session.dies("items", "table")
        session.go()
        done, snapshot = session.end()

    assert done.lines == ["[True, True, False]"]
    assert [one.alive for one in watched_in(snapshot, "taken")] == [True]


def test_an_address_that_is_used_again_is_another_object(bench: Bench) -> None:
    script = bench.script(f"""{WAIT}
class Thing:  # of a size that little else has, so that nothing takes the place of a dead one
    __slots__ = ("__weakref__", *(f"slot{{n}}" for n in range(40)))
thing = Thing()
first = id(thing)
wait()
others = []
del thing
while not others or id(others[-1]) != first:
    others.append(Thing())
thing = others.pop()
wait()
print(id(thing) == first)
""")
    with watching(bench, script) as session:
        session.reaches("thing", 1)
        before = session.watched("thing").found.watch
        session.go()
        session.wait(lambda _: session.watched("thing").found.watch > before, "the second thing")
        session.reaches("thing", 1)
        session.go()
        done, snapshot = session.end()

    assert done.lines == ["True"]
    first, second = sorted(watched_in(snapshot, "thing"), key=lambda one: one.series[0])
    assert first.address == second.address
    assert first.died_s is not None
    assert second.series[0][0] >= first.died_s


def test_all_that_is_bound_in_main_is_watched(bench: Bench) -> None:
    """But for what every program has: modules, functions, classes and names of Python's own."""
    bench.write("library.py", "class Shelf: pass\nshelf = Shelf()\nown = [1]\n")
    script = bench.script(f"""{WAIT}
import os, library as books
from library import Shelf, shelf
from os.path import join
class Thing:
    pass
def work():
    local = Thing()
    wait()
    return local
method = Thing().__init__
thing = Thing()
work()
later = [Thing()]
wait()
""")
    with watching(bench, script) as session:
        session.reaches("thing", 1)
        session.reaches("shelf", 2)
        session.go()
        session.reaches("later", 1)
        session.go()
        done, snapshot = session.end()

    names = {last_name(one.name) for one in snapshot.processes[0].watched}
    assert {"thing", "shelf", "later"} <= names <= {"thing", "shelf", "later", "method"}
    assert done.own_err == b""


def test_what_never_dies_is_said_to_be_immortal(bench: Bench) -> None:
    script = bench.script(f"""{WAIT}
import refwatch
answer, nothing, yes = 42, None, True
refwatch.watch(nothing, "nothing")
wait()
""")
    with watching(bench, "--watch", "__main__.answer", "--watch", "yes", script) as session:
        session.wait(
            lambda known: (
                {last_name(one.found.name) for one in known.watched.values()}
                >= {"answer", "nothing", "yes"}
            ),
            "three watched constants",
        )
        session.settle()
        session.go()
        _, snapshot = session.end()

    for name in ("answer", "nothing", "yes"):
        (one,) = watched_in(snapshot, name)
        immortal = IMMORTAL or name == "answer"  # 3.11 has small integers that nothing frees
        assert one.immortal == immortal
        assert (one.references is None) == immortal
        assert one.alive


LIBRARY = """
class Holder:
    def __init__(self):
        self.inner = Holder2()
class Holder2:
    def __init__(self):
        self.items = [1]
holder = Holder()
cache = {}
"""


def test_watch_names_what_is_elsewhere_or_comes_later(bench: Bench) -> None:
    bench.write("package/__init__.py", "")
    bench.write("package/books.py", LIBRARY)
    script = bench.script(f"""{WAIT}
wait()
import package.books
wait()
package.books.holder.inner.late = late = [1, 2]
del late
wait()
""")
    paths = ["package.books.cache", "package.books.holder.inner.items"]
    paths += ["package.books.holder.inner.late", "package.books.holder.never"]
    options = [word for path in paths for word in ("--watch", path)]
    with watching(bench, *options, script) as session:
        session.wait(lambda known: known.census.taken, "a first census")
        assert session.references.watched == {}
        session.go()
        session.reaches("cache", 1)
        session.reaches("items", 1)
        session.go()
        session.reaches("late", 1)
        session.go()
        done, snapshot = session.end()

    assert done.own_err == b""
    found = {one.name: one.type for one in snapshot.processes[0].watched}
    assert found == {paths[0]: "dict", paths[1]: "list", paths[2]: "list"}


BAD_PATHS = ["", ".", "a..b", "a.", "1a", "a b", "a[0]", "a.b()"]


@pytest.mark.parametrize("path", BAD_PATHS)
def test_a_path_that_cannot_be_one(bench: Bench, path: str) -> None:
    script = bench.script("open('it-has-run', 'w').close()")

    done = bench.refwatch("--headless", "--watch", path, script)

    lines = done.err.decode().splitlines()
    assert len(lines) == 1, done
    assert lines[0].startswith("refwatch: ")
    assert "--watch" in lines[0] or repr(path) in lines[0]
    assert (done.status, done.out) == (2, b"")
    assert not (bench.folder / "it-has-run").exists()


def test_more_readings_than_samples_are_refused(bench: Bench) -> None:
    done = bench.refwatch("--headless", "--rate", "100", "--watch-rate", "200", "-c", "print(1)")

    assert (done.status, done.out) == (2, b"")
    assert done.err == b"refwatch: --watch-rate 200 is above --rate 100\n"


IN_SCRIPT = """
import refwatch
class Thing:
    pass
def work():
    local, hidden = Thing(), [1]
    refwatch.watch(local, "the local")
    refwatch.watch(hidden, label := "with spaces & ümläut")
    refwatch.watch(local, "the local")  # a second time
    refwatch.watch(5, "five")
    print(refwatch.mark("warm"), refwatch.watch(hidden, label))
    wait()
    more = [local, local]
    wait()
work()
wait()
print("done")
"""


def test_a_script_names_what_to_watch_and_marks_a_moment(bench: Bench) -> None:
    script = bench.script(WAIT + IN_SCRIPT)
    with watching(bench, script) as session:
        session.reaches("the local", 1)
        session.reaches("with spaces & ümläut", 1)
        session.go()
        session.reaches("the local", 3)
        session.go()
        session.dies("the local", "with spaces & ümläut")
        session.go()
        done, snapshot = session.end()

    assert [mark.name for mark in snapshot.marks] == ["warm"]
    assert 0 < snapshot.marks[0].at_s < snapshot.duration_s
    (local,) = watched_in(snapshot, "the local")
    assert counts_of(local) == [1, 3, 0]
    alike(bench, done, script)


def test_the_same_script_without_refwatch(bench: Bench) -> None:
    """watch and mark do nothing then, whatever they get."""
    script = bench.script("""
        import refwatch, sys
        class Thing:
            def __getattribute__(self, name): raise SystemExit(name)
        before = set(sys.modules)
        thing = Thing()
        count = sys.getrefcount(thing)
        print(refwatch.watch(thing, "thing"), refwatch.watch(None, "none"), refwatch.mark("mark"))
        print(sys.getrefcount(thing) == count, sorted(set(sys.modules) - before))
        """)
    done = bench.plain(script)
    assert (done.lines, done.err) == (["None None None", "True []"], b"")


def test_a_wrong_call_in_a_script_is_as_wrong_under_watch(bench: Bench) -> None:
    """Whatever it does, a program that was tried without refwatch does it under refwatch too."""
    calls = ["watch(object())", "watch(1, 2)", "watch()", "mark(1)", "mark()", "mark('\\ud800')"]
    tries = [f"try: print(refwatch.{call})\nexcept TypeError: print('TypeError')" for call in calls]
    bench.alike(bench.script("import refwatch\n" + "\n".join(tries)))


MANY_NAMES = f"""{WAIT}
for number in range(6000): globals()[f"name{{number}}"] = [number]
wait()
"""
MANY_OBJECTS = f"""{WAIT}
import refwatch
kept = [[number] for number in range(20_100)]
for number, one in enumerate(kept): refwatch.watch(one, f"number {{number}}")
wait()
"""


@pytest.mark.parametrize(
    ("program", "least", "said"),
    [(MANY_NAMES, 4_900, "more names"), (MANY_OBJECTS, 19_900, "no more")],
    ids=["names", "objects"],
)
def test_what_is_too_much_to_watch_is_said(
    bench: Bench, program: str, least: int, said: str
) -> None:
    script = bench.script(program)
    with watching(bench, script) as session:
        session.wait(lambda known: len(known.watched) > least, f"{least} objects")
        session.wait(lambda _: "watched objects" in session.limits, "the limit")
        session.go()
        _, snapshot = session.end()

    assert [said in one.reason for one in snapshot.limits if one.reading == "watched objects"] == [
        True
    ]
