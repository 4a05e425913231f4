"""The Output panel's terminal: what a program writes, as lines."""

from __future__ import annotations

import random

import pytest

from refwatch.tui.panels.output.terminal import KEEP, LIVE, Terminal, wrapped
from refwatch.tui.theme import DARK, Palette, palette_of


def text_of(data: str, *more: str) -> list[str]:
    terminal = Terminal()
    for piece in (data, *more):
        terminal.feed(piece)
    return ["".join(text for text, _ in line) for line in terminal.lines()]


@pytest.mark.parametrize(
    ("data", "lines"),
    [
        ("a\r\nb\n", ["a", "b"]),
        ("10 %\r20 %\r30 %", ["30 %"]),
        ("long text\rshort\x1b[K", ["short"]),
        ("abc\b\bX", ["aXc"]),
        ("a\tb", ["a       b"]),
        ("one\r\ntwo\x1b[1A\rONE", ["ONE", "two"]),
        ("x\x1b]0;title\x07y", ["xy"]),
        ("x\x1b[?25ly\x1b(Bz", ["xyz"]),
        ("bell\x07\x00", ["bell"]),
        ("ctl\x01", ["ctl·"]),
        ("old\x1b[2J\x1b[Hnew", ["old", "new"]),
        ("a\n\n\nb", ["a", "", "", "b"]),
        ("abcdef\x1b[3Dxx", ["abcxxf"]),
        ("[/b] dict[str, list[int]]", ["[/b] dict[str, list[int]]"]),
    ],
)
def test_what_is_shown(data: str, lines: list[str]) -> None:
    assert text_of(data) == lines


def test_a_sequence_may_be_cut_anywhere() -> None:
    data = "a\x1b[31mred\x1b[0m\x1b]0;t\x07\r\n\x1b[1;38;5;200mx"
    whole = Terminal()
    whole.feed(data)
    for cut in range(len(data)):
        pieces = Terminal()
        pieces.feed(data[:cut])
        pieces.feed(data[cut:])
        assert pieces.lines() == whole.lines()


def test_colours_become_styles() -> None:
    terminal = Terminal()
    terminal.feed("\x1b[1;31mA\x1b[22;39mB\x1b[38;2;1;2;3;48;5;9mC\x1b[0mD\x1b[97mE")
    ((*spans,),) = terminal.lines()
    assert spans == [
        ("A", "ansi:bold color(1)"),
        ("B", ""),
        ("C", "ansi:#010203 on color(9)"),
        ("D", ""),
        ("E", "ansi:color(15)"),
    ]


def test_it_is_bounded() -> None:
    terminal = Terminal()
    for number in range(KEEP + 500):
        terminal.feed(f"line {number}\n")
    lines = terminal.lines()
    assert len(lines) <= KEEP + LIVE
    assert lines[-1] == ((f"line {KEEP + 499}", ""),)
    terminal = Terminal()
    terminal.feed("x" * 100_000)
    assert max(len(line[0][0]) for line in terminal.lines()) <= 2000


def test_noise_does_no_harm() -> None:
    dice = random.Random(5)
    alphabet = "\x1b\x1b\x1b[];?0123456789mABCDGHJK\r\n\b\tx日\x9b\u202e"
    terminal = Terminal()
    palette = palette_of_dark()
    for _ in range(300):
        terminal.feed("".join(dice.choices(alphabet, k=50)))
    for line in terminal.lines():
        for text, style in line:
            assert text.isprintable()
            palette[style]


def palette_of_dark() -> Palette:
    variables = {**DARK.to_color_system().generate(), **DARK.variables}
    return palette_of(variables)


def test_long_lines_are_broken_as_a_terminal_does() -> None:
    assert wrapped([(("abcdef", "x"),)], 4) == [(("abcd", "x"),), (("ef", "x"),)]
    assert wrapped([(("日本語", ""),)], 4) == [(("日本", ""),), (("語", ""),)]
