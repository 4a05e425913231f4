"""Which threads are one group, and which groups are told in place of their threads."""

from __future__ import annotations

from tests.sample_events import sampled, target_started

from refwatch.findings.thread_groups import TOO_SHORT, Grouping, most_at_once
from refwatch.readings.threads.state import ThreadRecord
from refwatch.readings.threads.states import ThreadState as S
from refwatch.session import events as ev
from refwatch.session.process import KEEP_ENDED, ProcessState
from refwatch.session.state import State
from refwatch.wire.event import MAIN

HANDLE, LOAD, BOOTSTRAP = 1, 2, 3
PLACES = {HANDLE: ("/app/web.py", "handle"), LOAD: ("/app/json.py", "load"),
          BOOTSTRAP: ("/usr/lib/python3.13/threading.py", "Thread._bootstrap")}  # fmt: skip


class Made:
    """A session to which threads are added."""

    def __init__(self) -> None:
        self.state = State()
        self.state.apply(target_started())
        for line, (file, function) in PLACES.items():
            self.state.apply(
                ev.LineSeen(at=0.0, process=MAIN, line=line, file=file, number=9, function=function)
            )
        self.serial = 0

    def thread(
        self,
        start: float,
        end: float | None,
        name: str = "",
        *,
        stack: tuple[int, ...] = (),
        hot: int = LOAD,
        cpu_s: float = 0.25,
    ) -> None:
        self.serial += 1
        serial, state = self.serial, self.state
        state.apply(ev.ThreadStarted(at=start, process=MAIN, serial=serial, tid=serial))
        if name:
            state.apply(ev.ThreadNamed(at=start, process=MAIN, serial=serial, name=name))
        piece = ev.ThreadSlice(
            serial=serial,
            samples=1,
            states={S.GIL_HELD: cpu_s},
            hot=[(hot, S.GIL_HELD, cpu_s)],
            stack=list(stack) or None,
            cpu_s=cpu_s,
            unread_cpu_s=cpu_s / 5,
        )
        state.apply(sampled(start + 0.1, piece))
        if end is not None:
            state.apply(ev.ThreadEnded(at=end, process=MAIN, serial=serial))

    @property
    def process(self) -> ProcessState:
        return self.state.processes[MAIN]

    def told(self) -> dict[str, tuple[int, int]]:
        """Name of a group told as one -> (threads, alive)"""
        grouping = Grouping(self.process)
        return {each.name: (each.threads, len(each.alive)) for each in grouping.crowds}

    def singles(self) -> list[str]:
        return [thread.name for thread in Grouping(self.process).singles]


def test_requests_are_one_group_and_workers_are_not() -> None:
    made = Made()
    for number in range(4):
        made.thread(0.0, None, f"worker-{number}")
    for number in range(12):
        made.thread(number, number + 0.5 if number < 10 else None, f"request-{number}")
    assert made.told() == {"request-*": (12, 2)}
    assert made.singles() == [f"worker-{number}" for number in range(4)]


def test_a_pool_that_has_ended_as_a_whole_stays_as_many_rows() -> None:
    made = Made()
    for number in range(8):
        made.thread(0.0 + number / 100, 9.0, f"worker-{number}")
    assert made.told() == {}
    assert len(made.singles()) == 8


def test_workers_that_were_replaced_once_stay_rows() -> None:
    made = Made()
    for number in range(4):
        made.thread(0.0, 5.0 if number < 2 else None, f"worker-{number}")
        made.thread(5.0, None, f"worker-{number}")
    assert made.told() == {}


def test_without_a_name_the_function_that_a_thread_runs_names_its_group() -> None:
    made = Made()
    for number in range(30):
        made.thread(number, number + 0.5, stack=(LOAD, HANDLE))
    assert made.told() == {"in handle": (30, 0)}


def test_a_thread_of_threading_without_a_name_is_named_by_its_hottest_line() -> None:
    made = Made()
    for number in range(30):
        made.thread(
            number, number + 0.5, stack=(LOAD, BOOTSTRAP), hot=(LOAD, BOOTSTRAP)[number % 2]
        )
    assert made.told().keys() == {"in load", "in Thread._bootstrap"}


def test_those_whose_names_were_not_read_join_the_only_named_group_in_their_function() -> None:
    made = Made()
    for number in range(30):
        made.thread(number, number + 0.5, f"request-{number}" if number % 3 else "")
    assert made.told() == {"request-*": (30, 0)}


def test_sums_have_all_that_ever_lived() -> None:
    made = Made()
    count = KEEP_ENDED + 200
    for number in range(count):
        made.thread(number, number + 0.5, f"request-{number}")
    made.thread(count, None, "request-last")
    (group,) = Grouping(made.process).crowds
    sums = group.sums()
    assert made.process.forgotten_threads >= 199
    assert group.threads == sums.threads == count
    assert round(sums.cpu_s, 6) == round(sums.states[S.GIL_HELD], 6) == count * 0.25
    assert round(sums.unread_cpu_s, 6) == count * 0.05


def test_threads_that_were_never_seen_are_told_with_what_the_kernel_counted() -> None:
    made = Made()
    made.thread(0.0, None, "MainThread")
    event = ev.Sampled(
        at=1.0,
        process=MAIN,
        span_s=1.0,
        samples=1,
        gil=None,
        threads=[],
        rate_hz=1000,
        unseen={S.GIL_HELD: 0.5, S.NATIVE: 0.25},
        unseen_threads=40,
    )
    made.state.apply(event)
    made.state.apply(event)
    assert made.told() == {TOO_SHORT: (80, 0)}
    (group,) = Grouping(made.process).crowds
    assert group.sums().states == {S.GIL_HELD: 1.0, S.NATIVE: 0.5}
    assert made.process.unread_cpu_s == 0.05 + 1.5


def test_how_many_lived_at_once() -> None:
    lives = [(0.0, 2.0), (1.0, 3.0), (2.0, 4.0), (5.0, None)]
    threads = [
        ThreadRecord(serial=0, tid=0, ident=None, started_s=start, ended_s=end)
        for start, end in lives
    ]
    assert most_at_once(threads) == 2
    assert most_at_once([]) == 0
