"""A panel has its place from its first frame on."""

from __future__ import annotations

import pytest
from tests.tui.driving import driven, session, steady
from textual import events

from refwatch.tui.panel import Panel
from refwatch.tui.panels.registry import PANELS


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_no_panel_is_ever_lower_than_its_place(
    size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    heights: list[tuple[str | None, int]] = []

    def resized(self: Panel[object], event: events.Resize) -> None:
        heights.append((self.id, event.size.height))

    monkeypatch.setattr(Panel, "on_resize", resized, raising=False)
    async with driven(session(), size=size) as (app, pilot):
        for key in "12345678128":
            await pilot.press(key)
            await steady(app, pilot)
    assert {name for name, _ in heights} == {spec.name for spec in PANELS}
    assert {height for _, height in heights} == {size[1] - 4}, heights
