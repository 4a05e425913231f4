"""The user is told what has come of what was asked for here, and only that."""

from __future__ import annotations

from functools import partial

import pytest
from msgspec.structs import replace
from tests.sample_events import census_taken, watched_found

from refwatch.session import events as ev
from refwatch.session.events import Event
from refwatch.tui.answers import Answering, Answers, watch_found
from refwatch.tui.app import _snapshot_answer
from refwatch.tui.command_app import _census_answer
from refwatch.tui.panels.allocations.panel import _switched
from refwatch.tui.panels.objects.actions import _graph_written
from refwatch.wire.event import MAIN

FOUND = watched_found(1.0, 7, name="pool", type="app.Pool", address="0x7", source="viewer")
TAKEN = census_taken(1.0, number=1, objects=1234)


@pytest.mark.parametrize(
    ("answering", "event", "said"),
    [
        (
            partial(_snapshot_answer, "/a.json"),
            ev.SnapshotWritten(at=1.0, path="/a.json"),
            "/a.json",
        ),
        (
            _graph_written,
            ev.GraphWritten(at=1.0, process=MAIN, paths=["/a.dot", "/a.svg"]),
            "/a.dot\n/a.svg",
        ),
        (_census_answer(), TAKEN, "1,234 objects; the program paused for 2 ms"),
        (
            _census_answer(),
            ev.CensusFailed(at=1.0, process=MAIN, reason="no memory", retry_s=10.0),
            "no memory",
        ),
        (watch_found, FOUND, "pool  app.Pool"),
        (
            _switched,
            ev.AllocationsSwitched(at=1.0, process=MAIN, mode="off", frames=0, note="it was so"),
            "Nothing is traced, at no cost. It was so.",
        ),
        (watch_found, ev.Noted(at=1.0, level="warning", text="no way"), "no way"),
    ],
)
def test_an_answer_is_told_once(answering: Answering, event: Event, said: str) -> None:
    answers = Answers()
    assert answers.take(event) is None
    answers.expect(answering, MAIN)
    begun = ev.CensusBegun(at=0.9, process=MAIN, number=1, reason="viewer", pause_s=0.002)
    assert answers.take(begun) is None
    answer = answers.take(event)
    assert answer is not None
    assert answer.text == said
    assert answers.take(event) is None


def test_what_is_bound_anew_is_no_answer() -> None:
    answers = Answers()
    answers.expect(watch_found, MAIN)
    main = watched_found(1.0, 8, name="x", type="int", address="0x8")
    assert answers.take(main) is None
    assert answers.take(ev.Noted(at=1.0, level="info", text="by the way")) is None
    assert answers.take(FOUND) is not None


def test_what_another_process_says_is_no_answer() -> None:
    answers = Answers()
    answers.expect(_census_answer(), 2)
    assert answers.take(TAKEN) is None
    assert answers.take(replace(TAKEN, process=2)) is not None
