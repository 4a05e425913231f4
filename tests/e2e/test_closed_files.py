"""Programs that close files which they did not open: the probe comes back, writes to nobody else,
and what may be missing is said."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.e2e.references import WAIT, watching

from refwatch.daemon.limits import CAME_BACK, GONE

if TYPE_CHECKING:
    from tests.e2e.conftest import Bench

CLOSING = """
import os, sys, threading
heard = []
sys.addaudithook(lambda event, _: heard.append(event))
os.closerange(3, 4096)
"""
LATER = """
class Late: pass
kept = []
def work():
    kept.extend(Late() for _ in range(5000))
    wait()
thread = threading.Thread(target=work, name="late-thread")
thread.start()
thread.join()
"""
OWN = ("socket", "fcntl", "ctypes", "open")
"""What the target's hooks would hear of what the probe does."""


def test_the_probe_comes_back(bench: Bench) -> None:
    script = bench.script(
        WAIT + CLOSING + LATER + f"print([e for e in heard if e.startswith({OWN})])"
    )
    with watching(bench, script) as target:
        target.wait(lambda _: "probe" in target.limits, "that it has come back")
        assert target.limits["probe"] == CAME_BACK
        target.wait(lambda _: named(target.state, "late-thread"), "the name of a new thread")
        target.instances(Late=5000)
        target.censuses(2)
        target.go()
        done, snapshot = target.end()
    assert done.lines == ["[]"]
    assert {limit.reading: limit.reason for limit in snapshot.limits}["probe"] == CAME_BACK


def test_nothing_is_written_to_a_file_at_the_probe_s_number(bench: Bench) -> None:
    taking = """
import tempfile
file = tempfile.TemporaryFile()
for number in range(300, 320):
    os.dup2(file.fileno(), number)
before = file.fileno()
"""
    ending = "print(os.fstat(before).st_size, all(os.fstat(n).st_ino == os.fstat(before).st_ino"
    ending += " for n in range(300, 320)))"
    script = bench.script(WAIT + CLOSING + taking + LATER + ending)
    with watching(bench, script) as target:
        target.wait(lambda _: named(target.state, "late-thread"), "the name of a new thread")
        target.instances(Late=5000)
        target.go()
        done, _ = target.end()
    assert done.lines == ["0 True"]


def test_closing_again_and_again(bench: Bench) -> None:
    script = bench.script(WAIT + CLOSING + "wait()\n" + CLOSING + "wait()\n" + CLOSING + LATER)
    with watching(bench, script) as target:
        for count in (1, 2):
            target.censuses(count)
            target.go()
        target.wait(lambda _: named(target.state, "late-thread"), "the name of a new thread")
        target.instances(Late=5000)
        target.go()
        target.end()


def test_it_is_said_where_the_probe_cannot_come_back(bench: Bench) -> None:
    short = "import resource, threading\nresource.setrlimit(resource.RLIMIT_NOFILE, (3, 3))\n"
    script = bench.script(WAIT + short + CLOSING + LATER)
    with watching(bench, script) as target:
        target.wait(lambda _: target.limits.get("probe") == GONE, "that it is gone")
        target.go()
        done, snapshot = target.end()
    assert "burst, seen" not in done.summary or "of the time up to " in done.summary
    assert {limit.reading: limit.reason for limit in snapshot.limits}["probe"] == GONE


def named(state: object, name: str) -> bool:
    main = getattr(state, "main", None)
    return main is not None and any(one.name == name for one in main.threads.values())
