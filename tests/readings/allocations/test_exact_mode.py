"""Exact mode in the daemon: when traces are counted, and what is told."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator

import msgspec
import pytest
from tests.stand_ins import context

from refwatch.readings.allocations import exact_mode as traces
from refwatch.readings.allocations.exact_mode import ExactMode
from refwatch.readings.allocations.site_table import SiteTable
from refwatch.readings.allocations.types import FileUse, LineUse, TracebackUse
from refwatch.session import events as ev
from refwatch.target import probe_commands as pc
from refwatch.target import probe_messages as rp
from refwatch.target.copies import Copies
from refwatch.wire.connections import Connection
from refwatch.wire.event import MAIN, TimedEvent
from refwatch.wire.heap_values import Site

SECOND = 1_000_000_000
NO_PROCESS = 1 << 22  # no pid is so large
SITES = [("a.py", 3, "f"), ("b.py", 4, "g")]
NEW = rp.TracingStatus(on=True, frames=2, ours=True, early=True, lost=0, used=False, missing="")


class Target:
    """A target of which there is nothing but what is said to it, and a clock."""

    def __init__(self) -> None:
        self.now = 0
        self.said: list[pc.ProbeCommand] = []
        self.events: list[TimedEvent] = []
        self.near, self.far = socket.socketpair()
        self.link: Connection[rp.Report] = Connection(self.near, msgspec.json.Decoder(rp.Report))
        self.copies = Copies(os.getpid(), os.getppid(), self.said.append)
        given = context(self.events.append, asked=self.said.append, clock=lambda: self.now)
        self.exact = ExactMode(given, self.copies, SiteTable(given))

    def at(self, seconds: float) -> None:
        """Go on to this time, step by step."""
        end = int(seconds * SECOND)
        while self.now < end:
            self.now = max(self.now + 1, min(end, self.exact.step(self.now)))
        self.exact.step(self.now)

    @property
    def asked(self) -> list[str]:
        """The counts that were asked for."""
        return [one.work for one in self.said if isinstance(one, pc.MakeCopy)]

    def hear(self, report: rp.Report) -> None:
        if not self.exact.take(report):
            assert self.copies.take(report, self.link)

    def copied(self, pause_s: float = 0.001) -> None:
        self.hear(rp.Copied(work=self.asked[-1], pid=NO_PROCESS, pause_s=pause_s))

    def counted(self, blocks: int = 2, took_s: float = 0.1, name: str = "f") -> None:
        work = self.asked[-1]
        sites = [("a.py", 3, name), SITES[1]]
        uses = [(1, 20, 1), (0, 10, 1)]
        ways = [([1, 0], 20, 1), ([0], 10, 1)]
        files = [("b.py", 20, 1), ("a.py", 10, 1)]
        self.hear(
            rp.TracesReport(
                work=work,
                frames=2,
                traced=30,
                peak=40,
                blocks=blocks,
                sites=sites,
                lines=uses,
                files=files,
                tracebacks=ways,
                took_s=took_s,
            )
        )
        self.hear(rp.Done(work=work))

    @property
    def taken(self) -> list[ev.TracesTaken]:
        return [one for one in self.events if isinstance(one, ev.TracesTaken)]

    @property
    def failed(self) -> list[ev.TracesFailed]:
        return [one for one in self.events if isinstance(one, ev.TracesFailed)]

    @property
    def switched(self) -> list[tuple[str, int, str]]:
        found = [one for one in self.events if isinstance(one, ev.AllocationsSwitched)]
        return [(one.mode, one.frames, one.note) for one in found]


@pytest.fixture
def target(monkeypatch: pytest.MonkeyPatch) -> Iterator[Target]:
    """One in exact mode, with tracebacks of two frames."""
    monkeypatch.setattr(traces, "memory_shortage", lambda _: "")
    target = Target()
    target.exact.begin(2)
    yield target
    target.near.close()
    target.far.close()


def test_the_probe_is_asked_every_second(target: Target) -> None:
    target.at(3)
    looks = [one for one in target.said if isinstance(one, pc.Trace)]
    assert looks == [pc.Trace(frames=2)] * 4
    target.exact.end()
    target.at(9)
    assert target.said[-1] == pc.Untrace()


def test_a_count_is_told_with_numbers(target: Target) -> None:
    target.at(1)
    assert (len(target.asked), target.exact.counting) == (1, True)
    target.now += 7
    target.copied(0.002)
    target.at(1.5)
    target.counted()

    seen = [one for one in target.events if isinstance(one, ev.SitesSeen)]
    assert [site for one in seen for site in one.sites] == [
        Site(file=file, line=line, function=function) for file, line, function in SITES
    ]
    (ways,) = [one for one in target.events if isinstance(one, ev.TracebacksSeen)]
    assert ways.tracebacks == [[1, 0], [0]]
    lines = [LineUse(site=1, size=20, count=1), LineUse(site=0, size=10, count=1)]
    files = [FileUse(file="b.py", size=20, count=1), FileUse(file="a.py", size=10, count=1)]
    tracebacks = [
        TracebackUse(traceback=0, size=20, count=1),
        TracebackUse(traceback=1, size=10, count=1),
    ]
    at = 1 + 7e-9
    assert target.taken == [
        ev.TracesTaken(
            at=at,
            process=MAIN,
            number=1,
            frames=2,
            traced=30,
            peak=40,
            blocks=2,
            pause_s=0.002,
            took_s=0.1,
            lines=lines,
            files=files,
            tracebacks=tracebacks,
        )
    ]
    assert not target.exact.counting


@pytest.mark.parametrize(
    ("pause_s", "took_s", "after_s"),
    [(0.001, 0.1, 4.0), (0.01, 0.1, 20.0), (0.001, 3.0, 10.0)],
)
def test_large_heaps_are_counted_less_often(
    target: Target, pause_s: float, took_s: float, after_s: float
) -> None:
    target.at(1)
    target.copied(pause_s)
    target.counted(took_s=took_s)
    target.at(1 + after_s - 0.01)
    assert len(target.asked) == 1
    target.at(1 + after_s + 0.01)
    assert len(target.asked) == 2


def test_what_is_wanted_comes_at_once(target: Target) -> None:
    target.exact.wanted()
    target.at(0.001)
    assert len(target.asked) == 1


def test_a_count_that_was_begun_before_a_mark_does_not_pass_for_one_after(target: Target) -> None:
    """Nobody knows whether the copy was made before it."""
    target.at(1)
    target.now = 2 * SECOND
    target.exact.wanted()
    target.now = 3 * SECOND
    target.copied()
    target.counted()
    target.at(3.001)
    target.copied()
    target.counted()
    assert [one.at for one in target.taken] == [1.0, 3.001]


def test_a_failure_is_told_and_tried_again_ever_later(target: Target) -> None:
    target.at(1)
    target.hear(rp.CopyRefused(work=target.asked[-1], reason="clone: Cannot allocate memory"))
    target.at(6.001)
    target.hear(rp.CopyRefused(work=target.asked[-1], reason="clone: Cannot allocate memory"))
    target.at(16)
    assert len(target.asked) == 2
    target.at(16.002)
    target.copied()
    target.counted()
    said = [(one.reason, one.retry_s) for one in target.failed]
    assert said == [("clone: Cannot allocate memory", 5.0), ("clone: Cannot allocate memory", 10.0)]
    assert len(target.taken) == 1


def test_where_memory_is_short_no_copy_is_made(
    target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(traces, "memory_shortage", lambda _: "memory is short")
    target.at(1)
    assert (target.asked, target.failed[0].reason) == ([], "memory is short")
    monkeypatch.setattr(traces, "memory_shortage", lambda _: "")
    target.at(6.001)
    assert len(target.asked) == 1


def test_the_last_count_is_made_though_another_is_under_way(target: Target) -> None:
    target.at(1)
    target.copied()
    target.now += 5
    target.exact.take_last(target.now)
    first, second = target.asked
    target.copied()
    target.counted(blocks=7)
    assert [(one.number, one.blocks) for one in target.taken] == [(2, 7)]
    assert target.asked == [first, second]
    assert not target.exact.counting


def test_a_count_whose_copy_is_still_to_be_made_is_the_last(target: Target) -> None:
    target.at(1)
    target.exact.take_last(target.now)
    assert len(target.asked) == 1


def test_a_last_count_that_fails_is_not_tried_again(target: Target) -> None:
    target.at(0.5)
    target.exact.take_last(target.now)
    target.exact.end()
    target.copies.end()
    assert [(one.reason, one.retry_s) for one in target.failed] == [("the watch has ended", None)]


def test_what_is_cut_off_by_the_end_of_the_mode_is_no_failure(target: Target) -> None:
    target.at(1)
    target.exact.end()
    target.copies.end()
    assert target.failed == []


def test_a_line_keeps_the_name_that_it_was_told_with(target: Target) -> None:
    """Else it would be another one when its function is gone."""
    target.at(1)
    target.copied()
    target.counted()
    target.exact.wanted()
    target.at(1.001)
    target.copied()
    target.counted(name="<module>")
    first, second = target.taken
    assert first.lines == second.lines


# What limits it


def test_nothing_limits_what_was_begun_before_the_first_line(target: Target) -> None:
    target.hear(NEW)
    target.hear(NEW)
    assert target.switched == [("exact", 2, "")]


def test_what_was_before_is_not_known_when_it_is_begun_late(target: Target) -> None:
    target.hear(msgspec.structs.replace(NEW, early=False))
    assert target.switched == [("exact", 2, "what was allocated before 0 s is not known")]


def test_the_target_s_own_tracing_limits_it(target: Target) -> None:
    target.hear(msgspec.structs.replace(NEW, ours=False, early=False, frames=5, used=True))
    ((mode, frames, note),) = target.switched
    assert (mode, frames) == ("exact", 5)
    assert "switched tracemalloc on itself" in note
    assert "5 deep, not 2" in note


def test_that_the_target_stops_it_is_told(target: Target) -> None:
    target.hear(NEW)
    for lost in range(1, 9):
        target.now = lost * SECOND
        target.hear(msgspec.structs.replace(NEW, early=False, lost=lost, used=True))
    notes = [note for _, _, note in target.switched]
    assert len(notes) == 5
    assert "stopped tracemalloc; it was begun again at 1.00 s" in notes[1]
    assert "will not be switched off" in notes[1]
    assert "stopped tracemalloc 8 times; it was begun again at 8.00 s" in notes[4]


def test_an_interpreter_without_tracemalloc(target: Target) -> None:
    target.hear(
        rp.TracingStatus(
            on=False,
            frames=0,
            ours=False,
            early=False,
            lost=0,
            used=False,
            missing="the target's Python has none",
        )
    )
    target.at(20)
    assert target.switched == [("off", 0, "the target's Python has none")]
    assert target.asked == []


def test_that_it_stays_on_is_told(target: Target) -> None:
    target.hear(NEW)
    target.exact.end()
    target.hear(msgspec.structs.replace(NEW, used=True))
    target.hear(msgspec.structs.replace(NEW, used=True))
    (note,) = [one for one in target.events if isinstance(one, ev.Noted)]
    assert "stays on" in note.text


def test_that_it_is_off_is_not_worth_a_word(target: Target) -> None:
    target.hear(NEW)
    target.exact.end()
    target.hear(msgspec.structs.replace(NEW, on=False, frames=0, ours=False))
    assert not [one for one in target.events if isinstance(one, ev.Noted)]
