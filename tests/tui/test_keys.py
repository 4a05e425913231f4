"""What keys and pasted text send to a program."""

from __future__ import annotations

import pytest

from refwatch.tui.panels.output.keys import pasted, sequence


@pytest.mark.parametrize(
    ("key", "character", "sent"),
    [
        ("a", "a", "a"),
        ("A", "A", "A"),
        ("é", "é", "é"),
        ("space", " ", " "),
        ("slash", "/", "/"),
        ("question_mark", "?", "?"),
        ("minus", "-", "-"),
        ("enter", "\r", "\r"),
        ("shift+enter", None, "\r"),
        ("tab", "\t", "\t"),
        ("shift+tab", None, "\x1b[Z"),
        ("escape", None, "\x1b"),
        ("backspace", "\x08", "\x7f"),
        ("ctrl+backspace", None, "\x08"),
        ("up", None, "\x1b[A"),
        ("ctrl+left", None, "\x1b[1;5D"),
        ("shift+home", None, "\x1b[1;2H"),
        ("delete", None, "\x1b[3~"),
        ("alt+pageup", None, "\x1b[5;3~"),
        ("f1", None, "\x1bOP"),
        ("shift+f1", None, "\x1b[1;2P"),
        ("f5", None, "\x1b[15~"),
        ("ctrl+f12", None, "\x1b[24;5~"),
        ("ctrl+c", "\x03", "\x03"),
        ("ctrl+c", None, "\x03"),
        ("ctrl+@", "\x00", "\x00"),
        ("ctrl+space", None, "\x00"),
        ("ctrl+left_square_bracket", None, "\x1b"),
        ("ctrl+backslash", "\x1c", "\x1c"),
        ("ctrl+slash", None, "\x1f"),
        ("alt+x", "x", "\x1bx"),
        ("alt+ctrl+a", None, "\x1b\x01"),
        ("alt+enter", None, "\x1b\r"),
        ("caps_lock", None, ""),
    ],
)
def test_a_key(key: str, character: str | None, sent: str) -> None:
    assert sequence(key, character, application=False) == sent


def test_cursor_keys_of_application_mode() -> None:
    keys = ("up", "end", "ctrl+up", "delete", "f1")
    sent = [sequence(key, None, application=True) for key in keys]
    assert sent == ["\x1bOA", "\x1bOF", "\x1b[1;5A", "\x1b[3~", "\x1bOP"]


def test_pasted_text() -> None:
    assert pasted("a\nb\r\nc", bracketed=False) == "a\rb\rc"
    assert pasted("a\x1b[201~b", bracketed=True) == "\x1b[200~a[201~b\x1b[201~"
