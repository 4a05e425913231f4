"""The parts of resident memory add up to it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from tests.readings.objects.played_copies import CENSUS, begun

from refwatch.readings.allocations.types import MemorySplit
from refwatch.readings.memory.breakdown import Resident, read_resident, split_of
from refwatch.session import events as ev
from refwatch.target import probe_messages as rp

MB = 1 << 20
RESIDENT = Resident(100 * MB, 10 * MB, 5 * MB)


def report(
    python: tuple[int, int, int] | None, c: tuple[int, int] | None, *reasons: str
) -> rp.MemoryReport:
    return rp.MemoryReport(work="census-1", python=python, c=c, reasons=list(reasons))


def parts(split: MemorySplit) -> list[int | None]:
    return [
        split.python_used,
        split.python_free,
        split.c_used,
        split.c_free,
        split.files,
        split.other,
    ]


def test_what_no_allocator_has_is_other() -> None:
    split = split_of(RESIDENT, report((30 * MB, 5 * MB, 35), (40 * MB, 10 * MB)))
    assert parts(split) == [30 * MB, 5 * MB, 40 * MB, 10 * MB, 10 * MB, 20 * MB]
    assert (split.rss, split.arenas) == (115 * MB, 35)


@pytest.mark.parametrize(
    ("python", "c", "expected"),
    [
        ((30, 5, 35), (500, 10), [30, 5, 65, 0, 10, 5]),  # a buffer that nobody has touched
        ((30, 5, 35), (40, 500), [30, 5, 40, 25, 10, 5]),  # free memory that was given back
        ((30, 500, 530), (40, 10), [30, 70, 0, 0, 10, 5]),
        (None, (40, 10), [None, None, 40, 10, 10, 55]),
        ((30, 5, 35), None, [30, 5, None, None, 10, 70]),
        (None, None, [None, None, None, None, 10, 105]),
    ],
)
def test_the_parts_add_up(
    python: tuple[int, int, int] | None, c: tuple[int, int] | None, expected: list[int | None]
) -> None:
    in_bytes = report(
        python and (python[0] * MB, python[1] * MB, python[2]), c and (c[0] * MB, c[1] * MB)
    )
    split = split_of(RESIDENT, in_bytes)
    assert parts(split) == [None if part is None else part * MB for part in expected]
    assert sum(part or 0 for part in parts(split)) == split.rss


def test_the_kernel_is_asked_for_the_kinds() -> None:
    found = read_resident(os.getpid())
    assert found is not None
    assert found.anonymous > MB
    assert found.files > MB
    assert sum(found) == pytest.approx(psutil.Process().memory_info().rss, rel=0.05)


def test_a_process_that_is_gone_has_none() -> None:
    process = subprocess.Popen([sys.executable, "-S", "-c", ""])
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert read_resident(process.pid) is None  # it has ended, and nobody has waited for it yet
    process.wait()
    assert read_resident(process.pid) is None


def test_the_split_is_of_the_moment_of_the_copy_and_a_reason_is_told_once() -> None:
    copies, censuses, events = begun()
    copies.take(CENSUS)
    censuses.tick(2 * 10**9)
    events.clear()
    for _ in range(2):
        copies.take(report(None, (MB, 0), "no pymalloc"))
    limited, first, second = events
    assert isinstance(limited, ev.ReadingLimited)
    assert (limited.reading, limited.reason) == ("memory split", "no pymalloc")
    assert isinstance(first, ev.MemoryMeasured)
    assert isinstance(second, ev.MemoryMeasured)
    assert (first.at, first.split.c_used) == (1.0, MB)
    assert sum(part or 0 for part in parts(first.split)) == first.split.rss


def test_the_limits_of_a_status_file_without_the_kinds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As kernels before 4.5 have it."""
    status = tmp_path / "status"
    status.write_text("Name:\tpython\nVmRSS:\t  100 kB\n")
    real = open
    monkeypatch.setattr("builtins.open", lambda _, *rest: real(status, *rest))
    assert read_resident(1) is None
