"""Twins: an interpreter of the same executable as a process that has no probe, started beside it.

The probe finds in the twin where the interpreter's words are. They lie in the executable's own
image, or in libpython's, so in the other process they are at the same distance from where that is
mapped.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable

from msgspec import Struct
from msgspec.structs import replace

from refwatch.target.layout import Layout
from refwatch.target.memory import MemoryGone, ReadingDenied, RemoteMemory
from refwatch.target.probe_messages import Hello
from refwatch.target.proc import executable_of

PROGRAM = "import sys; sys.stdin.read()"
Shift = Callable[[int], int]


class NoTwin(Exception):
    """The words cannot be carried over, for the reason in the text."""


class Mapping(Struct, frozen=True):
    """A line of proc_pid_maps(5); ``file`` is that of the image before, for its bss."""

    low: int
    high: int
    file: str


class Image(Struct, frozen=True):
    """Where the files of a process are mapped."""

    mappings: list[Mapping]
    bases: dict[str, int]
    """File -> lowest address."""

    def place_of(self, address: int) -> tuple[str, int] | None:
        """(file, distance from where it is mapped) of an address in it or in its bss."""
        for mapping in self.mappings:
            if mapping.low <= address < mapping.high and mapping.file:
                return mapping.file, address - self.bases[mapping.file]
        return None


def image_of(pid: int) -> Image:
    """Raises OSError where the process is gone, or may not be read."""
    mappings: list[Mapping] = []
    bases: dict[str, int] = {}
    last = ""
    with open(f"/proc/{pid}/maps") as file:
        for line in file:
            words = line.split(None, 5)
            low, high = (int(word, 16) for word in words[0].split("-"))
            name = words[5].strip() if len(words) > 5 else ""
            if name.startswith("/"):
                last = name
                bases.setdefault(name, low)
            elif name.startswith("["):
                last = "" if name == "[heap]" else last
            mappings.append(Mapping(low, high, name if name.startswith("/") else last))
    return Image(mappings, bases)


class Twin:
    """One of ``executable``, which reports to the daemon; ``environment`` has the probe in it."""

    def __init__(self, executable: str, environment: dict[str, str]) -> None:
        import subprocess  # few programs need a twin

        self.executable = executable
        self._process = subprocess.Popen(
            [executable, "-c", PROGRAM],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    @property
    def pid(self) -> int:
        return self._process.pid

    def image(self) -> Image:
        return image_of(self.pid)

    def ended(self) -> bool:
        return self._process.poll() is not None

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._process.kill()
        self._process.communicate()


def carried_over(hello: Hello, twin: Image, pid: int) -> Hello:
    """What the twin has told, as it is in process ``pid``, which has no probe. Raises NoTwin."""
    try:
        image = image_of(pid)
    except OSError as error:
        raise NoTwin(f"its memory map cannot be read: {error.strerror}") from error

    def shift(address: int) -> int:
        place = twin.place_of(address)
        base = image.bases.get(place[0]) if place is not None else None
        if place is None or base is None:
            raise NoTwin("it does not run from the same files as its twin")
        return base + place[1]

    layout = _shifted(hello.layout, shift)
    _verify(layout, pid)
    limits = [one for one in hello.limits if one[0] not in ("census", "references")]
    return replace(hello, pid=pid, layout=layout, limits=limits, burst=None, probe_tid=0, cpu_s=0.0)


def _shifted(layout: Layout, shift: Shift) -> Layout:
    gil, threads, frames = layout.gil, layout.threads, layout.frames
    others = layout.interpreters
    if threads is None:
        raise NoTwin("the twin's thread states were not found")
    return replace(
        layout,
        gil=replace(gil, gil=shift(gil.gil), futex=shift(gil.futex)) if gil else None,
        threads=replace(threads, main=shift(threads.main), head=shift(threads.head)),
        interpreters=replace(others, main=shift(others.main), head=shift(others.head))
        if others
        else None,
        frames=replace(
            frames, code_type=shift(frames.code_type), none=shift(frames.none) if frames.none else 0
        )
        if frames
        else None,
        references=None,
        attributes=None,  # its keys are objects of the twin's
        collecting=shift(layout.collecting) if layout.collecting else None,
        collections=_moved(layout.collections, shift),
    )


def _moved(place: tuple[int, int] | None, shift: Shift) -> tuple[int, int] | None:
    """None where it lies in no file that both run from, as since 3.15."""
    if place is None:
        return None
    try:
        return shift(place[0]), place[1]
    except NoTwin:
        return None


def _verify(layout: Layout, pid: int) -> None:
    """The main thread's state has the process's own number."""
    assert layout.threads is not None
    try:
        memory = RemoteMemory(pid)
        main = memory.word(layout.threads.main + layout.threads.tid_offset)
    except (ReadingDenied, MemoryGone, OSError) as error:
        raise NoTwin(f"its memory cannot be read: {error}") from error
    if main != pid:
        raise NoTwin("its interpreter is not where its twin's is")


def runs_python(pid: int) -> str | None:
    """The executable of a process if that is named like Python's; None if not, or if it is gone."""
    executable = executable_of(pid)
    return executable if os.path.basename(executable).startswith("python3") else None
