"""Stacks of a memory that is torn."""

from __future__ import annotations

import struct
from collections.abc import Callable
from types import SimpleNamespace
from typing import cast

import pytest

from refwatch.readings.threads.events import END
from refwatch.readings.threads.interpreter import PAGE, Interpreter, Stack
from refwatch.readings.threads.tracked import TrackedThread
from refwatch.target.layout import Layout
from refwatch.target.locations import NO_LINE, LineTable
from refwatch.target.memory import RemoteMemory

FRAME, PREVIOUS, CODE, INSTRUCTION = 0x10_0000, 0, 8, 16
LEAF = 64  # a code object


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


def interpreter_of(memory: object, at: Callable[[int, int], int | None]) -> Interpreter:
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
    interpreter = Interpreter(cast("RemoteMemory", memory), cast("Layout", layout))
    interpreter.lines = cast("LineTable", SimpleNamespace(torn=0, at=at))
    return interpreter


def stack_of(frames: int, *, line: int, memory: Circle | None = None) -> Stack | None:
    interpreter = interpreter_of(memory or Circle(frames), lambda *_: line)
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


class Returning:
    """A thread that has returned from a frame each time when the frame itself is read: since 3.15
    what was popped has no code. Together with the pointer to it, it is read whole after ``tries``
    times."""

    def __init__(self, tries: int) -> None:
        self.tries = tries

    def word(self, _: int) -> int:
        return FRAME + 24

    def read(self, _: int, size: int) -> bytes:
        return bytes(size)

    def gather_packed(self, _: bytes) -> bytes:
        self.tries -= 1
        code = 0 if self.tries > 0 else LEAF
        page = bytes(48) + struct.pack("<QQQ", 0, code, 0)
        return struct.pack("<Q", FRAME + 48) + page.ljust(PAGE, b"\0")


@pytest.mark.parametrize(("tries", "line"), [(1, 7), (3, 7), (100, NO_LINE)])
def test_a_frame_that_was_left_meanwhile_is_read_again(tries: int, line: int) -> None:
    interpreter = interpreter_of(Returning(tries), lambda code, _: 7 if code == LEAF else None)
    thread = TrackedThread.__new__(TrackedThread)
    thread.frames_at, thread.pointers, thread.frame_regions = 8, b"", b""
    interpreter.follow([thread])
    assert thread.line == line
    assert bool(thread.frame_words) is (line != NO_LINE)
