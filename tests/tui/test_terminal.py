"""The Output panel's terminal: what a program writes, as lines."""

from __future__ import annotations

import random

import pytest

from refwatch.tui.panels.output.grid import KEEP, spans
from refwatch.tui.panels.output.terminal import Terminal
from refwatch.tui.theme import DARK, Palette, palette_of


def terminal_of(data: str, rows: int = 4, columns: int = 10) -> Terminal:
    terminal = Terminal(rows, columns)
    terminal.feed(data)
    return terminal


def text_of(terminal: Terminal) -> list[str]:
    """Its lines; those at the end that are blank are left out."""
    lines = ["".join(text for text, _ in spans(cells)) for cells in terminal.lines()]
    while lines and not lines[-1]:
        lines.pop()
    return lines


@pytest.mark.parametrize(
    ("data", "lines"),
    [
        ("a\r\nb\r\n", ["a", "b"]),
        ("a\nb", ["a", " b"]),
        ("10 %\r20 %\r30 %", ["30 %"]),
        ("long text\rshort\x1b[K", ["short"]),
        ("abc\b\bX", ["aXc"]),
        ("a\tb", ["a       b"]),
        ("one\r\ntwo\x1b[1A\rONE", ["ONE", "two"]),
        ("x\x1b]0;title\x07y", ["xy"]),
        ("x\x1bP+q544e\x1b\\\x1b_Gi=1;AAAA\x1b\\y", ["xy"]),
        ("x\x1b[?25ly\x1b(Bz", ["xyz"]),
        ("x\x1b[>4;2m\x1b[>1u\x1b[?1000h\x1b[?1006hy", ["xy"]),
        ("bell\x07\x00\x01", ["bell"]),
        ("abcdef\x1b[3Dxx", ["abcxxf"]),
        ("[/b] d[s]", ["[/b] d[s]"]),
        # the line of ten cells is full: the cursor waits
        ("0123456789", ["0123456789"]),
        ("0123456789\r\nab", ["0123456789", "ab"]),
        ("0123456789ab", ["0123456789", "ab"]),
        ("\x1b[?7l0123456789ab", ["012345678b"]),
        ("0123456789\bX", ["01234567X9"]),
        # what is above stays, as with a log
        ("a\r\nb\r\nc\r\nd\r\ne", ["a", "b", "c", "d", "e"]),
        ("old\x1b[2J\x1b[Hnew", ["old", "new"]),
        # places and margins
        ("\x1b[2;3Hx\x1b[4;9Hy", ["", "  x", "", "        y"]),
        ("a\r\nb\r\nc\r\nd\x1b[2;3r\x1b[3;1H\n", ["a", "c", "", "d"]),
        ("a\r\nb\r\nc\r\nd\x1b[2;3r\x1b[2;1H\x1bM", ["a", "", "b", "d"]),
        ("a\r\nb\r\nc\x1b[1;1H\x1b[L", ["", "a", "b", "c"]),
        ("a\r\nb\r\nc\x1b[1;1H\x1b[M", ["b", "c"]),
        ("abcdef\x1b[3G\x1b[2P", ["abef"]),
        ("abcdef\x1b[3G\x1b[2@", ["ab  cdef"]),
        ("abcdef\x1b[3G\x1b[2X", ["ab  ef"]),
        ("abc\x1b[1G\x1b[4hxy", ["xyabc"]),
        ("a\x1b[5b", ["aaaaaa"]),
        ("\x1b7abc\x1b8X", ["Xbc"]),
        # a character of two cells is never seen by half
        ("日本\x1b[2Gx", [" x本"]),
        ("012345678日", ["012345678", "日"]),
        ("e\u0301x", ["e\u0301x"]),
        ("a\u200db", ["ab"]),
        ("\x1b(0lqk\x1b(Bq", ["┌─┐q"]),
        # the other screen
        ("main\x1b[?1049h\x1b[2J\x1b[Hfull", ["full"]),
        ("main\x1b[?1049h\x1b[2J\x1b[Hfull\x1b[?1049l!", ["main!"]),
    ],
)
def test_what_is_shown(data: str, lines: list[str]) -> None:
    assert text_of(terminal_of(data)) == lines


def test_a_sequence_may_be_cut_anywhere() -> None:
    data = "a\x1b[31mred\x1b[0m\x1b]0;t\x07\r\n\x1b[1;38;5;200mx\x1bPab\x1b\\y\x1b[?1049hz"
    whole = terminal_of(data)
    for cut in range(len(data)):
        pieces = terminal_of(data[:cut])
        pieces.feed(data[cut:])
        assert pieces.lines() == whole.lines()
        assert pieces.cursor == whole.cursor


@pytest.mark.parametrize(
    ("args", "style"),
    [
        ("1;31", "bold color(1)"),
        ("1;31;22;39", ""),
        ("38;2;1;2;3;48;5;9", "#010203 on color(9)"),
        ("38:2::1:2:3", "#010203"),
        ("48:5:9;4:3", "underline on color(9)"),
        ("4;4:0", ""),
        ("58;5;3;97", "color(15)"),
        ("7;0", ""),
        ("", ""),
    ],
)
def test_colours_become_styles(args: str, style: str) -> None:
    terminal = terminal_of(f"\x1b[{args}mx")
    assert terminal.lines()[0] == [("x", f"ansi:{style}" if style else "")]


def test_what_is_erased_has_the_colour_behind() -> None:
    terminal = terminal_of("\x1b[1;44mab\x1b[K")
    assert terminal.lines()[0][2:] == [(" ", "ansi:on color(4)")] * 8


@pytest.mark.parametrize(
    ("data", "answer"),
    [
        ("abc\x1b[6n", "\x1b[1;4R"),
        ("0123456789\x1b[6n", "\x1b[1;10R"),
        ("\x1b[3;5H\x1b[?6n", "\x1b[?3;5R"),
        ("\x1b[5n", "\x1b[0n"),
        ("\x1b[c\x1b[0c", "\x1b[?62;22c" * 2),
        ("\x1b[>c", "\x1b[>1;10;0c"),
        ("\x1b[?2004h\x1b[?2004$p", "\x1b[?2004;1$y"),
        ("\x1b[?2026h\x1b[?2026$p", "\x1b[?2026;0$y"),
        ("\x1b[?1c\x1b[?62;22c\x1b[2n", ""),
    ],
)
def test_what_programs_ask_for(data: str, answer: str) -> None:
    assert "".join(terminal_of(data).answers) == answer


def test_a_new_size() -> None:
    terminal = terminal_of("a\r\nb\r\nc\r\nd")
    terminal.resize(2, 20)
    assert text_of(terminal) == ["a", "b", "c", "d"]
    assert terminal.cursor == (3, 1)
    terminal.feed("\x1b[Hx")
    assert text_of(terminal) == ["a", "b", "x", "d"]
    terminal.resize(5, 20)
    terminal.feed("\x1b[5;1Hend")
    assert text_of(terminal) == ["a", "b", "x", "d", "", "", "end"]


def test_a_new_size_while_the_other_screen_is_shown() -> None:
    terminal = terminal_of("a\r\nb\r\nc\r\nd\x1b[?1049h\x1b[4;1Hbottom")
    terminal.resize(2, 20)
    assert text_of(terminal) == ["", "bottom"]
    terminal.feed("\x1b[?1049l!")
    assert text_of(terminal) == ["a", "b", "c", "d!"]


def test_it_is_bounded() -> None:
    terminal = Terminal(24, 80)
    for number in range(KEEP + 500):
        terminal.feed(f"line {number}\r\n")
    assert len(terminal.lines()) == KEEP + 24
    assert text_of(terminal)[-1] == f"line {KEEP + 499}"
    terminal.feed("\x1b]0;" + "x" * 100_000)
    terminal.feed("x" * 100_000 + "\x07end")
    assert text_of(terminal)[-1] == "end"
    assert len(terminal._rest) == 0


def test_noise_does_no_harm() -> None:
    dice = random.Random(5)
    alphabet = "\x1b\x1b\x1b[];?0123456789mABCDGHJKLMPSTXZ@`bdghlnrsu78c\r\n\b\tx日\x9b\u202e\u0301"
    terminal = Terminal(5, 20)
    palette = palette_of_dark()
    for round_ in range(600):
        terminal.feed("".join(dice.choices(alphabet, k=50)))
        if round_ % 20 == 0:
            terminal.resize(dice.randrange(1, 9), dice.randrange(1, 30))
        assert len(terminal.grid.lines) == terminal.grid.rows
        assert 0 <= terminal.grid.row < terminal.grid.rows
        assert 0 <= terminal.grid.column <= terminal.grid.columns
    for cells in terminal.lines():
        for text, style in spans(cells):
            assert "".join(char for char in text if char != "\u0301").isprintable()
            palette[style]


def palette_of_dark() -> Palette:
    variables = {**DARK.to_color_system().generate(), **DARK.variables}
    return palette_of(variables)
