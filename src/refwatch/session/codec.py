"""MessagePack encoding of the session state, for late viewers, pauses and checkpoints.

Structs are encoded by field name. A class that msgspec does not know is encoded as
the tuple that its ``packed`` returns, and decoded by its ``unpacked``. There is no version number:
:func:`shape_of` changes with any field of any class that is reachable from the state.
"""

from __future__ import annotations

import zlib
from collections import deque
from collections.abc import Callable
from enum import Enum
from functools import cache
from typing import Any, Protocol, TypeVar, get_args, get_origin, get_type_hints, runtime_checkable

import msgspec

from refwatch.text.sanitize import encodable

LEVEL = 1  # of zlib: three times as fast as the default level, output a fifth larger

T = TypeVar("T")


class CodecError(Exception):
    """The bytes are not a state of this version of refwatch."""


@runtime_checkable
class Packable(Protocol):
    """A class with its own encoding: a tuple of plain values."""

    def packed(self) -> tuple[object, ...]: ...

    @classmethod
    def unpacked(cls, *values: Any) -> Packable: ...  # noqa: ANN401 - as packed() returned them


def encode(value: object) -> bytes:
    """The value as compressed MessagePack. Bytes of an argument or a file name that are not UTF-8
    are written as escapes, as on the wire."""
    return zlib.compress(_encode(value), LEVEL)


def decode(data: bytes, kind: type[T]) -> T:
    """The encoded value. Raises CodecError unless it is one of this class."""
    try:
        return _decoder(kind).decode(zlib.decompress(data))
    except (zlib.error, msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise CodecError(str(error)) from error


def is_complete(data: bytes) -> bool:
    """Whether the bytes are complete, by their checksum."""
    try:
        return bool(zlib.decompress(data))
    except zlib.error:
        return False


def copy(value: T) -> T:
    """A deep copy."""
    return _decoder(type(value)).decode(_encode(value))


@cache
def shape_of(kind: type) -> str:
    """A hash, eight hexadecimal digits, of the fields and types of this class and of all classes
    that its values hold."""
    lines: list[str] = []
    _describe(kind, lines, set())
    return f"{zlib.crc32(chr(10).join(sorted(lines)).encode()):08x}"


def _describe(kind: object, lines: list[str], seen: set[object]) -> None:
    if (arguments := get_args(kind)) and get_origin(kind) is not None:
        for argument in arguments:
            _describe(argument, lines, seen)
        return
    if not isinstance(kind, type) or kind in seen:
        return
    seen.add(kind)
    from inspect import get_annotations  # noqa: PLC0415 - start-up needs none of what it loads

    if issubclass(kind, msgspec.Struct):
        written = [get_annotations(base) for base in kind.__mro__]
        lines.append(f"{kind.__qualname__} {written}")
        for hint in get_type_hints(kind).values():
            _describe(hint, lines, seen)
    elif issubclass(kind, Enum):
        lines.append(f"{kind.__qualname__} {[each.value for each in kind]}")
    elif hasattr(kind, "unpacked"):
        lines.append(f"{kind.__qualname__} {get_annotations(kind.unpacked)}")


def _encode(value: object) -> bytes:
    try:
        return _encoder.encode(value)
    except UnicodeEncodeError:
        plain = msgspec.to_builtins(value, builtin_types=(bytes,), str_keys=False, enc_hook=_pack)
        return _encoder.encode(encodable(plain))


def _pack(value: object) -> object:
    if isinstance(value, deque):
        return value.maxlen, list(value)
    if isinstance(value, Packable):
        return value.packed()
    raise NotImplementedError(f"{type(value).__qualname__} cannot be encoded")


def _unpack(kind: type, value: Any) -> object:  # noqa: ANN401 - what the decoder has made of it
    if get_origin(kind) is deque:
        limit, items = value
        return deque(msgspec.convert(items, list[get_args(kind)[0]]), limit)  # type: ignore[misc]
    unpacked: Callable[..., object] = kind.unpacked  # type: ignore[attr-defined]
    return unpacked(*value)


_encoder = msgspec.msgpack.Encoder(enc_hook=_pack)
_decoders: dict[type, msgspec.msgpack.Decoder[Any]] = {}


def _decoder(kind: type[T]) -> msgspec.msgpack.Decoder[T]:
    if kind not in _decoders:
        _decoders[kind] = msgspec.msgpack.Decoder(kind, dec_hook=_unpack)
    return _decoders[kind]
