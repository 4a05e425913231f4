"""Which keys the footer has room for."""

from __future__ import annotations

import pytest

from refwatch.tui.widgets.footer import Key, fitting

KEYS: tuple[Key, ...] = tuple(
    (name.lower(), name[0].lower(), name)
    for name in ("Open", "Graph", "Watch", "Sort", "Filter", "Heap", "Since", "Census", "Mark",
                 "Pause", "Snapshot", "Keys", "Leave")
)  # fmt: skip


def shown(width: int) -> list[str]:
    return [key[2] for key in fitting(KEYS, width)]


def test_with_room_all_are_shown_once() -> None:
    assert shown(200) == [key[2] for key in KEYS]
    assert fitting((*KEYS, *KEYS), 400) == list(KEYS)


def test_the_least_wanted_give_way_first() -> None:
    assert "Snapshot" not in shown(100)
    assert shown(80) == ["Open", "Graph", "Watch", "Filter", "Census", "Mark", "Pause", "Keys",
                         "Leave"]  # fmt: skip
    assert shown(30)[-2:] == ["Keys", "Leave"]


def test_the_way_back_to_the_program_stays() -> None:
    keys = (*KEYS[:6], ("backspace", "⌫", "Program"), *KEYS[6:])
    assert "Program" in [key[2] for key in fitting(keys, 40)]


@pytest.mark.parametrize("width", range(0, 120, 7))
def test_they_fit(width: int) -> None:
    assert sum(len(key[1]) + len(key[2]) + 3 for key in fitting(KEYS, width)) - 1 <= max(0, width)
