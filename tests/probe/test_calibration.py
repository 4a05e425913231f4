"""Calibration in a process of its own, as in a target: everything found, and found right."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

import refwatch
from refwatch.target.layout import Layout

SOURCE = Path(refwatch.__file__).parent
LOAD = f"""
import importlib.util, json, os, sys
spec = importlib.util.spec_from_file_location(
    "_refwatch_probe", {str(SOURCE / "probe" / "__init__.py")!r},
    submodule_search_locations=[{str(SOURCE / "probe")!r}])
module = importlib.util.module_from_spec(spec)
sys.modules["_refwatch_probe"] = module
spec.loader.exec_module(module)
from _refwatch_probe import capi, link, start
"""


def run(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", LOAD + code], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


def calibrate(before: str = "", after: str = "") -> dict[str, object]:
    out = run(
        f"{before}\nlimits = {{}}\nlayout = start._calibrate(os.getpid(), limits)\n"
        "found = {'layout': layout, 'limits': limits}\n"
        "found['tasks'] = len(os.listdir('/proc/self/task'))\n"
        "found['fds'] = sorted(os.listdir('/proc/self/fd'))\n"
        f"{after}\nprint(link.to_json(found))"
    )
    found = json.loads(out)
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize("attempt", range(5))
def test_everything_is_found(attempt: int) -> None:
    found = calibrate()
    assert found["limits"] == {}, attempt
    layout = msgspec.convert(found["layout"], Layout)
    assert layout.gil
    assert layout.threads
    assert layout.frames
    assert layout.text
    assert layout.attributes
    assert 0 <= layout.gil.futex - layout.gil.gil < 256
    assert layout.collecting
    assert layout.collections


READ_COLLECTIONS = """
import gc
from _refwatch_probe.own_memory import Memory
gc.disable()
read = lambda: Memory().read(*layout["collections"])
told = [read()]
for generation in (0, 1, 2, 2, 2, 0, 1):
    gc.collect(generation)
    told.append(read())
    list(map(list, [[]] * 3000))
    told.append(read())
found["changes"] = [one != other for one, other in zip(told, told[1:])]
"""


def test_the_end_of_each_collection_changes_what_was_found_and_nothing_else_does() -> None:
    found = calibrate(after=READ_COLLECTIONS)
    assert found["changes"] == [True, False] * 7


def test_nothing_is_left_behind() -> None:
    found = calibrate(
        before="interval = sys.getswitchinterval(); sys.setswitchinterval(0.007)",
        after="found['interval'] = sys.getswitchinterval()",
    )
    assert found["tasks"] == 1
    assert found["interval"] == pytest.approx(0.007, abs=1e-9)
    fds = msgspec.convert(found["fds"], list[str])
    low = sorted(int(fd) for fd in fds if int(fd) < 200)  # newer libffi keeps one open, high up
    assert low == [0, 1, 2, 3]  # the last is that of the listing


def test_the_main_threads_state_is_the_callers() -> None:
    found = calibrate(after="found['state'] = capi.thread_state()")
    layout = msgspec.convert(found["layout"], Layout)
    assert layout.threads
    assert layout.threads.main == found["state"]


def test_the_interpreters_are_found() -> None:
    found = calibrate(
        after=(
            "found['own'] = capi.interpreter_state()\n"
            "from _refwatch_probe.own_memory import Memory\n"
            "place, memory = layout['interpreters'], Memory()\n"
            "found['words'] = [memory.word(place['head']), memory.word(place['head'] + 8)]\n"
            "offset = place['gil_offset']\n"
            "gil = layout['gil']['gil']\n"
            "found['gil'] = memory.word(found['own'] + offset) if offset else gil\n"
        )
    )
    layout = msgspec.convert(found["layout"], Layout)
    assert layout.interpreters
    assert layout.gil
    assert layout.interpreters.main == found["own"]
    assert found["words"] == [found["own"]] * 2
    assert found["gil"] == layout.gil.gil
    assert (layout.interpreters.gil_offset is None) == (sys.version_info < (3, 12))


def test_other_threads_do_not_disturb() -> None:
    found = calibrate(
        before=(
            "import threading, zlib\n"
            "stop = []\n"
            "def spin():\n"
            "    while not stop: zlib.compress(b'x' * 20000)\n"
            "others = [threading.Thread(target=spin) for _ in range(2)]\n"
            "[t.start() for t in others]"
        ),
        after="stop.append(1); [t.join() for t in others]",
    )
    # With others at the GIL a search may give up, but never find something else.
    layout = msgspec.convert(found["layout"], Layout)
    assert layout.text
    assert isinstance(found["limits"], dict)
    if not found["limits"]:
        assert layout.gil
        assert layout.threads


def test_json_is_json() -> None:
    values: list[object] = [
        None,
        True,
        False,
        0,
        -1,
        2**63,
        1.5,
        "plain",
        'quo"te\n',
        "ł🐍",
        [],
        {"a": [{}]},
    ]
    out = run(f"print(link.to_json({values!r}))")
    assert json.loads(out) == values


def test_half_a_surrogate_pair_is_written_as_text() -> None:
    """A file's name may have bytes that are no text; as JSON the daemon would refuse them."""
    out = run("print(link.to_json({'n\\udce9': 'a\\udce9'}))")
    assert json.loads(out) in ({"n\udce9": "a\\udce9"}, {"n\\udce9": "a\\udce9"})


def test_the_probe_loads_little() -> None:
    """Every module that it needs is one more in the target."""
    out = run(
        "before = set(sys.modules)\nstart._calibrate(os.getpid(), {})\n"
        "from _refwatch_probe import probe_thread\n"
        "print(json.dumps(sorted(m for m in sys.modules if m not in before)))"
    )
    loaded = {name.partition(".")[0] for name in json.loads(out)}
    assert not loaded & {"threading", "socket", "re", "subprocess", "asyncio", "inspect"}


def test_what_malloc_left_above_the_bits_of_a_str_misleads_nobody() -> None:
    """Before 3.12 only the lowest eight bits are set: what is above may look like the kinds."""
    out = run("""
from _refwatch_probe.calibration.find_text import _state_bits
true = [(kind << 2) | (1 << 5) | (flag << 6) for kind, flag in ((1, 1), (1, 0), (2, 0), (4, 0))]
garbage = [kind << 20 | flag << 27 for kind, flag in ((1, 1), (1, 0), (2, 0), (4, 0))]
print(_state_bits(true), _state_bits([low | high for low, high in zip(true, garbage)]))
""")
    assert out.split("\n")[0] == "(2, 6) (2, 6)"
