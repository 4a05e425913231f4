"""The one wire: a struct is one line of JSON, on every socket and in a recording."""

from __future__ import annotations

from typing import Generic, TypeVar

import msgspec

from refwatch.model.commands import Command
from refwatch.model.events import Event

T = TypeVar("T")

LONGEST_LINE = 64 << 20

_encoder = msgspec.json.Encoder()
event_decoder: msgspec.json.Decoder[Event]
"""Made when it is first asked for, which takes longer than to make all events: the daemon has no
need of it."""
command_decoder: msgspec.json.Decoder[Command] = msgspec.json.Decoder(Command)


def __getattr__(name: str) -> object:
    if name != "event_decoder":
        raise AttributeError(name)
    globals()[name] = found = msgspec.json.Decoder(Event)
    return found


def encode_line(message: msgspec.Struct) -> bytes:
    """The message as JSON with a newline at its end. Bytes that are no text, in an argument or a
    file's name, are written with a backslash."""
    try:
        return _encoder.encode(message) + b"\n"
    except UnicodeEncodeError:
        return _encoder.encode(without_surrogates(msgspec.to_builtins(message))) + b"\n"


def without_surrogates(value: object) -> object:
    """The plain value with text that can be encoded as UTF-8: what cannot is written with a
    backslash. Lists become tuples."""
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, list | tuple):
        return tuple(map(without_surrogates, value))
    if isinstance(value, dict):
        return {without_surrogates(key): without_surrogates(item) for key, item in value.items()}
    return value


class LineReader(Generic[T]):
    """Cuts a stream of bytes into lines and decodes each; lines that decode to nothing known are
    counted in ``bad`` and left out."""

    def __init__(self, decoder: msgspec.json.Decoder[T]) -> None:
        self.bad = 0
        self._decoder = decoder
        self._rest = bytearray()

    def feed(self, data: bytes) -> list[T]:
        """Take the next piece of the stream; return the messages that it completes. A line longer
        than 64 MB is none of ours."""
        first, *others = data.split(b"\n")
        self._rest += first  # a long line comes in many pieces: what has come is not copied again
        lines: list[bytes | bytearray] = []
        if others:
            lines = [self._rest, *others[:-1]]
            self._rest = bytearray(others[-1])
        if len(self._rest) > LONGEST_LINE:
            self._rest = bytearray()
            self.bad += 1
        messages: list[T] = []
        for line in lines:
            try:
                messages.append(self._decoder.decode(line))
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                self.bad += 1
        return messages
