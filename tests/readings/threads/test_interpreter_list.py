"""The list of interpreters, in a memory that changes."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import cast

from refwatch.readings.threads.interpreter_list import ListReader
from refwatch.target.layout import GilLayout, InterpretersLayout, ThreadsLayout
from refwatch.target.memory import RemoteMemory

MAIN, FIRST, SECOND, HEAD = 0x10000, 0x20000, 0x30000, 0x8000
NEXT, ID, GIL_POINTER, LIST, OWN_GIL = 0x1C60, 0x1C68, 0x10, 0x1CB8, 0x1E40
NEWEST = 0x5000
THREADS = ThreadsLayout(
    main=1,
    head=MAIN + LIST,
    newer_offset=0,
    older_offset=0,
    tid_offset=0,
    ident_offset=0,
    id_offset=0,
)


class Memory:
    """Words by their address; others are 0 in a part of memory that has some, and else are none."""

    def __init__(self) -> None:
        self.words: dict[int, int] = {HEAD: MAIN}
        self.interpreter(MAIN, 0, 0)

    def interpreter(self, address: int, following: int, number: int) -> None:
        self.words |= {
            address + NEXT: following,
            address + ID: number,
            address + GIL_POINTER: address + OWN_GIL,
            address + LIST - 8: 1,
            address + LIST: address + NEWEST,
            address + OWN_GIL: 5000,
            address + OWN_GIL + 8: address + NEWEST,
            address + OWN_GIL + 16: 1,
            address + OWN_GIL + 24: 7,
        }

    def read(self, address: int, size: int) -> bytes:
        if address >> 16 not in {word >> 16 for word in self.words}:
            return b""
        return b"".join(
            struct.pack("<Q", self.words.get(address + at, 0)) for at in range(0, size, 8)
        )

    def word(self, address: int) -> int:
        return int.from_bytes(self.read(address, 8), "little")

    def gather(self, regions: Sequence[tuple[int, int]]) -> bytes:
        return b"".join(self.read(address, size) for address, size in regions)

    def gather_packed(self, remote: bytes) -> bytes:
        return self.gather(list(struct.iter_unpack("<2Q", remote)))


def reader(memory: Memory, *, gil_offset: int | None = GIL_POINTER) -> ListReader:
    layout = InterpretersLayout(
        main=MAIN, head=HEAD, next_offset=NEXT, id_offset=ID, gil_offset=gil_offset
    )
    gil = GilLayout(gil=MAIN + OWN_GIL, futex=0)
    return ListReader(cast("RemoteMemory", memory), layout, THREADS, gil)


def two() -> Memory:
    memory = Memory()
    memory.interpreter(FIRST, MAIN, 1)
    memory.interpreter(SECOND, FIRST, 4)
    memory.words[HEAD] = SECOND
    return memory


def owners(found: ListReader) -> list[bool | None]:
    rows = found.walk()
    assert rows is not None
    return [found.owns_gil(row) for row in rows]


def test_the_others_newest_first() -> None:
    rows = reader(two()).walk()
    assert rows is not None
    assert [(row.address, row.number) for row in rows] == [(SECOND, 4), (FIRST, 1)]
    assert (rows[0].made, rows[0].newest) == (1, SECOND + NEWEST)
    assert reader(Memory()).walk() == []


def test_what_does_not_lead_to_the_main_one_is_no_list() -> None:
    for place, word in (
        (FIRST + NEXT, 0),
        (FIRST + NEXT, SECOND),
        (FIRST + ID, 4),
        (FIRST + NEXT, 0xDEAD0000),
        (MAIN + NEXT, FIRST),
    ):
        memory = two()
        memory.words[place] = word
        assert reader(memory).walk() is None


def test_whose_gil_it_is() -> None:
    memory = two()
    memory.words[FIRST + GIL_POINTER] = MAIN + OWN_GIL
    assert owners(reader(memory)) == [True, False]
    for nothing in (0, FIRST):  # being made or taken down; elsewhere
        memory.words[SECOND + GIL_POINTER] = nothing
        assert owners(reader(memory)) == [None, False]
    assert owners(reader(memory, gil_offset=None)) == [False, False]


def test_gils_are_read_as_long_as_all_are_there() -> None:
    memory = two()
    found = reader(memory)
    assert found.read() is None
    rows = found.walk()
    assert rows is not None
    found.expect(SECOND, rows, [FIRST, SECOND])
    words = found.read()
    assert words is not None
    assert [(each.holder, each.locked, each.switches) for each in words] == [
        (FIRST + NEWEST, 1, 7),
        (SECOND + NEWEST, 1, 7),
    ]
    assert found.gil_words(FIRST) == words[0]
    memory.words[FIRST + OWN_GIL + 16] = 0
    again = found.read()
    assert again is not None
    assert again[0].locked == 0
    memory.words[SECOND + GIL_POINTER] = 0  # it is being taken down
    assert found.read() is None
