"""Sources of events and sinks of commands: a daemon's socket, or a recording."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from itertools import islice
from math import inf
from typing import Protocol

from refwatch.session.events import Event, event_decoder
from refwatch.session.playback import Playback
from refwatch.session.state import State
from refwatch.wire.codec import LineReader, encode_line
from refwatch.wire.commands import Command
from refwatch.wire.line_buffer import LineTooLongError

CHUNK = 256 * 1024
"""Bytes read from the socket at once."""
BATCH = 500
"""Events per batch, so that the screen stays responsive."""


class FeedGoneError(Exception):
    """Nobody takes commands."""


class Feed(Protocol):
    """A source of events. ``gone`` is True once no more will come."""

    gone: bool

    def events(self) -> AsyncIterator[list[Event]]:
        """Batches of events, in order; ends when the source is gone."""
        ...

    async def send(self, command: Command) -> None:
        """Send the daemon a command; raises FeedGoneError without one."""
        ...


class SocketFeed:
    """The daemon of a session, on its unix socket."""

    def __init__(self, path: str) -> None:
        self.gone = False
        self._path = path
        self._writer: asyncio.StreamWriter | None = None

    async def events(self) -> AsyncIterator[list[Event]]:
        """Connects, then reads until the daemon closes."""
        lines: LineReader[Event] = LineReader(event_decoder())
        try:
            reader, self._writer = await asyncio.open_unix_connection(self._path)
            while data := await reader.read(CHUNK):
                batch = lines.feed(data)
                for start in range(0, len(batch), BATCH):
                    yield batch[start : start + BATCH]
                    await asyncio.sleep(0)
            self.gone = True
        except (OSError, LineTooLongError):
            self.gone = True  # refused, or reset, or no daemon: it is all that there is to say
        finally:
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
    """Plays a recording at its own pace times ``speed``, from any moment.

    ``gone`` is True at its end, until the user seeks back. Each batch must be folded before the
    next one is asked for, and the state handed to :meth:`folded`.
    """

    SPEEDS = (0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 50.0)
    STEP_S = 0.05

    def __init__(self, playback: Playback, *, speed: float = 1.0) -> None:
        self.gone = False
        self.speed = speed
        self.clock_s = 0.0
        """The moment on the screen, seconds."""
        self._paused = False
        self._wanted: float | None = None
        """Moment to seek to."""
        self._playback = playback
        self._woken = asyncio.Event()

    @property
    def length_s(self) -> float:
        """Length of the recording, seconds."""
        return self._playback.length_s

    @property
    def paused(self) -> bool:
        """The clock stands still."""
        return self._paused

    @paused.setter
    def paused(self, paused: bool) -> None:
        self._paused = paused
        self._woken.set()

    async def events(self) -> AsyncGenerator[list[Event], None]:
        """Yields what has happened by each moment. Never ends: the user may seek back."""
        while True:
            self._woken.clear()
            wanted, self._wanted = self._wanted, None
            if wanted is None:
                coming = self._playback.until(self.clock_s)
            else:
                self.clock_s = min(wanted, self.length_s)
                coming = self._playback.seek(wanted)
            async for batch in self._batches(coming):
                yield batch
            if self._wanted is None:
                await self._wait()

    async def _batches(self, coming: Iterator[Event]) -> AsyncIterator[list[Event]]:
        """All of ``coming`` in batches, unless the user seeks meanwhile."""
        while self._wanted is None:
            batch = list(islice(coming, BATCH))
            over = self._playback.next_s is None
            if over:
                self.clock_s = min(self.clock_s, self.length_s)
            if batch or over != self.gone:
                self.gone = over
                yield batch
            if len(batch) < BATCH:
                return
            await asyncio.sleep(0)

    async def _wait(self) -> None:
        """Wait until the next event is due or the user does something; advance the clock."""
        loop = asyncio.get_running_loop()
        began, moving = loop.time(), not self._paused and not self.gone
        due = self._playback.next_s
        wait = self.STEP_S if due is None else (due - self.clock_s) / self.speed
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(
                self._woken.wait(), min(max(wait, 0.0), self.STEP_S) if moving else None
            )
        if moving and self._wanted is None:
            self.clock_s += (loop.time() - began) * self.speed

    def folded(self, state: State) -> None:
        """Keep the state that all batches so far add up to."""
        self._playback.keep(state)

    async def send(self, command: Command) -> None:
        """A recording takes no commands."""
        raise FeedGoneError(f"a recording cannot do that ({type(command).__name__})")

    def faster(self, by: int) -> float:
        """Change the speed by ``by`` steps; return it."""
        nearest = min(range(len(self.SPEEDS)), key=lambda i: abs(self.SPEEDS[i] - self.speed))
        self.speed = self.SPEEDS[min(max(nearest + by, 0), len(self.SPEEDS) - 1)]
        return self.speed

    def seek(self, at: float) -> None:
        """Show this moment next, seconds; clamped to the recording."""
        self._wanted = max(at, 0.0) if at < self.length_s else inf
        self._woken.set()

    def step(self, by: float) -> None:
        """Seek by so many seconds, back if negative."""
        self.seek(min(self.clock_s if self._wanted is None else self._wanted, self.length_s) + by)
