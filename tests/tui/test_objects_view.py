"""What the Objects panel reads from a state: rows, rates, growth, suspects, reasons."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from tests.sample_events import census_taken
from tests.simulate import PID
from tests.simulate_references import LEAK, reference_events
from tests.tui.driving import state_of

from refwatch.readings.objects.judged import GrowthCoverage
from refwatch.session import events as ev
from refwatch.session.events import Event
from refwatch.session.state import State
from refwatch.tui.panels.objects.view import (
    ObjectRow,
    ObjectsReader,
    ObjectsView,
    chains_work,
    per_second,
)
from refwatch.tui.subject import Subject
from refwatch.wire.event import MAIN
from refwatch.wire.heap_values import ChainLink, TypeCount

SECONDS = 14.3


def begun(*, free_threaded: bool = False) -> list[Event]:
    return [
        ev.TargetStarted(
            at=0.0,
            process=MAIN,
            pid=PID,
            argv=["app.py"],
            executable="py",
            cwd="/",
            started_at="now",
            refwatch="0",
        ),
        ev.InterpreterFound(
            at=0.1,
            process=MAIN,
            python="3.12.7",
            free_threaded=free_threaded,
            gil=not free_threaded,
            switch_interval_s=0.005,
        ),
    ]


def read(events: Iterable[Event]) -> ObjectsView:
    return ObjectsReader().read(Subject(state_of([*begun(), *events])))


def row_of(view: ObjectsView, module: str, name: str) -> ObjectRow:
    (found,) = [row for row in view.rows if row.full_name == (module, name)]
    return found


def census(at: float, *types: TypeCount) -> ev.CensusTaken:
    return census_taken(at, number=round(at), types=list(types))


@pytest.fixture(scope="module")
def view() -> ObjectsView:
    return read(reference_events(SECONDS))


def test_a_class_that_is_counted_live_has_one_row(view: ObjectsView) -> None:
    session = row_of(view, "app", "Session")
    assert session.live
    assert session.instances == 564
    assert session.key == LEAK
    of_the_census = row_of(view, "builtins", "dict")
    assert not of_the_census.live
    assert of_the_census.instances == 3852
    assert sum(row.live for row in view.rows) == 40
    assert len({row.key for row in view.rows}) == len(view.rows) == 172


def test_size_is_the_mean_of_the_census_times_the_count(view: ObjectsView) -> None:
    session = row_of(view, "app", "Session")
    assert session.size == 564 * 64
    found = ev.ClassFound(at=1.0, process=MAIN, serial=7, module="app", name="Never")
    assert row_of(read([found]), "app", "Never").size is None


def test_rates_are_of_the_last_five_seconds(view: ObjectsView) -> None:
    assert per_second(row_of(view, "app", "Session"), view) == pytest.approx(40, abs=1)
    assert per_second(row_of(view, "app", "Entry"), view) == 0.0
    assert per_second(row_of(view, "builtins", "tuple"), view) == 0.0


def test_a_rate_of_the_census_is_measured_from_census_to_census() -> None:
    counts = [(1.0, 100), (8.0, 170), (11.0, 170), (18.0, 310)]
    view = read(
        census(at, TypeCount(module="builtins", name="list", count=n, size=n)) for at, n in counts
    )
    assert per_second(row_of(view, "builtins", "list"), view) == pytest.approx(20.0)


def test_a_rate_begins_when_the_class_was_found() -> None:
    events: list[Event] = [
        ev.ClassFound(at=9.0, process=MAIN, serial=7, module="app", name="New"),
        ev.ClassesCounted(at=9.0, process=MAIN, counts=[(7, 500)]),
    ]
    view = read([*events, ev.ClassesCounted(at=10.0, process=MAIN, counts=[(7, 506)])])
    assert per_second(row_of(view, "app", "New"), view) == pytest.approx(6.0)


def test_growth_is_since_the_chosen_baseline(view: ObjectsView) -> None:
    session, made = row_of(view, "app", "Session"), row_of(view, "builtins", "list")
    assert [each.name for each in view.baselines] == ["start", "warm"]
    assert view.grown(session, 0) == 564
    assert view.grown(session, 1) == 564 - 152
    assert view.grown(made, 0) == 500
    assert view.grown(made, 1) == 300
    assert view.grown(session, 99) == view.grown(session, 1)


def test_what_came_after_a_mark_has_grown_from_nothing() -> None:
    events: list[Event] = [
        census(1.0, TypeCount(module="builtins", name="int", count=5, size=1)),
        ev.Marked(at=2.0, name="m"),
    ]
    later: list[Event] = [
        ev.ClassFound(at=3.0, process=MAIN, serial=7, module="app", name="New"),
        ev.ClassesCounted(at=3.0, process=MAIN, counts=[(7, 9)]),
    ]
    view = read(
        [
            *events,
            census(2.5, TypeCount(module="builtins", name="int", count=8, size=1)),
            *later,
            census(4.0, TypeCount(module="builtins", name="set", count=3, size=1)),
        ]
    )
    assert view.grown(row_of(view, "app", "New"), 1) == 9
    assert view.grown(row_of(view, "builtins", "set"), 1) == 3
    assert view.grown(row_of(view, "builtins", "int"), 1) == 0
    assert view.grown(row_of(view, "builtins", "int"), 0) == 3


def test_what_is_gone_has_no_row() -> None:
    events = list(reference_events(3.0))
    gone: list[Event] = [
        ev.ClassEnded(at=3.0, process=MAIN, serial=LEAK),
        census(3.0, TypeCount(module="builtins", name="tuple", count=0, size=0)),
    ]
    names = {row.full_name for row in read([*events, *gone]).rows}
    assert ("builtins", "tuple") not in names
    assert ("builtins", "list") in names
    assert not any(row.key == LEAK for row in read([*events, *gone]).rows)


def test_suspects_have_a_chain_that_a_module_holds(view: ObjectsView) -> None:
    first = view.suspects[0]
    assert first.judged.name == ("app", "Session")
    assert first.key == LEAK
    assert first.instances == 564 > first.judged.count
    assert first.chain is not None
    assert [link.edge for link in first.chain] == ["item 17", "global sessions", None]
    assert [each.judged.name[1] for each in view.suspects[1:]] == ["dict", "list"]
    assert view.suspects[1].key == row_of(view, "builtins", "dict").key
    assert view.suspects[1].chain is None


def test_of_the_chains_a_short_one_that_ends_in_no_frame_is_shown() -> None:
    chains = [
        [ChainLink(type="X", edge="local x"), ChainLink(type="frame", name="frame of f")],
        [
            ChainLink(type="X", edge="item 1"),
            ChainLink(type="list", edge="item 2"),
            ChainLink(type="list", edge="global a"),
            ChainLink(type="module", name="module m"),
        ],
        [
            ChainLink(type="X", edge="item 3"),
            ChainLink(type="list", edge="global b"),
            ChainLink(type="module", name="module m"),
        ],
        [],
    ]
    found = ev.ChainsFound(at=13.0, process=MAIN, module="app", name="Session", chains=chains)
    view = read([*reference_events(13.0), found])
    assert view.suspects[0].chain == tuple(chains[2])
    none = ev.ChainsFound(at=13.0, process=MAIN, module="app", name="Session", chains=[])
    assert read([*reference_events(13.0), none]).suspects[0].chain == ()


MODULE = ChainLink(type="module", name="module m", address="0x1")


def held(kind: str, *holders: tuple[str, str]) -> list[ChainLink]:
    """A chain of an object of this type; each holder has a type and an address."""
    links = [ChainLink(type=kind, edge="item 0", address="0x9")]
    links += [ChainLink(type=of, edge="item 1", address=address) for of, address in holders]
    return [*links, MODULE]


ELSEWHERE = [held("list", ("dict", "0x20")), held("list", ("set", "0x21"))]


@pytest.mark.parametrize(
    ("chains", "shown", "part"),
    [
        (ELSEWHERE, 0, True),
        ([*ELSEWHERE, held("list", ("dict", "0x22"), ("app.Session", "0x30"))], 2, False),
        ([*ELSEWHERE, held("list", ("tuple", "0x22"), ("dict", "0x40"))], 2, False),
        ([*ELSEWHERE, held("list", ("tuple", "0x22"), ("dict", "0x20"))], 0, False),
        (ELSEWHERE[:1], 0, False),
    ],
    ids=["scattered", "in a suspect", "beside suspects", "gathered elsewhere", "one is no scatter"],
)
def test_of_what_there_are_many_the_chain_leads_where_the_leak_is(
    chains: list[list[ChainLink]], shown: int, part: bool
) -> None:
    """Lists are everywhere: those that were found first need not be those that leak."""
    sessions = held("app.Session", ("dict", "0x40"))
    found = [
        ev.ChainsFound(at=14.1, process=MAIN, module="app", name="Session", chains=[sessions]),
        ev.ChainsFound(at=14.2, process=MAIN, module="builtins", name="list", chains=chains),
    ]
    view = read([*reference_events(14.0), *found])
    suspect = next(each for each in view.suspects if each.judged.name == ("builtins", "list"))
    assert suspect.chain == tuple(chains[shown])
    assert suspect.part is part


def test_what_is_remembered_changes_nothing() -> None:
    """One reader that reads after every few events, against one that reads only once."""
    state = state_of(begun())
    reader = ObjectsReader()
    ends = ev.ClassEnded(at=9.0, process=MAIN, serial=5)
    events = [
        *reference_events(9.0),
        ends,
        ev.ClassFound(at=9.1, process=MAIN, serial=99, module="app", name="Late"),
        ev.ClassesCounted(at=9.2, process=MAIN, counts=[(99, 3), (2, 1)]),
        *_rest(9.3),
    ]
    for number, event in enumerate(events):
        state.apply(event)
        if number % 7 == 0 or number > len(events) - 40:
            assert reader.read(Subject(state)) == ObjectsReader().read(Subject(state))
    other = state_of([*begun(), *reference_events(2.0)])
    assert reader.read(Subject(other)) == ObjectsReader().read(Subject(other))


def _rest(since: float) -> list[Event]:
    return [event for event in reference_events(SECONDS) if event.at > since]


def test_before_anything_is_known() -> None:
    assert ObjectsReader().read(Subject(State())).rows == ()
    view = read([])
    assert view.rows == ()
    assert view.suspects == ()
    assert view.judged.by == ()
    assert not view.over


def test_the_census_says_how_it_stands(view: ObjectsView) -> None:
    assert view.census.taken == 6
    assert view.census.taken_s == 13.5
    assert view.rates.since_s == 8.5
    assert view.census.span_s == 12.5
    assert view.judged == GrowthCoverage(until_s=13.5, by=("live", "census"), reason=None)
    counting = read(
        [
            *reference_events(3.0),
            ev.CensusBegun(at=3.5, process=MAIN, number=2, reason="viewer", pause_s=0.002),
        ]
    )
    assert counting.census.counting
    assert counting.judged.by == ()


def test_reasons_why_there_is_nothing() -> None:
    failed = read([ev.CensusFailed(at=1.0, process=MAIN, reason="too little memory", retry_s=10.0)])
    assert failed.census.failure == "too little memory"
    limit = read([ev.ReadingLimited(at=0.1, process=MAIN, reading="census", reason="no fork here")])
    assert limit.census.failure == "no fork here"
    events = begun(free_threaded=True)
    reason = ev.ReadingLimited(
        at=0.1, process=MAIN, reading="references", reason="split among threads\x1b"
    )
    assert ObjectsReader().read(Subject(state_of(events))).not_live == "free-threaded build"
    assert read([reason]).not_live == "split among threads\\x1b"
    assert read([]).not_live == ""


def test_when_all_is_over_nobody_is_asked() -> None:
    assert read([ev.TargetExited(at=1.0, process=MAIN, exit_code=0)]).over
    assert read([ev.SessionEnded(at=1.0, reason="let go")]).over


def test_work_and_chains_go_along(view: ObjectsView) -> None:
    name = ("app", "Session")
    assert view.work[chains_work(name)].done
    assert len(view.chains[name].chains) == 3
    assert view.marks == ((4.0, "warm"),)
