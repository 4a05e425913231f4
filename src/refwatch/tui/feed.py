"""Where a viewer's events come from and its commands go: a daemon's socket, or a recording."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from typing import Protocol

from refwatch.model.commands import Command
from refwatch.model.events import Event
from refwatch.model.wire import LineReader, encode_line, event_decoder

CHUNK = 256 * 1024
"""Bytes read from the socket at once."""
BATCH = 500
"""Events handed over at once, so that the screen is not held up."""


class FeedGoneError(Exception):
    """There is nobody to take the command."""


class Feed(Protocol):
    """A source of events. ``gone`` is True once no more will come."""

    gone: bool

    def events(self) -> AsyncIterator[list[Event]]:
        """Batches of events, in order; ends when the source is gone."""
        ...

    async def send(self, command: Command) -> None:
        """Ask something of the daemon; raises FeedGoneError where there is none."""
        ...


class SocketFeed:
    """The daemon of a session, on its unix socket."""

    def __init__(self, path: str) -> None:
        self.gone = False
        self._path = path
        self._writer: asyncio.StreamWriter | None = None

    async def events(self) -> AsyncIterator[list[Event]]:
        """Connects, then reads until the daemon closes."""
        lines: LineReader[Event] = LineReader(event_decoder)
        try:
            reader, self._writer = await asyncio.open_unix_connection(self._path)
            while data := await reader.read(CHUNK):
                batch = lines.feed(data)
                for start in range(0, len(batch), BATCH):
                    yield batch[start : start + BATCH]
                    await asyncio.sleep(0)
        except OSError:
            pass  # refused, or reset: the daemon is gone, which is all there is to say
        finally:
            self.gone = True
            if self._writer is not None:
                self._writer.close()
                self._writer = None

    async def send(self, command: Command) -> None:
        """Write one line."""
        if self._writer is None or self._writer.is_closing():
            raise FeedGoneError("the daemon is gone")
        try:
            self._writer.write(encode_line(command))
            await self._writer.drain()
        except OSError as error:
            raise FeedGoneError("the daemon is gone") from error


class ReplayFeed:
    """A recording, played at the pace at which it was recorded, times ``speed``."""

    SPEEDS = (0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 50.0)
    STEP_S = 0.05

    def __init__(self, events: Iterable[Event], *, speed: float = 1.0) -> None:
        self.gone = False
        self.speed = speed
        self.paused = False
        self._to_end = False
        self._events = events

    async def events(self) -> AsyncIterator[list[Event]]:
        """Each batch is what has happened by its time; the clock stands still while paused."""
        loop = asyncio.get_running_loop()
        clock = before = 0.0
        last = loop.time()
        batch: list[Event] = []
        for event in self._events:
            while event.at > clock and not self._to_end:
                if batch:
                    yield batch
                    batch = []
                if event.at - clock > self.STEP_S * self.speed or self.paused:
                    await asyncio.sleep(self.STEP_S)
                else:
                    await asyncio.sleep(max(0.0, (event.at - clock) / self.speed))
                before, last = last, loop.time()
                clock += 0.0 if self.paused else (last - before) * self.speed
            batch.append(event)
            if len(batch) >= BATCH:
                yield batch
                batch = []
                await asyncio.sleep(0)
        if batch:
            yield batch
        self.gone = True

    async def send(self, command: Command) -> None:
        """A recording takes no commands."""
        raise FeedGoneError(f"a recording cannot do that ({type(command).__name__})")

    def faster(self, by: int) -> float:
        """Play ``by`` steps faster, or slower where it is below 0; return the speed."""
        nearest = min(range(len(self.SPEEDS)), key=lambda i: abs(self.SPEEDS[i] - self.speed))
        self.speed = self.SPEEDS[min(max(nearest + by, 0), len(self.SPEEDS) - 1)]
        return self.speed

    def jump_to_end(self) -> None:
        """Hand over all the rest at once."""
        self._to_end = True
        self.paused = False
