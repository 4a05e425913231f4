"""Stacks of a memory that is torn."""

from __future__ import annotations

import struct
from types import SimpleNamespace
from typing import cast

from refwatch.readings.threads.events import END
from refwatch.readings.threads.interpreter import Interpreter, Stack
from refwatch.readings.threads.tracked import TrackedThread
from refwatch.target.layout import Layout
from refwatch.target.locations import LineTable
from refwatch.target.memory import RemoteMemory

FRAME, PREVIOUS, CODE, INSTRUCTION = 0x10_0000, 0, 8, 16


class Circle:
    """Frames that lie one after the other, of which the last leads back to the first."""

    def __init__(self, frames: int) -> None:
        addresses = [FRAME + 24 * number for number in range(frames)]
        self.words = b"".join(
            struct.pack("<QQQ", following, number, 0)
            for number, following in enumerate([*addresses[1:], addresses[0]])
        )

    def word(self, _: int) -> int:
        return FRAME

    def read(self, address: int, size: int) -> bytes:
        start = address - FRAME
        return self.words[start : start + size] if 0 <= start < len(self.words) else b""


def stack_of(frames: int, *, line: int, memory: Circle | None = None) -> Stack | None:
    layout = SimpleNamespace(
        gil=None,
        threads=None,
        collecting=None,
        text=object(),
        frames=SimpleNamespace(
            path=[0],
            previous_offset=PREVIOUS,
            code_offset=CODE,
            instruction_offset=INSTRUCTION,
            bytecode_offset=0,
            none=0,
        ),
    )
    remote = cast("RemoteMemory", memory or Circle(frames))
    interpreter = Interpreter(remote, cast("Layout", layout))
    interpreter.lines = cast("LineTable", SimpleNamespace(torn=0, at=lambda *_: line))
    return interpreter.stack(
        cast("TrackedThread", SimpleNamespace(frames_at=8, pointers=b"", outer=()))
    )


def test_frames_that_lead_round_in_a_circle() -> None:
    assert stack_of(3, line=0) == Stack([], 0)
    deep = stack_of(3, line=7)
    assert deep is not None
    assert deep.lines == [7] * 2 * END
    assert deep.left_out > END


def test_a_stack_that_leads_to_where_there_is_none_has_moved() -> None:
    circle = Circle(150)
    circle.words = circle.words[: 24 * 120]  # a chunk of it was freed meanwhile
    assert stack_of(150, line=7, memory=circle) is None
