"""Encoding of messages: one line of JSON for each struct, on every socket and in recordings."""

from __future__ import annotations

from typing import Generic, TypeVar

import msgspec

from refwatch.text.sanitize import encodable
from refwatch.wire.line_buffer import LONGEST_LINE, LineBuffer

T = TypeVar("T")

_encoder = msgspec.json.Encoder()


def encode_json(message: msgspec.Struct) -> bytes:
    """The message as JSON. Bytes of an argument or a file name that are not UTF-8 are written as
    escapes, see :func:`refwatch.text.sanitize.encodable`."""
    try:
        return _encoder.encode(message)
    except UnicodeEncodeError:
        return _encoder.encode(encodable(msgspec.to_builtins(message)))


def encode_line(message: msgspec.Struct) -> bytes:
    """The message as one line of JSON, with its newline."""
    return encode_json(message) + b"\n"


class LineReader(Generic[T]):
    """Splits a stream of bytes into lines and decodes them. Lines that do not decode are skipped
    and counted in ``bad``."""

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
