"""A recording plays what was written, up to where it was cut; what is none is said to be none."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import textwrap
import tracemalloc
from pathlib import Path

import pytest
from tests.sample_events import target_started

from refwatch.readings.threads.states import ThreadState
from refwatch.session import events as ev
from refwatch.session.recording import RecordingError, RecordingWriter, read_recording
from refwatch.session.state import State
from refwatch.wire.codec import encode_line

FIRST_VERSION = b"""{"recording":"refwatch.recording/1","refwatch":"0.1.0"}
{"event":"target_started","at":0.0,"pid":42,"argv":["x.py"],"executable":"/py","cwd":"/tmp","started_at":"2026-01-01T00:00:00Z","refwatch":"0.1.0"}
{"event":"reading_limited","at":0.1,"reading":"uss","reason":"not permitted"}
{"event":"thread_started","at":0.2,"serial":3,"pid":42,"tid":44,"ident":7}
{"event":"thread_named","at":0.2,"serial":3,"name":"worker"}
{"event":"sampled","at":0.4,"pid":42,"span_s":0.1,"samples":100,"gil":null,"threads":[{"serial":3,"samples":100,"states":{"gil_held":0.1}}],"rate_hz":1000.0}
{"event":"marked","at":0.5,"name":"warm"}
{"event":"target_exited","at":0.8,"pid":42,"exit_code":0}
"""
HEADER = b'{"recording":"refwatch.recording/2","refwatch":"0.1.0"}\n'
NOISE = random.Random(1).randbytes(50_000)
EVENTS: list[ev.Event] = [
    ev.Noted(at=float(n), level="info", text=f"number {n} é") for n in range(100)
]
LINES = b"".join(map(encode_line, EVENTS))


def one_line(error: pytest.ExceptionInfo[RecordingError]) -> str:
    text = str(error.value)
    assert "\n" not in text
    return text


def test_what_was_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    writer = RecordingWriter(path)
    writer.write(EVENTS[:40], 0.0)
    writer.write(EVENTS[40:], 10.0)
    writer.close()
    writer.close()
    recording = read_recording(path)
    assert list(recording.events) == EVENTS
    assert (recording.truncated, recording.bad_lines, writer.failed) == (False, 0, None)
    assert os.listdir(tmp_path) == ["r.jsonl"]


def test_it_is_flushed_at_most_twice_a_second(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    writer = RecordingWriter(path)
    writer.write(EVENTS[:1], 100.0)
    first = path.stat().st_size
    writer.write(EVENTS[1:2], 100.4)
    assert path.stat().st_size == first
    writer.write(EVENTS[2:3], 100.5)
    assert list(read_recording(path).events) == EVENTS[:3]
    writer.write(EVENTS[3:4], 100.6)
    writer.flush()
    assert list(read_recording(path).events) == EVENTS[:4]
    writer.close()


def test_a_killed_writer_leaves_what_was_flushed(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    script = """
        import os, signal, sys
        from refwatch.session.events import Noted
        from refwatch.session.recording import RecordingWriter
        writer = RecordingWriter(sys.argv[1])
        for n in range(20_000):
            writer.write([Noted(at=n / 100, level="info", text="x")], n / 100)
        os.kill(os.getpid(), signal.SIGKILL)
    """
    code = textwrap.dedent(script)
    done = subprocess.run([sys.executable, "-c", code, str(path)], check=False)
    assert done.returncode == -signal.SIGKILL
    events = list(read_recording(path).events)
    assert events[-1].at >= 199.99 - 0.5
    assert [event.at for event in events] == [n / 100 for n in range(len(events))]


@pytest.mark.parametrize("cut", [len(HEADER) + 90, len(HEADER) + 1000, len(HEADER + LINES) - 1])
def test_a_cut_recording_plays_up_to_the_cut(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "r.jsonl"
    path.write_bytes((HEADER + LINES)[:cut])
    recording = read_recording(path)
    events = list(recording.events)
    assert events == EVENTS[: (HEADER + LINES)[:cut].count(b"\n") - 1]
    assert recording.truncated


def test_a_recording_of_the_first_version_is_read(tmp_path: Path) -> None:
    """It had one process, and most events had its pid."""
    path = tmp_path / "r.jsonl"
    path.write_bytes(FIRST_VERSION)
    recording = read_recording(path)
    state = State()
    for event in recording.events:
        state.apply(event)
    assert recording.bad_lines == 0
    assert state.main is not None
    assert (state.main.pid, state.main.limits) == (42, {"uss": "not permitted"})
    assert [thread.name for thread in state.main.threads.values()] == ["worker"]
    assert state.main.threads[3].states == {ThreadState.GIL_HELD: 0.1}
    assert [mark.name for mark in state.marks] == ["warm"]
    assert state.exited is not None


def test_bad_lines_are_counted_and_left_out(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    noise = b'noise\n\n{"event":"from_the_future","at":1}\n{"event":"noted","level":"\xff"}\n'
    deep = b'{"event":"noted","x":' + b"[" * 100_000 + b"\n"
    path.write_bytes(HEADER + LINES + noise + deep + LINES)
    recording = read_recording(path)
    assert list(recording.events) == EVENTS + EVENTS
    assert (recording.truncated, recording.bad_lines) == (False, 5)


def test_a_recording_that_ends_in_noise_is_played_up_to_it(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    path.write_bytes(HEADER + LINES + bytes(range(1, 256)) * 4000)
    recording = read_recording(path)
    assert list(recording.events) == EVENTS
    assert recording.truncated
    assert recording.bad_lines == 100


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "is empty"),
        (b"\x00" * 100_000, "not a recording"),
        (NOISE, "not a recording"),
        (HEADER[:20], "not a recording"),
        (b'{"recording":"other/1"}\n', "not a recording"),
        (b'{"recording":"refwatch.recording/x"}\n', "not a recording"),
        (b"[" * 4000 + b"\n", "not a recording"),
        (LINES, "not a recording"),
        (b'{"recording":"refwatch.recording/3","refwatch":"9.0"}\n', "newer recording.*9.0"),
        (HEADER, "holds no events"),
        (HEADER + NOISE, "holds no events"),
        (HEADER + b"x" * 50_000, "holds no events"),
    ],
)
def test_what_is_no_recording_is_refused(tmp_path: Path, content: bytes, says: str) -> None:
    path = tmp_path / "r.jsonl"
    path.write_bytes(content)
    with pytest.raises(RecordingError, match=says) as error:
        read_recording(path)
    assert str(path) in one_line(error)


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="No such file") as error:
        read_recording(tmp_path / "nothing")
    one_line(error)
    with pytest.raises(RecordingError, match="Is a directory") as error:
        read_recording(tmp_path)
    one_line(error)


@pytest.mark.parametrize("name", ["", "missing/r.jsonl", "a" * 300, "nul\0"])
def test_a_place_that_cannot_be_written_is_refused_at_once(tmp_path: Path, name: str) -> None:
    with pytest.raises(RecordingError, match="cannot record to") as error:
        RecordingWriter(tmp_path / name)
    one_line(error)
    assert os.listdir(tmp_path) == []


def test_an_older_file_stays_until_the_new_one_stands(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    path.write_bytes(b"old")
    os.link(path, tmp_path / "other name")
    writer = RecordingWriter(path)
    assert path.read_bytes().startswith(b'{"recording":"refwatch.recording/2"')
    assert (tmp_path / "other name").read_bytes() == b"old"
    writer.close()


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "real")
    RecordingWriter(tmp_path / "link").close()
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").is_file()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="Linux")
def test_a_full_disk_ends_the_recording_and_not_the_session() -> None:
    with pytest.raises(RecordingError, match="No space left"):
        RecordingWriter("/dev/full")


def test_a_disk_that_fills_up_later(tmp_path: Path) -> None:
    script = """
        import resource, signal, sys
        from refwatch.session.events import Noted
        from refwatch.session.recording import RecordingWriter
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        writer = RecordingWriter(sys.argv[1])
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
        for n in range(10_000):
            writer.write([Noted(at=float(n), level="info", text="x")], float(n))
        writer.flush()
        writer.close()
        print(writer.failed)
    """
    path = tmp_path / "r.jsonl"
    command = [sys.executable, "-W", "error", "-c", textwrap.dedent(script), str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    assert done.stdout.startswith("the recording stopped: cannot write")
    assert done.stdout.count("\n") == 1
    assert len(list(read_recording(path).events)) > 250


def test_bytes_that_are_no_text_do_not_stop_it(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    writer = RecordingWriter(path)
    name = os.fsdecode(b"script\xff.py")
    started = target_started(pid=42, argv=[name])
    writer.write([started, *EVENTS], 0.0)
    writer.close()
    first, *rest = read_recording(path).events
    assert isinstance(first, ev.TargetStarted)
    assert first.argv == ["script\\udcff.py"]
    assert rest == EVENTS


def test_it_is_read_as_a_stream(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    with path.open("wb") as file:
        file.write(HEADER)
        for _ in range(1000):
            file.write(LINES)
    assert path.stat().st_size > 5_000_000
    tracemalloc.start()
    try:
        count = sum(1 for _ in read_recording(path).events)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert count == 100_000
    assert peak < 500_000


def test_a_reader_may_stop_early(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    path.write_bytes(HEADER + LINES)
    recording = read_recording(path)
    assert next(recording.events) == EVENTS[0]
    recording.close()
