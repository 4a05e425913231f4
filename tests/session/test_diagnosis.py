"""The verdict on programs whose behaviour is known."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import pytest

from refwatch.model import events as ev
from refwatch.model.snapshot import Verdict
from refwatch.model.states import ThreadState as S
from refwatch.session.diagnosis import diagnose
from refwatch.session.sentences import printable
from refwatch.session.state import State

PID = 42
USER, LOCKED, JOIN, QUEUE = 1, 2, 3, 4
LINES = [
    ev.LineSeen(0.0, USER, "/app/work.py", 12, "work"),
    ev.LineSeen(0.0, LOCKED, "/app/work.py", 30, "guarded"),
    ev.LineSeen(0.0, JOIN, "/usr/lib/python3.12/threading.py", 1149, "_wait_for_tstate_lock"),
    ev.LineSeen(0.0, QUEUE, "/usr/lib/python3.12/threading.py", 355, "wait"),
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
        return ev.ThreadSlice(serial, 100, states, hot=hot)


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
    state.apply(ev.TargetStarted(0.0, PID, ["x.py"], "/py", "/tmp", "2026-01-01T00:00:00Z", "0"))
    state.apply(ev.InterpreterFound(0.0, PID, "3.13", not gil, gil, 0.005))
    for event in LINES if hot else []:
        state.apply(event)
    for serial, made in enumerate(threads):
        state.apply(ev.ThreadStarted(max(made.start, 0.0), serial, PID, serial))
    for tick in range(1, round(seconds * 10) + 1):
        at = tick / 10
        pieces = [made.slice(serial, at, 0.1) for serial, made in enumerate(threads)]
        lived = [piece for piece in pieces if piece is not None]
        held = sum(piece.states.get(S.GIL_HELD, 0.0) for piece in lived)
        wait = sum(piece.states.get(S.GIL_WAIT, 0.0) for piece in lived)
        gil_slice = ev.GilSlice(min(held, 0.1), wait, handoffs, 0.005) if gil else None
        state.apply(ev.Sampled(at, PID, 0.1, 100, gil_slice, lived, 1000.0))
    if ended:
        for serial in range(len(threads)):
            state.apply(ev.ThreadEnded(seconds, serial))
        state.apply(ev.TargetExited(seconds, PID, 0))
    return state


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
    assert "keeps the GIL 100 ms at a time at /app/work.py:12" in verdict.advice


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
            lambda s: s.apply(ev.ReadingLimited(0.1, "outside reading", "ptrace_scope is 3")),
            "no samples: ptrace_scope is 3",
        ),
        (lambda s: s.apply(ev.TargetExited(0.1, PID, 0)), "no samples: the target ended too soon"),
        (
            lambda s: s.apply(ev.Sampled(0.05, PID, 0.05, 5, None, [], 1000.0)),
            "only 0.05 s of samples: too few to judge",
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
    state.apply(ev.LineSeen(0.0, USER, "/tmp/\x1b[2J\n.py", 1, "f"))
    verdict = diagnose(state)
    assert (verdict.advice + verdict.sentence).isprintable()
    assert printable("é\u202e\x9b") == "é\\u202e\\x9b"
