"""The summary is short, aligned, and safe for a terminal."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from itertools import takewhile
from typing import Any

import msgspec
import pytest
from tests.sample_events import census_taken, named_oddly, sampled, target_started
from tests.simulate import Simulation, child, merged
from tests.simulate_references import with_references

from refwatch.export.snapshot import build_snapshot
from refwatch.export.summary import MAX_LINES, summary_lines
from refwatch.readings.threads.states import ThreadState as S
from refwatch.session import events as ev
from refwatch.session.state import KEEP_PROCESSES, State
from refwatch.wire.event import MAIN
from refwatch.wire.heap_values import ChainLink, Garbage, TypeCount

PID = 42


def test_the_summary_of_a_session(state: State) -> None:
    lines = summary_lines(state)
    assert lines[:3] == [
        "target   x.py 'a b' · finished, exit 3 · 10.0 s",
        "verdict  4 threads: 99 % of the GIL held, each waits 75 % of its time",
        "GIL      99 % held, 3.0 threads waiting for it on average, 2,000 handoffs",
    ]
    assert lines[3] == "threads  spinner 1   gil_wait 75 %, gil_held 25 %  /app/work.py:12"
    assert [line[9:18] for line in lines[3:8]] == [
        *(f"spinner {n}" for n in range(1, 5)),
        "MainThrea",
    ]
    assert lines[-2] == (
        "memory   9.5 MiB resident, 8.6 MiB of it private, 19.1 MiB at most"
        " · CPU 10.0 s user, 0 s system"
    )
    assert lines[-1] == "cost     12.3 ms CPU in the target, 1 ms of the GIL; 0.50 s CPU beside it"


def leaking(seconds: float = 30.0) -> State:
    """Many threads, three leaks and more, and whatever else makes a summary long."""
    state = State()
    for event in with_references(Simulation(seconds, workers=12, ends=True)):
        state.apply(event)
    state.apply(
        ev.ReadingLimited(at=seconds, process=MAIN, reading="memory.uss", reason="not readable")
    )
    state.apply(
        ev.ReadingLimited(at=seconds, process=MAIN, reading="stacks", reason="not verified")
    )
    return state


def test_a_leak_is_named_with_what_keeps_it_alive() -> None:
    lines = summary_lines(leaking())
    assert lines[1] == (
        "leak     app.Session grows by 40/s: item 17 of list ← global sessions of module __main__"
    )
    assert lines[-4] == (
        "objects  26,557 in the heap (12 censuses, pauses of 2.9 ms at most)"
        " · 14 objects watched, 3 died"
    )


def grown(*names: str, chains: list[list[ChainLink]] | None = None, each: int = 200) -> State:
    """Types, as ``module|name``, of which there are more at each census; and chains for each."""
    state = State()
    state.apply(target_started())
    split = [(name.partition("|")[0], name.partition("|")[2]) for name in names]
    for number in range(1, 8):
        types = [
            TypeCount(module=name[0], name=name[1], count=number * each * (1 + place), size=64)
            for place, name in enumerate(split)
        ]
        state.apply(census_taken(2.5 * number, number=number, types=types))
    for module, name in split:
        if chains is not None:
            state.apply(
                ev.ChainsFound(at=20.0, process=MAIN, module=module, name=name, chains=chains)
            )
    return state


def leaks(state: State) -> list[str]:
    """The lines about leaks."""
    lines = summary_lines(state)
    first = next(place for place, line in enumerate(lines) if line.startswith("leak "))
    more = [line for line in lines[first + 1 :] if line.startswith(" ") and "grows" in line]
    return [line[9:] for line in [lines[first], *more]]


def test_python_s_own_types_are_named_only_where_nothing_else_grows() -> None:
    both = leaks(grown("builtins|dict", "app|Entry"))
    assert both == ["app.Entry grows by 160/s: who keeps them alive was not found out"]
    alone = leaks(grown("builtins|dict", "builtins|list", "builtins|tuple", "builtins|int"))
    assert [line.partition(" grows by ")[0] for line in alone] == ["list", "dict"]


def test_at_most_three_leaks_are_named() -> None:
    lines = leaks(grown("app|A", "app|B", "app|C", "app|D", "app|E"))
    assert [line.partition(" ")[0] for line in lines] == ["app.E", "app.D", "app.C"]
    assert lines[-1].endswith("(and 2 more)")


def test_what_grows_ever_slower_is_told_as_no_leak() -> None:
    """It may be one, of a program that gets ever less of a busy machine."""
    state = State()
    state.apply(target_started())
    for number in range(1, 12):
        types = [TypeCount(module="app", name="Row", count=round(800 * number**0.5), size=64)]
        state.apply(census_taken(2.5 * number, number=number, types=types))
    (line,) = leaks(state)
    assert re.fullmatch(
        r"app\.Row \+\d+/s, ever slower, as a cache that fills: not judged to be a leak", line
    )
    assert build_snapshot(state, taken_at=datetime.now(UTC)).processes[0].judged.reason == line


@pytest.mark.parametrize("suspect", ["builtins|str", "app|Line"])
def test_what_grows_ever_slower_is_told_beside_what_only_goes_along_with_it(suspect: str) -> None:
    module, _, name = suspect.partition("|")
    state = State()
    state.apply(target_started())
    for number in range(1, 12):
        slower = TypeCount(module="app", name="Row", count=round(800 * number**0.5), size=64)
        types = [slower, TypeCount(module=module, name=name, count=300 * number, size=64)]
        state.apply(census_taken(2.5 * number, number=number, types=types))
    told = [line[9:] for line in summary_lines(state) if "ever slower" in line]
    assert len(told) == (module == "builtins")
    assert all(line.startswith("app.Row +") for line in told)


def test_the_rate_of_a_slow_leak() -> None:
    assert leaks(grown("app|A", each=20))[0].startswith("app.A grows by 8.0/s: ")


def test_the_clearest_chain_is_told() -> None:
    entry = ChainLink(type="app.Entry", edge="local entry")
    frame = [entry, ChainLink(type="frame", name="work, /app/x.py:7")]
    module = [
        ChainLink(type="app.Entry", edge="index 3"),
        ChainLink(type="list", edge="attribute rows"),
        ChainLink(type="app.Table", edge="global table"),
        ChainLink(type="module", name="app"),
    ]
    (line,) = leaks(grown("app|Entry", chains=[frame, module]))
    told = "index 3 of list ← attribute rows of app.Table ← global table of module app"
    assert line == f"app.Entry grows by 80/s: {told}"
    (line,) = leaks(grown("app|Entry", chains=[frame]))
    assert line == "app.Entry grows by 80/s: local entry of frame work, /app/x.py:7"
    stack = [
        ChainLink(type="app.Entry", edge="reference"),
        ChainLink(type="C code", name="C code, or a stack"),
    ]
    (line,) = leaks(grown("app|Entry", chains=[stack, module]))
    assert line == f"app.Entry grows by 80/s: {told}"
    (line,) = leaks(grown("app|Entry", chains=[stack]))
    assert line == "app.Entry grows by 80/s: reference of C code, or a stack"


NOT_HELD: dict[str, dict[str, Any]] = {
    "nobody holds all: garbage that waits for the collector": {"looked": 9, "garbage": 9},
    "nobody holds 700 of 900: garbage that waits for the collector": {
        "looked": 900,
        "garbage": 700,
    },
    "who keeps them alive is not known: the search was cut short": {
        "looked": 900,
        "missing": "the search was cut short",
    },
    "no module, frame or thread was found to lead to them": {},
}


@pytest.mark.parametrize("words", NOT_HELD)
def test_that_nobody_holds_them_is_told_of_a_search_that_has_ended(words: str) -> None:
    state = grown("app|Entry")
    assert leaks(state) == ["app.Entry grows by 80/s: who keeps them alive was not found out"]
    state.apply(
        ev.ChainsFound(
            at=20.0, process=MAIN, module="app", name="Entry", chains=[], **NOT_HELD[words]
        )
    )
    assert leaks(state) == [f"app.Entry grows by 80/s: {words}"]


def test_a_class_of_which_most_is_garbage_is_laid_at_no_door() -> None:
    chain = [ChainLink(type="app.Entry", edge="global keep"), ChainLink(type="module", name="app")]
    state = grown("app|Entry", chains=[chain])
    entry = TypeCount(module="app", name="Entry", count=3400, size=64)
    garbage = Garbage(
        objects=2400,
        bytes=5 << 20,
        types=[TypeCount(module="app", name="Entry", count=1800, size=64)],
    )
    state.apply(
        ev.CensusTaken(
            at=20.0,
            process=MAIN,
            number=8,
            took_s=0.1,
            objects=1000,
            types=[entry],
            most_referenced=[],
            untracked=False,
            garbage=garbage,
        )
    )
    (line,) = leaks(state)
    assert line.endswith("nobody holds 1,800 of 3,400: garbage that waits for the collector")
    objects = next(line for line in summary_lines(state) if line.startswith("objects"))
    assert "garbage that waits for the collector: 2,400, 5.0 MiB" in objects


def test_garbage_that_was_freed_before_the_last_census_is_told() -> None:
    state = grown("app|Entry")
    for number, size in ((8, 31 << 20), (9, 0)):
        garbage = Garbage(objects=size >> 12, bytes=size, types=[])
        census = ev.CensusTaken(
            at=20.0 + number,
            process=MAIN,
            number=number,
            took_s=0.1,
            objects=9,
            types=[],
            garbage=garbage,
        )
        state.apply(census)
    (objects,) = (line for line in summary_lines(state) if line.startswith("objects"))
    assert objects.endswith("up to 31.0 MiB of garbage waited for the collector")


def test_a_chain_that_does_not_fit_is_told_as_an_expression() -> None:
    chain = [
        ChainLink(type="app.orders.Order", edge="value of key 'order-3041'"),
        ChainLink(type="dict", edge="attribute open_orders"),
        ChainLink(type="app.orders.Desk", edge="index 2"),
        ChainLink(type="list", edge="class attribute desks"),
        ChainLink(type="type", edge="global Market", name="app.market.Market"),
        ChainLink(type="module", name="app.market"),
    ]
    (line,) = leaks(grown("app.orders|Order", chains=[chain]))
    told = "app.market.Market.desks[2].open_orders['order-3041']"
    assert line == f"app.orders.Order grows by 80/s: {told}"
    bound = [
        ChainLink(type="app.View", edge="self of bound method"),
        ChainLink(type="method", edge="index 3"),
    ]
    bound += [ChainLink(type="list", edge=f"attribute {'after_' * 8}change"), *chain[4:]]
    (line,) = leaks(grown("app|View", chains=[bound]))
    assert line.endswith(f"/s: app.market.Market.{'after_' * 8}change[3].__self__")
    chain[1] = ChainLink(type="dict", edge="local orders")  # which no expression reaches
    chain[2:] = [ChainLink(type="frame", name=f"work, /srv/{'deep/' * 12}desk.py:7")]
    (line,) = leaks(grown("app.orders|Order", chains=[chain]))
    assert line.startswith("app.orders.Order grows by 80/s: value of key 'order-3041' of dict ← ")


def test_of_a_long_chain_the_ends_are_told() -> None:
    links = [ChainLink(type=f"app.Node{number}", edge="attribute next") for number in range(50)]
    chain = [
        *links,
        ChainLink(type="dict", edge="global first"),
        ChainLink(type="module", name="app"),
    ]
    (line,) = leaks(grown("app|Node0", chains=[chain]))
    assert len(line) <= 120
    assert line.startswith("app.Node0 grows by 80/s: attribute next of app.Node1 ← ")
    assert " ← … ← " in line
    assert line.endswith(" ← global first of module app")


def test_it_is_never_longer_than_twelve_lines(state: State) -> None:
    assert len(summary_lines(leaking())) == MAX_LINES
    state.apply(
        ev.ReadingLimited(at=1.0, process=MAIN, reading="memory.uss", reason="not readable")
    )
    state.apply(ev.ReadingLimited(at=1.0, process=MAIN, reading="stacks", reason="not verified"))
    lines = summary_lines(state)
    assert len(lines) <= MAX_LINES
    assert lines[-1] == "limits   2 readings missing or less exact: memory.uss, stacks"


def test_a_session_without_readings_is_summed_up_too() -> None:
    state = State()
    assert summary_lines(state)[1] == "verdict  no target has started yet"
    state.apply(target_started())
    state.apply(ev.TargetExited(at=0.02, process=MAIN, exit_code=None))
    assert summary_lines(state) == [
        "target   x.py · ended, status unknown · 20 ms",
        "verdict  no samples: the target ended too soon",
    ]


@pytest.mark.parametrize("odd", ["\x1b[2J\n", "\udcff", "\u202e", "x" * 5000])
def test_what_the_target_says_is_safe_and_short(odd: str) -> None:
    state = State()
    for event in named_oddly(odd):
        state.apply(event)
    state.apply(ev.ReadingLimited(at=1.0, process=MAIN, reading=odd, reason=odd))
    for number in range(1, 8):
        types = [TypeCount(module=odd, name=odd, count=number * 200, size=64)]
        state.apply(census_taken(2.5 * number, number=number, types=types))
    chain = [
        ChainLink(type=odd, edge=odd),
        ChainLink(type=odd, edge=odd),
        ChainLink(type="module", name=odd),
    ]
    state.apply(ev.ChainsFound(at=20.0, process=MAIN, module=odd, name=odd, chains=[chain]))
    assert "leak " in "\n".join(summary_lines(state))
    for line in summary_lines(state):
        assert line.isprintable()
        assert len(line) <= 130
        line.encode()


def test_without_a_gil_it_says_so() -> None:
    state = State()
    state.apply(target_started())
    state.apply(
        ev.InterpreterFound(
            at=0.0,
            process=MAIN,
            python="3.14",
            free_threaded=True,
            gil=False,
            switch_interval_s=0.005,
        )
    )
    assert "GIL      none in this interpreter" in summary_lines(state)


def test_children_are_told_once_and_are_among_the_limits(state: State) -> None:
    used = ev.ProcessMeasured(
        at=10.0,
        process=MAIN,
        rss=1 << 20,
        peak_rss=1 << 20,
        user_s=9.0,
        system_s=0.0,
        children=2,
        children_cpu_s=2.9,
    )
    state.apply(used)
    lines = summary_lines(state)
    assert lines[2] == "children 2 children used 2.90 CPU s; they are not watched"
    assert lines[-1] == "limits   1 reading missing or less exact: children"
    idle = State()
    idle.apply(target_started())
    idle.apply(ev.ThreadStarted(at=0.0, serial=1, process=MAIN, tid=PID))
    piece = ev.ThreadSlice(serial=1, samples=100, states={S.IO_WAIT: 10.0})
    idle.apply(sampled(10.0, piece, span_s=10.0))
    idle.apply(used)
    assert sum("2 children used" in line for line in summary_lines(idle)) == 1


# -- children --------------------------------------------------------------------------------------


def state_of(*children: Iterable[ev.Event]) -> State:
    """A program that waits for these children."""
    waiting = Simulation(6.0, workers=0, load=0.01, terminal=False)
    state = State()
    for event in merged(waiting.events(), *children):
        state.apply(event)
    return state


def family(*children: Iterable[ev.Event]) -> list[str]:
    """The lines about processes, of a program that waits for these children."""
    lines = summary_lines(state_of(*children))
    first = next(place for place, line in enumerate(lines) if line.startswith("processes"))
    more = list(takewhile(lambda line: line.startswith(" " * 11), lines[first + 1 :]))
    assert len(lines) - len(more) - 1 <= MAX_LINES
    return [line[11:] for line in [lines[first], *more]]


def busy(number: int, seconds: float, exit_code: int | None = None) -> Iterable[ev.Event]:
    """A child that holds its GIL all the time; it ends if it has an ``exit_code``."""
    simulation = Simulation(seconds, 1, ends=exit_code is not None, exit_code=exit_code)
    return child(simulation.events(), number)


def test_children_are_told_with_what_they_used() -> None:
    assert family(busy(2, 5.0, 0), busy(3, 3.0, 0), busy(4, 4.0, 0)) == [
        "4 in all, 3 children: 11.9 CPU s in them, 2.4 GILs held on average",
        "4243 fork  4.9 CPU s, GIL 99 % held  /home/app/threads_cpu.py:21",
        "4245 fork  4.0 CPU s, GIL 99 % held  /home/app/threads_cpu.py:21",
        "4244 fork  3.0 CPU s, GIL 99 % held  /home/app/threads_cpu.py:21",
    ]


def test_of_many_children_the_most_important_are_told_and_the_rest_in_a_sum() -> None:
    head, *lines = family(*(busy(number, number / 2, 0) for number in range(2, 15)))
    assert head.startswith("14 in all, 13 children: 51.5 CPU s in them, ")
    assert [line.partition(" ")[0] for line in lines[:-1]] == [str(4255 - n) for n in range(10)]
    assert lines[-1] == "and 3 more: 4.5 CPU s"


def test_a_child_that_ended_badly_is_told() -> None:
    shown = family(busy(2, 2.0, 0), busy(3, 2.0, 137), busy(4, 1.0, 3))
    assert " % held, ended by SIGKILL  " in shown[1]
    assert " % held, exit 3  " in shown[2]
    assert shown[3].startswith("4243 ")
    worse = family(*(busy(number, 1.0, 139) for number in range(2, 14)))
    assert worse[-1] == "and 2 more: 2.0 CPU s; 2 of them failed"


def test_the_average_is_of_the_time_in_which_children_lived() -> None:
    late = child(Simulation(1.0, 1).events(), 2, began_s=5.0)
    (head, _) = family(late)
    assert head == "2 in all, 1 child: 1.0 CPU s in them, 1.0 GILs held on average"


def test_children_that_are_no_longer_kept_are_in_the_sums() -> None:
    many = range(2, 4 + KEEP_PROCESSES)
    events = merged(*(busy(number, 0.5, 0) for number in many))
    (head, *lines) = family(events)
    assert head.startswith(f"{len(many) + 1} in all, {len(many)} children: 100.0 CPU s in them")
    assert lines[-1] == f"and {len(many) - 10} more: 95.0 CPU s"


def test_children_of_which_nothing_was_read_are_in_the_sum() -> None:
    """The system has told the program what those used that it has waited for."""

    def ended(number: int) -> Iterable[ev.Event]:
        start = child(Simulation(0.1, 1).start(), number)
        return [*start, ev.TargetExited(at=0.2, process=number, exit_code=int(number == 2))]

    many = range(2, 9 + KEEP_PROCESSES)
    state = state_of(*map(ended, many))
    assert state.main is not None
    assert state.main.memory is not None
    state.apply(msgspec.structs.replace(state.main.memory, at=6.0, reaped_s=4.0))
    lines = summary_lines(state)
    place = next(place for place, line in enumerate(lines) if line.startswith("processes"))
    assert lines[place].startswith(f"processes  {len(many) + 1} in all, {len(many)} children: 4.0")
    assert lines[place + 1].strip() == "4243 fork  exit 1"
    assert lines[place + 11].strip() == f"and {len(many) - 10} more: 4.0 CPU s"


def test_their_lines_take_none_from_the_others() -> None:
    state = leaking()
    before = [line for line in summary_lines(state) if not line.startswith(("threads", " "))]
    for event in merged(*(busy(number, 3.0, 1) for number in range(2, 9))):
        state.apply(event)
    lines = summary_lines(state)
    assert len(lines) == MAX_LINES + 8
    labels = [line[:9].strip() for line in lines]
    assert {line[:9].strip() for line in before} < set(labels)
    assert "processes" in labels
    assert all(len(line) <= 130 for line in lines)
    width = len("processes  ")
    assert all(line[width - 2 : width] == "  " for line in lines if line[:9].strip())
