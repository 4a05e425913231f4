"""View of threads that come and go as one row."""

from __future__ import annotations

from collections.abc import Collection
from zlib import crc32

from refwatch.findings.thread_groups import Group, Grouping
from refwatch.readings.threads.state import ThreadGroup, ThreadRecord
from refwatch.readings.threads.states import ThreadState
from refwatch.session.process import ProcessState
from refwatch.text.formats import fmt_count
from refwatch.text.sanitize import printable
from refwatch.tui.views.threads import (
    SERIAL_BITS,
    ThreadView,
    fmt_line,
    of_key,
    thread_key,
    view_thread,
)

GROUP_BIT = 1 << SERIAL_BITS - 1
"""In the key of a group, in place of a thread's serial."""
NEWEST_GONE = 10
"""Threads of an open group that have ended, and are shown."""


def group_key(process: int, name: str) -> int:
    """One number for a group of this process, as :func:`thread_key` has for a thread."""
    return thread_key(process, GROUP_BIT | crc32(name.encode()))


def is_group(key: int) -> bool:
    """Whether this is the key of a group."""
    return bool(of_key(key)[1] & GROUP_BIT)


def view_group(
    process: ProcessState, group: Group, now: float, opened: Collection[int] = ()
) -> ThreadView:
    """Read a group; its threads only if its key is among those ``opened``."""
    key = group_key(process.number, group.name)
    sums = group.sums()
    total = sum(sums.states.values()) or 1.0
    place, function = fmt_line(process, hottest(sums))
    is_open = key in opened
    some = (*group.alive, *reversed(group.gone[-NEWEST_GONE:])) if is_open else ()
    return ThreadView(
        key=key,
        pid=process.pid,
        name=printable(group.name),
        alive=bool(group.alive or group.gone_lately(now)) and process.ended_s is None,
        state=None,
        shares=tuple(sums.states.get(each, 0.0) / total for each in ThreadState),
        cpu=group.cpu_now(now),
        line=f"{place} {function}".strip(),
        place=place,
        count=group.threads,
        count_alive=len(group.alive),
        members=tuple(view_thread(process, thread) for thread in some),
        open=is_open,
    )


def hottest(sums: ThreadGroup) -> int:
    """The number of the line with most time; 0 where none is known."""
    line, _ = max(sums.hot, key=lambda key: sums.hot[key], default=(0, None))
    return line


def as_thread(process: ProcessState, key: int) -> ThreadRecord | None:
    """The sums of the group with this key in place of a thread's; None where it is gone."""
    for group in Grouping(process).crowds:
        if group_key(process.number, group.name) == key:
            sums = group.sums()
            record = ThreadRecord(
                serial=of_key(key)[1], tid=0, ident=None, started_s=0.0, name=group.name
            )
            record.states, record.hot = sums.states, sums.hot
            return record
    return None


def fmt_times(view: ThreadView) -> str:
    """``×2,311``: how many threads of a group there ever were."""
    return f"×{fmt_count(view.count)}"


def fmt_alive(view: ThreadView) -> str:
    """``6 alive``"""
    return f"{fmt_count(view.count_alive)} alive"
