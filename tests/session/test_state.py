"""The fold: what each event does to the state."""

from __future__ import annotations

import pytest
from tests.sample_events import sampled, target_started

from refwatch.readings.threads.state import KEEP_HOT, ThreadRecord
from refwatch.readings.threads.states import ThreadState as S
from refwatch.session import events as ev
from refwatch.session.output import KEEP_OUTPUT, Output
from refwatch.session.process import KEEP_ENDED, ProcessState
from refwatch.session.state import KEEP_MARKS, KEEP_NOTES, State
from refwatch.wire.event import MAIN


def fold(*events: ev.Event) -> State:
    state = State()
    state.apply(target_started())
    state.apply(ev.ThreadStarted(at=0.0, serial=1, process=MAIN, tid=100))
    for event in events:
        state.apply(event)
    return state


def process_of(state: State) -> ProcessState:
    assert state.main is not None
    return state.main


def thread_of(state: State, serial: int = 1) -> ThreadRecord:
    return process_of(state).threads[serial]


def held(share: float, cpu_s: float = 0.0) -> ev.ThreadSlice:
    states = {S.GIL_HELD: 0.1 * share, S.SLEEP: 0.1 * (1 - share)}
    return ev.ThreadSlice(serial=1, samples=100, states=states, runs="h100000", cpu_s=cpu_s)


def test_a_threads_seconds_and_shares_add_up() -> None:
    state = fold(sampled(0.1, held(1.0)), sampled(0.2, held(0.5)))
    thread = thread_of(state)
    assert thread.watched_s == pytest.approx(0.2)
    assert thread.share(S.GIL_HELD) == pytest.approx(0.75)
    assert thread.samples == 200
    assert thread.state is S.GIL_HELD


def test_the_gil_is_weighed_by_the_span_of_the_slices() -> None:
    short = sampled(
        1.0, samples=1, gil=ev.GilSlice(held_s=0.1, wait_s=0.2, handoffs=5, interval_s=0.005)
    )
    long = sampled(
        1.3,
        span_s=0.3,
        samples=1,
        gil=ev.GilSlice(held_s=0.0, wait_s=0.0, handoffs=1, interval_s=0.005),
    )
    gil = process_of(fold(short, long)).gil
    assert gil.held_fraction == pytest.approx(0.25)
    assert gil.contention == pytest.approx(0.5)
    assert gil.handoffs == 6


def test_the_rate_stays_when_sampling_has_stopped() -> None:
    left_over = ev.Sampled(
        at=0.2, process=MAIN, span_s=0.01, samples=1, gil=None, threads=[], rate_hz=0.0
    )
    assert process_of(fold(sampled(0.1), left_over)).rate_hz == 1000.0


def test_slices_without_a_gil_do_not_dilute_its_share() -> None:
    gil = process_of(
        fold(
            sampled(0.1, gil=ev.GilSlice(held_s=0.1, wait_s=0, handoffs=0, interval_s=0.005)),
            sampled(0.2),
        )
    ).gil
    assert gil.held_fraction == pytest.approx(1.0)


def test_the_last_slice_of_a_thread_may_come_after_its_end() -> None:
    thread = thread_of(
        fold(
            sampled(0.1, held(1.0)),
            ev.ThreadEnded(at=0.15, process=MAIN, serial=1),
            sampled(0.2, held(1)),
        )
    )
    assert thread.watched_s == pytest.approx(0.2)
    assert not thread.alive
    assert thread.state is None
    assert thread.recent == {}
    assert thread.cpu_now == 0.0


def test_what_a_thread_does_now_fades_over_seconds() -> None:
    busy = [sampled(0.1 * n, held(1.0, 0.1 * n)) for n in range(1, 101)]
    state = fold(*busy)
    assert thread_of(state).cpu_now == pytest.approx(1.0, abs=0.01)
    for n in range(101, 201):
        state.apply(sampled(0.1 * n, held(0.0, 10.0)))
    thread = thread_of(state)
    assert thread.cpu_now == pytest.approx(0.0, abs=0.01)
    assert thread.recent.get(S.GIL_HELD, 0.0) < 0.05
    assert thread.recent[S.SLEEP] == pytest.approx(2.0, rel=0.05)


def test_one_long_slice_counts_as_recent_only_for_its_last_seconds() -> None:
    piece = ev.ThreadSlice(serial=1, samples=100, states={S.SLEEP: 3600.0})
    thread = thread_of(fold(sampled(3600.0, piece, span_s=3600.0)))
    assert sum(thread.recent.values()) == pytest.approx(2.0)
    assert thread.watched_s == 3600.0


def test_a_rename_is_noted_and_keeps_the_known_daemon_flag() -> None:
    state = fold(
        ev.ThreadNamed(at=0.1, process=MAIN, serial=1, name="a", daemon=True),
        ev.ThreadNamed(at=0.2, process=MAIN, serial=1, name="b"),
    )
    thread = thread_of(state)
    assert (thread.name, thread.daemon) == ("b", True)
    assert state.notes[-1].text == "thread a is now b"


def test_a_limit_is_noted_once() -> None:
    limit = ev.ReadingLimited(at=0.1, process=MAIN, reading="gil", reason="not found")
    state = fold(limit, limit)
    assert process_of(state).limits == {"gil": "not found"}
    assert [note.text for note in state.notes].count("gil: not found") == 1


def test_the_end_of_the_target_ends_its_threads() -> None:
    state = fold(sampled(0.1, held(1.0)), ev.TargetExited(at=0.2, process=MAIN, exit_code=137))
    assert thread_of(state).ended_s == 0.2
    assert state.exited is not None
    assert state.exited.exit_code == 137


def test_events_of_unknown_processes_and_threads_change_nothing() -> None:
    state = fold()
    before = process_of(state).samples
    for event in (
        ev.ThreadStarted(at=1.0, serial=9, process=2, tid=7),
        ev.ThreadNamed(at=1.0, process=2, serial=9, name="x"),
        ev.ThreadEnded(at=1.0, process=2, serial=9),
        ev.Sampled(
            at=1.0, process=2, span_s=0.1, samples=100, gil=None, threads=[], rate_hz=1000.0
        ),
        ev.ThreadNamed(at=1.0, process=MAIN, serial=9, name="x"),
        ev.ThreadEnded(at=1.0, process=MAIN, serial=9),
        sampled(1.0, ev.ThreadSlice(serial=9, samples=100, states={S.SLEEP: 0.1})),
        ev.ProcessMeasured(at=1.0, process=2, rss=1, peak_rss=1, user_s=0.0, system_s=0.0),
        ev.GcMeasured(at=1.0, process=2, generations=[]),
        ev.TargetExited(at=1.0, process=2, exit_code=0),
    ):
        state.apply(event)
    assert state.exited is None
    assert process_of(state).samples == before + 100
    assert list(process_of(state).threads) == [1]


def test_cpu_in_use_comes_from_the_growth_of_cpu_time() -> None:
    measured = [
        ev.ProcessMeasured(
            at=t, process=MAIN, rss=1000, peak_rss=2000, user_s=t * 1.5, system_s=t * 0.5
        )
        for t in (1.0, 2.0, 4.0)
    ]
    process = process_of(fold(*measured))
    assert process.cpu_series.column(0) == pytest.approx([2.0, 2.0])


def measured(at: float, rss: int, uss: int | None = None) -> ev.ProcessMeasured:
    return ev.ProcessMeasured(
        at=at, process=MAIN, rss=rss, peak_rss=200 << 20, user_s=0.0, system_s=0.0, uss=uss
    )


def test_resident_and_private_memory_are_of_one_moment() -> None:
    assert process_of(fold()).resident == (0, None)
    assert process_of(fold(measured(1.0, 1000))).resident == (1000, None)
    both = [measured(1.0, 100 << 20, 90 << 20), measured(2.0, 101 << 20)]
    assert process_of(fold(*both)).resident == (100 << 20, 90 << 20)


def test_private_memory_from_before_the_size_changed_is_not_told() -> None:
    shrunk = [measured(1.0, 100 << 20, 90 << 20), measured(2.0, 16 << 20)]
    assert process_of(fold(*shrunk)).resident == (16 << 20, None)


def test_memory_of_threads_that_ended_is_bounded() -> None:
    state = fold()
    for serial in range(2, 3000):
        at = serial / 100
        state.apply(ev.ThreadStarted(at=at, serial=serial, process=MAIN, tid=serial))
        piece = ev.ThreadSlice(serial=serial, samples=1, states={S.GIL_HELD: 0.01}, runs="h10000")
        state.apply(sampled(at + 0.01, piece, span_s=0.01, samples=1))
        state.apply(ev.ThreadEnded(at=at + 0.01, process=MAIN, serial=serial))
    process = process_of(state)
    assert len(process.threads) <= KEEP_ENDED + 2
    assert process.forgotten_threads == 2998 + 1 - len(process.threads)


def test_the_strip_of_a_thread_that_ended_long_ago_is_let_go() -> None:
    state = fold(sampled(0.1, held(1.0)), ev.ThreadEnded(at=0.2, process=MAIN, serial=1))
    state.apply(ev.ThreadStarted(at=10.0, serial=2, process=MAIN, tid=2))
    assert thread_of(state).strip
    state.apply(ev.ThreadStarted(at=100.0, serial=3, process=MAIN, tid=3))
    assert not thread_of(state).strip


def test_hot_lines_notes_marks_and_rate_changes_are_bounded() -> None:
    state = fold()
    for n in range(5000):
        piece = ev.ThreadSlice(
            serial=1, samples=1, states={S.GIL_HELD: 1.0}, hot=[(n, S.GIL_HELD, 1.0)]
        )
        state.apply(sampled(float(n), piece))
        state.apply(ev.Noted(at=float(n), level="info", text=str(n)))
        state.apply(ev.Marked(at=float(n), name=str(n)))
        state.apply(ev.RateChanged(at=float(n), process=MAIN, rate_hz=500.0, reason=str(n)))
    assert len(thread_of(state).hot) <= 2 * KEEP_HOT
    assert len(state.notes) == KEEP_NOTES
    assert len(state.marks) == KEEP_MARKS
    assert state.marks[-1].name == "4999"
    assert len(process_of(state).rate_changes) == 20


def test_output_is_bounded_and_small_pieces_are_joined() -> None:
    output = Output()
    for _ in range(KEEP_OUTPUT):
        output.add("ab")
    assert output.written == 2 * KEEP_OUTPUT
    assert output.kept == sum(map(len, output.pieces)) <= KEEP_OUTPUT
    assert len(output.pieces) < 300


def test_output_since_is_what_is_new() -> None:
    output, written = Output(), ""
    for n in range(3000):
        seen = output.written
        output.add(text := f"line {n}\n")
        written += text
        assert output.since(seen) == text
    assert output.since(0) == written
    assert output.since(len(written) - 10_000) == written[-10_000:]
    assert output.since(output.written) == ""


def test_output_keeps_the_sizes_and_modes_that_what_is_kept_needs() -> None:
    output = Output()
    output.resize(24, 80)
    output.add("\x1b[?1049h\x1b[?25l" + "a" * 5000)
    output.resize(30, 100)
    output.add("b" * 5000)
    output.add("\x1b[?1;2004h\x1b[?25h" + "c" * KEEP_OUTPUT)
    output.resize(40, 120)
    assert output.sizes == [(0, 24, 80), (5014, 30, 100), (output.written, 40, 120)][1:]
    assert output.prelude() == "\x1b[?1049h\x1b[?25l"
    output.add("d" * KEEP_OUTPUT)
    assert output.sizes == [(output.written - KEEP_OUTPUT, 40, 120)]
    assert output.prelude() == "\x1b[?1049h\x1b[?25h\x1b[?1h\x1b[?2004h"
