"""Who keeps objects alive, as a copy finds it out: on heaps of which the answer is known."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

LOOK = """
import gc, json, sys
gc.disable()
from refwatch.probe.copying import garbage, growth
from refwatch.probe.copying.reference_chains import ChainFinder
from refwatch.probe.copying.frozen_heap import Heap
from refwatch.probe.copying.instances import find_instances

gc.collect()
before = []

def find(name, born=0, module="__main__"):
    "What a search tells of the objects of this type: chains as lists of edges."
    young = len(gc.get_objects(generation=0))
    every, _ = find_instances(module, name, young)
    found = ChainFinder(Heap([], young), every, lambda *_: None).find(born, 3)
    print(json.dumps({
        "chains": [[link.get("edge") or link["name"] for link in chain] for chain in found.chains],
        "garbage": [found.garbage, found.looked], "missing": found.missing,
    }))

def grown(name):
    "Chains of what has become more since the last time."
    young = len(gc.get_objects(generation=0))
    every, _ = find_instances("builtins", name, young)
    finder = ChainFinder(Heap([], young), every, lambda *_: None)
    below = growth.Below(finder.search, every)
    chains = finder.chains_of(below.grown(json.loads(before[0]), 3)) if before else []
    before[:] = [json.dumps(below.spread())]
    print(json.dumps([[link.get("edge") or link["name"] for link in chain] for chain in chains]))
"""


def said(program: str) -> list[Any]:
    """What a program prints that looks at its own heap, a line of JSON each."""
    command = [sys.executable, "-c", LOOK + program]
    done = subprocess.run(command, capture_output=True, check=False, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


BACK_POINTERS = """
class Session:
    def __init__(self): self.rows = []; self.by_name = {}
class Row:
    def __init__(self, session, n):
        self.session = session
        self.parent = session.rows[-1] if session.rows else None
        session.rows.append(self)
        session.by_name[str(n)] = (self, n)
class App:
    pass
app = App()
app.session = Session()
for n in range(5000): Row(app.session, n)
find("Row", 1000)
find("Session")
"""


def test_many_that_know_their_holder_do_not_hide_who_holds_that() -> None:
    rows, session = said(BACK_POINTERS)
    for chain in rows["chains"]:
        assert chain[0].startswith("index ")
        assert chain[1:] == ["attribute rows", "attribute session", "global app", "__main__"]
    assert len(rows["chains"]) == 3
    assert (rows["garbage"], rows["missing"]) == ([0, 5000], "")
    assert session["chains"] == [["attribute session", "global app", "__main__"]]


MANAGER = """
import weakref
class Manager:
    def __init__(self): self.known = {}
class Logger:
    root = None
    def __init__(self, name, parent): self.name, self.parent, self.handlers = name, parent, []
class Handler:
    def __init__(self, owner): self.owner = owner; handlers.append(weakref.ref(self))
handlers = []
Logger.manager = Manager()
top = Logger("top", None)
for n in range(3000):
    logger = Logger.manager.known[f"client.{n}"] = Logger(f"client.{n}", top)
    logger.handlers.append(Handler(logger))
del logger
find("Logger", 1000)
find("Handler", 1000)
"""


def test_what_a_class_holds_is_found_past_all_that_refer_back() -> None:
    loggers, handlers = said(MANAGER)
    above = ["attribute known", "class attribute manager", "global Logger", "__main__"]
    for chain in loggers["chains"]:
        assert chain[0].startswith("value of key 'client.")
        assert chain[1:] == above
    for chain in handlers["chains"]:
        assert chain[:2] == ["index 0", "attribute handlers"]
        assert chain[3:] == above
    assert len(loggers["chains"]) == len(handlers["chains"]) == 3


CONTAINERS = """
import collections, functools, threading, weakref
class Deep: pass
class InCell: pass
class InCache: pass
class InValue: pass
class InTuple: pass
class Local: pass
class Key: pass
link = None
for n in range(50_000): link = [link, Deep() if n == 0 else n]
def make():
    cell = InCell()
    return lambda: cell
call = make()
@functools.lru_cache(maxsize=None)
def cached(n): return InCache()
for n in range(100): cached(n)
values = weakref.WeakKeyDictionary()
key = Key()
values[key] = InValue()
tuples = tuple((n, (InTuple(),)) for n in range(100))
local = threading.local()
local.thing = Local()
for name in ("Deep", "InCell", "InCache", "InValue", "InTuple", "Local"): find(name)
"""


def test_holders_of_many_kinds_are_seen_through() -> None:
    deep, cell, cache, value, inside, local = said(CONTAINERS)
    assert deep["chains"][0][-2:] == ["global link", "__main__"]
    assert cell["chains"] == [
        ["closure variable cell of make.<locals>.<lambda>", "global call", "__main__"]
    ]
    assert cache["chains"][0][-2:] == ["global cached", "__main__"]
    assert value["chains"][0][-2:] == ["global values", "__main__"]
    assert inside["chains"][0][0] == "index 0"
    assert inside["chains"][0][-2:] == ["global tuples", "__main__"]
    assert local["chains"][0][0] == "value of key 'thing'"
    assert all(found["missing"] == "" for found in (deep, cell, cache, value, inside, local))


GARBAGE = """
import collections
class Ring:
    def __init__(self): self.me = self; self.payload = bytes(1000)
keep = collections.deque(maxlen=100)
for n in range(1000): keep.append(Ring())
class Held: pass
import ctypes
held = Held()
held.me = held
ctypes.pythonapi.Py_IncRef(ctypes.py_object(held))
del held
find("Ring")
find("Held")
young = len(gc.get_objects(generation=0))
found = garbage.find(young, [id(keep)])
del keep
again = garbage.find(young, [])
print(json.dumps([found, again["unreachable"]["objects"]]))
print(json.dumps(gc.collect()))
"""


def test_garbage_is_not_laid_at_the_door_of_what_holds_others_of_its_class() -> None:
    ring, held, (found, _), collected = said(GARBAGE)
    assert ring == {"chains": [], "garbage": [900, 1000], "missing": ""}
    assert held["chains"] == [["reference", "C code, or a frame"]]  # though it is in a cycle, too
    types = {one["name"]: one["count"] for one in found["unreachable"]["types"]}
    assert {name: types[name] for name in ("Ring", "bytes")} == {"Ring": 900, "bytes": 900}
    assert 900 * 1000 < found["unreachable"]["bytes"] < 900 * 1000 * 2
    assert found["garbage"] == []
    assert collected >= 1000


def test_a_search_that_was_cut_proves_nothing() -> None:
    program = """
from refwatch.probe.copying import root_search
root_search.MOST = 500
class Item: pass
items = [Item() for _ in range(1000)]
find("Item")
class Cycle:
    def __init__(self): self.me = self
for _ in range(100): Cycle()
find("Cycle")
find("NoSuch")
"""
    held, garbage, none = said(program)
    assert held["missing"] == garbage["missing"] == "the search was cut short"
    assert garbage["garbage"] == [0, 100]
    assert garbage["chains"] == []
    assert none["missing"] == "there was none when they were looked for"


@pytest.mark.parametrize(
    ("kind", "value"),
    [("str", "f'{turn} {n}'"), ("bytes", "b'%d %d' % (turn, n)"), ("float", "turn + n / 7e6"),
     ("int", "10**9 + turn * 5000 + n"), ("tuple", "(turn, 10**9 + n)")],
)  # fmt: skip
def test_of_plain_data_it_is_told_where_it_has_become_more(kind: str, value: str) -> None:
    """Beside many that stay, and many that come and go."""
    program = f"""
import collections
class Stats:
    seen = collections.defaultdict(list)
recent, window = collections.deque(maxlen=500), {{}}
old = [{value.replace("turn", "-1")} for n in range(20_000)]
def run(turn):
    for n in range(1000):
        Stats.seen[n % 50].append({value})
    for n in range(2000):
        recent.append([{value.replace("turn", "turn + 50")}])
        window[n % 300] = [{value.replace("turn", "turn + 60")}]
run(0)
grown({kind!r})
run(1)
grown({kind!r})
grown({kind!r})
"""
    nothing, chains, still = said(program)
    assert nothing == still == []
    assert len(chains) == 3
    for edge, entry, *above in chains:
        assert edge == "index 39"
        assert entry.startswith("value of key ")
        assert above == ["class attribute seen", "global Stats", "__main__"]
