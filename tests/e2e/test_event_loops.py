"""Event loops of real programs: when they were blocked, where, and their tasks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.e2e.conftest import Bench

    from refwatch.export.schema_loops import EventLoop
    from refwatch.export.schema_types import Snapshot
    from refwatch.session.process import ProcessState

HEAD = """
import asyncio, socket, subprocess, sys, threading, time

async def until_told():
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)

def burn(seconds):
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        pass
"""


def loop_of(snapshot: Snapshot) -> EventLoop:
    (loop,) = snapshot.processes[0].loops
    return loop


def program(bench: Bench, body: str) -> str:
    return bench.script(f"{HEAD.strip()}\n\n{body.strip()}\n")


def watched_s(process: ProcessState) -> float:
    return max((thread.watched_s for thread in process.threads.values()), default=0.0)


@pytest.mark.alone
@pytest.mark.parametrize(
    ("does", "function", "verdict"),
    [
        ("burn(0.3)", "burn", "computing in burn"),
        ("time.sleep(0.3)", "handle", "sleep in handle"),
        ("subprocess.run(['sleep', '0.3'], capture_output=True)", "select", ""),
        ("LOCK.acquire(timeout=0.3)", "handle", "lock_wait in handle"),
        ("PAIR[0].recv(1)", "handle", "io_wait in handle"),
    ],
    ids=["computes", "sleeps", "waits for a child", "waits for a lock", "waits for input"],
)
def test_a_callback_that_keeps_the_loop(
    bench: Bench, does: str, function: str, verdict: str
) -> None:
    script = program(
        bench,
        f"""
LOCK = threading.Lock()
LOCK.acquire()
PAIR = socket.socketpair()
PAIR[0].settimeout(0.3)

async def handle():
    for _ in range(10):
        try:
            {does}
        except TimeoutError:
            pass
        await asyncio.sleep(0.2)

async def main():
    for _ in range(60):  # so that turns are known
        burn(0.004)
        await asyncio.sleep(0.01)
    await handle()
    await until_told()

asyncio.run(main())
""",
    )

    def blocked(process: ProcessState) -> bool:
        return any(loop.blocked_count >= 8 for loop in process.event_loops.loops.values())

    snapshot = bench.snapshot_when(blocked, words=[script])
    loop = loop_of(snapshot)
    assert loop.kind == "asyncio"
    assert loop.exact
    assert loop.blocked_count >= 8
    long = [one for one in loop.blocked if one.seconds >= 0.25]
    assert 6 <= len(long) <= 11
    median = sorted(one.seconds for one in long)[len(long) // 2]
    assert median == pytest.approx(0.3, rel=0.2)
    places = [one.function.rpartition(".")[2] for one in long]
    assert places.count(function) >= 5 or function == "select"
    assert loop.longest_s >= max(one.seconds for one in long)
    assert snapshot.verdict.sentence.startswith("the event loop is blocked ")
    assert snapshot.verdict.sentence.endswith(verdict)
    first = loop.coroutines[0]
    assert first.function == "main"
    assert first.seconds >= 0.8 * sum(one.seconds for one in long) or does.startswith("sub")


@pytest.mark.alone
def test_many_short_callbacks_keep_a_thread_busy_and_block_nobody(bench: Bench) -> None:
    script = program(
        bench,
        """
LONGEST = 0.0

async def work(told):
    global LONGEST
    while not told.done():
        began = time.perf_counter()
        burn(0.00015)
        await asyncio.sleep(0)
        LONGEST = max(LONGEST, time.perf_counter() - began)

async def main():
    told = asyncio.ensure_future(until_told())
    await asyncio.gather(work(told), told)

asyncio.run(main())
print("longest", LONGEST)
""",
    )

    def seen(process: ProcessState) -> bool:
        loops = process.event_loops.loops.values()
        return watched_s(process) > 4.0 and any(loop.exact for loop in loops)

    done, snapshot = bench.done_when(seen, words=[script])
    longest_s = float(done.out.split()[-1])
    loop = loop_of(snapshot)
    assert loop.exact
    if longest_s < 0.1:  # else the machine has stopped the program for so long
        assert not loop.blocked
        assert loop.blocked_count == 0
    assert loop.longest_s <= 1.1 * longest_s + 0.05
    assert loop.coroutines[0].function == "work"


def test_an_idle_loop_is_not_blocked(bench: Bench) -> None:
    script = program(bench, "asyncio.run(until_told())")

    def seen(process: ProcessState) -> bool:
        return bool(process.event_loops.loops) and watched_s(process) > 2.0

    loop = loop_of(bench.snapshot_when(seen, words=[script]))
    assert (loop.blocked, loop.blocked_count, loop.longest_s) == ([], 0, 0.0)


def test_the_tasks_of_a_loop_and_who_waits_for_them(bench: Bench) -> None:
    script = program(
        bench,
        """
async def leaf():
    await asyncio.sleep(1000)

async def consume(queue):
    while True:
        await queue.get()

async def parent(child):
    await child

async def gathers():
    await asyncio.gather(leaf(), leaf())

async def groups():
    async with asyncio.TaskGroup() as group:
        group.create_task(leaf(), name="in group")

async def generate():
    await asyncio.sleep(1000)
    yield

async def iterates():
    async for _ in generate():
        pass

async def main():
    make = asyncio.create_task
    child = make(consume(asyncio.Queue()), name="child")
    kept = [make(parent(child), name="parent"), make(gathers(), name="gathers"),
            make(groups(), name="groups"), make(iterates(), name="iterates")]
    await until_told()

class Hostile(str):
    def __str__(self): raise SystemExit("called")
    __repr__ = __eq__ = __str__
    __hash__ = str.__hash__

asyncio.run(main())
""",
    )

    def seen(process: ProcessState) -> bool:
        listed = process.event_loops.tasks
        return listed is not None and any(task.since_s is not None for task in listed.tasks)

    snapshot = bench.snapshot_when(seen, words=[script])
    tasks = loop_of(snapshot).tasks
    assert tasks is not None
    named = {task.name: task for task in tasks}
    by_address = {task.address: task for task in tasks}

    def parent_of(name: str) -> str | None:
        above = named[name].parent
        return None if above is None else by_address[above].name

    assert named["parent"].awaits == "task child"
    assert parent_of("child") == "parent"
    assert (named["child"].coroutine, named["child"].awaits) == ("consume", "Queue.get")
    assert named["child"].at_file.endswith("asyncio/queues.py")
    assert named["child"].since_s is None  # another wait would look the same
    assert named["gathers"].awaits == "gather"
    leaves = [task for task in tasks if task.coroutine == "leaf"]
    above = sorted(by_address[task.parent].name for task in leaves if task.parent)
    assert above == ["gathers", "gathers", "groups"]
    assert {task.awaits for task in leaves} == {"sleep"}
    assert any(task.since_s is not None for task in leaves)
    assert named["iterates"].awaits == "sleep"
    assert parent_of("parent") is None
    assert not [limit for limit in snapshot.limits if limit.reading == "tasks"]
