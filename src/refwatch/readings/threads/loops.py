"""Where an asyncio event loop was blocked: told from what its thread did between two turns of it.

The loop's thread should wait in ``select`` and nowhere else, so a callback that sleeps, waits for a
lock, a child or a file blocks the loop. One that computes does so where the loop had no turn for a
whole slice: many short callbacks keep a thread as busy, and block nobody.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from refwatch.readings.threads.call_paths import SET_OFF, Hot
from refwatch.readings.threads.states import COMPUTING, ThreadState
from refwatch.target.locations import NewLine

RUN_ONCE = ("asyncio/base_events.py", "_run_once")
SELECT = ("selectors.py", "select")
BLOCKED = frozenset(
    {ThreadState.SLEEP, ThreadState.LOCK_WAIT, ThreadState.CHILD_WAIT, ThreadState.IO_WAIT}
)


class EventLoops:
    """Knows the lines of the loop itself."""

    def __init__(self) -> None:
        self._run_once: set[int] = set()
        self._select: set[int] = set()

    def learn(self, seen: Iterable[NewLine]) -> None:
        """Take in lines that have got their numbers."""
        for line in seen:
            function = line.function.rpartition(".")[2]  # qualified by its class
            if function == RUN_ONCE[1] and line.file.endswith(RUN_ONCE[0]):
                self._run_once.add(line.id)
            elif function == SELECT[1] and line.file.endswith(SELECT[0]):
                self._select.add(line.id)

    def blocked(self, spent: Hot, stack: Sequence[int]) -> Hot:
        """The part of the time of a slice in which a callback kept the loop; ``stack`` is the
        thread's at the end of the slice."""
        if not self._run_once or self._run_once.isdisjoint(stack):
            return []
        hot = [(line % SET_OFF, state, seconds) for line, state, seconds in spent]
        outside = [one for one in hot if one[0] not in self._select | self._run_once]
        turned = len(outside) < len(hot) or stack[0] in self._select
        states = BLOCKED if turned else BLOCKED.union(COMPUTING)
        return [one for one in outside if one[1] in states]
