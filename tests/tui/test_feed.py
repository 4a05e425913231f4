"""Where events come from: a daemon's socket, or a recording."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from refwatch.model import events as ev
from refwatch.model.commands import Mark
from refwatch.model.events import Event
from refwatch.model.wire import LineReader, command_decoder, encode_line
from refwatch.tui.feed import FeedGoneError, ReplayFeed, SocketFeed


async def collect(batches: AsyncIterator[list[Event]]) -> list[Event]:
    return [event async for batch in batches for event in batch]


async def test_a_socket_gives_events_and_takes_commands(tmp_path: Path) -> None:
    got: asyncio.Queue[object] = asyncio.Queue()
    events: list[Event] = [ev.Noted(n / 10, "info", f"note {n}") for n in range(1200)]

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        lines = LineReader(command_decoder)
        writer.write(b"".join(map(encode_line, events)) + b"noise\n")
        for command in lines.feed(await reader.readline()):
            got.put_nowait(command)
        writer.close()

    path = str(tmp_path / "s")
    async with await asyncio.start_unix_server(serve, path):
        feed = SocketFeed(path)
        seen: list[Event] = []
        async for batch in feed.events():
            seen += batch
            assert len(batch) <= 500
            if len(seen) == len(events):
                await feed.send(Mark("now"))
        assert seen == events
        assert feed.gone
        assert await got.get() == Mark("now")
        with pytest.raises(FeedGoneError):
            await feed.send(Mark("late"))


async def test_a_socket_that_is_not_there(tmp_path: Path) -> None:
    feed = SocketFeed(str(tmp_path / "none"))
    assert await collect(feed.events()) == []
    assert feed.gone


async def test_a_recording_plays_in_order_and_ends() -> None:
    events: list[Event] = [ev.Noted(n / 100, "info", str(n)) for n in range(10)]
    feed = ReplayFeed(events, speed=50.0)
    assert await collect(feed.events()) == events
    assert feed.gone
    with pytest.raises(FeedGoneError):
        await feed.send(Mark("x"))


async def test_a_paused_recording_stands_still_until_the_end_is_wanted() -> None:
    events: list[Event] = [ev.Noted(float(n), "info", str(n)) for n in range(100)]
    feed = ReplayFeed(events)
    feed.paused = True
    batches = feed.events()
    task = asyncio.ensure_future(collect(batches))
    await asyncio.wait({task}, timeout=0.2)
    assert not task.done()
    feed.jump_to_end()
    assert await asyncio.wait_for(task, 5) == events


def test_speed_is_bounded() -> None:
    feed = ReplayFeed([])
    assert feed.faster(1) == 2.0
    assert feed.faster(100) == 50.0
    assert feed.faster(-100) == 0.1
