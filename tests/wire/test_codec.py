"""Lines come out of a stream however it was cut, and noise does not stop it."""

from __future__ import annotations

import random

import pytest

from refwatch.session import events as ev
from refwatch.session.events import event_decoder
from refwatch.wire import commands as cmd
from refwatch.wire.codec import LineReader, encode_line
from refwatch.wire.commands import command_decoder
from refwatch.wire.line_buffer import LineBuffer, LineTooLongError

MESSAGES = [ev.Noted(at=float(n), level="info", text=f"number {n} é\U0001f40d") for n in range(30)]
STREAM = b"".join(map(encode_line, MESSAGES))


@pytest.mark.parametrize("seed", range(20))
def test_a_stream_cut_anywhere_gives_the_same_messages(seed: int) -> None:
    rng = random.Random(seed)
    reader = LineReader(event_decoder())
    found: list[ev.Event] = []
    at = 0
    while at < len(STREAM):
        size = rng.choice([1, 2, 7, 100, 1000])
        found += reader.feed(STREAM[at : at + size])
        at += size
    assert found == MESSAGES
    assert reader.bad == 0


def test_a_line_without_its_end_waits() -> None:
    reader = LineReader(event_decoder())
    assert reader.feed(STREAM[:-1]) == MESSAGES[:-1]
    assert reader.feed(b"\n") == MESSAGES[-1:]


@pytest.mark.parametrize(
    "noise",
    [
        b"noise",
        b"\xff\xfe\x00",
        b'{"event":"noted","at":1}',
        b'{"event":"from_the_future","at":1}',
        b'{"at":1}',
        b"[1, 2]",
        b'{"event":"noted","at":"1","level":"info","text":"x"}',
    ],
)
def test_a_line_that_is_no_message_is_counted_and_left_out(noise: bytes) -> None:
    reader = LineReader(event_decoder())
    good = encode_line(MESSAGES[0])
    assert reader.feed(good + noise + b"\n" + good) == [MESSAGES[0]] * 2
    assert reader.bad == 1


@pytest.mark.parametrize(
    "command",
    [
        cmd.WriteSnapshot(path="/tmp/s.json"),
        cmd.TypeInput(data="y\n"),
        cmd.ResizeTerminal(rows=24, columns=80),
        cmd.SignalTarget(number=15),
        cmd.Mark(name="warm"),
        cmd.EndSession(),
    ],
    ids=lambda command: type(command).__name__,
)
def test_a_command_comes_back_equal(command: cmd.Command) -> None:
    assert LineReader(command_decoder).feed(encode_line(command)) == [command]


def test_a_line_that_does_not_end_is_an_error_at_its_bound() -> None:
    lines = LineBuffer(longest=1 << 20)
    for _ in range(16):
        assert lines.feed(b"x" * 65536) == []
    assert lines.feed(b"\nnext\nbegun") == [b"x" * (1 << 20), b"next"]
    assert lines.begun == b"begun"
    with pytest.raises(LineTooLongError, match="more than 1 MiB"):
        lines.feed(b"x" * (1 << 20))
    assert lines.begun == b""  # nothing of it is kept
    with pytest.raises(LineTooLongError):
        LineBuffer(longest=10).feed(b"x" * 11 + b"\n")
