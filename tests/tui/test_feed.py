"""Where events come from: a daemon's socket, or a recording."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from refwatch.session import events as ev
from refwatch.session.events import Event
from refwatch.session.playback import Playback
from refwatch.session.recording import RecordingWriter, read_recording
from refwatch.session.state import State
from refwatch.tui.feed import FeedGoneError, ReplayFeed, SocketFeed
from refwatch.wire.codec import LineReader, encode_line
from refwatch.wire.commands import Mark, command_decoder


async def collect(batches: AsyncIterator[list[Event]]) -> list[Event]:
    return [event async for batch in batches for event in batch]


async def test_a_socket_gives_events_and_takes_commands(tmp_path: Path) -> None:
    got: asyncio.Queue[object] = asyncio.Queue()
    events: list[Event] = [ev.Noted(at=n / 10, level="info", text=f"note {n}") for n in range(1200)]

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
                await feed.send(Mark(name="now"))
        assert seen == events
        assert feed.gone
        assert await got.get() == Mark(name="now")
        with pytest.raises(FeedGoneError):
            await feed.send(Mark(name="late"))


async def test_a_socket_that_is_not_there(tmp_path: Path) -> None:
    feed = SocketFeed(str(tmp_path / "none"))
    assert await collect(feed.events()) == []
    assert feed.gone


@pytest.fixture
def recorded(tmp_path: Path) -> Iterator[Callable[[list[Event]], Playback]]:
    """Writes events, and opens the recording."""
    with ExitStack() as stack:

        def recorded(events: list[Event]) -> Playback:
            writer = RecordingWriter(tmp_path / "r")
            writer.write(events, 0.0)
            writer.close()
            return stack.enter_context(closing(Playback(read_recording(tmp_path / "r"))))

        yield recorded


Recorded = Callable[[list[Event]], Playback]


async def to_the_end(feed: ReplayFeed) -> list[Event]:
    seen: list[Event] = []
    async for batch in feed.events():
        seen += batch
        if feed.gone:
            break
    return seen


async def test_a_recording_plays_in_order_and_ends(recorded: Recorded) -> None:
    events: list[Event] = [ev.Noted(at=n / 100, level="info", text=str(n)) for n in range(10)]
    feed = ReplayFeed(recorded(events), speed=50.0)
    assert await asyncio.wait_for(to_the_end(feed), 5) == events
    assert feed.clock_s == feed.length_s == events[-1].at
    with pytest.raises(FeedGoneError):
        await feed.send(Mark(name="x"))


async def test_a_paused_recording_stands_still_until_another_moment_is_wanted(
    recorded: Recorded,
) -> None:
    events: list[Event] = [ev.Noted(at=float(n), level="info", text=str(n)) for n in range(100)]
    feed = ReplayFeed(recorded(events))
    feed.paused = True
    task = asyncio.ensure_future(to_the_end(feed))
    await asyncio.wait({task}, timeout=0.2)
    assert not task.done()
    assert feed.clock_s == 0.0
    feed.seek(1000.0)
    assert await asyncio.wait_for(task, 5) == events
    assert (feed.clock_s, feed.paused) == (99.0, True)


async def test_steps_add_up_and_stay_within_the_recording(recorded: Recorded) -> None:
    events: list[Event] = [ev.Noted(at=float(n), level="info", text=str(n)) for n in range(100)]
    feed = ReplayFeed(recorded(events))
    feed.paused = True
    batches = feed.events()
    state = State()

    async def shown() -> float:
        for event in await asyncio.wait_for(anext(batches), 5):
            state.apply(event)
        return state.now

    assert await shown() == 0.0
    feed.step(10.0)
    feed.step(10.0)
    feed.step(-1.0)
    assert await shown() == feed.clock_s == 19.0
    feed.step(-30.0)
    assert await shown() == feed.clock_s == 0.0
    feed.step(1000.0)
    assert (await shown(), feed.gone) == (feed.clock_s, True) == (99.0, True)
    feed.step(-1.0)
    assert (await shown(), feed.gone) == (feed.clock_s, False) == (98.0, False)
    assert state.version == 99
    await batches.aclose()


def test_speed_is_bounded(recorded: Recorded) -> None:
    feed = ReplayFeed(recorded([ev.Noted(at=0.0, level="info", text="x")]))
    assert feed.faster(1) == 2.0
    assert feed.faster(100) == 50.0
    assert feed.faster(-100) == 0.1
