"""Every event crosses the wire unchanged."""

from __future__ import annotations

from typing import get_args

import msgspec
import pytest
from tests.sample_events import sampled

from refwatch.readings.allocations.types import (
    BurstUse,
    FileUse,
    LineUse,
    MemorySplit,
    TracebackUse,
)
from refwatch.readings.threads.loop_events import AsyncTask
from refwatch.readings.threads.states import ThreadState
from refwatch.session import events as ev
from refwatch.session.events import event_decoder
from refwatch.wire.codec import encode_line
from refwatch.wire.event import MAIN
from refwatch.wire.heap_values import ChainLink, Referenced, Referrer, Site, TypeCount

THREAD = ev.ThreadSlice(
    serial=3,
    samples=100,
    states={ThreadState.GIL_HELD: 0.025, ThreadState.GIL_WAIT: 0.075},
    runs="h25000w75000",
    hot=[(7, ThreadState.GIL_HELD, 0.025)],
    stack=[7, 8],
    cpu_s=1.5,
    cpu_wait_s=0.25,
    voluntary_switches=10,
    involuntary_switches=20,
)
CHAIN = [
    ChainLink(type="app.Entry", edge="value of key 5", address="0x7f03"),
    ChainLink(type="dict", edge="global CACHE"),
    ChainLink(type="module", name="app"),
]
REFERRER = Referrer(
    node=1,
    type="frame",
    label="dispatch, /a.py:51",
    address="0x7f04",
    edges=["local row"],
    count=2,
    root=True,
)
SPLIT = MemorySplit(
    rss=1 << 30,
    python_used=1 << 20,
    python_free=1 << 10,
    c_used=None,
    c_free=None,
    files=5000,
    other=7,
    arenas=12,
)
LINES = [LineUse(site=3, size=1 << 40, count=12)]
FILES = [FileUse(file="/é.py", size=4096, count=2)]
TRACEBACKS = [TracebackUse(traceback=7, size=64, count=1)]
EVENTS: list[ev.Event] = [
    ev.TargetStarted(
        at=0.0,
        process=MAIN,
        pid=42,
        argv=["a b", "é\n"],
        executable="/py",
        cwd="/tmp",
        started_at="2026-01-01T00:00:00Z",
        refwatch="0.1.0",
        terminal=True,
    ),
    ev.InterpreterFound(
        at=0.1,
        process=MAIN,
        python="3.13.1",
        free_threaded=False,
        gil=True,
        switch_interval_s=0.005,
    ),
    ev.ReadingLimited(
        at=0.1, process=MAIN, reading="memory.uss", reason="smaps_rollup is not readable"
    ),
    ev.ThreadStarted(at=0.2, serial=3, process=MAIN, tid=44, ident=1 << 60),
    ev.ThreadStarted(at=0.2, serial=4, process=MAIN, tid=45),
    ev.ThreadNamed(at=0.2, process=MAIN, serial=3, name="MainThread", daemon=False),
    ev.ThreadNamed(at=0.2, process=MAIN, serial=3, name="x\x00\x1b[2J"),
    ev.ThreadEnded(at=0.3, process=MAIN, serial=3),
    ev.LineSeen(at=0.3, process=MAIN, line=7, file="/a.py", number=12, function="<module>"),
    ev.PathsSeen(at=0.3, process=MAIN, nodes=[(1, 0, 7), (2, 1, 8)]),
    ev.Sampled(
        at=0.4,
        process=MAIN,
        span_s=0.1,
        samples=100,
        gil=ev.GilSlice(held_s=0.1, wait_s=0.3, handoffs=20, interval_s=0.005),
        threads=[THREAD],
        rate_hz=1000.0,
        torn=2,
        collector=ev.CollectorSlice(
            pauses={8: 2},
            longest_s=0.2,
            longest_line=7,
            lines=[(7, 1, 0.25, 0.2), (0, 1, 0.1, 0.1)],
        ),
        interpreters=[
            ev.InterpreterSlice(number=0, threads=[3]),
            ev.InterpreterSlice(
                number=7,
                span_s=0.1,
                gil_own=True,
                gil=ev.GilSlice(held_s=0.1, wait_s=0.2, handoffs=3, interval_s=0.005),
                threads=[3, 4],
                ended=True,
            ),
        ],
    ),
    ev.LocksSeen(
        at=0.4,
        process=MAIN,
        waits=[
            ev.LockWait(
                serial=3,
                kind="RLock",
                address=1 << 46,
                since_s=0.1,
                owner=4,
                evidence="recorded",
                owner_state=ThreadState.LOCK_WAIT,
                owner_line=7,
            ),
            ev.LockWait(serial=4, kind="Lock", address=8, since_s=0.1, owner=3, timed=True),
        ],
        left_out=1,
        deadlocks=[[3, 4]],
        timed_cycles=[[5, 6]],
    ),
    ev.LocksSeen(at=0.4, process=MAIN, waits=[]),
    sampled(0.5, samples=0),
    ev.LoopFound(at=0.5, process=MAIN, serial=3, kind="asyncio", exact=True),
    ev.LoopBlocked(
        at=0.5,
        process=MAIN,
        serial=3,
        began_s=0.25,
        seconds=0.125,
        under_way=False,
        lines=[(7, ThreadState.GIL_HELD, 0.125)],
    ),
    ev.TasksListed(
        at=0.5,
        process=MAIN,
        tasks=[
            AsyncTask(
                address="0x7f10",
                name="Task-1",
                kind="task",
                ident=1 << 60,
                coroutine="main",
                file="/a.py",
                line=12,
                awaits="sleep",
                at_file="/é.py",
                at_line=3,
                parent="0x7f11",
                waiter="4 7f12",
                since_s=0.25,
            )
        ],
        left_out=2,
    ),
    ev.TasksFailed(at=0.5, process=MAIN, reason="memory is short"),
    ev.ProcessMeasured(
        at=0.5, process=MAIN, rss=1 << 40, peak_rss=1 << 41, user_s=0.25, system_s=0.5, uss=1 << 39
    ),
    ev.InheritedMeasured(
        at=0.5, process=MAIN, inherited=1 << 30, copied=1 << 29, by_counts=1 << 28
    ),
    ev.GcMeasured(
        at=0.5,
        process=MAIN,
        generations=[
            ev.GcGeneration(collections=1, collected=2, uncollectable=3),
            ev.GcGeneration(collections=0, collected=0, uncollectable=0),
        ],
    ),
    ev.CostMeasured(
        at=0.5, process=MAIN, probe_cpu_s=0.001, probe_gil_held_s=0.0001, daemon_cpu_s=0.2
    ),
    ev.RateChanged(at=0.6, process=MAIN, rate_hz=500.0, reason="500 threads"),
    ev.OutputWritten(at=0.6, data="héllo\r\n\x1b[31m"),
    ev.TerminalSized(at=0.6, rows=24, columns=80),
    ev.Noted(at=0.6, level="warning", text="text"),
    ev.Marked(at=0.7, name="warm"),
    ev.SnapshotWritten(at=0.7, path="/tmp/s.json"),
    ev.TargetExited(at=0.8, process=MAIN, exit_code=137),
    ev.TargetExited(at=0.8, process=MAIN, exit_code=None),
    ev.SessionEnded(at=0.9, reason="the target ended"),
    ev.ViewerRefused(at=0.9, reason="there are 64 viewers already"),
    ev.GcPaused(at=1.0, process=MAIN, generations=[(3, 0.1, 0.05), (0, 0.0, 0.0)]),
    ev.WatchedFound(
        at=1.0,
        process=MAIN,
        watch=5,
        name="cache",
        type="dict",
        address="0x7f00",
        source="main",
        held=True,
    ),
    ev.WatchedRead(
        at=1.1, process=MAIN, offset=1, readings=[ev.RawReading(watch=5, ctypes=3, getrefcount=4)]
    ),
    ev.WatchedCounted(at=1.1, process=MAIN, counts=[(5, 2), (6, 1 << 40)]),
    ev.WatchedEnded(at=1.2, process=MAIN, watch=5, died=False),
    ev.ClassFound(at=1.2, process=MAIN, serial=9, module="app.models", name="make.<locals>.Entry"),
    ev.ClassesCounted(at=1.2, process=MAIN, counts=[(9, 0)]),
    ev.ClassEnded(at=1.3, process=MAIN, serial=9),
    ev.CensusBegun(at=1.3, process=MAIN, number=1, reason="interval", pause_s=0.002),
    ev.TargetPaused(at=1.3, process=MAIN, pause_s=0.001),
    ev.CensusTaken(
        at=1.3,
        process=MAIN,
        number=1,
        took_s=0.05,
        objects=12_000,
        types=[TypeCount(module="builtins", name="dict", count=3000, size=1 << 20)],
        most_referenced=[
            Referenced(type="type", label="class type", address="0x7f01", references=1220)
        ],
        untracked=True,
    ),
    ev.CensusFailed(at=1.4, process=MAIN, reason="memory is short", retry_s=10.0),
    ev.CensusFailed(at=1.4, process=MAIN, reason="memory is short", retry_s=None),
    ev.ChainsFound(
        at=1.5,
        process=MAIN,
        module="app",
        name="Entry",
        chains=[CHAIN, []],
        allocated_at=[Site(file="/a.py", line=3, function="make")],
    ),
    ev.WorkProgressed(at=1.5, process=MAIN, work="chains 1", text="looking", share=0.5),
    ev.WorkProgressed(
        at=1.5,
        process=MAIN,
        work="chains 1",
        text="looking",
        share=None,
        done=True,
        failure="cancelled",
    ),
    ev.ReferrersFound(
        at=1.6,
        process=MAIN,
        inspection="inspect 1",
        node=0,
        type="list",
        label="list of 3",
        address="0x7f02",
        references=4,
        seen=None,
        referrers=[REFERRER],
    ),
    ev.InspectionEnded(at=1.7, process=MAIN, inspection="inspect 1", reason="the copy is gone"),
    ev.GraphWritten(at=1.7, process=MAIN, paths=["/tmp/é.dot", "/tmp/é.svg"]),
    ev.AllocationsSwitched(
        at=2.1, process=MAIN, mode="exact", frames=25, note="the target traces by itself"
    ),
    ev.SitesSeen(
        at=2.1,
        process=MAIN,
        first=3,
        sites=[
            Site(file="/a.py", line=3, function="make"),
            Site(file="<string>", line=0, function=""),
        ],
    ),
    ev.TracebacksSeen(at=2.1, process=MAIN, first=7, tracebacks=[[3, 4], []]),
    ev.BurstMeasured(
        at=2.2,
        process=MAIN,
        window_s=0.05,
        span_s=1.5,
        uses=[
            BurstUse(
                traceback=7,
                blocks=12.5,
                size=800.0,
                blocks_variance=3.25,
                size_variance=1e9,
                kept_blocks=0.5,
                kept_size=32.0,
            )
        ],
        samples=99,
    ),
    ev.TracesTaken(
        at=2.3,
        process=MAIN,
        number=4,
        frames=25,
        traced=1 << 40,
        peak=1 << 41,
        blocks=1200,
        pause_s=0.002,
        took_s=0.1,
        lines=LINES,
        files=FILES,
        tracebacks=TRACEBACKS,
    ),
    ev.TracesFailed(at=2.4, process=MAIN, reason="memory is short", retry_s=10.0),
    ev.TracesFailed(at=2.4, process=MAIN, reason="memory is short", retry_s=None),
    ev.MemoryMeasured(at=2.5, process=MAIN, split=SPLIT),
    ev.Checkpoint(at=2.6, shape="0badc0de", data=bytes(range(256))),
]


def test_there_is_an_example_of_every_event() -> None:
    assert {type(event) for event in EVENTS} == set(get_args(ev.Event))


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: type(event).__name__)
def test_an_event_is_one_line_and_comes_back_equal(event: ev.Event) -> None:
    line = encode_line(event)
    assert line.count(b"\n") == 1
    assert event_decoder().decode(line) == event


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: type(event).__name__)
def test_an_event_with_a_field_of_a_later_version_is_read(event: ev.Event) -> None:
    fields = msgspec.json.decode(encode_line(event), type=dict[str, object])
    later = msgspec.json.encode({**fields, "field_of_the_future": [1, {"a": None}]})
    assert event_decoder().decode(later) == event


def test_the_event_field_names_the_event() -> None:
    fields = msgspec.json.decode(
        encode_line(ev.Marked(at=0.5, name="warm")), type=dict[str, object]
    )
    assert fields == {"event": "marked", "at": 0.5, "process": 0, "name": "warm"}
