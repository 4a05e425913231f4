"""How long it takes from the end of a wait for I/O until a thread runs Python code."""

from __future__ import annotations

from refwatch.readings.threads.account import TimeAccount
from refwatch.readings.threads.states import ThreadState as S

MS = 1_000_000


def after_io(*stretches: tuple[S, int]) -> list[int]:
    """In milliseconds."""
    account = TimeAccount()
    for state, ms in stretches:
        account.assign(state, ms * MS, 1)
    account.close()
    return [ns // MS for ns in account.after_io]


def test_its_waits_for_a_cpu_and_for_the_gil_are_added_up() -> None:
    io, held = (S.IO_WAIT, 20), (S.GIL_HELD, 1)
    assert after_io(io, held) == [0]
    assert after_io(io, (S.GIL_WAIT, 5), held) == [5]
    assert after_io(io, (S.CPU_WAIT, 2), (S.GIL_WAIT, 5), (S.CPU_WAIT, 1), held) == [8]
    assert after_io(io, (S.NATIVE, 1), (S.GIL_WAIT, 5), held) == [5]
    assert after_io(io, (S.GIL_WAIT, 5), held, io, (S.GIL_WAIT, 7), held) == [5, 7]


def test_who_waited_for_the_gil_has_had_it_though_no_sample_has_seen_that() -> None:
    assert after_io((S.IO_WAIT, 20), (S.GIL_WAIT, 5), (S.IO_WAIT, 20)) == [5]
    assert after_io((S.IO_WAIT, 20), (S.GIL_WAIT, 5), (S.LOCK_WAIT, 20)) == [5]


def test_only_what_follows_io_counts() -> None:
    held = (S.GIL_HELD, 1)
    assert after_io((S.SLEEP, 20), (S.GIL_WAIT, 5), held) == []
    assert after_io((S.IO_WAIT, 20), held, (S.GIL_WAIT, 5), held) == [0]
    assert after_io((S.IO_WAIT, 20), (S.SLEEP, 5), (S.GIL_WAIT, 5), held) == []


def test_what_goes_on_over_the_end_of_a_slice_is_one() -> None:
    account = TimeAccount()
    account.assign(S.IO_WAIT, 20 * MS, 1)
    account.assign(S.GIL_WAIT, 3 * MS, 1)
    account.close()
    account.clear()
    account.assign(S.GIL_WAIT, 2 * MS, 1)
    account.assign(S.GIL_HELD, 1 * MS, 1)
    account.close()
    assert account.after_io == [5 * MS]
