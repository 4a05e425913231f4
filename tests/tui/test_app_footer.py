"""The keys at the bottom are those of what is seen."""

from __future__ import annotations

import pytest
from tests.tui.driving import driven, frame, session, steady, until

from refwatch.tui.screen import MainScreen


@pytest.mark.parametrize("over", ["ctrl+p", "question_mark", "m", "q", "h"])
async def test_they_are_the_same_after_a_screen_over_it(over: str) -> None:
    async with driven(session()) as (app, pilot):
        await pilot.press("3", "1")
        await steady(app, pilot)
        before = frame(app).splitlines()[-1]
        assert "Sort" not in before
        assert "Census" in before
        await pilot.press(over)
        await until(pilot, lambda: not isinstance(app.screen, MainScreen))
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, MainScreen))
        await steady(app, pilot)
        assert frame(app).splitlines()[-1] == before
        assert not app.main.query("*:focus")  # nor is a key given to a panel that is not seen
        await pilot.press("3", over)
        await until(pilot, lambda: not isinstance(app.screen, MainScreen))
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, MainScreen))
        assert app.focused is not None
        assert app.focused.id == "threads-table"
