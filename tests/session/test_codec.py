"""What is encoded comes back the same to the last bit, and goes on as the other would."""

from __future__ import annotations

import gc
import os
import random
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime

import msgspec
import psutil
import pytest
from tests.random_sessions import Allocations, References, Session
from tests.sample_events import PID, sampled, target_started, watched_found
from tests.simulate import Simulation
from tests.simulate_allocations import with_allocations
from tests.simulate_references import with_references

from refwatch.export.snapshot import build_snapshot
from refwatch.readings.allocations import state as module
from refwatch.readings.allocations.types import BurstUse
from refwatch.readings.objects.state import KEEP_DEAD
from refwatch.readings.threads.states import ThreadState as S
from refwatch.session import codec
from refwatch.session import events as ev
from refwatch.session.events import event_decoder
from refwatch.session.state import State
from refwatch.wire.codec import encode_json, encode_line
from refwatch.wire.event import MAIN
from refwatch.wire.heap_values import Site

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def snapshot(state: State) -> bytes:
    return encode_json(build_snapshot(state, taken_at=NOW))


def late_viewer(state: State) -> State:
    """What a viewer has that comes now."""
    late = State()
    late.apply(event_decoder().decode(encode_line(state.checkpoint())))
    return late


def check(events: Iterable[ev.Event], at_each: int) -> State:
    """A late viewer at each of many moments has the same state; the one before it, which has folded
    the events between, too."""
    full, late = State(), State()
    for count, event in enumerate(events, 1):
        full.apply(event)
        late.apply(event)
        if count % at_each == 0:
            assert codec.encode(late) == codec.encode(full)
            assert snapshot(late) == snapshot(full)
            late = late_viewer(full)
    assert codec.encode(late) == codec.encode(full)
    assert snapshot(late) == snapshot(full)
    return full


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("kind", [Session, References, Allocations])
def test_a_late_viewer_has_the_same_state_at_any_moment(
    kind: type[Session | References | Allocations], seed: int
) -> None:
    check(kind(seed, 300).events(), at_each=97)


@pytest.mark.parametrize("kind", [Session, References])
def test_also_after_a_long_time_with_more_than_is_kept(kind: type[Session | References]) -> None:
    full = check(kind(5, 6000).events(), at_each=2999)
    assert full.main is not None
    if kind is References:
        ended = [one for one in full.main.references.watched.values() if one.ended_s is not None]
        assert len(ended) == KEEP_DEAD


def test_also_where_groups_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "KEEP_GROUPS", 40)
    monkeypatch.setattr(module, "KEEP_NUMBERED", 100)
    full = check(Allocations(3, 2000).events(), at_each=499)
    assert full.main is not None
    assert max(len(groups) for groups in full.main.allocations.tallies.values()) <= 80
    assert len(full.main.allocations.baselines) > 2


@pytest.mark.parametrize("events", [Simulation.events, with_references, with_allocations])
def test_of_a_simulated_session_too(events: Callable[[Simulation], Iterator[ev.Event]]) -> None:
    check(events(Simulation(120.0)), at_each=1501)


def test_a_copy_is_another_state() -> None:
    full = check(Session(3, 50).events(), at_each=1000)
    before = snapshot(full)
    copied = codec.copy(full)
    copied.apply(ev.Noted(at=99.0, level="info", text="only here"))
    assert full.main is not None
    assert copied.main is not None
    copied.main.threads.clear()
    assert snapshot(full) == before


def test_bytes_that_are_no_text_are_written_with_a_backslash() -> None:
    full = State()
    name = os.fsdecode(b"script\xff.py")
    full.apply(target_started(pid=PID, argv=[name]))
    full.apply(ev.ReadingLimited(at=0.0, process=MAIN, reading=name, reason=name))
    for late in (late_viewer(full), codec.copy(full)):
        assert late.target is not None
        assert late.target.argv == ["script\\udcff.py"]
        assert snapshot(late) == snapshot(full)


def test_the_state_of_another_version_is_refused_in_words() -> None:
    full = check(Session(3, 20).events(), at_each=1000)
    good = full.checkpoint()
    for bad in (
        msgspec.structs.replace(good, shape="00000000"),
        msgspec.structs.replace(good, data=b"noise"),
        msgspec.structs.replace(good, data=good.data[:-20]),
        msgspec.structs.replace(good, data=codec.encode([1, 2])),
    ):
        late = State()
        late.apply(bad)
        assert late.target is None
        assert [note.level for note in late.notes] == ["error"]


def test_the_shape_changes_with_any_field_that_is_reachable() -> None:
    class Inner(msgspec.Struct):
        number: int

    class Other(msgspec.Struct):
        number: float

    first = msgspec.defstruct("Outer", [("inner", dict[str, list[Inner]])])
    same = msgspec.defstruct("Outer", [("inner", dict[str, list[Inner]])])
    other = msgspec.defstruct("Outer", [("inner", dict[str, list[Other]])])
    assert codec.shape_of(first) == codec.shape_of(same) != codec.shape_of(other)


def test_a_large_program_is_encoded_at_once() -> None:
    """The daemon does it in its loop; and a viewer that falls 32 MB behind is let go."""
    full = State()
    full.apply(
        ev.TargetStarted(
            at=0.0,
            process=MAIN,
            pid=PID,
            argv=[],
            executable="",
            cwd="",
            started_at="",
            refwatch="0",
        )
    )
    for serial in range(5000):
        full.apply(watched_found(0.0, serial))
    for serial in range(2000):
        full.apply(
            ev.ClassFound(at=0.0, process=MAIN, serial=serial, module="app", name=f"Class{serial}")
        )
    for tick in range(1, 200):
        full.apply(
            ev.WatchedCounted(
                at=tick / 20, process=MAIN, counts=[(n, (n + tick) % 90) for n in range(5000)]
            )
        )
        full.apply(
            ev.ClassesCounted(
                at=tick / 20, process=MAIN, counts=[(n, (n + tick) % 90) for n in range(2000)]
            )
        )
    full.apply(
        ev.SitesSeen(
            at=0.0,
            process=MAIN,
            first=0,
            sites=[Site(file=f"/f{n % 500}.py", line=n, function="f") for n in range(4000)],
        )
    )
    tracebacks = [[n, (7 * n) % 4000, 3, 4, 5] for n in range(4000)]
    full.apply(ev.TracebacksSeen(at=0.0, process=MAIN, first=0, tracebacks=tracebacks))
    rng = random.Random(1)
    for tick in range(1, 61):
        some = rng.sample(range(4000), 300) if tick > 1 else range(4000)
        uses = [BurstUse(n, *(rng.random() * 1000 for _ in range(6))) for n in some]
        full.apply(
            ev.BurstMeasured(at=float(tick), process=MAIN, window_s=0.05, span_s=1.0, uses=uses)
        )
        if tick % 5 == 0:
            full.apply(ev.Marked(at=float(tick), name=f"mark {tick}"))
    began = time.process_time()
    size = len(encode_line(full.checkpoint()))
    assert time.process_time() - began < 1.0
    assert size < 16 << 20


def an_hour(rng: random.Random) -> Iterator[ev.Event]:
    """Eight threads at ten slices a second, with strips as long as those of a contended GIL."""
    yield target_started(pid=PID)
    yield from (
        ev.ThreadStarted(at=0.0, serial=serial, process=MAIN, tid=serial) for serial in range(8)
    )
    yield from (
        ev.LineSeen(at=0.0, process=MAIN, line=n, file="/x.py", number=n, function="f")
        for n in range(50)
    )
    gil = ev.GilSlice(held_s=0.099, wait_s=0.6, handoffs=20, interval_s=0.005)
    for tick in range(1, 36_001):
        at = tick / 10
        pieces = [
            ev.ThreadSlice(
                serial=serial,
                samples=100,
                states={S.GIL_HELD: 0.0125, S.GIL_WAIT: 0.0875},
                runs=f"w{tick}h5012" * 10,
                hot=[(rng.randrange(50), S.GIL_HELD, 0.0125)],
                stack=[tick % 50],
                cpu_s=at / 8,
            )
            for serial in range(8)
        ]
        yield sampled(at, *pieces, gil=gil)
        yield ev.ProcessMeasured(
            at=at, process=MAIN, rss=10**7 + tick, peak_rss=10**8, user_s=at, system_s=0.0
        )


def test_an_hour_takes_little_memory() -> None:
    state = State()
    gc.collect()
    before = psutil.Process().memory_info().rss
    start = time.process_time()
    for event in an_hour(random.Random(1)):
        state.apply(event)
    gc.collect()
    grown = psutil.Process().memory_info().rss - before
    assert grown < 30 << 20, f"{grown >> 20} MiB"
    assert len(codec.encode(state)) < 1 << 20
    assert state.main is not None
    assert state.main.sampled_s == pytest.approx(3600)
    assert time.process_time() - start < 60
