"""What of a thread's time blocked its event loop."""

from __future__ import annotations

import pytest

from refwatch.readings.threads.loops import EventLoops
from refwatch.readings.threads.states import ThreadState as S
from refwatch.target.locations import NewLine

RUN, SELECT, OWN, OUTERMOST = 1, 2, 3, 4
SEEN = [
    NewLine(RUN, "/lib/python3.13/asyncio/base_events.py", 2040, "BaseEventLoop._run_once"),
    NewLine(SELECT, "/lib/python3.13/selectors.py", 452, "EpollSelector.select"),
    NewLine(OWN, "/app/serve.py", 9, "handle"),
    NewLine(OUTERMOST, "/app/serve.py", 30, "<module>"),
]
WAITS, COMPUTES, SLEEPS = (SELECT, S.IO_WAIT, 0.06), (OWN, S.GIL_HELD, 0.04), (OWN, S.SLEEP, 0.04)
READS, WANTS = (OWN, S.IO_WAIT, 0.04), (OWN, S.GIL_WAIT, 0.04)


@pytest.mark.parametrize(
    ("hot", "stack", "blocked"),
    [
        ([WAITS], [SELECT, RUN, OUTERMOST], []),
        ([WAITS, COMPUTES], [SELECT, RUN, OUTERMOST], []),
        ([(RUN, S.GIL_HELD, 0.01), COMPUTES], [OWN, RUN, OUTERMOST], []),
        ([COMPUTES], [OWN, RUN, OUTERMOST], [COMPUTES]),
        ([WAITS, SLEEPS], [SELECT, RUN, OUTERMOST], [SLEEPS]),
        ([WAITS, READS, WANTS], [OWN, RUN, OUTERMOST], [READS]),
        ([SLEEPS], [OWN, OUTERMOST], []),
    ],
    ids=["idle", "turns", "own code", "computes", "sleeps", "waits for the GIL", "no loop"],
)
def test_blocked(
    hot: list[tuple[int, S, float]], stack: list[int], blocked: list[tuple[int, S, float]]
) -> None:
    loops = EventLoops()
    loops.learn(SEEN)
    assert loops.blocked(hot, stack) == blocked


def test_without_a_loop_nothing_is_blocked() -> None:
    assert EventLoops().blocked([SLEEPS], [OWN, OUTERMOST]) == []
