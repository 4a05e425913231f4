"""Typing to the program, its size, and snapshots: what the viewer sends."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.tui.driving import FakeFeed, driven, frame, session, settled, until

from refwatch.session import events as ev
from refwatch.session.state import State
from refwatch.wire.commands import Command, ResizeTerminal, TypeInput, WriteSnapshot
from refwatch.wire.event import MAIN


def typed(feed: FakeFeed) -> str:
    return "".join(command.data for command in feed.sent if isinstance(command, TypeInput))


def last(feed: FakeFeed, kind: type[Command]) -> Command | None:
    return next((each for each in reversed(feed.sent) if isinstance(each, kind)), None)


async def test_output_is_shown_in_its_colours_and_follows() -> None:
    feed = session(3.0)
    async with driven(feed) as (app, pilot):
        await pilot.press("3")
        await pilot.pause()
        assert "round 6 of many" in frame(app)
        feed.push(
            ev.OutputWritten(at=3.1, data="10 %\r"),
            ev.OutputWritten(at=3.2, data="\x1b[31m90 %\x1b[0m"),
        )
        feed.push(*(ev.OutputWritten(at=3.3, data=f"\r\nline {n}") for n in range(100)))
        await settled(app, pilot, feed)
        await until(pilot, lambda: "line 99" in frame(app))
        assert "line 1\n" not in frame(app)


async def test_keys_go_raw_to_the_program_until_escape() -> None:
    feed = session()
    async with driven(feed) as (app, pilot):
        await pilot.press("3")
        await pilot.pause()
        assert "enter: type to it" in frame(app)
        await pilot.press("enter")
        await until(pilot, lambda: "TYPING" in frame(app))
        await pilot.press("h", "1", "space", "q", "enter", "backspace", "ctrl+c", "ctrl+d", "tab")
        await pilot.press("up", "left", "s", "question_mark")
        await until(pilot, lambda: typed(feed).endswith("?"))
        assert typed(feed) == "h1 q\r\x7f\x03\x04\t\x1b[A\x1b[Ds?"
        await pilot.press("escape")
        await until(pilot, lambda: "TYPING" not in frame(app))
        await pilot.press("1")
        await until(pilot, lambda: app.main.active.name == "overview")
        assert typed(feed).endswith("?")


async def test_no_typing_without_our_terminal() -> None:
    feed = session(1.0, terminal=False)
    async with driven(feed) as (app, pilot):
        await pilot.press("3", "enter", "x")
        await pilot.pause()
        assert "not our terminal" in frame(app)
        assert feed.sent == []


async def test_typing_ends_with_the_program() -> None:
    feed = session()
    async with driven(feed) as (app, pilot):
        await pilot.press("3", "enter")
        feed.push(ev.TargetExited(at=9.0, process=MAIN, exit_code=0))
        await settled(app, pilot, feed)
        assert "has ended" in frame(app)
        await pilot.press("1")
        await until(pilot, lambda: app.main.active.name == "overview")


async def test_the_terminal_has_the_panels_size() -> None:
    feed = session()
    async with driven(feed, size=(120, 40)) as (_, pilot):
        await until(
            pilot, lambda: last(feed, ResizeTerminal) == ResizeTerminal(rows=36, columns=117)
        )
        await pilot.resize_terminal(80, 24)
        await until(
            pilot, lambda: last(feed, ResizeTerminal) == ResizeTerminal(rows=20, columns=77)
        )


async def test_s_asks_for_a_snapshot_and_says_where(tmp_path: Path) -> None:
    feed = session()
    async with driven(feed, snapshot_dir=tmp_path) as (app, pilot):
        await pilot.press("s")
        await until(pilot, lambda: last(feed, WriteSnapshot))
        command = last(feed, WriteSnapshot)
        assert isinstance(command, WriteSnapshot)
        path = Path(command.path)
        assert path.parent == tmp_path
        assert path.name.startswith("refwatch-threads_cpu-")
        feed.push(ev.SnapshotWritten(at=3.0, path=command.path))
        await settled(app, pilot, feed)
        await until(pilot, lambda: "Snapshot written" in frame(app))


async def test_a_snapshot_that_failed_says_why() -> None:
    feed = session()
    async with driven(feed) as (app, pilot):
        await pilot.press("s")
        await until(pilot, lambda: last(feed, WriteSnapshot))
        feed.push(ev.Noted(at=3.0, level="error", text="[/b] no space left"))
        await settled(app, pilot, feed)
        await pilot.press("3")
        await until(pilot, lambda: "[/b] no space left" in frame(app))


@pytest.mark.parametrize("fails", [False, True])
async def test_in_a_replay_the_viewer_writes_it(tmp_path: Path, fails: bool) -> None:
    written: list[Path] = []

    def write(state: State, path: Path) -> None:
        assert state.target is not None
        if fails:
            raise PermissionError(13, "not [/b] permitted")
        written.append(path)

    feed = session()
    async with driven(feed, replay=True, write_snapshot=write, snapshot_dir=tmp_path) as (
        app,
        pilot,
    ):
        await pilot.press("s")
        said = "not [/b] permitted" if fails else "Snapshot written"
        await until(pilot, lambda: said in frame(app))
        assert len(written) == (not fails)
        assert feed.sent == []
