"""The Time panel's figures: self and total, callers and callees, which time of which threads."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.sample_events import target_started

from refwatch.readings.threads.events import ThreadSlice
from refwatch.readings.threads.states import ThreadState as S
from refwatch.session import events as ev
from refwatch.session.state import State
from refwatch.tui.panels.time.detail_view import draw_source, draw_title, view_place
from refwatch.tui.panels.time.lines import StackNames, draw_how, draw_kin
from refwatch.tui.panels.time.table import FIRST, arrange, fit_name
from refwatch.tui.panels.time.view import (
    TIME_KINDS,
    By,
    Kin,
    Place,
    Span,
    TimeOptions,
    TimeView,
    callees_of,
    callers_of,
    view_time,
)
from refwatch.tui.subject import Subject
from refwatch.tui.views.icicle_search import NO_SEARCH, search
from refwatch.tui.views.styled_text import Line, width_of
from refwatch.tui.views.weighted_tree import WHOLE
from refwatch.wire.event import MAIN

LINES = ((1, 10, "run"), (2, 20, "fib"), (3, 21, "fib"), (4, 30, "load"))
PATHS = [(1, 0, 1), (2, 1, 2), (3, 2, 3), (4, 3, 3), (5, 1, 4)]
"""run; run fib; run fib fib; run fib fib fib; run load"""
SPENT = [
    (2, S.GIL_HELD, 1.0),
    (3, S.GIL_HELD, 2.0),
    (4, S.NATIVE, 3.0),
    (5, S.IO_WAIT, 4.0),
    (1, S.GIL_HELD, 0.5),
]
RUN, FIB, LOAD = (Place("/app/a.py", 0, name) for name in ("run", "fib", "load"))


def state_with(*threads: tuple[str, float]) -> State:
    """Threads of these names, each of which spent that when it was told."""
    state = State()
    state.apply(target_started())
    for line, number, function in LINES:
        state.apply(
            ev.LineSeen(at=0.0, process=MAIN, line=line, file="/app/a.py", number=number,
                        function=function)
        )  # fmt: skip
    state.apply(ev.PathsSeen(at=0.0, process=MAIN, nodes=PATHS))
    for serial, (name, at) in enumerate(threads, 1):
        state.apply(ev.ThreadStarted(at=0.0, process=MAIN, serial=serial, tid=serial, name=name))
        spent(state, serial, at)
    return state


def spent(state: State, serial: int, at: float) -> None:
    piece = ThreadSlice(serial=serial, samples=1, states={S.GIL_HELD: 10.5}, paths=list(SPENT))
    state.apply(
        ev.Sampled(at=at, process=MAIN, span_s=1.0, samples=1, gil=None, threads=[piece],
                   rate_hz=100.0)
    )  # fmt: skip


def view(state: State | None = None, **options: object) -> TimeView:
    known = state if state is not None else state_with(("w-1", 1.0))
    return view_time(Subject(known), TimeOptions(**options))  # type: ignore[arg-type]


def figures(shown: TimeView) -> dict[str, tuple[float, float]]:
    return {shown.places[row.site].function: (row.own, row.total) for row in shown.rows}


def text(line: Line) -> str:
    return "".join(piece for piece, _ in line)


def test_a_function_that_calls_itself_counts_once() -> None:
    shown = view()
    assert figures(shown) == {"run": (0.5, 6.5), "fib": (6.0, 6.0)}
    assert shown.total == 6.5


def test_the_kind_of_time() -> None:
    words = {what.words: number for number, what in enumerate(TIME_KINDS)}
    reading = figures(view(what=words["in input and output"]))
    assert reading == {"run": (0.0, 4.0), "load": (4.0, 4.0)}
    assert figures(view(what=words["holding the GIL"]))["fib"] == (3.0, 3.0)
    assert view(what=words["in all"]).total == 10.5
    assert view(what=words["waiting for locks"]).rows == ()


def test_by_line() -> None:
    shown = view(by=By.LINE)
    lines = {shown.places[row.site].line: (row.own, row.total) for row in shown.rows}
    assert lines == {10: (0.5, 6.5), 20: (1.0, 6.0), 21: (5.0, 5.0)}


def test_of_one_kind_of_thread_and_of_the_last_seconds() -> None:
    state = state_with(("w-1", 1.0), ("w-2", 50.0), ("other", 50.0))
    assert view(state).total == pytest.approx(3 * 6.5)
    assert view(state).kinds == ("w-*", "other")
    assert view(state, kind="w-*").total == pytest.approx(2 * 6.5)
    assert view(state, span=Span.MOMENT).total == pytest.approx(2 * 6.5)
    assert view(state, span=Span.MOMENT, kind="w-*").total == pytest.approx(6.5)
    state.apply(ev.Marked(at=60.0, name="here"))
    spent(state, 3, 61.0)
    assert view(state, since=60.0).total == pytest.approx(6.5)


def test_a_thread_that_gets_its_name_after_the_mark_has_not_begun_with_it() -> None:
    state = state_with(("python", 1.0))
    state.apply(ev.Marked(at=2.0, name="here"))
    state.apply(ev.ThreadNamed(at=2.0, process=MAIN, serial=1, name="worker"))
    assert view(state, since=2.0).total == 0
    spent(state, 1, 3.0)
    assert view(state, since=2.0).total == pytest.approx(6.5)


def test_processes_together() -> None:
    state = state_with(("w-1", 1.0))
    child = state_with(("w-1", 1.0)).processes[MAIN]
    state.processes[2] = child
    both = view_time(Subject(state, together=True), TimeOptions())
    assert figures(both) == {"run": (1.0, 13.0), "fib": (12.0, 12.0)}


def test_callers_and_callees() -> None:
    shown = view()
    site = {place: number for number, place in enumerate(shown.places)}
    assert callers_of(shown.stacks, site[FIB]) == [Kin(site[RUN], 6.0)]
    assert callees_of(shown.stacks, site[RUN]) == [Kin(site[FIB], 6.0)]
    assert callers_of(shown.stacks, site[RUN]) == [Kin(WHOLE, 6.5)]
    assert callees_of(shown.stacks, site[FIB]) == []
    (line,) = draw_kin(shown, site[FIB], "/app", 60, calls=False)
    assert text(line).split() == ["6.00", "s", "92", "%", "run", "a.py"]


def test_order_and_filter() -> None:
    shown = view()
    names = [shown.places[row.site].function for row in arrange(shown, FIRST)]
    assert names == ["fib", "run"]
    by_total = arrange(shown, replace(FIRST, sort="total"))
    assert [shown.places[row.site].function for row in by_total] == ["run", "fib"]
    assert len(arrange(shown, replace(FIRST, filter="FI"))) == 1


def test_a_search_adds_up_each_stack_once() -> None:
    shown = view(what=len(TIME_KINDS) - 1)
    names = StackNames(shown, "")
    found = search(shown.stacks, "FIB", names.searched)
    fib = shown.places.index(FIB)
    assert found.sites == {fib}
    assert found.share == pytest.approx(6.0 / shown.total)
    assert found.count == len(found.paths) >= 1
    assert all(path[-1] == fib for path in found.paths)
    assert search(shown.stacks, "nowhere", names.searched).share == 0
    assert search(shown.stacks, "", names.searched) == NO_SEARCH
    first, last = found.paths[0], found.paths[-1]
    assert found.beside((), 1) == first
    assert found.beside((), -1) == last
    assert found.beside(last, 1) == first
    assert NO_SEARCH.beside((), 1) is None


def test_source_with_the_seconds_of_each_line() -> None:
    def source(_: str, first: int, last: int) -> tuple[str, ...]:
        return tuple(f"text {number}" for number in range(first, last + 1))

    shown = view_place(Subject(state_with(("w-1", 1.0))), TimeOptions(), FIB, source)
    assert (shown.own, shown.total) == (6.0, 6.0)
    rows = {row.number: (row.own, row.total, row.text) for row in shown.source}
    assert rows[20] == (1.0, 6.0, "text 20")
    assert rows[21] == (5.0, 5.0, "text 21")
    assert rows[19][:2] == (0.0, 0.0)
    assert all(width_of(line) <= 50 for line in draw_source(shown, 50))
    assert "fib" in text(draw_title(shown, 100))
    unread = view_place(Subject(state_with(("w-1", 1.0))), TimeOptions(), FIB, lambda *_: ())
    assert [row.number for row in unread.source] == [20, 21]
    gone = view_place(Subject(state_with()), TimeOptions(), FIB, source)
    assert gone.total == 0.0
    assert text(draw_source(gone, 50)[0]) == "no such time here"


def test_what_it_says_above_the_table() -> None:
    said = text(draw_how(view(), "start", 118))
    assert said.startswith("6.50 s on a CPU by all threads since start")
    assert width_of(draw_how(view(), "start", 40)) <= 40


def test_why_there_is_nothing() -> None:
    state = State()
    state.apply(target_started())
    assert view(state).reason == "No stack was read yet."
    state.apply(
        ev.ReadingLimited(at=0.0, process=MAIN, reading="outside reading", reason="not permitted")
    )
    assert view(state).reason == "No stacks are read: not permitted"


@pytest.mark.parametrize(
    ("width", "said"),
    [
        (60, "JSONEncoder.iterencode  app/json/encoder.py"),
        (36, "JSONEncoder.iterencode  encoder.py"),
        (30, "JSONEncoder.iterencode  encod…"),
        (26, "JSONEncoder.iterencode"),
        (15, "…iterencode"),
    ],
)
def test_the_functions_name_is_the_last_to_give_way(width: int, said: str) -> None:
    place = Place("/w/app/json/encoder.py", 0, "JSONEncoder.iterencode")
    assert "".join(text for text, _ in fit_name(place, "/w", width)) == said


def test_a_module_says_its_file() -> None:
    place = Place("<frozen importlib._bootstrap_external>", 0, "<module>")
    assert "".join(text for text, _ in fit_name(place, "", 30)) == "<module>  _bootstrap_external>"
