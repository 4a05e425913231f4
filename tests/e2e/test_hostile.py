"""Programs whose objects bite: refwatch looks at them and touches nothing of theirs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.e2e.references import WAIT, Watching, alike, last_name, watching

from refwatch.readings.objects.state import References
from refwatch.wire.commands import Inspect, WatchInstance

if TYPE_CHECKING:
    from tests.e2e.conftest import Bench

# Each method of these classes notes in a file that it was called and then does its worst, while the
# program waits: whoever calls one then is refwatch, in the target or in a copy of it.
HOSTILE = """
import os, sys, time, types
log = os.open("called", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
armed = False
def bite(name):
    if armed:
        os.write(log, name.encode() + b"\\n")
        way = len(name) % 4
        if way == 0:
            raise RuntimeError(name)
        if way == 1:
            time.sleep(1000)
        if way == 2:
            os._exit(99)
        print(name, flush=True)
def biting(name, base=object):
    plain = getattr(base, name, None)
    def method(self, *args, **kwargs):
        bite(name)
        if plain is not None:
            return plain(self, *args, **kwargs)
        raise AttributeError(name)
    return method
NAMES = '''
__repr__ __str__ __hash__ __eq__ __ne__ __lt__ __getattribute__ __getattr__ __sizeof__ __len__
__iter__ __contains__ __getitem__ __dir__ __format__ __reduce_ex__ __reduce__ __index__ __int__
__float__ __bool__ __bytes__ __del__ __call__ __next__ __reversed__ __missing__ __length_hint__
__instancecheck__ __subclasscheck__ __get__ __fspath__ __enter__ keys items values get
'''.split()
def hostile(kind, without=(), **more):
    space = {name: biting(name, kind) for name in NAMES
             if name not in without and (name != "__hash__" or kind.__hash__)}
    return type("Hostile" + kind.__name__, (kind,), {**space, **more})
class Lying:
    @property
    def __class__(self):
        bite("__class__")
        return int
    @property
    def __dict__(self):
        bite("__dict__")
        return {}
class Meta(type):
    @property
    def __name__(cls):
        bite("meta __name__")
        raise RuntimeError
    @property
    def __module__(cls):
        bite("meta __module__")
        raise RuntimeError
    @property
    def __mro__(cls):
        bite("meta __mro__")
        raise RuntimeError
    @property
    def __dict__(cls):
        bite("meta __dict__")
        raise RuntimeError
    def __subclasses__(cls):
        bite("meta __subclasses__")
        return []
for name in ("__repr__", "__hash__", "__eq__", "__getattribute__", "__instancecheck__",
             "__subclasscheck__", "__call__", "__len__", "__iter__", "__dir__", "__sizeof__"):
    setattr(Meta, name, biting(name, type))
class OfMeta(metaclass=Meta):
    pass
kinds = [hostile(kind) for kind in (object, dict, list, set, int, str, bytes, float, Exception)]
kinds += [hostile(tuple), hostile(types.ModuleType), hostile(types.SimpleNamespace)]
things = [kind.__new__(kind) for kind in kinds]
for kind, thing in zip(kinds, things):
    globals()["a_" + kind.__name__] = thing
lying, of_meta = Lying(), OfMeta()
class Holder:
    pass
holder = Holder()
holder.inner = things[0]
holder.__dict__["lying"] = lying
space = hostile(dict, without=("__getitem__", "__missing__"))()
dict.__setitem__(space, "key", things[0])
kept = {"things": things, "space": space, "nodes": [object.__new__(kinds[0]) for _ in range(100)]}
sys.modules["hostile_module"] = things[10]
sys.modules["not_a_module"] = things[0]
sys.modules["nothing"] = None
globals()[5] = things[0]
"""
SCRIPT = f"""{WAIT}{HOSTILE}
print("armed")
sys.stdout.flush()
armed = True
wait()
try:
    import refwatch
    for thing in [*things, lying, of_meta]:
        refwatch.watch(thing, "hostile")
    refwatch.watch(OfMeta, "class")
except BaseException as error:
    os.write(log, b"refwatch.watch")
wait()
armed = False
print(os.path.getsize("called"), "bytes of calls")
os._exit(0)  # what the interpreter calls at its end is its own affair
"""
PATHS = ["holder.inner.value", "a_Hostileobject.value", "lying.value", "of_meta.value",
         "hostile_module.value", "not_a_module.value", "space.key", "OfMeta.value"]  # fmt: skip


def test_nothing_of_the_target_is_called(bench: Bench) -> None:
    """Not for a census, nor for a name, a chain, a tree of referrers, a path, a watch."""
    script = bench.script(SCRIPT)
    options = [word for path in PATHS for word in ("--watch", path)]
    with watching(bench, *options, script) as session:
        session.censuses(2)
        session.instances(Holder=1)
        session.reaches("holder", 1)
        session.go()
        session.wait(lambda known: hostile_watched(known) >= 14, "14 hostile objects")
        for name in ("Hostileobject", "Hostiledict", "Hostilelist", "Lying"):
            session.chains("__main__", name)
        session.ask(WatchInstance(module="__main__", name="Hostileobject"))
        session.ask(
            Inspect(inspection="tree", watch=session.watched("a_Hostileobject").found.watch)
        )
        session.wait(lambda known: "tree" in known.inspections, "a tree of referrers")
        session.recount()
        session.settle()
        session.go()
        done, snapshot = session.end()

    called = (bench.folder / "called").read_text().split()
    assert called == []
    types = {one.name for one in snapshot.processes[0].classes}
    assert {"Hostileobject", "Hostiledict", "Lying", "OfMeta", "Meta"} <= types
    alike(bench, done, script)


def hostile_watched(known: References) -> int:
    return sum(last_name(one.found.name) == "hostile" for one in known.watched.values())


ODD = f"""{WAIT}
def make(name, module="__main__", qualname=None):
    kind = type(name, (), {{"__module__": module}})
    if qualname is not None:
        kind.__qualname__ = qualname
    return kind
names = ["Имя", "💩", "x" * 10_000, "new\\nline", "\\x1b[31mred\\x07", "", "a.b", "<b>", " "]
modules = [5, None, "", "no.such.module", "💩", "x" * 10_000, "\\x1b]0;title\\x07", ["list"], int]
kinds = [make(name) for name in names] + [make(f"Of{{n}}", one) for n, one in enumerate(modules)]
kinds += [make("Lone", qualname="lone \\ud800 surrogate"), make("LoneToo", "\\udcff")]
bare = {{"__builtins__": {{"type": type}}}}
exec("Moduleless = type('Moduleless', (), {{}})", bare)
kinds.append(bare["Moduleless"])
things = [kind() for kind in kinds for _ in range(1037)]
globals()["Имя"] = things[0]
globals()["odd name\\x1b[31m"] = make("Other")()
wait()
print(len(kinds), len(things))
"""


def test_odd_names(bench: Bench) -> None:
    """All of them are counted, and the snapshot is text that can be shown and read again."""
    script = bench.script(ODD)
    with watching(bench, script) as session:
        session.instances(Имя=1037, Of0=1037, Of8=1037, Moduleless=1037)
        session.censuses(1)
        session.settle()
        session.go()
        done, snapshot = session.end()

    assert done.lines == ["21 21777"]
    classes = [one for one in snapshot.processes[0].classes if one.instances == 1037]
    assert len(classes) == 21
    census = snapshot.processes[0].census
    assert census is not None
    assert sum(one.count == 1037 for one in census.types) >= 21
    assert all(len(one.name) <= 1000 and len(one.module) <= 1000 for one in classes)
    assert "Имя" in {last_name(one.name) for one in snapshot.processes[0].watched}
    assert b"\x1b" not in done.err + (bench.folder / "snapshot.json").read_bytes()
    alike(bench, done, script)


DEEP = f"""{WAIT}
class Node:
    __slots__ = ("next",)
    def __init__(self, next):
        self.next = next
chain = None
for _ in range({{count}}):
    chain = Node(chain)
wait()
while chain is not None:  # its own end would need a deep stack, on any Python
    chain = chain.next
print("done")
"""


@pytest.mark.parametrize(
    "count", [100_000, pytest.param(1_000_000, marks=pytest.mark.slow)], ids=str
)
def test_a_long_linked_list(bench: Bench, count: int) -> None:
    script = bench.script(DEEP.replace("{count}", str(count)))
    with watching(bench, script) as session:
        session.instances(Node=count)
        session.censuses(2)
        session.chains("__main__", "Node")
        # Later ones may come while the list is taken apart.
        assert session.references.census.types["__main__", "Node"].count == count
        session.go()
        done, _ = session.end()

    alike(bench, done, script)


AUDITED = f"""{WAIT}
import os, sys, threading
log = os.open("audited", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
armed = False
def hook(event, arguments):
    if armed:
        os.write(log, event.encode() + b"\\n")
        {{then}}
sys.addaudithook(hook)
class Thing: pass
things = [Thing() for _ in range(100)]
print("armed", flush=True)
armed = True
wait()
more = [Thing()]
wait()
armed = False
print(os.path.getsize("audited"), "bytes of events")
"""


@pytest.mark.parametrize("then", ["pass", "raise RuntimeError(event)"], ids=["logs", "raises"])
def test_audit_hooks_hear_nothing(bench: Bench, then: str) -> None:
    """Neither in the target nor in the copy, from which a hook could write to a file as well."""
    script = bench.script(AUDITED.replace("{then}", then))
    with watching(bench, script) as session:
        session.instances(Thing=100)
        session.censuses(2)
        session.go()
        session.instances(Thing=101)
        session.reaches("more", 1)
        session.recount()
        session.go()
        done, _ = session.end()

    heard = (bench.folder / "audited").read_text().split()
    assert sorted(set(heard)) == []
    alike(bench, done, script)


RESTLESS = f"""{WAIT}
import gc, sys, threading, time
class Thing:
    def __init__(self): self.itself = self
stop = threading.Event()
failed = []
def churn():
    try:
        while not stop.is_set():
            things = [Thing() for _ in range(200)]
            kinds = [type("Kind", (Thing,), {{}}) for _ in range(5)]
            made = [kind() for kind in kinds]
            exec("class Fresh: pass\\nheld = Fresh()", globals())
            globals()["name" + str(len(things))] = things[0]
            for name in [name for name in list(globals()) if name.startswith("name")]:
                globals().pop(name, None)
            sys.modules["fleeting"] = sys.modules["gc"]
            sys.modules.pop("fleeting", None)
            gc.collect()
    except Exception as error:
        failed.append(error)
def recurse(depth):
    return depth and recurse(depth - 1)
def deep():
    while not stop.is_set():
        recurse(800)
threads = [threading.Thread(target=f) for f in (churn, churn, deep)]
for thread in threads: thread.start()
wait()
stop.set()
for thread in threads: thread.join()
print(failed)
"""


def test_a_program_that_never_rests(bench: Bench) -> None:
    """Classes, names and modules come and go while they are looked at."""
    script = bench.script(RESTLESS)
    with watching(bench, script) as session:
        session.censuses(4)
        session.go()
        done, snapshot = session.end()

    assert len(snapshot.cost.census_pauses_s) >= 4
    assert done.lines == ["[]"]
    alike(bench, done, script)


def seen_of(session: Watching, name: str) -> str:
    """The address of the newest watched object of this name."""
    return session.watched(name).found.address


def test_main_may_be_replaced(bench: Bench) -> None:
    """``sys.modules["__main__"]`` is another module for a while, or none, or no module at all."""
    script = bench.script(f"""{WAIT}
import types
class Thing: pass
thing = Thing()
wait()
own = sys.modules["__main__"]
other = sys.modules["__main__"] = types.ModuleType("__main__")
other.stranger = Thing()
wait()
sys.modules["__main__"] = 5
wait()
del sys.modules["__main__"]
wait()
sys.modules["__main__"] = own
back = Thing()
wait()
print("done")
""")
    with watching(bench, script) as session:
        session.reaches("thing", 1)
        address = seen_of(session, "thing")
        session.go()
        for _ in range(3):
            session.recount()
            session.settle()
            session.go()
        session.reaches("back", 1)
        assert seen_of(session, "thing") == address
        session.go()
        done, _ = session.end()

    alike(bench, done, script)


def test_threading_may_be_half_loaded(bench: Bench) -> None:
    """As it is for a moment in every program that imports it."""
    script = bench.script(f"""{WAIT}
import types
sys.modules["threading"] = types.ModuleType("threading")
class Thing: pass
wait()
thing = Thing()
wait()
print("done")
""")
    with watching(bench, script) as session:
        session.wait(lambda _: session.state.now > 2.5, "two questions for the names of threads")
        session.go()
        session.reaches("thing", 1)
        session.go()
        done, snapshot = session.end()

    assert "probe" not in {limit.reading for limit in snapshot.limits}
    assert done.lines == ["done"]
    alike(bench, done, script)
