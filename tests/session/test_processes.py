"""Several processes in one session: each is folded as if it were alone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import pytest
from msgspec.structs import replace
from tests.random_sessions import Session
from tests.simulate import Simulation
from tests.stand_ins import started

from refwatch.session import codec
from refwatch.session import events as ev
from refwatch.session.state import State
from refwatch.wire.event import MAIN, SESSION

OTHER = 2


def fold(events: Iterable[ev.Event]) -> State:
    state = State()
    for event in events:
        state.apply(event)
    return state


def numbered(events: Iterable[ev.Event], number: int) -> list[ev.Event]:
    """Those of the process alone, under another number."""
    return [replace(event, process=number) for event in events if event.process != SESSION]


@pytest.mark.parametrize("seed", range(4))
def test_each_process_is_folded_as_if_it_were_alone(seed: int) -> None:
    sessions: Sequence[list[ev.Event]] = [
        list(Session(seed, 60).events()),
        list(Session(seed + 10, 60, gil=False).events()),
        list(Simulation(6.0).events()),
    ]
    alone = [fold(numbered(events, number)) for number, events in enumerate(sessions, MAIN)]
    mixed = [
        event for number, events in enumerate(sessions, MAIN) for event in numbered(events, number)
    ]
    together = fold(sorted(mixed, key=lambda event: event.at))

    assert list(together.processes) == [1, 2, 3]
    for number, state in enumerate(alone, MAIN):
        assert codec.encode(together.processes[number]) == codec.encode(state.processes[number])


def test_an_event_of_a_process_that_is_not_known_changes_no_other() -> None:
    state = fold([started()])
    before = codec.encode(state.processes)
    state.apply(ev.ThreadStarted(at=1.0, process=OTHER, serial=1, tid=7))
    state.apply(ev.ReadingLimited(at=1.0, process=OTHER, reading="gil", reason="not found"))
    state.apply(ev.TargetExited(at=1.0, process=OTHER, exit_code=0))
    assert codec.encode(state.processes) == before


def test_the_end_of_another_process_is_not_that_of_the_target() -> None:
    state = fold(
        [started(), started(43, process=OTHER), ev.TargetExited(at=1.0, process=OTHER, exit_code=3)]
    )
    assert state.exited is None
    assert state.processes[OTHER].exited is not None


def test_a_mark_is_set_in_every_process() -> None:
    state = fold([started(), started(43, process=OTHER), ev.Marked(at=1.0, name="warm")])
    names = [process.references.baselines[-1].name for process in state.processes.values()]
    assert names == ["warm", "warm"]
