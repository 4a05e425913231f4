"""Files that are written to as they take it: what they are called, and who is not waited for."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from refwatch.wire import streams
from refwatch.wire.streams import Stream, descriptor_of, open_special, write_all


@pytest.fixture
def inherited(tmp_path: Path) -> int:
    """A descriptor as a caller leaves one open."""
    fd = os.open(tmp_path / "theirs", os.O_WRONLY | os.O_CREAT)
    os.set_inheritable(fd, True)
    return fd


def test_names_of_descriptors(inherited: int, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(f"/dev/fd/{inherited}")
    for name in (f"/dev/fd/{inherited}", f"/proc/self/fd/{inherited}", str(link)):
        assert descriptor_of(name) == inherited
    for name in ("some.json", "no/such/folder", str(tmp_path), "/dev/null", "1", "nul\0"):
        assert descriptor_of(name) is None
    os.close(inherited)
    with pytest.raises(OSError, match="closed"):
        descriptor_of(f"/dev/fd/{inherited}")


def test_ours_and_those_to_read_from_are_refused(inherited: int, tmp_path: Path) -> None:
    os.set_inheritable(inherited, False)
    reading = os.open(tmp_path / "theirs", os.O_RDONLY)
    os.set_inheritable(reading, True)
    with pytest.raises(OSError, match="closed"):
        descriptor_of(f"/dev/fd/{inherited}")
    with pytest.raises(OSError, match="reading only"):
        descriptor_of(f"/dev/fd/{reading}")
    os.close(inherited)
    os.close(reading)


def test_a_reader_that_is_slow_gets_all_of_it() -> None:
    read_end, write_end = os.pipe()
    lines = [b"%07d" % number * 100 + b"\n" for number in range(5000)]
    stream = Stream(write_end)
    for line in lines:
        stream.write(line)  # far more than the pipe holds, and nobody reads
    got: list[bytes] = []

    def read() -> None:
        with open(read_end, "rb") as file:
            got.append(file.read())

    reader = threading.Thread(target=read)
    reader.start()
    stream.close()
    stream.close()
    reader.join(40)
    assert got == [b"".join(lines)]


def test_one_that_does_not_read_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "MOST_UNSENT", 1 << 20)
    monkeypatch.setattr(streams, "PATIENCE_S", 0.1)
    read_end, write_end = os.pipe()
    stream = Stream(write_end)
    stream.write(bytes(1_000_000))
    with pytest.raises(OSError, match="keep up"):
        stream.write(bytes(1_000_000))
    stream.write(bytes(100_000))
    with pytest.raises(OSError, match="keep up"):
        stream.close()
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(write_end)
    os.close(read_end)


def test_a_pipe_that_nobody_reads(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="nobody reads"):
        open_special(str(tmp_path / "pipe"), 0.1)


def test_a_descriptor_that_does_not_block_is_waited_for() -> None:
    read_end, write_end = os.pipe()
    os.set_blocking(write_end, False)
    data = os.urandom(1 << 20)

    def write() -> None:
        write_all(write_end, data)
        os.close(write_end)

    writer = threading.Thread(target=write)
    writer.start()
    with open(read_end, "rb") as file:
        assert file.read() == data
    writer.join(40)
