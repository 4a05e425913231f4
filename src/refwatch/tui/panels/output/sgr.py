"""Colours and weight of terminal output, as ``ESC [ ... m`` sets them."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property, lru_cache

_FLAGS = {1: "bold", 2: "dim", 3: "italic", 4: "underline", 7: "reverse", 8: "conceal", 9: "strike"}
_NO_FLAGS = {
    22: {"bold", "dim"}, 23: {"italic"}, 24: {"underline"}, 27: {"reverse"}, 28: {"conceal"},
    29: {"strike"},
}  # fmt: skip


class Sgr:
    """``name`` is a style that Rich understands, behind ``ansi:``; empty for the plain one."""

    def __init__(
        self, flags: frozenset[str] = frozenset(), front: str = "", back: str = ""
    ) -> None:
        self._flags, self._front, self._back = flags, front, back
        words = [*sorted(flags), front, f"on {back}" if back else ""]
        text = " ".join(word for word in words if word)
        self.name = f"ansi:{text}" if text else ""

    @cached_property
    def ground(self) -> str:
        """The name of the style of what is erased: of the colours only the one behind stays."""
        return Sgr(back=self._back).name

    def changed(self, args: str) -> Sgr:
        """What it is after a sequence with these arguments."""
        flags, front, back = set(self._flags), self._front, self._back
        parts = iter(args.split(";"))
        for part in parts:
            code, _, more = part.partition(":")
            number = int(code) if code.isdigit() else 0
            if number == 0:
                flags, front, back = set(), "", ""
            elif number == 4 and more == "0":
                flags.discard("underline")
            elif number in _FLAGS:
                flags.add(_FLAGS[number])
            elif number in _NO_FLAGS:
                flags -= _NO_FLAGS[number]
            elif number in {38, 48, 58}:
                colour = _extended(iter(more.split(":")) if more else parts, whole=bool(more))
                front, back = colour if number == 38 else front, colour if number == 48 else back
            else:
                front, back = _plain(number, front, back)
        return _sgr(frozenset(flags), front, back)


_sgr = lru_cache(maxsize=1024)(Sgr)


@lru_cache(maxsize=4096)
def changed(style: Sgr, args: str) -> Sgr:
    """As :meth:`Sgr.changed`: programs use few of them, again and again, each the same object."""
    return style.changed(args)


def _plain(code: int, front: str, back: str) -> tuple[str, str]:
    if 30 <= code <= 37:
        return f"color({code - 30})", back
    if 90 <= code <= 97:
        return f"color({code - 82})", back
    if 40 <= code <= 47:
        return front, f"color({code - 40})"
    if 100 <= code <= 107:
        return front, f"color({code - 92})"
    return "" if code == 39 else front, "" if code == 49 else back


def _extended(parts: Iterator[str], *, whole: bool) -> str:
    """``5;N`` or ``2;R;G;B``. ``whole``: it stood between colons, where the name of a colour space
    may come before the three."""
    kind = next(parts, "")
    if kind == "5":
        return f"color({_byte(next(parts, ''))})"
    if kind != "2":
        return ""
    values = list(parts)[-3:] if whole else [next(parts, "") for _ in range(3)]
    return "#" + "".join(f"{_byte(value):02x}" for value in values) if len(values) == 3 else ""


def _byte(text: str) -> int:
    return min(int(text), 255) if text.isdigit() else 0
