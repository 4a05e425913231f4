"""Typing to the program, its size, and snapshots: what the viewer sends."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest
from tests.tui.driving import FakeFeed, driven, frame, session, settled, until
from textual import events

from refwatch.session import codec
from refwatch.session import events as ev
from refwatch.session.output import KEEP_OUTPUT, Output
from refwatch.session.state import State
from refwatch.tui.app import RefwatchApp
from refwatch.tui.panels.output.grid import spans
from refwatch.tui.panels.output.panel import OutputLines, OutputPanel
from refwatch.tui.panels.output.terminal_reader import PIECE, TerminalReader
from refwatch.wire.commands import Command, ResizeTerminal, TypeInput, WriteSnapshot
from refwatch.wire.event import MAIN


def typed(feed: FakeFeed) -> str:
    return "".join(command.data for command in feed.sent if isinstance(command, TypeInput))


def last(feed: FakeFeed, kind: type[Command]) -> Command | None:
    return next((each for each in reversed(feed.sent) if isinstance(each, kind)), None)


def lines_of(app: RefwatchApp) -> OutputLines:
    panel = app.main.panel
    assert isinstance(panel, OutputPanel)
    return panel.lines


async def test_output_is_shown_in_its_colours_and_follows() -> None:
    feed = session(3.0)
    async with driven(feed) as (app, pilot):
        await pilot.press("4")
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


async def test_every_key_but_one_goes_to_the_program() -> None:
    feed = session()
    async with driven(feed) as (app, pilot):
        await pilot.press("4")
        await pilot.pause()
        assert "enter: type to it" in frame(app)
        await pilot.press("enter")
        await until(pilot, lambda: "TYPING: ctrl+] ends it" in frame(app))
        await pilot.press("h", "1", "space", "q", "enter", "backspace", "ctrl+c", "ctrl+d", "tab")
        await pilot.press("up", "left", "s", "question_mark", "escape", "ctrl+q", "ctrl+p", "f5")
        sent = "h1 q\r\x7f\x03\x04\t\x1b[A\x1b[Ds?\x1b\x11\x10\x1b[15~"
        await until(pilot, lambda: typed(feed) == sent)
        feed.push(ev.OutputWritten(at=3.1, data="\x1b[?1h\x1b[?2004h"))
        await settled(app, pilot, feed)
        await pilot.press("up")
        lines_of(app).post_message(events.Paste("two\nlines"))
        sent += "\x1bOA\x1b[200~two\rlines\x1b[201~"
        await until(pilot, lambda: typed(feed) == sent)
        await pilot.press("ctrl+right_square_bracket")
        await until(pilot, lambda: "TYPING" not in frame(app))
        await pilot.press("1")
        await until(pilot, lambda: app.main.active.name == "overview")
        assert typed(feed) == sent


async def test_the_mouse_selects_and_a_click_types() -> None:
    feed = session()
    async with driven(feed) as (app, pilot):
        await pilot.press("4")
        feed.push(ev.OutputWritten(at=3.1, data="\x1b[2J\x1b[Hfirst 日本\r\nsecond line\x1b[9;1H"))
        await settled(app, pilot, feed)
        lines = lines_of(app)
        above = len(lines._lines) - 24
        lines.scroll_to(y=above, animate=False)
        await pilot.pause()
        await pilot.mouse_down("#output-lines", offset=(3, 0))
        await pilot.hover("#output-lines", offset=(6, 1))
        await pilot.mouse_up("#output-lines", offset=(6, 1))
        await pilot.pause()
        assert app.screen.get_selected_text() == "rst 日本\nsecond"
        assert not lines.typing
        await pilot.press("ctrl+c")
        assert app.clipboard == "rst 日本\nsecond"
        await pilot.click("#output-lines", offset=(3, 0))
        await until(pilot, lambda: lines.typing)
        assert app.screen.get_selected_text() is None
        await pilot.click("#tabs", offset=(60, 0))
        await until(pilot, lambda: not lines.typing)
    assert typed(feed) == ""


async def test_typing_goes_on_when_the_window_is_left_and_looked_at_again() -> None:
    feed = session()
    async with driven(feed) as (app, pilot):
        await pilot.press("4", "enter")
        app.post_message(events.AppBlur())
        await until(pilot, lambda: app.focused is None)
        app.post_message(events.AppFocus())
        await until(pilot, lambda: app.focused is not None)
        await pilot.press("x")
        await until(pilot, lambda: typed(feed) == "x")


@pytest.mark.parametrize("panel", ["1", "3"])
async def test_the_terminal_answers_once_whichever_panel_is_seen(panel: str) -> None:
    feed = session()
    async with driven(feed) as (app, pilot):
        await pilot.press(panel)
        feed.push(
            ev.OutputWritten(at=3.1, data="\x1b[2J\x1b[3;4H\x1b[6n"),
            ev.OutputWritten(at=3.2, data="\x1b[c"),
        )
        await settled(app, pilot, feed)
        await pilot.press("4")
        await settled(app, pilot, feed)
        await until(pilot, lambda: typed(feed) == "\x1b[3;4R\x1b[?62;22c")


async def test_a_recording_answers_nothing_and_goes_back() -> None:
    feed = session()
    async with driven(feed, replay=True) as (app, pilot):
        await pilot.press("4")
        before = codec.copy(app.state)
        feed.push(
            ev.TerminalSized(at=3.1, rows=10, columns=40),
            ev.OutputWritten(at=3.1, data="\x1b[6n\x1b[?1049h\x1b[10;30Hfull"),
        )
        await settled(app, pilot, feed)
        await until(pilot, lambda: "full" in frame(app))
        assert "round 6" not in frame(app)
        app.state = before
        app.draw()
        await until(pilot, lambda: "round 6" in frame(app))
        assert "full" not in frame(app)
    assert feed.sent == []


async def test_of_much_that_is_written_at_once_the_end_is_seen() -> None:
    feed = session()
    async with driven(feed) as (app, pilot):
        await pilot.press("4")
        feed.push(*(ev.OutputWritten(at=3.1, data="x" * 65536) for _ in range(80)))
        feed.push(ev.OutputWritten(at=3.2, data="\x1b[2J\x1b[H\x1b[32mthe end"))
        await until(pilot, lambda: "the end" in frame(app))
        assert app.reader.position == app.state.output.written


async def test_the_end_is_followed_while_another_panel_is_seen() -> None:
    feed = session()
    async with driven(feed) as (app, pilot):
        await pilot.press("4")
        for round_ in range(3):
            await pilot.press("3")
            feed.push(
                *(ev.OutputWritten(at=3.1, data=f"\r\nline {n} of {round_}") for n in range(300))
            )
            await settled(app, pilot, feed)
            await pilot.press("4")
            last = f"line 299 of {round_}"
            await until(pilot, partial(lambda last: last in frame(app), last))


def test_the_reader_gives_others_a_turn() -> None:
    output, reader = Output(), TerminalReader()
    output.add("\x1b[?1049h" + "lost" * KEEP_OUTPUT)
    output.resize(10, 40)
    output.add("x" * KEEP_OUTPUT + "\x1b[H\x1b[Jend")
    turns = 1
    while reader.read(output, 0.0):
        turns += 1
    assert KEEP_OUTPUT / PIECE < turns < KEEP_OUTPUT / PIECE + 10
    terminal = reader.terminal
    assert terminal.grid.alternate
    assert (terminal.grid.rows, terminal.grid.columns) == (10, 40)
    assert spans(terminal.lines()[0]) == (("end", ""),)


def test_the_reader_changes_the_size_where_it_was_changed() -> None:
    output, reader = Output(), TerminalReader()
    reader.fit(5, 30)
    output.add("a" * 12 + "\r\n")
    assert not reader.read(output)
    assert (reader.terminal.grid.rows, reader.terminal.grid.columns) == (5, 30)
    output.resize(4, 10)
    output.add("b" * 12 + "\r\n")
    output.resize(4, 6)
    output.add("c" * 12)
    assert not reader.read(output)
    shown = [spans(cells)[0][0] for cells in reader.terminal.lines()]
    assert shown == ["a" * 12, "b" * 10, "bb", "c" * 6, "c" * 6]


async def test_no_typing_without_our_terminal() -> None:
    feed = session(1.0, terminal=False)
    async with driven(feed) as (app, pilot):
        await pilot.press("4", "enter", "x")
        await pilot.pause()
        assert "not our terminal" in frame(app)
        assert feed.sent == []


async def test_typing_ends_with_the_program() -> None:
    feed = session()
    async with driven(feed) as (app, pilot):
        await pilot.press("4", "enter")
        feed.push(ev.TargetExited(at=9.0, process=MAIN, exit_code=0))
        await settled(app, pilot, feed)
        assert "has ended" in frame(app)
        await pilot.press("1")
        await until(pilot, lambda: app.main.active.name == "overview")


async def test_the_terminal_has_the_panels_size() -> None:
    feed = session()
    async with driven(feed, size=(120, 40)) as (app, pilot):
        await until(
            pilot, lambda: last(feed, ResizeTerminal) == ResizeTerminal(rows=36, columns=117)
        )
        await pilot.press("4")
        await until(pilot, lambda: lines_of(app).scrollable_content_region.size == (117, 36))
        await pilot.resize_terminal(80, 24)
        await until(
            pilot, lambda: last(feed, ResizeTerminal) == ResizeTerminal(rows=20, columns=77)
        )
        await until(pilot, lambda: lines_of(app).scrollable_content_region.size == (77, 20))


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
        await pilot.press("4")
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
