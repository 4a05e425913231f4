"""Who refers to an object, as a user opens it step by step."""

from __future__ import annotations

import pytest
from msgspec.structs import replace
from tests.simulate_references import INSPECTION
from tests.tui.driving import Driven, FakeFeed, asked, driven, frame, settled, steady, until
from tests.tui.test_refcounts import panel, recorded

from refwatch.session import events as ev
from refwatch.session.events import Event
from refwatch.tui.app import RefwatchApp
from refwatch.tui.referrers.screen import ReferrersScreen
from refwatch.tui.screen import MainScreen
from refwatch.wire import commands as cmd
from refwatch.wire.event import MAIN


def tree(app: RefwatchApp) -> ReferrersScreen:
    assert isinstance(app.screen, ReferrersScreen)
    return app.screen


def answers(name: str) -> list[Event]:
    """The simulated inspection under the name that the viewer gave it: what goes on until the
    object is known (4 events), then the answer for its node 1."""
    renamed: list[Event] = []
    for event in recorded(8.0):
        if isinstance(event, ev.ReferrersFound) and event.inspection == INSPECTION:
            renamed.append(replace(event, inspection=name))
        elif isinstance(event, ev.WorkProgressed) and event.work == INSPECTION:
            renamed.append(replace(event, work=name))
    return renamed


async def opened(app: RefwatchApp, pilot: Driven, feed: FakeFeed, events: int = 4) -> str:
    """Open the tree of the first row, with so many of the answers; return the inspection's name."""
    await pilot.press("5", "enter")
    await until(pilot, lambda: isinstance(app.screen, ReferrersScreen))
    name = tree(app).inspection
    assert cmd.Inspect(inspection=name, watch=5) in feed.sent
    feed.push(*answers(name)[:events])
    await settled(app, pilot, feed)
    return name


def chosen(app: RefwatchApp) -> tuple[int, ...] | None:
    return tree(app).tree_lines.cursor


async def test_progress_then_the_tree_then_back() -> None:
    feed = FakeFeed(recorded())
    async with driven(feed, size=(80, 24)) as (app, pilot):
        name = await opened(app, pilot, feed, events=2)
        assert "60 %" in frame(app)
        assert "no answer yet" in frame(app)
        feed.push(*answers(name)[2:4])
        await settled(app, pilot, feed)
        assert "4 references: 3 seen, 1 unaccounted" in frame(app)
        assert "value of key 'session'  dict of 12" in frame(app)
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, MainScreen))
        assert asked(feed) == [
            cmd.Inspect(inspection=name, watch=5),
            cmd.EndInspection(inspection=name),
        ]
        assert app.focused is panel(app).table


async def test_a_node_opens_and_closes_by_key() -> None:
    feed = FakeFeed(recorded())
    async with driven(feed, size=(80, 24)) as (app, pilot):
        name = await opened(app, pilot, feed)
        await pilot.press("down", "right")
        await until(pilot, lambda: "looking …" in frame(app))
        assert asked(feed)[-1] == cmd.OpenNode(inspection=name, node=1)
        feed.push(answers(name)[4])
        await settled(app, pilot, feed)
        assert "looking …" not in frame(app)
        assert "attribute sessions  app.Server" in frame(app)
        assert chosen(app) == (0, 1)
        await pilot.press("right", "down")
        assert chosen(app) == (0, 1, 5)
        await pilot.press("left")
        assert chosen(app) == (0, 1)
        await pilot.press("left")
        await until(pilot, lambda: "attribute sessions" not in frame(app))
        number = len(asked(feed))
        await pilot.press("enter")
        await until(pilot, lambda: "attribute sessions" in frame(app))
        assert len(asked(feed)) == number


async def test_the_cursor_stays_on_its_row_while_others_open() -> None:
    feed = FakeFeed(recorded())
    async with driven(feed, size=(80, 24)) as (app, pilot):
        name = await opened(app, pilot, feed)
        await pilot.press("down", "right", "down", "down")
        assert chosen(app) == (0, 2)
        feed.push(answers(name)[4])
        await settled(app, pilot, feed)
        assert chosen(app) == (0, 2)
        assert "attribute sessions" in frame(app)


async def test_a_closed_branch_takes_the_cursor_to_its_top() -> None:
    feed = FakeFeed(recorded())
    async with driven(feed, size=(80, 24)) as (app, pilot):
        name = await opened(app, pilot, feed)
        await pilot.press("down", "right")
        feed.push(answers(name)[4])
        await settled(app, pilot, feed)
        await pilot.press("down", "down")
        assert chosen(app) == (0, 1, 5)
        y = (
            frame(app)
            .splitlines()
            .index(next(line for line in frame(app).splitlines() if "item 17" in line))
        )
        await pilot.click(offset=(5, y))
        await until(pilot, lambda: "attribute sessions" not in frame(app))
        assert chosen(app) == (0, 1)


async def test_by_mouse() -> None:
    feed = FakeFeed(recorded())
    async with driven(feed, size=(80, 24)) as (app, pilot):
        await pilot.press("5")
        await steady(app, pilot)
        await pilot.click("#refcounts-table", offset=(4, 1), times=2)
        await until(pilot, lambda: isinstance(app.screen, ReferrersScreen))
        name = tree(app).inspection
        feed.push(*answers(name)[:4])
        await settled(app, pilot, feed)
        await pilot.click("#tree", offset=(40, 3))
        assert chosen(app) == (0, 2)
        assert "looking …" not in frame(app)
        await pilot.click("#tree", offset=(40, 3), times=2)
        await until(pilot, lambda: asked(feed)[-1] == cmd.OpenNode(inspection=name, node=2))
        await pilot.click("#tree", offset=(40, 20))
        assert chosen(app) == (0, 2)


async def test_w_watches_a_node() -> None:
    feed = FakeFeed(recorded())
    async with driven(feed, size=(80, 24)) as (app, pilot):
        name = await opened(app, pilot, feed)
        await pilot.press("w")
        await until(pilot, lambda: asked(feed)[-1] == cmd.WatchNode(inspection=name, node=0))
        await pilot.press("down", "down", "w")
        await until(pilot, lambda: asked(feed)[-1] == cmd.WatchNode(inspection=name, node=2))
        await until(pilot, lambda: "Looking for dict of 12" in frame(app))
        await pilot.press("right", "down")
        await until(pilot, lambda: "looking …" in frame(app))
        number = len(asked(feed))
        await pilot.press("w")
        assert len(asked(feed)) == number


async def test_what_is_watched_already_is_not_asked_for() -> None:
    feed = FakeFeed(recorded())
    async with driven(feed, size=(80, 24)) as (app, pilot):
        await opened(app, pilot, feed)
        await pilot.press("down", "w")
        await until(pilot, lambda: "sessions is watched already" in frame(app))
        assert not any(isinstance(one, cmd.WatchNode) for one in feed.sent)


async def test_a_search_can_be_cancelled_and_asked_again() -> None:
    feed = FakeFeed(recorded())
    async with driven(feed, size=(80, 24)) as (app, pilot):
        name = await opened(app, pilot, feed)
        await pilot.press("x")
        assert cmd.CancelWork(work=name) not in feed.sent
        await pilot.press("down", "right")
        feed.push(
            ev.WorkProgressed(
                at=8.0, process=MAIN, work=name, text="looking for referrers", share=0.2
            )
        )
        await settled(app, pilot, feed)
        await pilot.press("x")
        await until(pilot, lambda: asked(feed)[-1] == cmd.CancelWork(work=name))
        feed.push(
            ev.WorkProgressed(
                at=8.1, process=MAIN, work=name, text="", done=True, failure="cancelled"
            )
        )
        await settled(app, pilot, feed)
        assert "looking …" not in frame(app)
        assert "✕ cancelled" in frame(app)
        await pilot.press("left", "right")
        await until(pilot, lambda: asked(feed)[-1] == cmd.OpenNode(inspection=name, node=1))
        await until(pilot, lambda: "looking …" in frame(app))


async def test_the_copy_goes_and_what_was_opened_stays() -> None:
    feed = FakeFeed(recorded())
    async with driven(feed, size=(80, 24)) as (app, pilot):
        name = await opened(app, pilot, feed, events=5)
        await pilot.press("down", "right")
        feed.push(
            ev.InspectionEnded(at=8.0, process=MAIN, inspection=name, reason="it had used 60 s")
        )
        await settled(app, pilot, feed)
        assert "the copy is gone: it had used 60 s" in frame(app)
        assert "attribute sessions" in frame(app)
        await pilot.press("down", "down", "down", "right")
        assert chosen(app) == (0, 2)
        assert [one for one in asked(feed) if isinstance(one, cmd.OpenNode)] == []


async def test_a_node_nobody_answers_for_closes_again() -> None:
    feed = FakeFeed(recorded())
    async with driven(feed, size=(80, 24)) as (app, pilot):
        await opened(app, pilot, feed)
        feed.end()
        await until(pilot, lambda: feed.gone)
        await pilot.press("down", "right")
        await until(pilot, lambda: "the daemon is gone" in frame(app))
        await until(pilot, lambda: "looking …" not in frame(app))
        assert tree(app).view is not None
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, MainScreen))
        assert not any(isinstance(one, cmd.EndInspection) for one in feed.sent)


async def test_it_answers_during_a_pause() -> None:
    feed = FakeFeed(recorded())
    async with driven(feed, size=(80, 24)) as (app, pilot):
        await pilot.press("space")
        await opened(app, pilot, feed)
        assert "value of key 'session'" in frame(app)
        assert app.paused


async def test_what_has_died_is_not_asked_about() -> None:
    feed = FakeFeed(recorded())
    async with driven(feed) as (app, pilot):
        await pilot.press("5", "end", "enter")
        await until(pilot, lambda: "has died" in frame(app))
        assert asked(feed) == []


@pytest.mark.parametrize("size", [(20, 6), (5, 3), (250, 60)])
async def test_no_size_is_too_odd(size: tuple[int, int]) -> None:
    feed = FakeFeed(recorded())
    async with driven(feed, size=size) as (app, pilot):
        await opened(app, pilot, feed, events=5)
        await pilot.press("down", "right", "end", "escape", "plus", "escape", "m", "escape")
        await steady(app, pilot)
        assert isinstance(app.screen, MainScreen)


async def test_one_that_finds_nothing_says_why() -> None:
    feed = FakeFeed(recorded())
    async with driven(feed, size=(80, 24)) as (app, pilot):
        name = await opened(app, pilot, feed, events=1)
        feed.push(
            ev.InspectionEnded(
                at=6.1, process=MAIN, inspection=name, reason="the object is no longer watched"
            )
        )
        await settled(app, pilot, feed)
        assert "nothing was found: the object is no longer watched" in frame(app)
        assert "no answer yet" not in frame(app)
        await pilot.press("x")
        assert cmd.CancelWork(work=name) not in feed.sent


async def test_a_program_that_has_ended_is_not_asked() -> None:
    feed = FakeFeed([*recorded(), ev.TargetExited(at=6.1, process=MAIN, exit_code=0)])
    async with driven(feed, size=(80, 24)) as (app, pilot):
        await pilot.press("5", "enter")
        await until(pilot, lambda: "The program has ended" in frame(app))
        await pilot.press("w", "plus", "c")
        assert isinstance(app.screen, MainScreen)
        assert asked(feed) == []
