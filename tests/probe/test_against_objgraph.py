"""The copy's own counts, sizes and chains against those of objgraph and sys.getsizeof."""

from __future__ import annotations

import json
import subprocess
import sys

PROGRAM = """
import dataclasses, gc, json, sys
import objgraph
from refwatch.probe.copying.queries import census
from refwatch.probe.copying.reference_chains import ChainFinder
from refwatch.probe.copying.frozen_heap import Heap

class Node:
    def __init__(self, value):
        self.value = value
class Slots:
    __slots__ = ("value",)
@dataclasses.dataclass
class Data:
    value: object = None
class Table(dict):
    pass
class Deep:
    pass

held = {"nodes": [Node(number) for number in range(700)], "slots": {n: Slots() for n in range(80)}}
held["data"] = [Data(Table(n=[n])) for n in range(60)]
deep = Deep()
held["data"][7].value["deep"] = (deep, [1])
place = id(deep)
del deep
gc.collect()

names = ["Node", "Slots", "Data", "Table", "Deep"]
theirs = objgraph.typestats(shortnames=False)
ours = {f"{module}.{name}": count for module, name, count, _ in census.take()["types"]}
chain = objgraph.find_backref_chain(objgraph.at(place), objgraph.is_proper_module)
their_root, their_length = chain[0].__name__, len(chain)
del chain
heap = Heap([])
found = ChainFinder(heap, [place], lambda *_: None).find(1, 1).chains[0]
sizes = {name: size for module, name, _, size in census.take()["types"] if module == "__main__"}
print(json.dumps({
    "their sizes": {one.__name__: sum(sys.getsizeof(obj) for obj in gc.get_objects()
                                      if type(obj) is one) for one in map(eval, names)},
    "our sizes": {name: sizes[name] for name in names},
    "theirs": {name: theirs[f"__main__.{name}"] for name in names},
    "ours": {name: ours[f"__main__.{name}"] for name in names},
    "their chain": [their_root, their_length],
    "our chain": [[link["type"], link.get("edge") or link.get("name")] for link in found],
}))
"""


def test_counts_and_chains_are_the_same() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True, timeout=60
    )
    said = json.loads(done.stdout)

    assert said["ours"] == said["theirs"]
    assert said["ours"] == {"Node": 700, "Slots": 80, "Data": 60, "Table": 60, "Deep": 1}
    assert said["our sizes"] == said["their sizes"]
    root, _ = said["their chain"]
    assert said["our chain"] == [
        ["__main__.Deep", "index 0"],
        ["tuple", "value of key 'deep'"],
        ["__main__.Table", "attribute value"],
        ["__main__.Data", "index 7"],
        ["list", "value of key 'data'"],
        ["dict", "global held"],
        ["module", root],
    ]
