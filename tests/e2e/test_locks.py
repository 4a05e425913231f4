"""Who waits for which lock, who has it, and what is a deadlock: programs that know the answer."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from refwatch.export.schema_types import Lock, Process, Snapshot

if TYPE_CHECKING:
    from tests.e2e.conftest import Bench

    from refwatch.session.process import ProcessState

# Threads of these names run the functions; a line on stdin ends the program.
FRAME = """
import os, sys, threading, time
def start(*functions):
    for function in functions:
        threading.Thread(target=function, name=function.__name__, daemon=True).start()
def end():
    sys.stdin.readline()
    os._exit(0)
"""

CROSSING = (
    FRAME
    + """
first, second, both = threading.KIND(), threading.KIND(), threading.Barrier(3)
def alice():
    with first:
        both.wait()
        with second: pass
def bob():
    with second:
        both.wait()
        with first: pass
def client():
    both.wait()
    with first: pass
start(alice, bob, client)
end()
"""
)

RING = (
    FRAME
    + """
locks, all_three = [threading.RLock() for _ in range(3)], threading.Barrier(3)
def turn(number):
    locks[number].acquire()
    all_three.wait()
    locks[(number + 1) % 3].acquire()
for number in range(3):
    threading.Thread(target=turn, args=(number,), name=f"turn-{number}", daemon=True).start()
def busy():
    while True: sum(range(1000))
start(busy)
end()
"""
)

NO_DEADLOCK = (
    FRAME
    + """
import queue
shared = threading.Lock()
condition, on_shared = threading.Condition(), threading.Condition(shared)
event, items, semaphore = threading.Event(), queue.Queue(), threading.Semaphore(0)
def waits():
    with condition: condition.wait()
def waits_inside():
    with shared: on_shared.wait()
def hears(): event.wait()
def gets(): items.get()
def passes(): semaphore.acquire()
start(waits, waits_inside, hears, gets, passes)
end()
"""
)

LONG_HOLD = (
    FRAME
    + """
lock, held = threading.KIND(), threading.Event()
def holder():
    with lock:
        held.set()
        time.sleep(600)
def first(): held.wait(); lock.acquire()
def second():
    held.wait()
    with lock: pass
start(holder, first, second)
end()
"""
)

TIMED = (
    FRAME
    + """
audit, accounts, both = threading.Lock(), threading.RLock(), threading.Barrier(2)
def take(lock):
    if lock.acquire(timeout=600): lock.release()
def auditor():
    with audit:
        both.wait()
        take(accounts)
def transfer():
    with accounts:
        both.wait()
        take(audit)
start(auditor, transfer)
end()
"""
)

JOINED = (
    FRAME
    + """
lock, held = threading.RLock(), threading.Event()
def worker():
    held.wait()
    with lock: pass
def joiner():
    thread = threading.Thread(target=worker, name="worker", daemon=True)
    thread.start()
    with lock:
        held.set()
        thread.join()
start(joiner)
end()
"""
)

TWICE = (
    FRAME
    + """
lock = threading.Lock()
def inner():
    with lock: pass
def twice():
    with lock: inner()
start(twice)
end()
"""
)

# What is inside ``with`` may have let the lock go again: nobody is named.
LET_GO = (
    FRAME
    + """
lock, ready = threading.Lock(), threading.Event()
def takes():
    lock.acquire()
    ready.set()
    time.sleep(600)
def lets_go():
    with lock:
        lock.release()
        start(takes)
        ready.wait()
        lock.acquire()
start(lets_go)
end()
"""
)

# A thread ends with a lock.
ORPHAN = (
    FRAME
    + """
lock, held = threading.RLock(), threading.Event()
def first():
    held.wait()
    lock.acquire()
def second():
    held.wait()
    with lock: pass
start(first, second)  # before the other, whose ident they could get
def ends():
    lock.acquire()
    held.set()
start(ends)
end()
"""
)

# Threads take turns under two locks, always in one order.
TURNS = (
    FRAME
    + """
outer, inner = threading.RLock(), threading.Lock()
def turns():
    while True:
        with outer:
            with inner: time.sleep(0.4)
for number in range(4): threading.Thread(target=turns, name=f"turns-{number}", daemon=True).start()
end()
"""
)


def tids(process: Process) -> dict[str, int]:
    """Name -> tid."""
    return {thread.name: thread.tid for thread in process.threads}


def waited_for(process: Process, name: str) -> Lock:
    """What the thread of this name waits for."""
    assert process.locks is not None
    tid = tids(process)[name]
    (lock,) = (lock for lock in process.locks if tid in lock.waiters)
    return lock


def seen(*, waits: int = 0, deadlocks: int = 0, circles: int = 0) -> Callable[[ProcessState], bool]:
    """Whether so many were read."""

    def look(process: ProcessState) -> bool:
        now = process.locks.now
        named = sum(thread.named for thread in process.threads.values()) == len(process.threads)
        return (
            named
            and now is not None
            and len(now.waits) >= waits
            and len(now.deadlocks) >= deadlocks
            and len(now.timed_cycles) >= circles
        )

    return look


def run(bench: Bench, script: str, look: Callable[[ProcessState], bool]) -> Snapshot:
    return bench.snapshot_when(look, words=[bench.script(script)])


@pytest.mark.parametrize("kind", ["RLock", "Lock"])
def test_two_threads_that_cross_are_a_deadlock(bench: Bench, kind: str) -> None:
    snapshot = run(bench, CROSSING.replace("KIND", kind), seen(waits=3, deadlocks=1))
    (process,) = snapshot.processes
    tid = tids(process)
    assert [sorted(circle) for circle in process.deadlocks] == [sorted([tid["alice"], tid["bob"]])]
    wanted = waited_for(process, "alice")
    assert (wanted.kind, wanted.owner, wanted.waiters) == (kind, tid["bob"], [tid["alice"]])
    other = waited_for(process, "bob")
    assert other.owner == tid["alice"]
    assert sorted(other.waiters) == sorted([tid["bob"], tid["client"]])
    assert other.evidence == ("recorded" if kind == "RLock" else "with")
    assert other.address != wanted.address
    assert wanted.for_s > 0.9
    assert wanted.timed == []
    verdict = snapshot.verdict
    assert verdict.kind == "lock_bound"
    assert verdict.sentence in {
        "deadlock: alice waits for bob at target.py:14, bob for alice at target.py:18",
        "deadlock: bob waits for alice at target.py:18, alice for bob at target.py:14",
    }
    assert "one order" in verdict.advice
    assert "1 more thread waits behind" in verdict.advice
    assert verdict.evidence["deadlocked"] == 2


def test_three_in_a_ring_are_one_deadlock_while_others_work(bench: Bench) -> None:
    snapshot = run(bench, RING, seen(waits=3, deadlocks=1))
    (process,) = snapshot.processes
    tid = tids(process)
    (circle,) = process.deadlocks
    assert len(circle) == 3
    for number in range(3):
        lock = waited_for(process, f"turn-{number}")
        after = tid[f"turn-{(number + 1) % 3}"]
        assert (lock.kind, lock.owner, lock.evidence) == ("RLock", after, "recorded")
        assert circle[(circle.index(lock.waiters[0]) + 1) % 3] == after
    assert snapshot.verdict.sentence.startswith("deadlock: turn-")


def test_waits_for_a_notification_are_no_deadlock(bench: Bench) -> None:
    snapshot = run(bench, NO_DEADLOCK, seen(waits=5))
    (process,) = snapshot.processes
    for name in ("waits", "waits_inside", "hears", "gets", "passes"):
        lock = waited_for(process, name)
        assert (lock.kind, lock.owner, lock.evidence) == ("Condition", None, None)
    assert process.deadlocks == []
    assert "deadlock" not in snapshot.verdict.sentence
    reasons = {limit.reading: limit.reason for limit in snapshot.limits}
    assert reasons["locks.owner"] == "a notification has no owner"


@pytest.mark.parametrize("kind", ["RLock", "Lock"])
def test_the_owner_of_a_lock_that_is_held_for_long_is_named(bench: Bench, kind: str) -> None:
    def stuck(process: ProcessState) -> bool:
        waits = [thread.unmoved_s for thread in process.threads.values() if thread.unmoved_s > 5.2]
        return seen(waits=2)(process) and len(waits) >= 2

    snapshot = run(bench, LONG_HOLD.replace("KIND", kind), stuck)
    (process,) = snapshot.processes
    tid = tids(process)
    lock = waited_for(process, "first")
    assert (lock.kind, lock.owner) == (kind, tid["holder"])
    assert lock.evidence == ("recorded" if kind == "RLock" else "with")
    assert sorted(lock.waiters) == sorted([tid["first"], tid["second"]])
    assert process.deadlocks == []
    assert f"holder had the {kind} for which 2 threads waited, asleep at target.py:14" in (
        snapshot.verdict.advice
    )


def test_a_circle_that_a_time_out_ends_is_no_deadlock_for_ever(bench: Bench) -> None:
    def stuck(process: ProcessState) -> bool:
        waits = [thread for thread in process.threads.values() if thread.unmoved_s > 5.2]
        return seen(waits=2, circles=1)(process) and len(waits) >= 2

    snapshot = run(bench, TIMED, stuck)
    (process,) = snapshot.processes
    tid = tids(process)
    assert process.deadlocks == []
    plain, recursive = waited_for(process, "transfer"), waited_for(process, "auditor")
    assert (plain.kind, plain.owner, plain.evidence) == ("Lock", tid["auditor"], "with")
    assert (recursive.kind, recursive.owner) == ("RLock", tid["transfer"])
    assert plain.timed == [tid["transfer"]]
    assert recursive.timed == [tid["auditor"]]
    assert "2 threads have not moved for " in snapshot.verdict.sentence
    assert "A deadlock until a time-out ends it: " in snapshot.verdict.advice
    assert "auditor is inside with of the Lock that transfer waits for" in snapshot.verdict.advice


def test_a_join_of_a_thread_that_waits_for_the_joiners_lock_is_a_deadlock(bench: Bench) -> None:
    snapshot = run(bench, JOINED, seen(waits=2, deadlocks=1))
    (process,) = snapshot.processes
    tid = tids(process)
    (circle,) = process.deadlocks
    assert sorted(circle) == sorted([tid["joiner"], tid["worker"]])
    join = waited_for(process, "joiner")
    assert (join.kind, join.owner, join.evidence) == ("Thread", tid["worker"], "recorded")
    said = snapshot.verdict.sentence
    assert "joiner waits for the end of worker" in said or "joiner for the end of worker" in said


def test_a_lock_that_its_holder_takes_again_is_a_deadlock(bench: Bench) -> None:
    snapshot = run(bench, TWICE, seen(waits=1, deadlocks=1))
    (process,) = snapshot.processes
    assert process.deadlocks == [[tids(process)["twice"]]]
    assert snapshot.verdict.sentence == (
        "deadlock: twice waits for a Lock that it has itself at target.py:12"
    )


def test_one_that_may_have_let_a_lock_go_is_not_called_its_owner(bench: Bench) -> None:
    snapshot = run(bench, LET_GO, seen(waits=1))
    (process,) = snapshot.processes
    lock = waited_for(process, "lets_go")
    assert (lock.kind, lock.owner) == ("Lock", None)
    assert process.deadlocks == []


def test_a_lock_whose_owner_has_ended_is_told(bench: Bench) -> None:
    def stuck(process: ProcessState) -> bool:
        waits = [thread for thread in process.threads.values() if thread.unmoved_s > 5.2]
        return seen(waits=2)(process) and len(waits) >= 2

    snapshot = run(bench, ORPHAN, stuck)
    (process,) = snapshot.processes
    lock = waited_for(process, "first")
    assert (lock.kind, lock.owner, lock.orphaned) == ("RLock", None, True)
    assert len(lock.waiters) == 2
    said = "The owner of the RLock for which 2 threads waited has ended without a release"
    assert said in snapshot.verdict.advice


def test_threads_that_take_turns_are_never_in_a_deadlock(bench: Bench) -> None:
    """And an owner is never one of the waiters."""
    wrong: list[object] = []
    owners: set[int | None] = set()

    def look(process: ProcessState) -> bool:
        now = process.locks.now
        if now is None:
            return False
        wrong.extend([*now.deadlocks, *now.timed_cycles])
        wrong.extend(wait for wait in now.waits if wait.owner == wait.serial)
        wrong.extend(w for w in now.waits if w.owner in {each.serial for each in now.waits})
        owners.update(wait.owner for wait in now.waits)
        return len(owners - {None}) == 4

    run(bench, TURNS, look)
    assert wrong == []


def test_the_end_of_the_process_is_not_awaited_for_it(bench: Bench) -> None:
    """The main thread is in it, too: a signal ends the program."""
    script = bench.script("""
        import json, os, signal, threading
        signal.signal(signal.SIGUSR1, lambda *_: os._exit(0))
        lock, ready = threading.RLock(), threading.Event()

        def worker():
            with lock:
                ready.set()
                threading.main_thread().join()

        threading.Thread(target=worker, name="worker").start()
        ready.wait()
        print(json.dumps(threading.get_native_id()), flush=True)
        with lock:
            pass
        """)

    def stuck(process: ProcessState) -> bool:
        if not seen(waits=1)(process):
            return False
        os.kill(process.pid, signal.SIGUSR1)
        return True

    done, snapshot = bench.done_when(stuck, words=[script])
    (process,) = snapshot.processes
    lock = waited_for(process, "MainThread")
    assert lock.waiters == [json.loads(done.out)]
    assert (lock.kind, lock.owner) == ("RLock", tids(process)["worker"])
