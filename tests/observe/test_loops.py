"""What of a thread's time blocked its event loop."""

from __future__ import annotations

import pytest

from refwatch.model.events import LineSeen, ThreadSlice
from refwatch.model.states import ThreadState as S
from refwatch.observe.loops import Loops

RUN, SELECT, OWN, MAIN = 1, 2, 3, 4
SEEN = [
    LineSeen(
        at=0.0,
        line=RUN,
        file="/lib/python3.13/asyncio/base_events.py",
        number=2040,
        function="BaseEventLoop._run_once",
    ),
    LineSeen(
        at=0.0,
        line=SELECT,
        file="/lib/python3.13/selectors.py",
        number=452,
        function="EpollSelector.select",
    ),
    LineSeen(at=0.0, line=OWN, file="/app/serve.py", number=9, function="handle"),
    LineSeen(at=0.0, line=MAIN, file="/app/serve.py", number=30, function="<module>"),
]
WAITS, COMPUTES, SLEEPS = (SELECT, S.IO_WAIT, 0.06), (OWN, S.GIL_HELD, 0.04), (OWN, S.SLEEP, 0.04)
READS, WANTS = (OWN, S.IO_WAIT, 0.04), (OWN, S.GIL_WAIT, 0.04)


@pytest.mark.parametrize(
    ("hot", "stack", "blocked"),
    [
        ([WAITS], [SELECT, RUN, MAIN], []),
        ([WAITS, COMPUTES], [SELECT, RUN, MAIN], []),
        ([(RUN, S.GIL_HELD, 0.01), COMPUTES], [OWN, RUN, MAIN], []),
        ([COMPUTES], [OWN, RUN, MAIN], [COMPUTES]),
        ([WAITS, SLEEPS], [SELECT, RUN, MAIN], [SLEEPS]),
        ([WAITS, READS, WANTS], [OWN, RUN, MAIN], [READS]),
        ([SLEEPS], [OWN, MAIN], []),
    ],
    ids=["idle", "turns", "own code", "computes", "sleeps", "waits for the GIL", "no loop"],
)
def test_blocked(
    hot: list[tuple[int, S, float]], stack: list[int], blocked: list[tuple[int, S, float]]
) -> None:
    loops = Loops()
    loops.learn(SEEN)
    assert loops.blocked(ThreadSlice(serial=1, samples=100, states={}, hot=hot), stack) == blocked


def test_without_a_loop_nothing_is_blocked() -> None:
    assert (
        Loops().blocked(ThreadSlice(serial=1, samples=100, states={}, hot=[SLEEPS]), [OWN, MAIN])
        == []
    )
