"""Every event crosses the wire unchanged."""

from __future__ import annotations

from typing import get_args

import msgspec
import pytest

from refwatch.model import events as ev
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
