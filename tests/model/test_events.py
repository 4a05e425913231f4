"""Every event crosses the wire unchanged."""

from __future__ import annotations

from typing import get_args

import msgspec
import pytest

from refwatch.model import events as ev
from refwatch.model.allocations import BurstUse, FileUse, LineUse, MemorySplit, TracebackUse
from refwatch.model.references import ChainLink, Referenced, Referrer, Site, TypeCount
from refwatch.model.states import ThreadState
from refwatch.model.wire import encode_line, event_decoder

THREAD = ev.ThreadSlice(
    3,
    100,
    {ThreadState.GIL_HELD: 0.025, ThreadState.GIL_WAIT: 0.075},
    "h25000w75000",
    [(7, ThreadState.GIL_HELD, 0.025)],
    [7, 8],
    1.5,
    0.25,
    10,
    20,
)
CHAIN = [
    ChainLink("app.Entry", "value of key 5", address="0x7f03"),
    ChainLink("dict", "global CACHE"),
    ChainLink("module", name="app"),
]
REFERRER = Referrer(1, "frame", "dispatch, /a.py:51", "0x7f04", ["local row"], 2, root=True)
SPLIT = MemorySplit(1 << 30, 1 << 20, 1 << 10, None, None, 5000, 7, 12)
LIVE = [LineUse(3, 1 << 40, 12)], [FileUse("/é.py", 4096, 2)], [TracebackUse(7, 64, 1)]
EVENTS: list[ev.Event] = [
    ev.TargetStarted(0.0, 42, ["a b", "é\n"], "/py", "/tmp", "2026-01-01T00:00:00Z", "0.1.0", True),
    ev.InterpreterFound(0.1, 42, "3.13.1", False, True, 0.005),
    ev.ReadingLimited(0.1, "memory.uss", "smaps_rollup is not readable"),
    ev.ThreadStarted(0.2, 3, 43, 44, 1 << 60),
    ev.ThreadStarted(0.2, 4, 43, 45),
    ev.ThreadNamed(0.2, 3, "MainThread", False),
    ev.ThreadNamed(0.2, 3, "x\x00\x1b[2J"),
    ev.ThreadEnded(0.3, 3),
    ev.LineSeen(0.3, 7, "/a.py", 12, "<module>"),
    ev.Sampled(0.4, 42, 0.1, 100, ev.GilSlice(0.1, 0.3, 20, 0.005), [THREAD], 1000.0, 2),
    ev.Sampled(0.5, 42, 0.1, 0, None, [], 1000.0),
    ev.ProcessMeasured(0.5, 42, 1 << 40, 1 << 41, 0.25, 0.5, 1 << 39),
    ev.GcMeasured(0.5, 42, [ev.GcGeneration(1, 2, 3), ev.GcGeneration(0, 0, 0)]),
    ev.CostMeasured(0.5, 0.001, 0.0001, 0.2),
    ev.RateChanged(0.6, 500.0, "500 threads"),
    ev.OutputWritten(0.6, "héllo\r\n\x1b[31m"),
    ev.Noted(0.6, "warning", "text"),
    ev.Marked(0.7, "warm"),
    ev.SnapshotWritten(0.7, "/tmp/s.json"),
    ev.TargetExited(0.8, 42, 137),
    ev.TargetExited(0.8, 42, None),
    ev.WatchEnded(0.9, "the target ended"),
    ev.ViewerRefused(0.9, "there are 64 viewers already"),
    ev.GcPaused(1.0, 42, [(3, 0.1, 0.05), (0, 0.0, 0.0)]),
    ev.WatchedFound(1.0, 42, 5, "cache", "dict", "0x7f00", "main", held=True),
    ev.WatchedRead(1.1, 42, 1, [ev.RawReading(5, 3, 4)]),
    ev.WatchedCounted(1.1, 42, [(5, 2), (6, 1 << 40)]),
    ev.WatchedEnded(1.2, 42, 5, died=False),
    ev.ClassFound(1.2, 42, 9, "app.models", "make.<locals>.Entry"),
    ev.ClassesCounted(1.2, 42, [(9, 0)]),
    ev.ClassEnded(1.3, 42, 9),
    ev.CensusBegun(1.3, 42, 1, "interval", 0.002),
    ev.TargetPaused(1.3, 42, 0.001),
    ev.CensusTaken(
        1.3,
        42,
        1,
        0.05,
        12_000,
        [TypeCount("builtins", "dict", 3000, 1 << 20)],
        [Referenced("type", "class type", "0x7f01", 1220)],
        untracked=True,
    ),
    ev.CensusFailed(1.4, 42, "memory is short", 10.0),
    ev.CensusFailed(1.4, 42, "memory is short", None),
    ev.ChainsFound(1.5, 42, "app", "Entry", [CHAIN, []], [Site("/a.py", 3, "make")]),
    ev.WorkProgressed(1.5, 42, "chains 1", "looking", 0.5),
    ev.WorkProgressed(1.5, 42, "chains 1", "looking", None, done=True, failure="cancelled"),
    ev.ReferrersFound(1.6, 42, "inspect 1", 0, "list", "list of 3", "0x7f02", 4, None, [REFERRER]),
    ev.InspectionEnded(1.7, 42, "inspect 1", "the copy is gone"),
    ev.GraphWritten(1.7, ["/tmp/é.dot", "/tmp/é.svg"]),
    ev.AllocationsSwitched(2.1, 42, "exact", 25, "the target traces by itself"),
    ev.SitesSeen(2.1, 42, 3, [Site("/a.py", 3, "make"), Site("<string>", 0, "")]),
    ev.TracebacksSeen(2.1, 42, 7, [[3, 4], []]),
    ev.BurstMeasured(2.2, 42, 0.05, 1.5, [BurstUse(7, 12.5, 800.0, 3.25, 1e9, 0.5, 32.0)], 99),
    ev.TracesTaken(2.3, 42, 4, 25, 1 << 40, 1 << 41, 1200, 0.002, 0.1, *LIVE),
    ev.TracesFailed(2.4, 42, "memory is short", 10.0),
    ev.TracesFailed(2.4, 42, "memory is short", None),
    ev.MemoryMeasured(2.5, 42, SPLIT),
    ev.Checkpoint(2.6, "0badc0de", bytes(range(256))),
]


def test_there_is_an_example_of_every_event() -> None:
    assert {type(event) for event in EVENTS} == set(get_args(ev.Event))


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: type(event).__name__)
def test_an_event_is_one_line_and_comes_back_equal(event: ev.Event) -> None:
    line = encode_line(event)
    assert line.count(b"\n") == 1
    assert event_decoder.decode(line) == event


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: type(event).__name__)
def test_an_event_with_a_field_of_a_later_version_is_read(event: ev.Event) -> None:
    fields = msgspec.json.decode(encode_line(event), type=dict[str, object])
    later = msgspec.json.encode({**fields, "field_of_the_future": [1, {"a": None}]})
    assert event_decoder.decode(later) == event


def test_the_event_field_names_the_event() -> None:
    fields = msgspec.json.decode(encode_line(ev.Marked(0.5, "warm")), type=dict[str, object])
    assert fields == {"event": "marked", "at": 0.5, "name": "warm"}
