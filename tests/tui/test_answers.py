"""The user is told what has come of what was asked for here, and only that."""

from __future__ import annotations

import pytest
from tests.simulate import PID

from refwatch.model import commands as cmd
from refwatch.model import events as ev
from refwatch.model.commands import Command
from refwatch.model.events import Event
from refwatch.tui.answers import Answers

FOUND = ev.WatchedFound(1.0, PID, 7, "pool", "app.Pool", "0x7", "viewer")
TAKEN = ev.CensusTaken(1.0, PID, 1, 0.1, 1234, [])


@pytest.mark.parametrize(
    ("command", "event", "said"),
    [
        (cmd.WriteSnapshot("/a.json"), ev.SnapshotWritten(1.0, "/a.json"), "/a.json"),
        (
            cmd.WriteGraph("graph x.Y", "/a.dot", "x", "Y"),
            ev.GraphWritten(1.0, ["/a.dot", "/a.svg"]),
            "/a.dot\n/a.svg",
        ),
        (cmd.TakeCensus(), TAKEN, "1,234 objects; the program paused for 2 ms"),
        (cmd.TakeCensus(), ev.CensusFailed(1.0, PID, "no memory", 10.0), "no memory"),
        (cmd.WatchInstance("app", "Pool"), FOUND, "pool  app.Pool"),
        (cmd.WatchAddress(7, "app.Pool"), FOUND, "pool  app.Pool"),
        (
            cmd.SwitchAllocations("off"),
            ev.AllocationsSwitched(1.0, PID, "off", 0, "it was so"),
            "Nothing is traced, and nothing is paid. It was so.",
        ),
        (cmd.WatchObject("app.pool"), ev.Noted(1.0, "warning", "no way"), "no way"),
    ],
)
def test_an_answer_is_told_once(command: Command, event: Event, said: str) -> None:
    answers = Answers()
    begun = ev.CensusBegun(0.9, PID, 1, "viewer", 0.002)
    assert answers.take(begun) is None
    assert answers.take(event) is None
    answers.asked(command)
    answer = answers.take(event)
    assert answer is not None
    assert answer.text == said
    assert answers.take(event) is None


def test_what_is_bound_anew_is_no_answer() -> None:
    answers = Answers()
    answers.asked(cmd.WatchInstance("app", "Pool"))
    main = ev.WatchedFound(1.0, PID, 8, "x", "int", "0x8", "main")
    assert answers.take(main) is None
    assert answers.take(ev.Noted(1.0, "info", "by the way")) is None
    assert answers.take(FOUND) is not None
