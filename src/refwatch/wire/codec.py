"""The one wire: a struct is one line of JSON, on every socket and in a recording."""

from __future__ import annotations

from typing import Generic, TypeVar

import msgspec

from refwatch.text.sanitize import without_surrogates
from refwatch.wire.line_buffer import LONGEST_LINE, LineBuffer

T = TypeVar("T")

_encoder = msgspec.json.Encoder()


def encode_line(message: msgspec.Struct) -> bytes:
    """The message as JSON with a newline at its end. Bytes that are no text, in an argument or a
    file's name, are written with a backslash."""
    try:
        return _encoder.encode(message) + b"\n"
    except UnicodeEncodeError:
        return _encoder.encode(without_surrogates(msgspec.to_builtins(message))) + b"\n"


class LineReader(Generic[T]):
    """Cuts a stream of bytes into lines and decodes each; lines that decode to nothing known are
    counted in ``bad`` and left out."""

    def __init__(self, decoder: msgspec.json.Decoder[T], longest: int = LONGEST_LINE) -> None:
        self.bad = 0
        self._decoder = decoder
        self._lines = LineBuffer(longest)

    def feed(self, data: bytes) -> list[T]:
        """Take the next piece of the stream; return the messages that it completes. Raises
        LineTooLongError."""
        messages: list[T] = []
        for line in self._lines.feed(data):
            try:
                messages.append(self._decoder.decode(line))
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                self.bad += 1
        return messages
