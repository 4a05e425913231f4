"""Encoding of messages: one line of JSON for each struct, on every socket and in recordings."""

from __future__ import annotations

from typing import Generic, TypeVar

import msgspec

from refwatch.text.sanitize import encodable

T = TypeVar("T")

LONGEST_LINE = 64 << 20  # bytes

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

    def __init__(self, decoder: msgspec.json.Decoder[T]) -> None:
        self.bad = 0
        self._decoder = decoder
        self._rest = bytearray()

    def feed(self, data: bytes) -> list[T]:
        """Take the next piece of the stream; return the messages that it completes. A line longer
        than ``LONGEST_LINE`` is skipped."""
        first, *others = data.split(b"\n")
        self._rest += first  # in place: a long line comes in many pieces
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
