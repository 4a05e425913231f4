"""A jump in a recording shows what playing up to there shows."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, closing
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
from tests.random_sessions import Allocations, References, Session
from tests.simulate import Simulation

from refwatch.export.snapshot import build_snapshot
from refwatch.session import playback, recording
from refwatch.session.events import Event
from refwatch.session.playback import Playback
from refwatch.session.recording import CHECKPOINT, RecordingWriter, read_recording
from refwatch.session.state import State

Opened = Callable[[Path], Playback]
SPACING = 30_000
"""Bytes between checkpoints, so that a short session has many."""


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recording, "CHECKPOINT_BYTES", SPACING)
    monkeypatch.setattr(recording, "EVENTS_PER_CHECKPOINT", 1)
    monkeypatch.setattr(playback, "CHECKPOINT_BYTES", SPACING)
    monkeypatch.setattr(playback, "CHUNK", 7_001)


@pytest.fixture
def opened() -> Iterator[Opened]:
    """Opens recordings, and closes them in the end."""
    with ExitStack() as stack:

        def opened(path: Path) -> Playback:
            return stack.enter_context(closing(Playback(read_recording(path))))

        yield opened


def recorded(path: Path, events: Iterable[Event], *, checkpoints: bool) -> Path:
    """As the daemon does it."""
    writer, state = RecordingWriter(path), State()
    for event in events:
        state.apply(event)
        writer.write([event], 0.0)
        if checkpoints and writer.wants_checkpoint:
            writer.write_checkpoint(state.checkpoint())
    writer.close()
    return path


def snapshot(state: State) -> bytes:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    return msgspec.json.encode(build_snapshot(state, taken_at=now))


def played_up_to(events: list[Event], at: float) -> State:
    state = State()
    for event in events:
        if event.at > at:
            break
        state.apply(event)
    return state


def jump(played: Playback, state: State, at: float) -> int:
    """Go there; return how many events that took."""
    count = 0
    for count, event in enumerate(played.seek(at), 1):
        state.apply(event)
        if count % 100 == 0:
            played.keep(state)
    played.keep(state)
    return count


@pytest.mark.parametrize("checkpoints", [True, False])
@pytest.mark.parametrize("kind", [Session, References, Allocations])
def test_back_and_forth(
    tmp_path: Path,
    opened: Opened,
    kind: type[Session | References | Allocations],
    checkpoints: bool,
) -> None:
    events = list(kind(3, 600).events())
    path = recorded(tmp_path / "r", events, checkpoints=checkpoints)
    assert list(read_recording(path).events) == events
    assert (path.read_bytes().count(b"\n" + CHECKPOINT) > 3) is checkpoints
    played, state = opened(path), State()
    end = max(event.at for event in events)
    assert played.length_s == end
    rng = random.Random(4)
    for at in [end / 2, end, 0.0, end, *(rng.uniform(0.0, end) for _ in range(12)), end]:
        jump(played, state, at)
        assert snapshot(state) == snapshot(played_up_to(events, at))
        assert state.version == played_up_to(events, at).version


@pytest.mark.parametrize("checkpoints", [True, False])
def test_a_jump_reads_little(tmp_path: Path, opened: Opened, checkpoints: bool) -> None:
    """With checkpoints in the file at once, else once all of it has been played."""
    events = list(Simulation(120.0).events())
    path = recorded(tmp_path / "r", events, checkpoints=checkpoints)
    played, state = opened(path), State()
    most = SPACING * len(events) // path.stat().st_size + 200
    if not checkpoints:
        assert jump(played, state, 120.0) == len(events)
    for at in (120.0, 60.0, 119.0, 30.0, 0.0, 90.0):
        assert jump(played, state, at) < most < len(events) / 2


def test_one_that_was_cut_off_goes_up_to_the_last_whole_line(
    tmp_path: Path, opened: Opened
) -> None:
    events = list(Simulation(60.0).events())
    data = recorded(tmp_path / "r", events, checkpoints=True).read_bytes()
    last = data.rindex(b"\n" + CHECKPOINT)
    for cut in (last + 60, last + 1000, last - 20, len(data) - 5):
        (tmp_path / "cut").write_bytes(data[:cut])
        whole = list(read_recording(tmp_path / "cut").events)
        played, state = opened(tmp_path / "cut"), State()
        assert played.length_s == whole[-1].at
        for at in (played.length_s, 3.0, played.length_s):
            jump(played, state, at)
            assert snapshot(state) == snapshot(played_up_to(whole, at))


def test_checkpoints_that_are_of_no_use_are_not_used(tmp_path: Path, opened: Opened) -> None:
    events = list(Simulation(60.0).events())
    data = recorded(tmp_path / "r", events, checkpoints=True).read_bytes()
    head, *rest = data.split(b"\n" + CHECKPOINT)
    noise = [piece[:200] + b"AAAAAAAA" + piece[208:] for piece in rest]
    later = [piece.replace(b'"shape":"', b'"shape":"0', 1) for piece in rest]
    for pieces in (noise, later):
        (tmp_path / "r").write_bytes((b"\n" + CHECKPOINT).join([head, *pieces]))
        played, state = opened(tmp_path / "r"), State()
        for at in (60.0, 20.0, 40.0):
            jump(played, state, at)
            assert snapshot(state) == snapshot(played_up_to(events, at))
