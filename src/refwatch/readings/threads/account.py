"""What a thread's samples add up to between two slices."""

from __future__ import annotations

from refwatch.readings.threads.states import ThreadState
from refwatch.target.locations import NO_LINE

MAX_RUNS = 400  # in one slice: more than a strip can show
NOT_AFTER_IO = -1


class OtherWaits:
    """Waits of a thread for the GIL of another interpreter: all of that time, and the waits that
    have ended, nanoseconds."""

    __slots__ = ("ns", "waits")

    def __init__(self) -> None:
        self.ns = 0
        self.waits: list[int] = []


class TimeAccount:
    """Nanoseconds by state, by line and state, and in order; ``holds`` has those with the GIL."""

    __slots__ = (
        "_after_io",
        "_holding",
        "_line",
        "_ns",
        "_state",
        "_waited",
        "_wanted_gil",
        "after_io",
        "elsewhere",
        "gil",
        "holds",
        "hot",
        "runs",
        "times",
        "waits",
    )

    def __init__(self) -> None:
        self.times: dict[ThreadState, int] = {}
        self.hot: dict[tuple[int, ThreadState], int] = {}
        self.runs: list[tuple[ThreadState, int]] = []
        self.holds: dict[ThreadState, int] = {}
        self._state = ThreadState.OTHER
        self._line = NO_LINE
        self._holding = False
        self._ns = 0
        self.waits: list[int] = []
        """Waits for the GIL that have ended, nanoseconds."""
        self._waited = 0
        """The one under way."""
        self.after_io: list[int] = []
        """How long it took from the end of a wait for I/O until it ran Python code, nanoseconds:
        its waits for a CPU and for the GIL between."""
        self._after_io = NOT_AFTER_IO
        """That under way."""
        self._wanted_gil = False
        """It has waited for the GIL in it."""
        self.gil = 0
        """The interpreter whose GIL it takes; 0 is the main one."""
        self.elsewhere: dict[int, OtherWaits] = {}
        """The same for the GIL of another interpreter, by its number."""

    def assign(self, state: ThreadState, weight: int, line: int, *, holding: bool = False) -> None:
        """Add ``weight`` nanoseconds in ``state`` at ``line``; ``holding``: with the GIL."""
        if state is self._state and line == self._line and holding is self._holding:
            self._ns += weight
            return
        self.close()
        self._state, self._line, self._ns, self._holding = state, line, weight, holding

    def place(self, state: ThreadState, weight: int, line: int) -> None:
        """Say of ``weight`` nanoseconds that were assigned without a line where they were spent."""
        key = (line, state)
        self.hot[key] = self.hot.get(key, 0) + weight

    def close(self) -> None:
        """Enter the stretch of time in one state at one line that is under way."""
        state, line, weight = self._state, self._line, self._ns
        self._ns = 0
        if weight <= 0 or (line < 0 and state is ThreadState.LOCK_WAIT):
            return  # in the probe a thread of the target's waits only for refwatch
        self.times[state] = self.times.get(state, 0) + weight
        if state is ThreadState.GIL_WAIT or (self._waited and state is ThreadState.CPU_WAIT):
            self._waited += weight
            if self.gil and state is ThreadState.GIL_WAIT:
                self.elsewhere.setdefault(self.gil, OtherWaits()).ns += weight
        elif self._waited:
            there = self.elsewhere.setdefault(self.gil, OtherWaits()) if self.gil else self
            there.waits.append(self._waited)
            self._waited = 0
        self._follow_io(state, weight)
        if self._holding:
            self.holds[state] = self.holds.get(state, 0) + weight
        if line > 0:
            key = (line, state)
            self.hot[key] = self.hot.get(key, 0) + weight
        runs = self.runs
        if runs and (runs[-1][0] is state or len(runs) >= MAX_RUNS):
            runs[-1] = (runs[-1][0], runs[-1][1] + weight)
        else:
            runs.append((state, weight))

    def _follow_io(self, state: ThreadState, weight: int) -> None:
        """Whoever has waited for the GIL and waits for something else now has had it, though no
        sample may have seen that."""
        if self._after_io >= 0:
            if state is ThreadState.GIL_WAIT or state is ThreadState.CPU_WAIT:
                self._after_io += weight
                self._wanted_gil = self._wanted_gil or state is ThreadState.GIL_WAIT
            elif state is not ThreadState.NATIVE:  # in which it comes out of its system call
                if state is ThreadState.GIL_HELD or self._wanted_gil:
                    self.after_io.append(self._after_io)
                self._after_io = NOT_AFTER_IO
        if state is ThreadState.IO_WAIT:
            self._after_io, self._wanted_gil = 0, False

    def clear(self) -> None:
        """Begin the next slice."""
        self.times, self.hot, self.runs, self.holds, self._ns = {}, {}, [], {}, 0
        self.waits, self.after_io, self.elsewhere = [], [], {}
