"""The icicle of tracebacks: where frames stand, and what is said of them."""

from __future__ import annotations

import pytest
from tests.simulate import Simulation
from tests.simulate_allocations import many, with_allocations
from tests.tui.driving import state_of
from textual.theme import Theme

from refwatch.tui.panels.allocations.icicle import TracebackNames
from refwatch.tui.panels.allocations.stacks import stacks_of
from refwatch.tui.panels.allocations.table import HIDINGS, TableOptions
from refwatch.tui.panels.allocations.view import AllocationsReader, Between
from refwatch.tui.subject import Subject
from refwatch.tui.theme import DARK, LIGHT
from refwatch.tui.views.frame_colours import FRAME_COLOURS, frame_colour
from refwatch.tui.views.icicle import IcicleView, draw_frames, frame_name, lay_icicle
from refwatch.tui.views.styled_text import Line, width_of
from refwatch.tui.views.weighted_tree import Node

MAIN, SERVE, HANDLE, ANSWER, PUT, BUILD = 14, 7, 6, 2, 1, 3
"""Numbers of sites in tests.simulate_allocations."""


@pytest.fixture(scope="module", name="figures")
def _figures() -> Between:
    state = state_of(with_allocations(Simulation(8.0), "exact"))
    return AllocationsReader().read(Subject(state)).between(0, None)


def laid(figures: Between, width: int = 78, zoom: tuple[int, ...] = ()) -> IcicleView:
    return lay_icicle(TracebackNames(figures.view), stacks_of(figures, TableOptions()), zoom, width)


def text(line: Line) -> str:
    return "".join(piece for piece, _ in line)


@pytest.mark.parametrize("width", [20, 78, 118])
def test_frames_stand_below_their_callers(figures: Between, width: int) -> None:
    view = laid(figures, width)
    assert view.rows[0][0].width == width
    for above, row in zip(view.rows, view.rows[1:], strict=False):
        x = 0
        for frame in row:
            assert frame.x >= x
            x = frame.x + frame.width
            caller = next(one for one in above if one.path == frame.path[:-1])
            assert caller.x <= frame.x
            assert x <= caller.x + caller.width
        assert x <= width


def test_width_is_the_share(figures: Between) -> None:
    view = laid(figures, 1000)
    top = stacks_of(figures, TableOptions())
    build = next(frame for frame in view.rows[2] if frame.path == (MAIN, BUILD))
    node = top.at((MAIN, BUILD))
    assert node is not None
    assert build.width == pytest.approx(1000 * node.weight / top.weight, abs=2)


def test_what_takes_most_is_at_the_left_and_stands_out(figures: Between) -> None:
    view = laid(figures)
    assert view.rows[2][0].path == (MAIN, SERVE)
    hot = {frame.path[-1] for row in view.rows for frame in row if frame.hot}
    assert {PUT, BUILD} <= hot
    assert SERVE not in hot


def test_zooming_gives_all_the_room(figures: Between) -> None:
    view = laid(figures, zoom=(MAIN, BUILD))
    assert [len(row) for row in view.rows] == [1, 1, 1]
    assert all(row[0].width == 78 for row in view.rows)
    gone = laid(figures, zoom=(MAIN, 999))
    assert gone.zoom == (MAIN,)


def test_walking(figures: Between) -> None:
    view = laid(figures)
    assert view.below(()) == (MAIN,)
    assert view.below((MAIN,)) == (MAIN, SERVE)
    assert view.beside((MAIN, SERVE), 1) == (MAIN, BUILD)
    assert view.beside((MAIN, BUILD), -1) == (MAIN, SERVE)
    assert view.beside((MAIN, SERVE), -1) == (MAIN, SERVE)
    deepest = (MAIN, SERVE, HANDLE, ANSWER, PUT)
    assert view.below(deepest) == deepest
    assert view.nearest((*deepest, 5, 6)) == deepest
    build = view.find((MAIN, BUILD))
    assert build is not None
    assert view.under(2, build[1].x) == (MAIN, BUILD)
    assert view.under(99, 0) is None


def test_hiding_and_filtering(figures: Between) -> None:
    hidden = stacks_of(figures, TableOptions(hidden=HIDINGS[2]))
    whole = stacks_of(figures, TableOptions())
    assert hidden.weight == pytest.approx(whole.weight)  # it is its callers' now
    assert whole.at((MAIN, 12)) is not None
    assert hidden.at((MAIN, 12)) is None
    cache = stacks_of(figures, TableOptions(filter="cache.py"))
    assert 0 < cache.weight < whole.weight
    assert cache.at((MAIN, BUILD)) is None


def test_rows_are_as_wide_as_there_is_room(figures: Between) -> None:
    view = laid(figures)
    for row in view.rows:
        for second in (False, True):
            assert width_of(draw_frames(row, (MAIN, SERVE), 78, second=second)) == 78
    chosen = [style for _, style in draw_frames(view.rows[2], (MAIN, SERVE), 78)]
    assert chosen.count("chosen") == 1
    assert "serve server.py:44" in text(draw_frames(view.rows[2], None, 78))
    assert "MiB" in text(draw_frames(view.rows[2], None, 78, second=True))


def test_all_is_said_of_one_frame(figures: Between) -> None:
    top = stacks_of(figures, TableOptions())
    first, second = TracebackNames(figures.view).describe(top, (MAIN, SERVE, HANDLE), 100)
    assert text(first).startswith("app/server.py:90 handle")
    assert "of all" in text(first)
    assert "100 % of its caller" in text(first)
    assert width_of(first) == 100
    assert second[0][0].startswith("  ")
    whole, keys = TracebackNames(figures.view).describe(top, (), 100)
    assert "100 % of all" in text(whole)
    assert "enter zooms in" in text(keys)


def test_frames_that_are_too_narrow_are_left_out() -> None:
    state = state_of([*with_allocations(Simulation(1.0)), *many(1.1, 2000)])
    figures = AllocationsReader().read(Subject(state)).between(0, None)
    view = laid(figures, 80)
    assert all(len(row) <= 80 for row in view.rows)


def test_nothing_is_one_row() -> None:
    state = state_of(Simulation(0.5).events())
    view = AllocationsReader().read(Subject(state))
    assert len(lay_icicle(TracebackNames(view), Node(-3), (), 40).rows) == 1


def test_a_function_has_one_colour_everywhere() -> None:
    own = frame_colour("/home/app/shop.py", "Shop.sell.<locals>.price")
    assert own == frame_colour("shop.py", "price") == frame_name("/x/shop.py", 3, "price").style
    assert own == "frame-own-6"  # in every session and version: the name alone decides
    assert frame_colour("/v/lib/python3.12/site-packages/a/b.py", "f").startswith("frame-site-")
    assert frame_colour("/usr/lib/python3.12/json/decoder.py", "f").startswith("frame-stdlib-")
    assert frame_colour("<frozen importlib._bootstrap>", "f").startswith("frame-stdlib-")
    assert len({frame_colour("shop.py", f"f{number}") for number in range(200)}) == 8


def contrast(one: str, other: str) -> float:
    """As the Web's guidelines have it: legible from 4.5 on."""

    def light(colour: str) -> float:
        parts = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
        red, green, blue = (
            p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts
        )
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    low, high = sorted((light(one), light(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize(("theme", "place"), [(DARK, 0), (LIGHT, 1)])
def test_text_is_legible_on_every_frame(theme: Theme, place: int) -> None:
    for name, colours in FRAME_COLOURS.items():
        assert contrast(theme.foreground or "", colours[place]) >= 4.5, name
        assert contrast(theme.background or "", colours[place]) >= 1.2, name


def test_neighbours_are_told_apart_and_what_was_found_stands_out(figures: Between) -> None:
    row = laid(figures).rows[2]
    drawn = draw_frames(row, None, 78)
    assert [text for text, style in drawn if style.startswith("background/")] == ["▏"] * len(row)
    found = draw_frames(row, None, 78, matching={SERVE})
    assert [style for _, style in found if "frame-match" in style]
    assert width_of(found) == 78
