"""Where a process's resident memory is: what the kernel and the allocators say, put together."""

from __future__ import annotations

from typing import NamedTuple

from refwatch.readings.allocations.types import MemorySplit
from refwatch.target.probe_messages import MemoryReport

FIELDS = ("RssAnon", "RssFile", "RssShmem")


class Resident(NamedTuple):
    """Resident memory by its kind, bytes: proc_pid_status(5)."""

    anonymous: int
    files: int
    shared: int


def read_resident(pid: int) -> Resident | None:
    """None where the process has ended, or the kernel does not tell."""
    found: dict[str, int] = {}
    try:
        with open(f"/proc/{pid}/status") as file:
            for line in file:
                name, _, value = line.partition(":")
                if name in FIELDS:
                    found[name] = int(value.split()[0]) << 10
    except (OSError, ValueError):
        return None
    return Resident(*(found[name] for name in FIELDS)) if len(found) == len(FIELDS) else None


def split_of(resident: Resident, report: MemoryReport) -> MemorySplit:
    """The parts add up to what is resident. An allocator also has memory that was never touched, or
    was given back by page: what cannot be resident is taken off, from what is free first."""
    rest = resident.anonymous
    parts: list[int | None] = []
    for pair in (report.python, report.c):
        for size in pair[:2] if pair is not None else (None, None):
            part = None if size is None else min(size, rest)
            rest -= part or 0
            parts.append(part)
    return MemorySplit(
        rss=sum(resident),
        python_used=parts[0],
        python_free=parts[1],
        c_used=parts[2],
        c_free=parts[3],
        files=resident.files,
        other=rest + resident.shared,
        arenas=report.python[2] if report.python is not None else None,
    )
