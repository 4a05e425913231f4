"""The verdict on programs whose behaviour is known."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import msgspec
import pytest
from msgspec.structs import replace
from tests.sample_events import sampled, target_started

from refwatch.findings.types import Verdict
from refwatch.findings.verdict import diagnose
from refwatch.readings.threads.events import COLLECTOR
from refwatch.readings.threads.states import ThreadState as S
from refwatch.session import events as ev
from refwatch.session.state import State
from refwatch.text.sanitize import printable
from refwatch.wire.event import MAIN

USER, LOCKED, JOIN, QUEUE = 1, 2, 3, 4
LINES = [
    ev.LineSeen(at=0.0, process=MAIN, line=USER, file="/app/work.py", number=12, function="work"),
    ev.LineSeen(
        at=0.0, process=MAIN, line=LOCKED, file="/app/work.py", number=30, function="guarded"
    ),
    ev.LineSeen(
        at=0.0,
        process=MAIN,
        line=JOIN,
        file="/usr/lib/python3.12/threading.py",
        number=1149,
        function="_wait_for_tstate_lock",
    ),
    ev.LineSeen(
        at=0.0,
        process=MAIN,
        line=QUEUE,
        file="/usr/lib/python3.12/threading.py",
        number=355,
        function="wait",
    ),
]


@dataclass
class Made:
    """A thread by its shares of time, and the line at which it spends each of them."""

    shares: dict[S, float]
    lines: dict[S, int] = field(default_factory=dict)
    start: float = 0.0
    end: float = 1e9

    def slice(self, serial: int, at: float, span: float) -> ev.ThreadSlice | None:
        if not self.start < at <= self.end:
            return None
        states = {state: share * span for state, share in self.shares.items()}
        hot = [(self.lines.get(state, USER), state, spent) for state, spent in states.items()]
        return ev.ThreadSlice(serial=serial, samples=100, states=states, hot=hot)


def watch(
    threads: Iterable[Made],
    seconds: float = 10.0,
    *,
    gil: bool = True,
    handoffs: int = 20,
    ended: bool = False,
    hot: bool = True,
) -> State:
    """The state after watching these threads, in slices of a tenth of a second."""
    threads = list(threads)
    state = State()
    state.apply(target_started())
    state.apply(
        ev.InterpreterFound(
            at=0.0,
            process=MAIN,
            python="3.13",
            free_threaded=not gil,
            gil=gil,
            switch_interval_s=0.005,
        )
    )
    for event in LINES if hot else []:
        state.apply(event)
    for serial, made in enumerate(threads):
        state.apply(
            ev.ThreadStarted(at=max(made.start, 0.0), serial=serial, process=MAIN, tid=serial)
        )
    for tick in range(1, round(seconds * 10) + 1):
        at = tick / 10
        pieces = [made.slice(serial, at, 0.1) for serial, made in enumerate(threads)]
        lived = [piece for piece in pieces if piece is not None]
        held = sum(piece.states.get(S.GIL_HELD, 0.0) for piece in lived)
        wait = sum(piece.states.get(S.GIL_WAIT, 0.0) for piece in lived)
        gil_slice = (
            ev.GilSlice(held_s=min(held, 0.1), wait_s=wait, handoffs=handoffs, interval_s=0.005)
            if gil
            else None
        )
        state.apply(sampled(at, *lived, gil=gil_slice))
    if ended:
        for serial in range(len(threads)):
            state.apply(ev.ThreadEnded(at=seconds, process=MAIN, serial=serial))
        state.apply(ev.TargetExited(at=seconds, process=MAIN, exit_code=0))
    return state


def watch_gils(*gils: tuple[int, list[Made]]) -> State:
    """The state after ten seconds in which these threads took the GIL of the interpreter of that
    number, 0 for the main one."""
    threads = [(number, made) for number, some in gils for made in some]
    state = watch([], seconds=0.0)
    for event in LINES:
        state.apply(event)
    for serial, _ in enumerate(threads):
        state.apply(ev.ThreadStarted(at=0.0, serial=serial, process=MAIN, tid=serial, ident=serial))
    told = {number: _gil_of(some) for number, some in gils}
    others = [
        ev.InterpreterSlice(
            number=number,
            span_s=0.1,
            gil_own=True,
            gil=gil,
            threads=[serial for serial, (of, _) in enumerate(threads) if of == number],
        )
        for number, gil in told.items()
        if number
    ]
    for tick in range(1, 101):
        pieces = [made.slice(serial, tick / 10, 0.1) for serial, (_, made) in enumerate(threads)]
        slices = sampled(tick / 10, *filter(None, pieces), gil=told[0])
        state.apply(msgspec.structs.replace(slices, interpreters=others))
    return state


def _gil_of(threads: list[Made]) -> ev.GilSlice:
    """What the GIL of these threads does in a slice."""
    locked = (S.GIL_HELD, S.CPU_WAIT)
    held = sum(made.shares.get(state, 0.0) for made in threads for state in locked)
    wait = sum(made.shares.get(S.GIL_WAIT, 0.0) for made in threads)
    return ev.GilSlice(held_s=held / 10, wait_s=wait / 10, handoffs=20, interval_s=0.005)


SPINNER = Made({S.GIL_HELD: 0.25, S.GIL_WAIT: 0.75})
JOINER = Made({S.LOCK_WAIT: 1.0}, {S.LOCK_WAIT: JOIN})
SLEEPER = Made({S.SLEEP: 1.0})
LONE = Made({S.GIL_HELD: 0.98, S.CPU_WAIT: 0.02})
READER = Made({S.IO_WAIT: 0.97, S.GIL_HELD: 0.02, S.GIL_WAIT: 0.01})
ZIPPER = Made({S.NATIVE: 0.93, S.CPU_WAIT: 0.05, S.GIL_HELD: 0.02})
WORKER = Made({S.LOCK_WAIT: 0.97, S.GIL_HELD: 0.03}, {S.LOCK_WAIT: QUEUE})
LOCKER = Made({S.LOCK_WAIT: 0.75, S.SLEEP: 0.25}, {S.LOCK_WAIT: LOCKED, S.SLEEP: LOCKED})
LOCK_SPINNER = Made(
    {S.LOCK_WAIT: 0.72, S.GIL_WAIT: 0.03, S.GIL_HELD: 0.25},
    {S.LOCK_WAIT: LOCKED, S.GIL_HELD: LOCKED},
)
STARVED = Made({S.LOCK_WAIT: 0.99, S.SLEEP: 0.01}, {S.LOCK_WAIT: LOCKED, S.SLEEP: LOCKED})
STARVER = Made({S.LOCK_WAIT: 0.01, S.SLEEP: 0.99}, {S.LOCK_WAIT: LOCKED, S.SLEEP: LOCKED})
PROGRAMS: dict[str, tuple[str, list[Made]]] = {
    "four spinning threads": ("gil_bound", [SPINNER] * 4),
    "four spinning threads and a main that joins them": ("gil_bound", [JOINER, *[SPINNER] * 4]),
    "two spinning threads": ("gil_bound", [Made({S.GIL_HELD: 0.5, S.GIL_WAIT: 0.5})] * 2),
    "a C call that holds the GIL": (
        "gil_bound",
        [Made({S.GIL_HELD: 1.0}), Made({S.GIL_WAIT: 0.99, S.GIL_HELD: 0.0})],
    ),
    "readers starved by a spinner": (
        "gil_bound",
        [LONE, *[Made({S.GIL_WAIT: 0.6, S.IO_WAIT: 0.4})] * 3],
    ),
    "twenty threads, the GIL nearly full": (
        "gil_bound",
        [Made({S.IO_WAIT: 0.89, S.GIL_WAIT: 0.066, S.GIL_HELD: 0.044})] * 20,
    ),
    "one in native code and one in Python": (
        "native_parallel",
        [Made({S.NATIVE: 0.95, S.GIL_HELD: 0.05}), Made({S.GIL_HELD: 0.95, S.GIL_WAIT: 0.05})],
    ),
    "two that take turns": ("single_thread_cpu", [Made({S.GIL_HELD: 0.48, S.SLEEP: 0.52})] * 2),
    "fifty threads, the GIL full": (
        "gil_bound",
        [Made({S.IO_WAIT: 0.78, S.GIL_WAIT: 0.20, S.GIL_HELD: 0.02})] * 50,
    ),
    "one thread": ("single_thread_cpu", [LONE]),
    "one thread and sleepers": ("single_thread_cpu", [LONE, *[SLEEPER] * 5]),
    "one thread and a main that joins it": ("single_thread_cpu", [JOINER, LONE]),
    "one thread and an idle pool": ("single_thread_cpu", [LONE, *[WORKER] * 8]),
    "one thread and a socket that waits": ("single_thread_cpu", [LONE, Made({S.IO_WAIT: 1.0})]),
    "one thread in native code": ("single_thread_cpu", [Made({S.NATIVE: 0.97, S.GIL_HELD: 0.03})]),
    "readers": ("io_bound", [READER] * 8),
    "readers and a main that joins them": ("io_bound", [JOINER, *[READER] * 8]),
    "one reader": ("io_bound", [Made({S.IO_WAIT: 0.9, S.GIL_HELD: 0.1})]),
    "two zlib threads": ("native_parallel", [ZIPPER] * 2),
    "two zlib threads and a main that joins them": ("native_parallel", [JOINER, ZIPPER, ZIPPER]),
    "more zlib threads than CPUs": (
        "native_parallel",
        [Made({S.NATIVE: 0.48, S.CPU_WAIT: 0.5, S.GIL_HELD: 0.02})] * 4,
    ),
    "two zlib threads on a machine that is taken": (
        "native_parallel",
        [JOINER, *[Made({S.CPU_WAIT: 0.82, S.NATIVE: 0.15, S.GIL_HELD: 0.03})] * 2],
    ),
    "readers on a machine that is taken": (
        "io_bound",
        [JOINER, *[Made({S.IO_WAIT: 0.93, S.CPU_WAIT: 0.05, S.GIL_HELD: 0.02})] * 10],
    ),
    "sleep under a lock": ("lock_bound", [LOCKER] * 4),
    "sleep under a lock and a main that joins": ("lock_bound", [JOINER, *[LOCKER] * 4]),
    "work under a lock": ("lock_bound", [LOCK_SPINNER] * 4),
    "a lock that one thread takes again and again": ("lock_bound", [STARVER, *[STARVED] * 3]),
    "sleepers": ("idle", [SLEEPER] * 4),
    "a main that waits": ("idle", [JOINER]),
    "an idle pool": ("idle", [SLEEPER, *[WORKER] * 4]),
    "a parent that waits": ("undecided", [Made({S.CHILD_WAIT: 0.99, S.GIL_HELD: 0.01})]),
}


@pytest.mark.parametrize("ended", [False, True], ids=["running", "ended"])
@pytest.mark.parametrize("name", PROGRAMS)
def test_the_kind(name: str, ended: bool) -> None:
    kind, threads = PROGRAMS[name]
    verdict = diagnose(watch(threads, ended=ended))
    assert verdict.kind == kind, verdict
    assert 0.0 <= verdict.confidence <= 1.0
    assert verdict.kind == "undecided" or verdict.confidence >= 0.5, verdict


@pytest.mark.parametrize("name", PROGRAMS)
def test_the_words_are_short_and_the_numbers_are_numbers(name: str) -> None:
    verdict = diagnose(watch(PROGRAMS[name][1]))
    assert 10 < len(verdict.sentence) <= 100
    assert verdict.advice.endswith(".")
    assert len(verdict.advice) <= 140
    assert all(value >= 0 for value in verdict.evidence.values())
    assert {"watched_s", "threads", "contention", "cpu"} <= set(verdict.evidence)


def test_the_sentence_of_four_spinning_threads() -> None:
    verdict = diagnose(watch([JOINER, *[SPINNER] * 4]))
    assert verdict.sentence == "4 threads: 100 % of the GIL held, each waits 75 % of its time"
    assert "/app/work.py:12" in verdict.advice
    assert "free-threaded" in verdict.advice
    assert verdict.evidence["contention"] == pytest.approx(3.0)
    assert verdict.evidence["held_fraction"] == pytest.approx(1.0)


def test_the_sentence_of_one_busy_thread() -> None:
    says = [diagnose(watch([LONE, *[SLEEPER] * n])).sentence for n in (0, 1, 5)]
    assert says[0] == "1 thread does the work: 98 % of one CPU"
    assert says[1].endswith(", 1 waits beside it")
    assert says[2].endswith(", 5 wait beside it")


def test_the_crowd_is_counted_where_everyone_waits_a_little() -> None:
    twenty = PROGRAMS["twenty threads, the GIL nearly full"][1]
    sentence = diagnose(watch([JOINER, *twenty])).sentence
    assert sentence == "20 threads: 88 % of the GIL held, each waits 7 % of its time"


def test_a_call_that_keeps_the_gil_is_told_from_python_code() -> None:
    hog = [Made({S.GIL_HELD: 0.99, S.GIL_WAIT: 0.01}), Made({S.GIL_WAIT: 0.99, S.GIL_HELD: 0.01})]
    verdict = diagnose(watch(hog, handoffs=1))
    assert verdict.kind == "gil_bound"
    assert "keeps the GIL 0.10 s at a time at /app/work.py:12" in verdict.advice


def test_the_lock_is_named_by_its_line() -> None:
    verdict = diagnose(watch([JOINER, *[LOCKER] * 4]))
    assert "/app/work.py:30" in verdict.advice
    assert verdict.sentence.startswith("4 threads: each waits 75 % of its time for a lock")


def test_locks_are_seen_without_lines_too() -> None:
    verdict = diagnose(watch([Made({S.LOCK_WAIT: 1.0}), *[LOCKER] * 4], hot=False))
    assert verdict.kind == "lock_bound"


def test_a_thread_that_lived_for_a_moment_counts_for_a_moment() -> None:
    brief = [
        Made({S.GIL_HELD: 0.5, S.GIL_WAIT: 0.5}, start=n / 10, end=n / 10 + 0.1) for n in range(9)
    ]
    assert diagnose(watch([LONE, *brief])).kind == "single_thread_cpu"


def test_the_sentence_counts_the_threads_that_matter() -> None:
    brief = Made({S.GIL_WAIT: 1.0}, end=0.2)
    assert diagnose(watch([brief, *[SPINNER] * 4])).sentence.startswith("4 threads: ")


def test_many_short_threads_are_weighed_together() -> None:
    pool = [
        Made({S.GIL_HELD: 0.25, S.GIL_WAIT: 0.75}, start=n * 0.5, end=n * 0.5 + 0.5)
        for n in range(20)
        for _ in range(4)
    ]
    assert diagnose(watch([JOINER, *pool], ended=True)).kind == "gil_bound"


def test_without_a_gil_running_threads_are_parallel() -> None:
    python = Made({S.NATIVE: 0.95, S.CPU_WAIT: 0.05})
    verdict = diagnose(watch([JOINER, *[python] * 4], gil=False))
    assert verdict.kind == "native_parallel"
    assert verdict.sentence == "4 threads on 3.8 CPUs at once, no GIL in the way"
    assert "held_fraction" not in verdict.evidence
    alone = diagnose(watch([JOINER, python], gil=False))
    assert alone.kind == "single_thread_cpu"
    assert "over threads" in alone.advice


@pytest.mark.parametrize("gil", [True, False])
def test_a_machine_that_is_taken_is_said_to_be(gil: bool) -> None:
    starved = Made({S.CPU_WAIT: 0.8, S.NATIVE: 0.2})
    verdict = diagnose(watch([JOINER, *[starved] * 4], gil=gil))
    assert verdict.sentence == "4 threads want a CPU, each waits 80 % of its time for one"
    assert "fewer threads" in verdict.advice


def test_children_are_never_guessed() -> None:
    kinds = {diagnose(watch(threads)).kind for _, threads in PROGRAMS.values()}
    assert "process_parallel" not in kinds


def test_confidence_grows_with_time_and_with_the_margin() -> None:
    by_time = [diagnose(watch([SPINNER] * 4, s)).confidence for s in (0.2, 1.0, 5.0, 60.0)]
    assert by_time == sorted(by_time)
    assert by_time[0] < 0.3
    assert by_time[-1] > 0.9
    unclear = Made({S.GIL_HELD: 0.3, S.GIL_WAIT: 0.1, S.IO_WAIT: 0.6})
    assert diagnose(watch([unclear] * 2)).confidence < diagnose(watch([SPINNER] * 2)).confidence


@pytest.mark.parametrize(
    ("prepare", "says"),
    [
        (lambda _: None, "no samples yet"),
        (
            lambda s: s.apply(
                ev.ReadingLimited(
                    at=0.1, process=MAIN, reading="outside reading", reason="ptrace_scope is 3"
                )
            ),
            "no samples: ptrace_scope is 3",
        ),
        (
            lambda s: s.apply(ev.TargetExited(at=0.1, process=MAIN, exit_code=0)),
            "no samples: the target ended too soon",
        ),
        (
            lambda s: s.apply(sampled(0.05, span_s=0.05, samples=5)),
            "only 50 ms of samples: too few to judge",
        ),
    ],
)
def test_too_little_is_undecided_and_says_what_is_missing(
    prepare: Callable[[State], None], says: str
) -> None:
    state = watch([], seconds=0.0)
    prepare(state)
    verdict = diagnose(state)
    assert (verdict.kind, verdict.sentence, verdict.confidence) == ("undecided", says, 0.0)


def test_nothing_at_all_is_undecided() -> None:
    assert diagnose(State()).sentence == "no target has started yet"


def test_samples_of_no_thread_are_idle_or_undecided() -> None:
    assert diagnose(watch([], seconds=1.0)).kind in {"idle", "undecided"}


def test_it_changes_nothing() -> None:
    state = watch([SPINNER] * 4)
    before = (state.version, state.now, len(state.notes))
    first: Verdict = diagnose(state)
    assert diagnose(state) == first
    assert (state.version, state.now, len(state.notes)) == before


def test_a_hostile_file_name_cannot_reach_the_terminal() -> None:
    state = watch([SPINNER] * 4)
    state.apply(
        ev.LineSeen(
            at=0.0, process=MAIN, line=USER, file="/tmp/\x1b[2J\n.py", number=1, function="f"
        )
    )
    verdict = diagnose(state)
    assert (verdict.advice + verdict.sentence).isprintable()
    assert printable("é\u202e\x9b") == "é\\u202e\\x9b"


def named(state: State, *names: str) -> State:
    for serial, name in enumerate(names):
        state.apply(ev.ThreadNamed(at=0.1, process=MAIN, serial=serial, name=name))
    return state


def test_holder_and_waiters_that_are_not_alike_are_told_apart() -> None:
    shares = [{S.GIL_HELD: 0.97, S.SLEEP: 0.03}, {S.GIL_WAIT: 0.93, S.SLEEP: 0.07}]
    state = named(watch([JOINER, *map(Made, shares)], handoffs=1), "main", "worker", "watchdog")
    assert diagnose(state).sentence == (
        "worker keeps the GIL 97 % of the time; watchdog waits 93 %"
    )
    crowd = named(watch([LONE, *PROGRAMS["readers starved by a spinner"][1][1:]]), "spinner")
    assert diagnose(crowd).sentence == (
        "spinner keeps the GIL 98 % of the time; 3 threads wait 60 %"
    )


def test_the_longest_hold_is_told_beside_the_mean() -> None:
    hog = [Made({S.GIL_HELD: 1.0}), Made({S.GIL_WAIT: 1.0})]
    state = watch(hog, handoffs=1)
    gil = ev.GilSlice(
        held_s=1.0,
        wait_s=1.0,
        handoffs=1,
        interval_s=0.005,
        longest_hold_s=6.3,
        longest_serial=0,
        longest_line=LOCKED,
    )
    state.apply(sampled(11.0, span_s=1.0, gil=gil))
    advice = diagnose(state).advice
    assert advice.startswith("A call keeps the GIL 6.30 s (0.11 s on average) at /app/work.py:30")


def test_a_holder_that_is_blocked_is_told_as_such() -> None:
    state = named(watch([Made({S.SLEEP: 1.0}), Made({S.GIL_WAIT: 1.0})]), "sleeper", "waiter")
    for tick in range(10):
        piece = ev.ThreadSlice(
            serial=0,
            samples=100,
            states={S.SLEEP: 10.0},
            hot=[(LOCKED, S.SLEEP, 10.0)],
            holds_blocked_s=10.0,
        )
        waits = ev.ThreadSlice(serial=1, samples=100, states={S.GIL_WAIT: 10.0})
        gil = ev.GilSlice(held_s=10.0, wait_s=10.0, handoffs=1, interval_s=0.005)
        pieces = [piece, waits]
        state.apply(sampled(20.0 + 10 * tick, *pieces, span_s=10.0, gil=gil))
    verdict = diagnose(state)
    assert verdict.kind == "gil_bound"
    assert verdict.sentence.startswith("sleeper keeps the GIL blocked, 91 % of the time; waiter")
    assert "blocked at /app/work.py:30" in verdict.advice


def test_who_waits_for_the_gil_is_not_idle_though_it_also_waits_for_a_cpu() -> None:
    waiter = Made({S.GIL_WAIT: 0.55, S.CPU_WAIT: 0.42, S.GIL_HELD: 0.03})
    state = named(watch([Made({S.SLEEP: 1.0}), waiter]), "sleeper", "waiter")
    hot = [(LOCKED, S.SLEEP, 10.0)]
    piece = ev.ThreadSlice(
        serial=0, samples=100, states={S.SLEEP: 10.0}, hot=hot, holds_blocked_s=9.5
    )
    waits = ev.ThreadSlice(
        serial=1, samples=100, states={S.GIL_WAIT: 5.5, S.CPU_WAIT: 4.2, S.GIL_HELD: 0.3}
    )
    gil = ev.GilSlice(held_s=9.8, wait_s=5.5, handoffs=1, interval_s=0.005)
    for at in (20.0, 30.0, 40.0):
        state.apply(sampled(at, piece, waits, span_s=10.0, gil=gil))
    verdict = diagnose(state)
    assert verdict.kind == "gil_bound"
    assert verdict.sentence.startswith("sleeper keeps the GIL blocked")


def test_threads_that_live_for_a_moment_are_named_as_a_kind() -> None:
    """More of them than are kept one by one, so that those which are forgotten count as well."""
    state = State()
    state.apply(target_started())
    state.apply(
        ev.LineSeen(
            at=0.0, process=MAIN, line=USER, file="/app/work.py", number=12, function="burn"
        )
    )
    state.apply(ev.ThreadStarted(at=0.0, serial=0, process=MAIN, tid=1000))
    state.apply(ev.ThreadNamed(at=0.0, process=MAIN, serial=0, name="steady"))
    for number in range(1, 1001):
        at, kind = number / 10, ("spin", "nap")[number % 2]
        state.apply(ev.ThreadStarted(at=at - 0.1, serial=number, process=MAIN, tid=5))
        if number % 3:
            state.apply(
                ev.ThreadNamed(at=at - 0.1, process=MAIN, serial=number, name=f"{kind}-{number}")
            )
        does = S.GIL_HELD if kind == "spin" else S.GIL_WAIT
        hot = [(USER, does, 0.1)]
        short = ev.ThreadSlice(serial=number, samples=100, states={does: 0.1}, hot=hot)
        long = ev.ThreadSlice(serial=0, samples=100, states={S.GIL_WAIT: 0.05, S.SLEEP: 0.05})
        held = 0.1 if kind == "spin" else 0.09
        gil = ev.GilSlice(held_s=held, wait_s=0.05, handoffs=9, interval_s=0.005)
        state.apply(sampled(at, short, long, gil=gil))
        state.apply(ev.ThreadEnded(at=at, process=MAIN, serial=number))
    process = state.processes[MAIN]
    assert process.forgotten_threads > 400
    verdict = diagnose(state)
    assert verdict.sentence.startswith("334 short threads spin-* keep the GIL 95 % of the time")


def test_short_threads_whose_names_were_not_read_count_with_those_that_do_the_same() -> None:
    """Two of three end before they are asked for a name, and are seen at other lines."""
    state = State()
    state.apply(target_started())
    state.apply(ev.ThreadStarted(at=0.0, serial=0, process=MAIN, tid=1000))
    for line in (12, 13, 14):
        state.apply(
            ev.LineSeen(
                at=0.0, process=MAIN, line=line, file="/app/work.py", number=line, function="resize"
            )
        )
    for number in range(1, 91):
        at = number / 10
        state.apply(ev.ThreadStarted(at=at - 0.1, serial=number, process=MAIN, tid=5))
        if number % 3 == 0:
            state.apply(
                ev.ThreadNamed(at=at - 0.1, process=MAIN, serial=number, name=f"resizer-{number}")
            )
        hot = [(12 + number % 3, S.GIL_HELD, 0.08), (12, S.GIL_WAIT, 0.02)]
        short = ev.ThreadSlice(
            serial=number, samples=100, states={S.GIL_HELD: 0.08, S.GIL_WAIT: 0.02}, hot=hot
        )
        first = ev.ThreadSlice(serial=0, samples=100, states={S.GIL_WAIT: 0.1})
        gil = ev.GilSlice(held_s=0.09, wait_s=0.1, handoffs=9, interval_s=0.005)
        state.apply(sampled(at, short, first, gil=gil))
        state.apply(ev.ThreadEnded(at=at, process=MAIN, serial=number))
    sentence = diagnose(state).sentence
    assert sentence.startswith("90 short threads resizer-* keep the GIL 90 % of the time; ")


STARVED_ALONE = Made({S.CPU_WAIT: 0.9, S.GIL_HELD: 0.1})


def test_cpu_time_is_what_the_kernel_counted() -> None:
    state = watch([JOINER, LONE])
    piece = ev.ThreadSlice(
        serial=1, samples=1, states={S.GIL_HELD: 0.1}, cpu_s=4.04, cpu_wait_s=0.5
    )
    state.apply(sampled(10.1, piece, samples=1))
    state.apply(
        ev.ProcessMeasured(at=10.0, process=MAIN, rss=1, peak_rss=1, user_s=3.5, system_s=1.0)
    )
    verdict = diagnose(state)
    assert verdict.sentence == "1 thread does the work: 40 % of one CPU, 1 waits beside it"
    assert verdict.evidence["cpu"] == pytest.approx(0.45)


def test_a_thread_that_gets_no_cpu_is_not_told_as_busy() -> None:
    verdict = diagnose(watch([STARVED_ALONE]))
    assert verdict.kind == "single_thread_cpu"
    assert verdict.sentence == (
        "1 thread with work for a CPU had one 10 % of the time, waited for one 90 %"
    )
    assert verdict.advice.startswith("It gets too little CPU")


def children(state: State, number: int, cpu_s: float, alive_s: float) -> Verdict:
    state.apply(
        ev.ProcessMeasured(
            at=10.0,
            process=MAIN,
            rss=1,
            peak_rss=1,
            user_s=0.2,
            system_s=0.0,
            children=number,
            children_s=alive_s,
            children_cpu_s=cpu_s,
        )
    )
    return diagnose(state)


@pytest.mark.parametrize("program", ["readers", "an idle pool", "sleep under a lock"])
def test_where_children_did_the_work_helper_threads_decide_nothing(program: str) -> None:
    verdict = children(watch(PROGRAMS[program][1]), 2, 7.9, 9.0)
    assert verdict.kind == "undecided"
    assert verdict.sentence == "2 children used 7.90 CPU s; they are not watched"
    assert verdict.confidence < 0.1
    assert verdict.evidence["children_cpu_s"] == 7.9


def test_children_beside_a_thread_that_works_change_nothing() -> None:
    verdict = children(watch([LONE]), 2, 7.9, 9.0)
    assert verdict.kind == "single_thread_cpu"
    assert verdict.confidence > 0.5
    assert children(watch(PROGRAMS["readers"][1]), 1, 0.01, 0.1).kind == "io_bound"


def test_a_wait_for_a_child_is_told_with_what_it_used() -> None:
    verdict = children(watch(PROGRAMS["a parent that waits"][1]), 1, 3.9, 9.0)
    told = "waits for a child 99 % of the time; 1 child used 3.90 CPU s; it is not watched"
    assert verdict.sentence == told
    waits = Made({S.CHILD_WAIT: 0.9, S.SLEEP: 0.1})
    several = children(watch([JOINER, waits, waits]), 2, 3.9, 9.0)
    assert several.sentence.startswith("waits for a child 90 % of the time; ")


def unmoved(seconds: float, serials: Iterable[int]) -> ev.Sampled:
    """A slice at the end of which these threads have been in ``lock_wait`` for so long."""
    pieces = [
        ev.ThreadSlice(serial=n, samples=1, states={S.LOCK_WAIT: 0.1}, unmoved_s=seconds)
        for n in serials
    ]
    return ev.Sampled(
        at=10.1,
        process=MAIN,
        span_s=0.1,
        samples=100,
        gil=None,
        threads=pieces,
        rate_hz=1000.0,
        unmoved_s=seconds,
    )


def test_threads_that_all_wait_are_told_as_such() -> None:
    stuck = Made({S.LOCK_WAIT: 1.0}, {S.LOCK_WAIT: LOCKED})
    state = named(watch([JOINER, stuck, stuck]), "main", "transfer", "auditor")
    state.apply(unmoved(9.6, range(3)))
    verdict = diagnose(state)
    assert verdict.kind == "undecided"
    assert (
        verdict.sentence == "nothing has moved for 9.60 s: 2 threads wait for locks at work.py:30"
    )
    assert "transfer and 1 more at work.py:30" in verdict.advice


def test_a_thread_whose_slice_is_not_decided_yet_has_moved() -> None:
    """It wakes up again and again, and in one slice all that is known of it is kept back."""
    wakes = Made({S.SLEEP: 0.99, S.NATIVE: 0.01}, {S.SLEEP: QUEUE})
    state = watch([JOINER, wakes])
    state.apply(unmoved(9.9, [0]))
    assert diagnose(state).sentence == "2 threads, mostly waiting: 1 % of one CPU in use"
    state.apply(ev.ThreadEnded(at=10.1, process=MAIN, serial=1))
    state.apply(unmoved(9.9, [0]))
    assert diagnose(state).sentence.startswith("nothing has moved for 9.90 s")


def test_some_threads_that_do_not_move_are_told_beside_others_that_do() -> None:
    stuck = Made({S.LOCK_WAIT: 1.0}, {S.LOCK_WAIT: LOCKED})
    state = named(watch([SLEEPER, stuck, stuck]), "main", "one", "two")
    pieces = [
        ev.ThreadSlice(serial=n, samples=1, states={S.LOCK_WAIT: 0.1}, unmoved_s=10.0)
        for n in (1, 2)
    ]
    state.apply(sampled(10.1, *pieces))
    told = "2 threads have not moved for 10.0 s: they wait for locks at work.py:30"
    assert diagnose(state).sentence == told


def test_a_pool_for_which_nothing_comes_is_idle_but_told() -> None:
    idle = Made({S.LOCK_WAIT: 1.0}, {S.LOCK_WAIT: QUEUE})
    state = watch([JOINER, *[idle] * 4])
    state.apply(unmoved(10.0, range(5)))
    verdict = diagnose(state)
    assert verdict.kind == "idle"
    assert verdict.sentence.startswith("nothing has moved for 10.0 s: all 5 threads wait for work")
    assert "Nothing to speed up" not in verdict.advice


@pytest.mark.parametrize(
    ("state_of", "says", "advises"),
    [(S.SLEEP, "sleep", "asyncio.to_thread"), (S.GIL_HELD, "computing", "run_in_executor")],
)
def test_a_blocked_event_loop_is_told(state_of: S, says: str, advises: str) -> None:
    state = watch([Made({S.IO_WAIT: 0.7, S.SLEEP: 0.3})])
    piece = ev.ThreadSlice(
        serial=0, samples=1, states={state_of: 0.1}, loop_blocked=[(USER, state_of, 3.0)]
    )
    state.apply(sampled(10.1, piece))
    verdict = diagnose(state)
    assert verdict.sentence == f"the event loop is blocked 30 % of the time: {says} in work"
    assert advises in verdict.advice
    assert "/app/work.py:12" in verdict.advice


def test_a_collector_that_takes_the_time_is_told() -> None:
    state = watch([LONE])
    gil = ev.GilSlice(held_s=0.1, wait_s=0.0, handoffs=0, interval_s=0.005, collecting_s=7.07)
    state.apply(sampled(10.1, gil=gil))
    verdict = diagnose(state)
    assert verdict.kind == "single_thread_cpu"
    assert verdict.sentence == "the cyclic collector takes 70 % of the time: 7.07 s"
    assert verdict.advice.endswith("(gc.freeze).")
    state.apply(
        ev.LineSeen(at=0.0, process=MAIN, line=80, file="/app/a.py", number=12, function="full")
    )
    seen = ev.CollectorSlice(pauses={9: 2}, longest_s=0.2, lines=[(0, 1, 0.1, 0.1), (80, 1, 7, 7)])
    state.apply(replace(sampled(10.1, span_s=0.0), collector=seen))
    assert diagnose(state).advice.endswith("; most of it is set off at /app/a.py:12.")


def test_the_collector_is_no_line_to_work_on() -> None:
    state = watch([Made({S.GIL_HELD: 1.0}, {S.GIL_HELD: 9})])
    advice = diagnose(state).advice
    state.apply(
        ev.LineSeen(at=0.0, process=MAIN, line=90, file=COLLECTOR, number=0, function=COLLECTOR)
    )
    busy = ev.ThreadSlice(serial=1, samples=9, states={}, hot=[(90, S.GIL_HELD, 99.0)])
    state.apply(sampled(10.1, busy, span_s=0.0))
    assert diagnose(state).advice == advice
    assert COLLECTOR not in advice


@pytest.mark.parametrize(
    ("file", "function"),
    [
        ("/usr/lib/python3.13/selectors.py", "EpollSelector.select"),
        ("/usr/lib/python3.13/socket.py", "socket.accept"),
    ],
)
def test_an_idle_server_reads_as_idle(file: str, function: str) -> None:
    state = watch([Made({S.IO_WAIT: 0.99, S.GIL_HELD: 0.01}, {S.IO_WAIT: 9})])
    state.apply(ev.LineSeen(at=0.0, process=MAIN, line=9, file=file, number=294, function=function))
    verdict = diagnose(state)
    assert verdict.kind == "idle"
    assert "more requests" not in verdict.advice


def test_more_requests_at_once_are_only_advised_to_those_who_ask_again() -> None:
    state = watch([READER] * 8)
    assert "more requests" not in diagnose(state).advice
    pieces = [
        ev.ThreadSlice(serial=n, samples=1, states={S.IO_WAIT: 0.1}, voluntary_switches=500)
        for n in range(8)
    ]
    state.apply(sampled(10.1, *pieces))
    assert "more requests at once help" in diagnose(state).advice


def test_the_lock_is_held_where_something_is_done() -> None:
    lines = {S.LOCK_WAIT: LOCKED, S.SLEEP: 9}
    state = watch([Made({S.LOCK_WAIT: 0.75, S.SLEEP: 0.25}, lines)] * 4)
    state.apply(
        ev.LineSeen(
            at=0.0, process=MAIN, line=9, file="/app/work.py", number=31, function="guarded"
        )
    )
    told = "Hold the lock for less at /app/work.py:31 (waited for at /app/work.py:30)"
    assert diagnose(state).advice.startswith(told)


def test_one_thread_that_waits_for_its_own_lock_is_told() -> None:
    state = watch([Made({S.LOCK_WAIT: 1.0}, {S.LOCK_WAIT: LOCKED})])
    state.apply(unmoved(9.6, [0]))
    told = "nothing has moved for 9.60 s: 1 thread waits for locks at work.py:30"
    assert diagnose(state).sentence == told


def test_a_server_s_threads_that_wait_for_their_clients_are_idle() -> None:
    accepts = Made({S.IO_WAIT: 1.0}, {S.IO_WAIT: 9})
    state = watch([accepts, *[Made({S.IO_WAIT: 1.0})] * 4])
    assert diagnose(state).kind == "io_bound"
    state.apply(
        ev.LineSeen(
            at=0.0,
            process=MAIN,
            line=9,
            file="/usr/lib/python3.13/socket.py",
            number=294,
            function="socket.accept",
        )
    )
    assert diagnose(state).kind == "idle"


def test_interpreters_that_compute_each_with_its_own_gil() -> None:
    alone = Made({S.GIL_HELD: 0.95, S.CPU_WAIT: 0.05})
    found = diagnose(watch_gils((0, [JOINER]), *((number, [alone]) for number in range(1, 5))))
    assert found.kind == "native_parallel"
    assert found.sentence == (
        "4 threads on 3.8 CPUs at once: 4 interpreters, each with a GIL of its own"
    )
    assert found.evidence["gils_held"] == pytest.approx(4.0)


def test_threads_that_wait_for_the_gil_of_one_of_several_interpreters() -> None:
    third = Made({S.GIL_HELD: 0.33, S.GIL_WAIT: 0.67})
    alone = Made({S.GIL_HELD: 1.0})
    found = diagnose(watch_gils((0, [JOINER]), (1, [alone]), (2, [third] * 3)))
    assert found.kind == "gil_bound"
    assert found.sentence == (
        "3 threads: 99 % of the GIL of interpreter 2 held, each waits 67 % of its time"
    )
    assert found.evidence["interpreter"] == 2
    assert "more interpreters" in found.advice


def test_threads_that_wait_for_the_main_gil_beside_others() -> None:
    third = Made({S.GIL_HELD: 0.33, S.GIL_WAIT: 0.67})
    found = diagnose(watch_gils((0, [third] * 3), (1, [Made({S.SLEEP: 1.0})])))
    assert found.kind == "gil_bound"
    assert found.sentence.startswith("3 threads: 99 % of the main GIL held")
