"""Time by paths of the last minute, and since a mark."""

from __future__ import annotations

import pytest

from refwatch.readings.objects.state import KEEP_BASELINES
from refwatch.readings.threads.path_history import KEEP_MARKS, PathHistory, kind_of_name
from refwatch.readings.threads.states import ThreadState as S


def history(seconds: int) -> PathHistory:
    """Half a second in path 1 each half second, up to ``seconds``."""
    found = PathHistory()
    for step in range(1, 2 * seconds + 1):
        found.add(step / 2, "w-*", [(1, S.GIL_HELD, 0.5)])
    return found


def test_the_last_seconds() -> None:
    known = history(100)
    assert sum(known.since(90.0).values()) == pytest.approx(10.0, abs=1.0)
    assert sum(known.since(40.0).values()) == pytest.approx(60.0, abs=1.0)
    assert len(known.recent) <= 63  # no more is kept


def test_since_a_mark_that_is_still_kept() -> None:
    known = PathHistory()
    at_mark = {("a", 1, S.GIL_HELD): 2.0, ("a", 2, S.SLEEP): 5.0}
    known.mark(3.0, at_mark)
    now = {("a", 1, S.GIL_HELD): 2.5, ("a", 2, S.SLEEP): 5.0, ("b", 3, S.SLEEP): 1.0}
    assert known.since_mark(3.0, now) == {("a", 1, S.GIL_HELD): 0.5, ("b", 3, S.SLEEP): 1.0}
    for at in range(4, 20):
        known.mark(float(at), {})
    assert len(known.marks) == KEEP_MARKS >= KEEP_BASELINES
    assert known.since_mark(3.0, now) == now


def test_threads_that_do_the_same() -> None:
    assert kind_of_name("ThreadPoolExecutor-0_12") == "ThreadPoolExecutor-*_*"
