"""A recording shows again what was seen live, whatever became of its writer."""

from __future__ import annotations

import datetime as dt
import os
import signal
from collections.abc import Callable, Iterable
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from msgspec.structs import replace

from refwatch.export.snapshot import build_snapshot
from refwatch.session import codec
from refwatch.session import events as ev
from refwatch.session.events import event_decoder
from refwatch.session.recording import read_recording
from refwatch.session.state import State
from refwatch.wire.codec import encode_line

if TYPE_CHECKING:
    from tests.e2e.conftest import Bench, Seen

    Named = Callable[..., Seen]

TARGET = """
import sys, threading
end = threading.Event()
def spin():
    while not end.is_set():
        pass
threading.Thread(target=spin, name="spinner").start()
threading.Thread(target=end.wait, name="waiter").start()
print("ready", flush=True)
sys.stdin.readline()
end.set()
sys.exit(3)
"""


def fold(events: Iterable[ev.Event]) -> State:
    state = State()
    for event in events:
        state.apply(event)
    return state


def sampled_since(name: str, path: Path) -> bool:
    """Whether the file has whole samples behind the line that names the thread."""
    return path.read_bytes().partition(f'"{name}"'.encode())[2].count(b'"sampled"') > 1


def test_it_adds_up_to_the_same_as_live(bench: Bench, named: Named) -> None:
    words = ["--record", "events.rec", bench.script(TARGET)]
    done, live = bench.done_when(named("spinner", "waiter"), words=words, status=3)

    recording = read_recording(bench.folder / "events.rec")
    state = fold(recording.events)
    again = build_snapshot(state, taken_at=dt.datetime.now(dt.UTC))
    replayed = bench.refwatch("replay", "events.rec")

    assert not recording.truncated
    assert recording.bad_lines == 0
    # the live one was made before the last event, which says that it was written
    now = {"taken_at": live.taken_at, "duration_s": live.duration_s}
    assert msgspec.to_builtins(again) | now == msgspec.to_builtins(live)
    assert again.duration_s >= live.duration_s
    assert replayed.status == 0
    assert replayed.out.decode() == done.summary
    assert replayed.err == b""


def test_two_processes_in_one_session_stay_apart(bench: Bench, named: Named) -> None:
    """The recordings of two programs, woven into one."""
    script = bench.script(TARGET)
    recorded: list[list[ev.Event]] = []
    for number in (1, 2):
        words = ["--record", f"{number}.rec", "--alloc", "exact", script]
        bench.snapshot_when(named("spinner", "waiter"), words=words, status=3)
        events = read_recording(bench.folder / f"{number}.rec").events
        recorded.append([replace(each, process=number) for each in events if each.process])
    woven = [each for pair in zip_longest(*recorded) for each in pair if each is not None]
    together, *alone = map(fold, [woven, *recorded])
    assert list(together.processes) == [1, 2]
    for number, state in enumerate(alone, 1):
        assert len(state.processes[number].threads) == 3
        assert codec.encode(together.processes[number]) == codec.encode(state.processes[number])


def test_a_late_viewer_of_a_real_session_has_the_same_snapshot(bench: Bench, named: Named) -> None:
    words = ["--record", "events.rec", "--alloc", "exact", bench.script(TARGET)]
    bench.snapshot_when(named("spinner", "waiter"), words=words, status=3)
    events = list(read_recording(bench.folder / "events.rec").events)
    full, late = State(), State()
    for count, event in enumerate(events):
        full.apply(event)
        late.apply(event)
        if count % 20 == 0 or count == len(events) - 1:
            assert snapshot_of(late) == snapshot_of(full)
            late = State()
            late.apply(event_decoder().decode(encode_line(full.checkpoint())))
            assert snapshot_of(late) == snapshot_of(full)


def snapshot_of(state: State) -> bytes:
    taken_at = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    return msgspec.json.encode(build_snapshot(state, taken_at=taken_at))


def test_one_that_was_cut_off_plays_up_to_the_cut(bench: Bench, named: Named) -> None:
    words = ["--record", "events.rec", bench.script(TARGET)]
    bench.snapshot_when(named("spinner", "waiter"), words=words, status=3)
    data = (bench.folder / "events.rec").read_bytes()
    end = data.rindex(b"\n", 0, len(data) * 2 // 3)
    (bench.folder / "cut.rec").write_bytes(data[: end + 20])  # in the middle of a line

    done = bench.refwatch("replay", "cut.rec")

    assert done.status == 0
    assert done.out.startswith(b"target   ")
    assert b"spinner" in done.out
    lines = done.err.decode().splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("refwatch: cut.rec is cut off")


def test_lines_of_noise_are_left_out_and_told(bench: Bench) -> None:
    bench.refwatch("--headless", "--record", "events.rec", "-c", "pass")
    path = bench.folder / "events.rec"
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(
        b"".join([*lines[:2], b'{"event": "of a later version"}\n\xff\xfe\n', *lines[2:]])
    )

    done = bench.refwatch("replay", "events.rec")

    assert done.status == 0
    assert b"finished, exit 0" in done.out
    assert b"2 lines" in done.err
    assert b"Traceback" not in done.err


def test_a_killed_daemon_leaves_what_it_had_recorded(
    bench: Bench, named: Named, wait_until: Callable[[Callable[[], object], str], None]
) -> None:
    running = bench.start_watched("--record", "events.rec", bench.script(TARGET))
    bench.wait_seen(running.pid, named("spinner", seconds=0.1))
    wait_until(lambda: sampled_since("spinner", bench.folder / "events.rec"), "the recording")

    os.kill(bench.daemon_of(running.pid), signal.SIGKILL)
    done = running.end(b"\n")
    replayed = bench.refwatch("replay", "events.rec")

    assert done.status == 3
    assert replayed.status == 0
    assert b"spinner" in replayed.out
    assert b"still running" in replayed.out
    bench.watched("-c", "pass")  # tidies up


def test_an_older_file_is_replaced(bench: Bench) -> None:
    bench.write("events.rec", "older")
    bench.watched("--record", "events.rec", "-c", "pass")
    assert bench.refwatch("replay", "events.rec").status == 0
