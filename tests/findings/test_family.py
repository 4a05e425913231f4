"""What the processes of a session decide together."""

from __future__ import annotations

from collections.abc import Sequence

from tests.sample_events import target_started

from refwatch.findings.family import family_cause
from refwatch.findings.verdict import diagnose
from refwatch.readings.threads.events import ThreadSlice
from refwatch.readings.threads.states import ThreadState as S
from refwatch.session import events as ev
from refwatch.session.state import State
from refwatch.wire.event import MAIN

Piece = dict[S, float]
LIBRARY = "/usr/lib/python3.13/threading.py"


class Family:
    """A session of processes with one thread each, of which each second is told."""

    def __init__(self) -> None:
        self.state = State()
        self.state.apply(target_started())
        self._thread(MAIN, 1, 0.0)

    def _thread(self, process: int, serial: int, at: float, name: str = "MainThread") -> None:
        tid = self.state.processes[process].pid + serial - 1
        self.state.apply(
            ev.ThreadStarted(at=at, process=process, serial=serial, tid=tid, ident=1, name=name)
        )
        for line, file in ((1, "/app/work.py"), (2, LIBRARY)):
            self.state.apply(
                ev.LineSeen(
                    at=at, process=process, line=line, file=file, number=12, function="work"
                )
            )

    def child(self, number: int, at: float, method: str = "fork") -> None:
        started = target_started(pid=100 * number)
        self.state.apply(
            ev.TargetStarted(
                at=at,
                process=number,
                pid=started.pid,
                argv=[],
                executable="",
                cwd="",
                started_at="",
                refwatch="0",
                ppid=self.state.processes[MAIN].pid,
                start_method=method,
            )
        )
        self._thread(number, 1, at)

    def second(self, at: float, process: int, pieces: Piece, line: int = 1) -> None:
        """What its thread did in the second up to ``at``."""
        still = 1.0 if set(pieces) == {S.LOCK_WAIT} else 0.0
        slice_ = ThreadSlice(
            serial=1,
            states=dict(pieces),
            samples=1000,
            hot=[(line, state, spent) for state, spent in pieces.items()],
            unmoved_s=still * (at - self.state.processes[process].began_s),
        )
        self.state.apply(
            ev.Sampled(
                at=at,
                process=process,
                span_s=1.0,
                samples=1000,
                gil=None,
                threads=[slice_],
                rate_hz=1000.0,
                unmoved_s=still * (at - self.state.processes[process].began_s),
            )
        )

    def seconds(self, first: int, last: int, process: int, pieces: Piece, line: int = 1) -> None:
        for at in range(first, last + 1):
            self.second(float(at), process, pieces, line)

    def sentence(self) -> str:
        cause = family_cause(self.state)
        return cause.sentence if cause is not None else ""


def pool(*pieces: Piece, waits: Sequence[S] = (S.CHILD_WAIT,)) -> Family:
    """Children that each do this for ten seconds, while the program waits."""
    family = Family()
    for number, each in enumerate(pieces, 2):
        family.child(number, 0.0)
        family.seconds(1, 10, number, each)
    family.seconds(1, 10, MAIN, dict.fromkeys(waits, 1.0 / len(waits)))
    return family


def test_children_that_compute_side_by_side() -> None:
    family = pool({S.GIL_HELD: 1.0}, {S.GIL_HELD: 0.9, S.IO_WAIT: 0.1})
    verdict = diagnose(family.state)
    assert verdict.kind == "process_parallel"
    assert verdict.sentence == (
        "2 children compute side by side, each with a GIL of its own: 1.9 CPUs in use"
    )
    assert verdict.advice.startswith("More processes help")
    assert verdict.confidence > 0.7


def test_children_that_wait_for_a_cpu() -> None:
    family = pool(*[{S.GIL_HELD: 0.5, S.CPU_WAIT: 0.5}] * 4)
    assert family.sentence() == (
        "4 children compute side by side: 2.0 CPUs in use, they wait for one 50 % of the time"
    )
    cause = family_cause(family.state)
    assert cause is not None
    assert "more processes would not help" in cause.advice


def test_the_program_that_computes_beside_its_children() -> None:
    family = Family()
    for number in (2, 3):
        family.child(number, 0.0)
        family.seconds(1, 10, number, {S.GIL_HELD: 0.25, S.CPU_WAIT: 0.75})
    family.seconds(1, 10, MAIN, {S.GIL_HELD: 0.2, S.CPU_WAIT: 0.8})
    assert family.sentence() == (
        "3 processes compute side by side: 0.7 CPUs in use, they wait for one 77 % of the time"
    )


def test_one_child_that_does_the_work() -> None:
    family = pool({S.GIL_HELD: 1.0}, {S.IO_WAIT: 1.0})
    assert family.sentence().startswith("child 200 does the work")


def test_children_one_after_the_other() -> None:
    family = Family()
    for number in range(2, 7):
        family.child(number, 2.0 * (number - 2))
        family.seconds(2 * (number - 2) + 1, 2 * (number - 1), number, {S.GIL_HELD: 1.0})
        family.state.apply(ev.TargetExited(at=2.0 * (number - 1), process=number, exit_code=0))
    family.seconds(1, 10, MAIN, {S.CHILD_WAIT: 1.0})
    assert "one after the other" in family.sentence()


def test_children_that_wait_long_before_they_compute_together() -> None:
    """As test runners do: what they did before is no time in which they computed one by one."""
    family = Family()
    for number in (2, 3):
        family.child(number, 0.0)
        family.seconds(1, 8, number, {S.IO_WAIT: 1.0})
        family.seconds(9, 10, number, {S.GIL_HELD: 0.5, S.CPU_WAIT: 0.5})
    family.seconds(1, 10, MAIN, {S.LOCK_WAIT: 0.9, S.IO_WAIT: 0.1})
    assert family.sentence() == (
        "2 children compute side by side: 1.0 CPUs in use, they wait for one 50 % of the time"
    )


def test_children_that_take_turns() -> None:
    """They live side by side, and each computes while the other waits."""
    family = Family()
    for number in (2, 3):
        family.child(number, 0.0)
        for at in range(1, 11):
            busy = (at // 2) % 2 == number % 2
            family.second(float(at), number, {S.GIL_HELD if busy else S.LOCK_WAIT: 1.0})
    family.seconds(1, 10, MAIN, {S.CHILD_WAIT: 1.0})
    assert "one after the other" in family.sentence()


def test_whether_children_that_are_half_busy_overlap_is_left_open() -> None:
    family = pool(*[{S.GIL_HELD: 0.5, S.IO_WAIT: 0.5}] * 2)
    assert family.sentence() == ("2 children share the work: 1.0 CPUs in use by them together")


def test_children_that_wake_for_a_moment_on_a_busy_machine_do_not_compute() -> None:
    assert pool(*[{S.GIL_HELD: 0.01, S.CPU_WAIT: 0.6, S.SLEEP: 0.39}] * 9).sentence() == ""


def test_children_that_compute_on_a_machine_that_is_busy_with_something_else() -> None:
    """However little they get: they want a CPU all the time."""
    assert pool(*[{S.GIL_HELD: 0.04, S.CPU_WAIT: 0.95, S.SLEEP: 0.01}] * 2).sentence() == (
        "2 children compute side by side: 0.1 CPUs in use, they wait for one 96 % of the time"
    )


def test_many_that_compute_on_few_cpus() -> None:
    family = pool(*[{S.GIL_HELD: 0.02, S.CPU_WAIT: 0.98}] * 100)
    assert family.sentence() == (
        "100 children compute side by side: 2.0 CPUs in use, they wait for one 98 % of the time"
    )


def test_the_threads_of_one_child_are_not_several_processes() -> None:
    family = pool({S.NATIVE: 4.0}, {S.IO_WAIT: 1.0})
    assert family.sentence().startswith("child 200 does the work")


def test_children_that_live_side_by_side_and_mostly_wait_decide_nothing() -> None:
    assert pool(*[{S.GIL_HELD: 0.05, S.SLEEP: 0.95}] * 5).sentence() == ""


def test_a_program_that_waits_for_children_that_wait() -> None:
    """As a pool does whose workers sleep: the wait for its results is none for a lock."""
    family = Family()
    for number in (2, 3, 4):
        family.child(number, 0.0)
        family.seconds(1, 10, number, {S.SLEEP: 0.99, S.GIL_HELD: 0.01})
    family.seconds(1, 10, MAIN, {S.LOCK_WAIT: 0.9, S.SLEEP: 0.1}, line=2)
    verdict = diagnose(family.state)
    assert verdict.kind == "idle"
    assert verdict.sentence == "4 processes, mostly waiting: 3 % of one CPU in use"


def test_a_wait_for_children_that_work_now_and_then_is_none_for_input() -> None:
    family = Family()
    for number, busy in ((2, (2, 8)), (3, (5,))):  # never both
        family.child(number, 0.0)
        for second in range(1, 11):
            family.second(second, number, {S.GIL_HELD if second in busy else S.IO_WAIT: 1.0})
    family.seconds(1, 10, MAIN, {S.IO_WAIT: 1.0})
    verdict = diagnose(family.state)
    assert verdict.kind == "undecided"
    assert verdict.sentence == "2 children do most of the work, and compute 30 % of the time"


def test_children_that_do_little_decide_nothing() -> None:
    assert pool({S.IO_WAIT: 1.0}, {S.SLEEP: 0.99, S.GIL_HELD: 0.01}).sentence() == ""
    busy = pool({S.GIL_HELD: 0.2, S.IO_WAIT: 0.8}, waits=(S.GIL_HELD,))
    assert busy.sentence() == ""
    assert diagnose(busy.state).kind == "single_thread_cpu"


def hung(method: str = "fork", line: int = 1, before: Piece | None = None) -> Family:
    family = Family()
    family.child(2, 0.0, method)
    if before is not None:
        family.seconds(1, 10, 2, before)
    first = 11 if before is not None else 1
    family.seconds(first, first + 7, 2, {S.LOCK_WAIT: 1.0}, line)
    family.seconds(1, first + 7, MAIN, {S.CHILD_WAIT: 1.0})
    return family


def test_a_child_that_hangs_since_its_fork() -> None:
    family = hung()
    assert family.sentence() == (
        "child 200 has not moved for 8.00 s, since the fork: it waits for a lock at work.py:12"
    )
    assert "spawn or forkserver" in diagnose(family.state).advice


def test_other_waits_are_no_hang_of_a_fork() -> None:
    """For work, in a process that started anew, or after it had worked."""
    assert hung(line=2).sentence() == ""
    assert hung(method="spawn").sentence() == ""
    assert "fork" not in hung(before={S.GIL_HELD: 1.0}).sentence()


def test_the_thread_that_held_the_lock_is_named() -> None:
    family = Family()
    family.state.apply(
        ev.ThreadStarted(at=0.0, process=MAIN, serial=2, tid=77, ident=2, name="holder")
    )
    family.child(2, 0.5)
    family.seconds(1, 8, 2, {S.LOCK_WAIT: 1.0})
    family.seconds(1, 8, MAIN, {S.CHILD_WAIT: 1.0})
    cause = family_cause(family.state)
    assert cause is not None
    assert "(holder)" in cause.advice
