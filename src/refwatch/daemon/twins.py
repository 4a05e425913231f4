"""Twins of the executables of children that have no probe."""

from __future__ import annotations

import os
import time

from msgspec import Struct

from refwatch.daemon.target import TargetSpec
from refwatch.target.probe_messages import Hello
from refwatch.target.proc import is_armed, started_monotonic_ns
from refwatch.target.twin import Image, NoTwin, Twin, carried_over, runs_python

LIMIT_S = 10.0  # for a twin to report
MOST = 4  # executables that have one, or had
YOUNG_NS, ARMED_NS = 500_000_000, 10_000_000_000
"""How old a child that has not told of itself must be before it is looked at: one without the probe
in its environment, and one that has it."""


class Told(Struct, frozen=True):
    """What a twin has told, and where its image was mapped; None where it has failed."""

    hello: Hello | None
    image: Image | None


FAILED = Told(None, None)


class Twins:
    """``probe_path`` is the socket to which they report. Each lives for as long as it takes to find
    where the interpreter's words are; what it has told holds for all of that executable."""

    def __init__(self, probe_path: str) -> None:
        self._probe_path = probe_path
        self._told: dict[str, Told] = {}
        self._making: dict[str, tuple[Twin, float]] = {}

    def of(self, executable: str) -> Told | None:
        """What its twin has told; None while that is being made."""
        told = self._told.get(executable)
        if told is None and executable not in self._making:
            if len(self._told) + len(self._making) >= MOST:
                return FAILED
            spec = TargetSpec(executable, [], "twin")
            spec.children = None
            environment = spec.environment(os.getpid(), self._probe_path)
            try:
                twin = Twin(executable, environment)
            except OSError:
                self._told[executable] = told = FAILED
            else:
                self._making[executable] = twin, time.monotonic()
        return told

    def hello_of(self, pid: int) -> Hello | None:
        """What the probe would have told of a process that runs Python without it. None if it is no
        Python, or may still tell of itself, or its twin is being made. Raises NoTwin."""
        executable = runs_python(pid)
        began_ns = started_monotonic_ns(pid)
        if executable is None or began_ns is None:
            return None
        if time.monotonic_ns() - began_ns < (ARMED_NS if is_armed(pid) else YOUNG_NS):
            return None
        told = self.of(executable)
        if told is None:
            return None
        if told.hello is None or told.image is None:
            raise NoTwin("its executable does not run the probe")
        return carried_over(told.hello, told.image, pid)

    def take(self, hello: Hello) -> bool:
        """Whether a twin has said this."""
        for executable, (twin, _) in self._making.items():
            if twin.pid == hello.pid:
                try:
                    self._told[executable] = Told(hello, twin.image())
                except OSError:
                    self._told[executable] = FAILED
                twin.close()
                del self._making[executable]
                return True
        return False

    def tick(self) -> None:
        """Give up those that do not report."""
        for executable, (twin, began) in [*self._making.items()]:
            if twin.ended() or time.monotonic() - began > LIMIT_S:
                twin.close()
                self._told[executable] = FAILED
                del self._making[executable]

    def close(self) -> None:
        for twin, _ in self._making.values():
            twin.close()
        self._making.clear()
