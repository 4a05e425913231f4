"""Time with what crosses between processes."""

from __future__ import annotations

from tests.sample_events import sampled
from tests.stand_ins import process_state

from refwatch.findings.crossing import Crossing, crossing_of
from refwatch.readings.threads.events import ThreadSlice
from refwatch.readings.threads.state import ThreadRecord
from refwatch.readings.threads.states import ThreadState as S
from refwatch.session import events as ev
from refwatch.session.process import ProcessState
from refwatch.wire.event import MAIN

LIBRARY = "/usr/lib/python3.13/multiprocessing/"


def process(*hot: tuple[str, str, S, float]) -> ProcessState:
    """One thread that was at these lines: (file, function, state, seconds)."""
    made = process_state()
    started = ev.ThreadStarted(at=0.0, process=MAIN, serial=1, tid=1)
    made.add_thread(ThreadRecord(serial=started.serial, tid=started.tid, ident=None, started_s=0.0))
    for line, (file, function, _, _) in enumerate(hot, 1):
        made.saw_line(
            ev.LineSeen(at=0.0, process=MAIN, line=line, file=file, number=line, function=function)
        )
    lines = [(line, state, spent) for line, (_, _, state, spent) in enumerate(hot, 1)]
    states: dict[S, float] = {}
    for _, _, state, spent in hot:
        states[state] = states.get(state, 0.0) + spent
    made.sampled(sampled(1.0, ThreadSlice(serial=1, samples=1, states=states, hot=lines)))
    return made


def test_what_crosses_by_what_is_done() -> None:
    found = crossing_of(
        process(
            (f"{LIBRARY}reduction.py", "ForkingPickler.dumps", S.GIL_HELD, 0.5),
            (f"{LIBRARY}queues.py", "Queue.get", S.NATIVE, 0.25),
            (f"{LIBRARY}queues.py", "Queue.get", S.LOCK_WAIT, 2.0),
            (f"{LIBRARY}connection.py", "Connection._recv", S.IO_WAIT, 3.0),
            (f"{LIBRARY}connection.py", "Connection._send", S.IO_WAIT, 1.0),
            (f"{LIBRARY}pool.py", "Pool._terminate", S.LOCK_WAIT, 0.125),
            (f"{LIBRARY}popen_fork.py", "Popen.poll", S.CHILD_WAIT, 9.0),
            ("/app/work.py", "get", S.GIL_HELD, 9.0),
        )
    )
    assert found == Crossing(pickling_s=0.75, sending_s=1.0, receiving_s=5.0, other_s=0.125)


def test_a_process_that_sends_nothing() -> None:
    assert crossing_of(process(("/app/work.py", "send", S.GIL_HELD, 9.0))) is None
