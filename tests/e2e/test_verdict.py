"""What is said of programs whose trouble is not to be seen in the shares of their threads."""

from __future__ import annotations

import os
import re
import signal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.e2e.conftest import Bench

    from refwatch.session.process import ProcessState

MB = 1 << 20


def test_children_that_do_the_work_are_told_and_helper_threads_decide_nothing(
    bench: Bench,
) -> None:
    script = bench.script("""
        import multiprocessing, sys, time

        def burn(seconds):
            end = time.process_time() + seconds
            while time.process_time() < end:
                pass

        if __name__ == "__main__":
            with multiprocessing.get_context("fork").Pool(2) as pool:
                pool.map(burn, [0.5] * 4, 1)
                sys.stdin.readline()
        """)

    def burnt(process: ProcessState) -> bool:
        last = process.memory
        return last is not None and (last.children_cpu_s or 0.0) >= 1.95

    done, snapshot = bench.done_when(burnt, words=["--no-children", script])
    verdict = snapshot.verdict
    assert verdict.kind == "undecided"
    assert re.search(r"\b2 children used (1\.9|2\.)", verdict.sentence)
    assert verdict.sentence.endswith("they are not watched")
    assert 1.95 <= verdict.evidence["children_cpu_s"] < 3.0
    assert verdict.confidence < 0.3
    (reason,) = (limit.reason for limit in snapshot.limits if limit.reading == "children")
    assert reason in verdict.sentence
    assert reason in done.summary


def test_threads_that_wait_for_locks_without_a_known_owner_are_told(bench: Bench) -> None:
    script = bench.script("""
        import os, signal, threading
        signal.signal(signal.SIGUSR1, lambda *_: os._exit(0))
        A, B, both = threading.Lock(), threading.Lock(), threading.Barrier(2)

        def take(first, second):
            first.acquire()
            both.wait()
            second.acquire()

        threads = [threading.Thread(target=take, args=pair) for pair in ((A, B), (B, A))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        """)

    def stuck(process: ProcessState) -> bool:
        if process.unmoved_s < 3.3:
            return False
        os.kill(process.pid, signal.SIGUSR1)
        return True

    _, snapshot = bench.done_when(stuck, words=[script])
    assert snapshot.verdict.kind == "undecided"
    assert snapshot.verdict.sentence.startswith("nothing has moved for ")
    assert "2 threads wait for locks at target.py:9" in snapshot.verdict.sentence
    assert "Hold the lock" not in snapshot.verdict.advice
    assert "target.py:9" in snapshot.verdict.advice


def test_a_coroutine_that_sleeps_blocks_its_event_loop(bench: Bench) -> None:
    script = bench.script("""
        import asyncio, sys, time

        async def handle():
            while True:
                time.sleep(0.15)
                await asyncio.sleep(0.15)

        async def main():
            task = asyncio.create_task(handle())
            await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)

        asyncio.run(main())
        """)

    def blocked(process: ProcessState) -> bool:
        return any(sum(t.loop_blocked.values()) >= 1.0 for t in process.threads.values())

    _, snapshot = bench.done_when(blocked, words=[script])
    assert snapshot.verdict.kind == "undecided"
    assert snapshot.verdict.sentence.startswith("the event loop is blocked ")
    assert snapshot.verdict.sentence.endswith(": sleep in handle")
    assert "target.py:6" in snapshot.verdict.advice


def test_memory_is_that_of_the_program_not_of_its_teardown(bench: Bench) -> None:
    script = bench.script("""
        import sys
        table = bytearray(b"x") * (100 << 20)
        sys.stdin.readline()
        """)

    def full(process: ProcessState) -> bool:
        return process.private is not None and process.private[1] > 100 * MB

    done, snapshot = bench.done_when(full, words=[script])
    memory = snapshot.processes[0].memory
    assert memory.rss is not None
    assert memory.uss is not None
    assert 100 * MB < memory.uss <= memory.rss
    assert all(rss > 0 for _, rss in memory.series)
    assert " MiB of it private" in done.summary
