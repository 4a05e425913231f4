"""The app as a user drives it."""

from __future__ import annotations

from functools import partial

import pytest
from tests.simulate import PID, Simulation
from tests.tui.driving import Driven, FakeFeed, driven, frame, session, settled, steady, until
from tests.tui.test_spans import HOSTILE

from refwatch.session import events as ev
from refwatch.tui.app import Leave, RefwatchApp
from refwatch.tui.help import HelpScreen
from refwatch.tui.leave import LeaveScreen
from refwatch.tui.panels.output.panel import OutputPanel
from refwatch.tui.panels.threads.detail import ThreadScreen
from refwatch.tui.panels.threads.panel import ThreadsPanel
from refwatch.tui.screen import MainScreen
from refwatch.tui.views.threads import thread_key
from refwatch.wire.event import MAIN


def threads(app: RefwatchApp) -> ThreadsPanel:
    panel = app.main.panel
    assert isinstance(panel, ThreadsPanel)
    return panel


def output(app: RefwatchApp) -> OutputPanel:
    panel = app.main.panel
    assert isinstance(panel, OutputPanel)
    return panel


def is_active(app: RefwatchApp, name: str) -> bool:
    return app.main.active.name == name


def shows(app: RefwatchApp, wanted: str) -> bool:
    return frame(app) == wanted


def table_rows(app: RefwatchApp) -> list[str]:
    return ["".join(t for t, _ in row.cells[0]) for row in threads(app).table.rows]


async def test_it_paints_before_any_event() -> None:
    async with driven(FakeFeed()) as (app, _):
        assert "starting …" in frame(app)
        assert "1 Overview" in frame(app)


async def test_panels_by_key_tab_and_mouse() -> None:
    async with driven(session()) as (app, pilot):
        assert app.main.active.name == "overview"
        for key, name in [("2", "time"), ("3", "threads"), ("4", "output"), ("1", "overview"),
                          ("tab", "time"), ("shift+tab", "overview")]:  # fmt: skip
            await pilot.press(key)
            await until(pilot, partial(is_active, app, name))
        await pilot.click("#tabs", offset=(24, 0))
        await until(pilot, lambda: app.main.active.name == "threads")
        assert "worker-1" in frame(app)


async def test_sorting_by_key_and_heading() -> None:
    async with driven(session()) as (app, pilot):
        await pilot.press("3")
        await pilot.press("o")
        assert threads(app).order.sort == "name"
        await pilot.press("r")
        assert table_rows(app)[0] == "worker-4"
        await pilot.press("O")
        assert threads(app).order.sort == "seen"
        x = next(p.x for p in threads(app).table.placed if p.column.key == "io_wait")
        await pilot.click("#threads-table", offset=(x + 2, 0))
        await until(pilot, lambda: threads(app).order.sort == "io_wait")
        assert table_rows(app)[0] == "reader"
        await pilot.click("#threads-table", offset=(x + 2, 0))
        await until(pilot, lambda: not threads(app).order.reverse)


async def test_the_cursor_stays_on_its_thread() -> None:
    feed = session()
    async with driven(feed) as (app, pilot):
        await pilot.press("3", "down", "down")
        table = threads(app).table
        assert table.cursor == thread_key(MAIN, 10)
        await pilot.press("o", "r")
        assert table.cursor == thread_key(MAIN, 10)
        await pilot.press("home")
        assert table.cursor == thread_key(MAIN, 13)
        await pilot.press("j", "k", "end", "pageup", "pagedown")
        assert table.cursor == thread_key(MAIN, 1)


async def test_filter() -> None:
    async with driven(session()) as (app, pilot):
        await pilot.press("3", "slash", *"ker-3")
        await until(pilot, lambda: table_rows(app) == ["worker-3"])
        await pilot.press("enter")
        await until(pilot, lambda: app.focused is threads(app).table)
        assert "“ker-3” 1 of 6" in frame(app)
        await until(pilot, lambda: "worker-3: where its time goes" in frame(app))
        await pilot.press("slash")
        await until(pilot, lambda: app.focused is not threads(app).table)
        await pilot.press("escape")
        await until(pilot, lambda: len(table_rows(app)) == 6)


async def test_keys_of_the_app_are_text_in_the_filter() -> None:
    async with driven(session()) as (app, pilot):
        await pilot.press("3", "slash", "q", "s", "1", "space")
        await until(pilot, lambda: threads(app).order.filter == "qs1 ")
        assert not app.paused
        assert isinstance(app.screen, MainScreen)


async def test_pause_freezes_while_the_state_moves_on() -> None:
    feed = session(3.0)
    async with driven(feed) as (app, pilot):
        for key in ("1", "2", "3", "4"):
            await pilot.press(key)
            await pilot.press("space")
            await steady(app, pilot)
            before = frame(app).splitlines()[3:]
            version = app.state.version
            simulation = Simulation(1.0)
            start = list(simulation.start())
            now = app.state.now
            more = [event for n in range(1, 6) for event in simulation.slice(round(now * 10) + n)]
            assert start
            feed.push(*more)
            await settled(app, pilot, feed)
            assert app.state.version > version
            assert frame(app).splitlines()[3:] == before
            assert "PAUSED 0.50 s behind" in frame(app)
            await pilot.press("space")
            await pilot.pause()
            assert "PAUSED" not in frame(app)
            assert frame(app).splitlines()[3:] != before


async def test_a_paused_view_is_of_one_moment_in_every_panel() -> None:
    feed = session(3.0)
    async with driven(feed) as (app, pilot):
        await pilot.press("space")
        feed.push(
            ev.Noted(at=9.0, level="info", text="after the pause"),
            ev.OutputWritten(at=9.0, data="late\r\n"),
        )
        feed.push(
            ev.ThreadStarted(at=9.0, serial=77, process=MAIN, tid=777),
            ev.ThreadNamed(at=9.0, process=MAIN, serial=77, name="late-thread"),
        )
        await settled(app, pilot, feed)
        assert "after the pause" not in frame(app)
        await pilot.press("3")
        await pilot.pause()
        assert "worker-1" in frame(app)
        assert "late-thread" not in frame(app)
        await pilot.press("4")
        await pilot.pause()
        assert "late" not in frame(app)
        await pilot.press("space")
        await pilot.pause()
        assert "late" in frame(app)


async def test_paused_timelines_zoom_and_scroll() -> None:
    async with driven(session(6.0)) as (app, pilot):
        await pilot.press("3", "left")
        assert threads(app).back_s == 0.0
        await pilot.press("space", "plus", "left", "left")
        await until(pilot, lambda: threads(app).back_s > 0.0)
        await pilot.pause()
        assert "before the pause" in frame(app)
        back = threads(app).back_s
        await pilot.press("right")
        assert threads(app).back_s < back
        await pilot.press("space")
        assert threads(app).back_s == 0.0


async def test_zoom_is_bounded_and_letters_can_be_had() -> None:
    async with driven(session(), size=(120, 24)) as (app, pilot):
        await pilot.press("3", *["plus"] * 9)
        await pilot.pause()
        assert "2 ms a cell" in frame(app)
        await pilot.press(*["minus"] * 12)
        await pilot.pause()
        assert "200 ms a cell" in frame(app)
        await pilot.press("v")
        await pilot.pause()
        assert "wwww" in frame(app)


@pytest.mark.parametrize(
    ("key", "answer"),
    [
        ("k", Leave.GO_ON),
        ("s", Leave.END_TARGET),
        ("g", Leave.GO_ON),
        ("e", Leave.END_TARGET),
        ("escape", None),
        ("c", None),
    ],
)
async def test_leaving_asks(key: str, answer: Leave | None) -> None:
    async with driven(session()) as (app, pilot):
        await pilot.press("q")
        await until(pilot, lambda: isinstance(app.screen, LeaveScreen))
        assert "The program is still running, pid 4242" in frame(app)
        assert "threads_cpu.py --threads 4" in frame(app)
        await pilot.press(key)
        if answer is None:
            await until(pilot, lambda: isinstance(app.screen, MainScreen))
            assert app.return_value is None
        else:
            assert app.return_value is answer


async def test_leaving_by_mouse() -> None:
    async with driven(session()) as (app, pilot):
        await pilot.press("q")
        await until(pilot, lambda: isinstance(app.screen, LeaveScreen))
        await pilot.click("#end_target")
        assert app.return_value is Leave.END_TARGET


async def test_leaving_at_once() -> None:
    async with driven(session(1.0, ends=True)) as (app, pilot):
        assert "✓ finished, exit 0" in frame(app)
        await pilot.press("q")
        assert app.return_value is Leave.FINISHED


async def test_the_daemon_goes_midway() -> None:
    feed = session()
    async with driven(feed) as (app, pilot):
        feed.end()
        await until(pilot, lambda: feed.gone)
        app.draw()
        await pilot.pause()
        assert "✕ daemon gone" in frame(app)
        await pilot.press("s")
        await until(pilot, lambda: "the daemon is gone" in frame(app))
        await pilot.press("ctrl+q")
        assert app.return_value is Leave.GO_ON


async def test_a_killed_target() -> None:
    async with driven(session(1.0, ends=True, exit_code=137)) as (app, _):
        assert "✕ ended by SIGKILL" in frame(app)


async def test_thread_detail_opens_updates_and_closes() -> None:
    feed = session(2.0)
    async with driven(feed) as (app, pilot):
        await pilot.press("3", "down", "down", "enter")
        await until(pilot, lambda: isinstance(app.screen, ThreadScreen))
        await until(pilot, lambda: "Holds the GIL" in frame(app))
        assert "worker-1" in frame(app)
        feed.push(ev.ThreadNamed(at=2.0, process=MAIN, serial=10, name="new [/b] name"))
        await settled(app, pilot, feed)
        assert "new [/b] name" in frame(app)
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, MainScreen))
        assert app.focused is threads(app).table


async def test_a_double_click_opens_a_thread() -> None:
    async with driven(session()) as (app, pilot):
        await pilot.press("3")
        await pilot.pause()
        await pilot.click("#threads-table", offset=(4, 4))
        assert threads(app).table.cursor == thread_key(MAIN, 11)
        await pilot.click("#threads-table", offset=(4, 4), times=2)
        await until(pilot, lambda: isinstance(app.screen, ThreadScreen))
        assert isinstance(app.screen, ThreadScreen)
        assert app.screen.serial == 11


async def test_help_shows_every_key() -> None:
    async with driven(session(), size=(120, 240)) as (app, pilot):
        await pilot.press("question_mark")
        await until(pilot, lambda: isinstance(app.screen, HelpScreen))
        await until(pilot, lambda: "Timelines" in frame(app))
        shown = frame(app)
        for word in ("space", "Write a snapshot", "Overview, Time, Threads", "Less time in a cell",
                     "goes to the program", "holds GIL", "waiting for a child"):  # fmt: skip
            assert word.lower() in shown.lower()
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, MainScreen))


async def test_both_themes_draw() -> None:
    async with driven(session()) as (app, pilot):
        before = frame(app)
        await pilot.press("ctrl+t")
        await pilot.pause()
        assert app.theme == "refwatch-light"
        assert frame(app) == before
        for theme in ("textual-dark", "ansi-light", "nord"):
            app.theme = theme
            await pilot.pause()
        assert frame(app) == before


async def test_resizing() -> None:
    async with driven(session(), size=(120, 40)) as (app, pilot):
        for key in ("1", "2", "3", "4"):
            await press_and_draw(app, pilot, key)
            wide = frame(app)
            await pilot.resize_terminal(80, 24)
            await until(pilot, lambda: app.size.height == 24)
            await steady(app, pilot)
            assert len(frame(app).splitlines()) == 24
            await pilot.resize_terminal(120, 40)
            await until(pilot, lambda: app.size.height == 40)
            await steady(app, pilot)
            await until(pilot, partial(shows, app, wide))


@pytest.mark.parametrize("size", [(20, 6), (5, 3), (250, 60)])
async def test_no_size_is_too_odd(size: tuple[int, int]) -> None:
    async with driven(session(1.0), size=size) as (app, pilot):
        await press_and_draw(app, pilot, "2", "enter")
        await press_and_draw(app, pilot, "escape", "3", "question_mark")
        await press_and_draw(app, pilot, "escape", "q")


async def test_hostile_names_everywhere() -> None:
    names = tuple(HOSTILE)
    feed = session(1.0, workers=len(names), names=names)
    feed.push(*(ev.Noted(at=1.0, level="warning", text=name) for name in names))
    feed.push(
        *(ev.ReadingLimited(at=1.0, process=MAIN, reading=name, reason=name) for name in names)
    )
    feed.push(*(ev.OutputWritten(at=1.0, data=name + "\r\n") for name in names))
    feed.push(
        ev.LineSeen(at=1.0, process=MAIN, line=1, file="/x/[/b].py", number=1, function="[/red]")
    )
    async with driven(feed) as (app, pilot):
        for key in ("1", "2", "3", "4"):
            await pilot.press(key)
            await until(pilot, lambda: "[/b]" in frame(app))
            assert all(line.isprintable() for line in frame(app).splitlines())
        await pilot.press("3", "down", "down", "enter")
        await until(pilot, lambda: isinstance(app.screen, ThreadScreen))
        await until(pilot, lambda: "[/b] x" in frame(app))


async def test_no_threads_at_all() -> None:
    events: list[ev.Event] = [
        ev.TargetStarted(
            at=0.0,
            process=MAIN,
            pid=PID,
            argv=["x.py"],
            executable="py",
            cwd="/",
            started_at="now",
            refwatch="0",
        )
    ]
    async with driven(FakeFeed(events)) as (app, pilot):
        await pilot.press("3", "down", "enter", "o", "slash", "x", "escape", "end")
        await pilot.pause()
        assert "No thread yet." in frame(app)


async def test_five_hundred_threads() -> None:
    async with driven(session(0.5, idlers=500)) as (app, pilot):
        await pilot.press("3", "end")
        await until(pilot, lambda: threads(app).table.cursor == thread_key(MAIN, 1499))
        await pilot.pause()
        assert "idle-500" in frame(app)
        await pilot.press("space", "minus", "space")
        assert len(threads(app).table.rows) == 506


async def test_widgets_do_not_grow() -> None:
    feed = session(0.5)
    async with driven(feed) as (app, pilot):

        async def round_trip() -> int:
            await pilot.press("3", "enter")
            await until(pilot, lambda: isinstance(app.screen, ThreadScreen))
            await pilot.press("escape", "4", "question_mark", "escape", "tab", "space", "space")
            await until(pilot, lambda: isinstance(app.screen, MainScreen))
            await pilot.pause()
            return len(app._registry)

        before = await round_trip()
        for _ in range(2):
            after = await round_trip()
        assert after == before


async def test_a_recorded_target_is_not_typed_to_or_asked_about() -> None:
    feed = session()
    async with driven(feed, replay=True) as (app, pilot):
        await press_and_draw(app, pilot, "3", "enter", "x")
        assert feed.sent == []
        await pilot.press("q")
        assert app.return_value is Leave.FINISHED


async def press_and_draw(app: RefwatchApp, pilot: Driven, *keys: str) -> None:
    await pilot.press(*keys)
    await steady(app, pilot)


async def test_help_begins_with_what_is_seen_and_cuts_nothing() -> None:
    async with driven(session(), size=(80, 24)) as (app, pilot):
        for key, title in [("1", "Everywhere"), ("2", "Time"), ("3", "Threads"),
                           ("5", "Refcounts"), ("6", "Objects"), ("8", "Processes")]:  # fmt: skip
            await pilot.press(key, "question_mark")
            await until(pilot, lambda: isinstance(app.screen, HelpScreen))
            await until(pilot, lambda title=title: f"│ {title} " in frame(app))  # type: ignore[misc]
            assert "…" not in frame(app).replace("threads_cpu.py", "")
            await pilot.press("escape")
            await until(pilot, lambda: isinstance(app.screen, MainScreen))
