"""Rows of threads that come and go, in the panel."""

from __future__ import annotations

from tests.tui.driving import FakeFeed, driven, frame, until
from tests.tui.test_threads_view import requests

SIZES = ((80, 24), (120, 40))


async def test_a_group_opens_and_closes_by_keys_and_clicks() -> None:
    for size in SIZES:
        async with driven(FakeFeed(requests()), size=size) as (app, pilot):
            await pilot.press("3")
            await until(pilot, lambda: "▸ request-*" in frame(app))
            assert "1 alive" in frame(app)
            assert "request-11" not in frame(app)
            await pilot.press("end", "right")
            await until(pilot, lambda: "request-11" in frame(app))
            await pilot.press("left")
            await until(pilot, lambda: "request-11" not in frame(app))
            await pilot.press("enter")
            await until(pilot, lambda: "├ request-11" in frame(app))
            await pilot.press("enter")
            await until(pilot, lambda: "request-11" not in frame(app))
            row = next(y for y, line in enumerate(frame(app).split("\n")) if "▸ request-*" in line)
            await pilot.click(offset=(6, row))
            await until(pilot, lambda: "├ request-11" in frame(app))


async def test_the_overview_has_the_group_among_the_busiest() -> None:
    async with driven(FakeFeed(requests()), size=(120, 40)) as (app, pilot):
        await until(pilot, lambda: "request-* ×12" in frame(app))
