"""tracemalloc in the target: begun and ended as it should, and the target's own left alone."""

from __future__ import annotations

import json
import subprocess
import sys

BEGIN = """
import json, sys
from refwatch.probe import tracing
class Link:
    def __init__(self): self.said = []
    def send(self, message): self.said.append(message)
link = Link()
mine = tracing.Tracing(link)
def say(command, **more):
    mine.commands[command](**more)
    found = link.said[-1]
    return {name: found[name] for name in ("on", "frames", "ours", "early", "lost", "used")}
def show(*values):
    print(json.dumps(values))
"""


def said(program: str) -> list[object]:
    """What a fresh interpreter shows, one line after the other."""
    done = subprocess.run(
        [sys.executable, "-c", BEGIN + program],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_it_is_begun_and_ended() -> None:
    before, begun, again, ended = said("""
show(say("untrace"))
mine.begin(3, early=True)
show(say("trace", frames=3))
show(say("trace", frames=5))
show(say("untrace"))
""")
    nothing = {"on": False, "frames": 0, "ours": False, "early": False, "lost": 0, "used": False}
    assert before == [nothing]
    assert begun == [
        {"on": True, "frames": 3, "ours": True, "early": True, "lost": 0, "used": False}
    ]
    assert again == [
        {"on": True, "frames": 5, "ours": True, "early": False, "lost": 0, "used": False}
    ]
    assert ended == [nothing]


def test_no_module_stays_in_sight() -> None:
    (found,) = said("""
say("trace", frames=1)
show("_tracemalloc" in sys.modules, "tracemalloc" in sys.modules)
""")
    assert found == [False, False]


def test_the_target_s_own_is_left_alone() -> None:
    started, traces, left = said("""
import tracemalloc
tracemalloc.start(4)
kept = [[number] for number in range(1000)]
show(say("trace", frames=1))
before = tracemalloc.get_traced_memory()[0]
say("trace", frames=2); say("untrace"); mine.leave()
show(tracemalloc.get_traced_memory()[0] >= before > 50_000, tracemalloc.get_traceback_limit())
show(tracemalloc.is_tracing())
""")
    assert started == [
        {"on": True, "frames": 4, "ours": False, "early": False, "lost": 0, "used": True}
    ]
    assert traces == [True, 4]
    assert left == [True]


def test_what_the_target_has_loaded_since_is_not_stopped() -> None:
    found, after = said("""
say("trace", frames=2)
import tracemalloc
show(say("trace", frames=7))
say("untrace")
mine.leave()
show(tracemalloc.is_tracing(), tracemalloc.get_traceback_limit())
""")
    assert found == [
        {"on": True, "frames": 2, "ours": True, "early": False, "lost": 0, "used": True}
    ]
    assert after == [True, 2]


def test_it_is_begun_again_when_the_target_has_stopped_it() -> None:
    again, other = said("""
say("trace", frames=2)
import tracemalloc
tracemalloc.stop()
show(say("trace", frames=2))
tracemalloc.stop()
tracemalloc.start(9)
show(say("trace", frames=2))
""")
    assert again == [
        {"on": True, "frames": 2, "ours": True, "early": False, "lost": 1, "used": True}
    ]
    assert other == [
        {"on": True, "frames": 9, "ours": False, "early": False, "lost": 1, "used": True}
    ]


def test_nobody_begins_it_when_the_daemon_is_gone() -> None:
    left, after = said("""
import _tracemalloc
say("trace", frames=2)
mine.leave()
show(_tracemalloc.is_tracing())
mine.begin(2)
show(_tracemalloc.is_tracing())
""")
    assert left == [False]
    assert after == [False]


def test_an_interpreter_without_it_says_so() -> None:
    (found,) = said("""
sys.modules["_tracemalloc"] = None
mine = tracing.Tracing(link)
found = say("trace", frames=1)
show(found["on"], "no tracemalloc" in link.said[-1]["missing"])
""")
    assert found == [False, True]


def test_a_copy_that_counts_nothing_traces_no_more() -> None:
    counted, other, chains = said("""
import _tracemalloc
thing = None
def begun(query):
    global thing
    _tracemalloc.start(1)
    thing = bytes(5000)  # of no free list
    return mine.in_copy(query)
found = begun("traces")
show(len(found.traces.list) > 0, found.traces.on, _tracemalloc.is_tracing())
found = begun("census")
show(found.traces, found.traceback_of, _tracemalloc.is_tracing())
found = begun("chains")
place = found.traceback_of(thing)
tracing_still = _tracemalloc.is_tracing()
found.stop()
show(tracing_still, place[0][0], found.traceback_of, _tracemalloc.is_tracing())
""")
    assert counted == [True, True, False]
    assert other == [None, None, False]
    assert chains == [True, "<string>", None, False]
