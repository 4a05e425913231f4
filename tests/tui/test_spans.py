"""Text from the target on its way to the terminal."""

from __future__ import annotations

import pytest
from rich.cells import cell_len

from refwatch.text.sanitize import printable
from refwatch.tui.views.styled_text import cut, cut_middle, fit, pad, two_ends, width_of, wrap

HOSTILE = [
    "[/b] x",
    "dict[str, list[int]]",
    "a\x1b[31mred",
    "nul\x00",
    "日本語スレッド",
    "\u202eevil",
    "\ud800",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_that_moves_a_cursor_gets_through(text: str) -> None:
    assert printable(text).isprintable()


def test_markup_is_text() -> None:
    assert printable("[/b] x") == "[/b] x"


@pytest.mark.parametrize("text", ["plain", "日本語スレッド", "a" * 50, ""])
@pytest.mark.parametrize("width", [0, 1, 2, 5, 9, 40])
def test_cutting_never_exceeds_the_width(text: str, width: int) -> None:
    assert cell_len(cut(text, width)) <= width
    assert cell_len(cut_middle(text, width)) <= width
    assert cell_len(pad(text, width)) == width
    assert width_of(fit(((text, ""), ("tail", "")), width)) <= width


def test_cut_middle_keeps_both_ends() -> None:
    shown = cut_middle("/very/long/path/to/module.py:12", 20)
    assert shown.startswith("/very")
    assert shown.endswith("module.py:12")


def test_wrap_breaks_at_spaces_and_cuts_the_last_line() -> None:
    assert wrap("one two three four", 9, 5) == ["one two", "three", "four"]
    assert wrap("one two three four", 9, 2) == ["one two", "three fo…"]
    assert wrap("", 9, 3) == []


def test_two_ends_fill_the_width() -> None:
    line = two_ends((("left side", ""),), (("right", ""),), 12)
    assert width_of(line) == 12
    assert line[-1] == ("right", "")
