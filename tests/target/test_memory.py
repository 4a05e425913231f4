"""Another process's memory, by both ways."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import pytest

from refwatch.target.memory import MemoryGone, RemoteMemory

CODE = """
import ctypes, sys
block = ctypes.create_string_buffer(b"refwatch" * 1000)
print(ctypes.addressof(block), flush=True)
sys.stdin.read()
"""


@pytest.fixture
def target() -> Iterator[tuple[subprocess.Popen[str], int]]:
    with subprocess.Popen(
        [sys.executable, "-c", CODE], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        try:
            yield process, int(process.stdout.readline())
        finally:
            process.kill()


@pytest.fixture(params=["process_vm_readv", "/proc/PID/mem"])
def memory(
    request: pytest.FixtureRequest, target: tuple[subprocess.Popen[str], int]
) -> Iterator[RemoteMemory]:
    if request.param == "/proc/PID/mem":
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(RemoteMemory, "_allowed", lambda _: False)
            found = RemoteMemory(target[0].pid)
    else:
        found = RemoteMemory(target[0].pid)
    assert found.method == request.param
    yield found
    found.close()


def test_reads_what_is_there(
    memory: RemoteMemory, target: tuple[subprocess.Popen[str], int]
) -> None:
    address = target[1]
    assert memory.read(address, 16) == b"refwatchrefwatch"
    assert memory.words(address, 1) == (int.from_bytes(b"refwatch", "little"),)
    assert memory.gather([(address, 3), (address + 3, 5), (address, 8)]) == b"refwatchrefwatch"


def test_unmapped_is_nothing(
    memory: RemoteMemory, target: tuple[subprocess.Popen[str], int]
) -> None:
    for address in (0, 8, 4096, 1 << 46, 1 << 63, (1 << 64) - 8):
        assert memory.read(address, 8) == b""
        assert memory.word(address) == 0
    address = target[1]
    assert memory.gather([(address, 8), (4096, 8), (address, 8)]) == b"refwatch"


def test_an_address_that_can_be_none_is_nothing(
    memory: RemoteMemory, target: tuple[subprocess.Popen[str], int]
) -> None:
    """A pointer out of a thread state that was freed, with an offset added, may be any number."""
    address = target[1]
    for wild in (1 << 64, (1 << 64) + 72, -8):
        assert memory.gather([(wild, 8)]) == b""
        assert memory.gather([(address, 8), (wild, 8), (address, 8)]) == b"refwatch"


def test_an_ended_process_is_gone(
    memory: RemoteMemory, target: tuple[subprocess.Popen[str], int]
) -> None:
    process, address = target
    process.kill()
    process.wait()
    if memory.method == "process_vm_readv":
        with pytest.raises(MemoryGone):
            memory.read(address, 8)
    else:
        assert memory.read(address, 8) == b""
