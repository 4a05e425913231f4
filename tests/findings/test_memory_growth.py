"""The sentence about memory says what grew or stays, and says nothing of noise."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
from tests.stand_ins import process_state

from refwatch.findings.memory_growth import memory_sentence
from refwatch.readings.allocations.state import Allocations
from refwatch.readings.allocations.types import MemorySplit
from refwatch.session import events as ev
from refwatch.session.process import ProcessState
from refwatch.wire.event import MAIN
from refwatch.wire.heap_values import Garbage

MB = 1 << 20
NAMES = ("python_used", "python_free", "c_used", "c_free", "files", "other")
USUAL = {"python_used": 40, "python_free": 2, "c_used": 30, "c_free": 3, "files": 12, "other": 5}
BETWEEN_S = 2.5
Amount = Callable[[float], float]
"""MiB at a time, seconds."""


def growing(per_s: float) -> Amount:
    return lambda at: per_s * at


def session(
    seconds: float = 45.0,
    unknown: tuple[str, ...] = (),
    more: Amount | None = None,
    **amounts: Amount | float,
) -> tuple[Allocations, ProcessState]:
    """A split each 2.5 s. ``amounts`` come on top of what is usual, ``more`` is traced bytes."""
    allocations, process = Allocations(), process_state()
    if more is not None:
        allocations.switched(ev.AllocationsSwitched(at=0.0, process=MAIN, mode="exact", frames=1))
    at = 0.6
    while at <= seconds:
        parts: dict[str, int | None] = {}
        for name in NAMES:
            extra = amounts.get(name, 0.0)
            amount = USUAL[name] + (extra if isinstance(extra, int | float) else extra(at))
            parts[name] = round(amount * MB) if name not in unknown else None
        rss = sum(part or 0 for part in parts.values())
        split = MemorySplit(rss=rss, **parts)  # type: ignore[arg-type]
        allocations.measured_memory(ev.MemoryMeasured(at=at, process=MAIN, split=split))
        process.measured(
            ev.ProcessMeasured(at=at, process=MAIN, rss=rss, peak_rss=rss, user_s=0.0, system_s=0.0)
        )
        if more is not None:
            size = round(more(at) * MB)
            allocations.took_traces(
                ev.TracesTaken(
                    at=at,
                    process=MAIN,
                    number=1,
                    frames=1,
                    traced=size,
                    peak=size,
                    blocks=1,
                    pause_s=0.0,
                    took_s=0.0,
                    lines=[],
                    files=[],
                    tracebacks=[],
                )
            )
        at += BETWEEN_S
    return allocations, process


def said(seconds: float = 45.0, **amounts: Amount | float) -> str:
    return memory_sentence(*session(seconds, (), None, **amounts))


def test_nothing_is_said_of_what_stays_as_it_is() -> None:
    assert memory_sentence(Allocations(), process_state()) == ""
    assert said() == ""


def test_growth_in_the_c_heap_is_named() -> None:
    sentence = said(c_used=growing(3))
    assert sentence == (
        "RSS grew by 90.0 MiB in 30 s, Python's blocks by 0 B: the growth is in the C heap "
        "(in use), where Python's objects larger than 512 bytes are, and what C extensions have: "
        "exact mode tells."
    )


def test_what_tracemalloc_does_not_see_is_said_to_be_so() -> None:
    seen = memory_sentence(*session(c_used=growing(3), more=growing(2.9)))
    unseen = memory_sentence(*session(c_used=growing(3), more=lambda _: 20.0))
    assert seen.endswith("larger than 512 bytes: the lines with most growth allocate it.")
    assert unseen.endswith(
        "in the C heap (in use), which tracemalloc does not see: a C extension's, or a library's."
    )


def test_what_tracemalloc_has_seen_of_a_part_of_the_time_is_not_used() -> None:
    allocations, process = session(c_used=growing(3))
    allocations.switched(ev.AllocationsSwitched(at=44.0, process=MAIN, mode="exact", frames=1))
    allocations.took_traces(
        ev.TracesTaken(
            at=45.0,
            process=MAIN,
            number=1,
            frames=1,
            traced=0,
            peak=0,
            blocks=0,
            pause_s=0.0,
            took_s=0.0,
            lines=[],
            files=[],
            tracebacks=[],
        )
    )
    assert "exact mode tells" in memory_sentence(allocations, process)


@pytest.mark.parametrize(
    ("part", "words"),
    [
        (
            "c_free",
            "the free part of the C heap: fragmentation, freed memory that malloc keeps.",
        ),
        (
            "python_free",
            "the free part of Python's arenas: fragmentation, an arena is only",
        ),
        ("files", "in mapped files."),
        ("other", "in other mappings (stacks, mmap, shared memory)."),
    ],
)
def test_every_part_has_its_words(part: str, words: str) -> None:
    assert words in said(45.0, **{part: growing(2)})


def test_growth_in_two_parts_names_both() -> None:
    assert said(c_used=growing(1.1), other=growing(1)).endswith(
        "the growth is in the C heap (in use) and in other mappings (stacks, mmap, shared memory)."
    )


def test_where_malloc_does_not_tell_the_c_heap_is_among_the_rest() -> None:
    sentence = memory_sentence(*session(unknown=("c_used", "c_free"), other=growing(2)))
    assert "neither Python's arenas nor mapped files: the C heap, or other mappings" in sentence


def test_without_python_s_blocks_growth_cannot_be_compared() -> None:
    unknown = ("python_used", "python_free")
    assert memory_sentence(*session(unknown=unknown, c_used=growing(3))) == ""


def test_nothing_is_said_where_python_s_blocks_grow_as_well() -> None:
    assert said(python_used=growing(1), c_used=growing(3)) == ""
    assert said(python_used=growing(0.1), c_used=growing(3)) != ""


def test_little_growth_is_none() -> None:
    assert said(c_used=growing(0.2)) == ""  # 6 MiB
    large = 1000.0
    assert said(python_used=large, c_used=growing(2)) == ""  # 60 MiB of 1,100
    assert said(python_used=large, c_used=growing(5)) != ""


@pytest.mark.parametrize("seed", range(50))
def test_memory_that_comes_and_goes_is_no_growth(seed: int) -> None:
    rng = random.Random(seed)
    noise = [rng.choice([0.0, 60.0, 100.0]) + rng.random() * 10 for _ in range(200)]
    assert said(c_used=lambda at: noise[round(at / BETWEEN_S)]) == ""
    shrinking = said(c_used=lambda at: 100 - 2 * at)
    assert shrinking == ""


def test_growth_that_is_over_is_not_told_for_ever() -> None:
    step: Amount = lambda at: min(at, 20.0) * 4  # noqa: E731
    assert said(seconds=25.0, c_used=step) != ""
    assert said(seconds=140.0, c_used=step) == ""


def test_few_splits_are_too_few() -> None:
    assert said(seconds=10.0, c_used=growing(10)) == ""
    assert said(seconds=15.0, c_used=growing(10)) != ""
    assert said(seconds=4.0, c_free=100.0) == ""


def test_old_splits_are_not_of_now() -> None:
    allocations, process = session(c_used=growing(3))
    process.measured(
        ev.ProcessMeasured(at=60.0, process=MAIN, rss=MB, peak_rss=MB, user_s=0.0, system_s=0.0)
    )
    assert memory_sentence(allocations, process) != ""
    process.measured(
        ev.ProcessMeasured(at=120.0, process=MAIN, rss=MB, peak_rss=MB, user_s=0.0, system_s=0.0)
    )
    assert memory_sentence(allocations, process) == ""


def test_splits_that_come_seldom_are_looked_at_for_longer() -> None:
    allocations, process = Allocations(), process_state()
    for number in range(12):
        c_used = (100 + 20 * number) * MB
        split = MemorySplit(
            rss=100 * MB + c_used,
            python_used=80 * MB,
            python_free=0,
            c_used=c_used,
            c_free=0,
            files=20 * MB,
            other=0,
        )
        allocations.measured_memory(ev.MemoryMeasured(at=60.0 * number, process=MAIN, split=split))
    assert memory_sentence(allocations, process).startswith("RSS grew by 160 MiB in 8:00")


# Garbage in cycles


def with_garbage(waiting: Amount, seconds: float = 45.0, **amounts: Amount | float) -> str:
    """``waiting``: MiB of garbage at each census."""
    allocations, process = session(seconds, (), None, **amounts)
    for point in allocations.splits:
        garbage = Garbage(objects=100, bytes=round(waiting(point[0]) * MB), types=[])
        taken = ev.CensusTaken(
            at=point[0], process=MAIN, number=1, took_s=0.1, objects=1000, types=[], garbage=garbage
        )
        process.references.taken_census(taken)
    return memory_sentence(allocations, process)


def test_growth_that_is_garbage_is_told_as_such() -> None:
    assert with_garbage(growing(2.5), c_used=growing(3)) == (
        "RSS grew by 90.0 MiB in 30 s; 108 MiB are garbage in cycles and wait for the collector; "
        "gc.collect() frees them."
    )
    assert "108 MiB are garbage" in with_garbage(growing(2.5), python_used=growing(3))


def test_garbage_that_was_freed_has_grown_memory_all_the_same() -> None:
    saw: Amount = lambda at: at if at < 40 else 1  # noqa: E731
    assert with_garbage(saw, c_used=growing(1), c_free=growing(2)) == (
        "RSS grew by 90.0 MiB in 30 s; up to 38.1 MiB were garbage in cycles that waited; "
        "gc.collect() frees it sooner."
    )


def test_garbage_that_does_not_grow_is_no_growth() -> None:
    usual = said(c_used=growing(3))
    assert with_garbage(lambda _: 60.0, c_used=growing(3)) == usual
    assert with_garbage(growing(0.2), c_used=growing(3)) == usual
    saw: Amount = lambda at: at % 7.5 * 3  # noqa: E731
    assert with_garbage(saw, c_used=growing(3)) == usual


def test_what_is_free_may_have_been_garbage() -> None:
    sentence = with_garbage(lambda at: 80.0 if at < 30 else 0.0, c_free=120.0)
    assert sentence.endswith(
        "in use. 80.0 MiB had been garbage in cycles that waited: gc.collect() frees it sooner."
    )


# What is free and stays


def test_fragmentation_that_stays_is_named() -> None:
    c_heap = said(c_free=120.0)
    assert c_heap == (
        "125 MiB of 212 MiB resident are free but not returned to the system: "
        "fragmentation of the C heap, whose free blocks lie between blocks in use."
    )
    arenas = said(python_free=120.0)
    assert arenas.endswith("of Python's arenas, in each of which some blocks are in use.")
    both = said(python_free=60.0, c_free=60.0)
    assert both.endswith(
        "fragmentation of the C heap (63.0 MiB) and of Python's arenas (62.0 MiB)."
    )


def test_some_free_memory_is_usual() -> None:
    assert said(c_free=30.0) == ""  # 33 MiB of 122
    assert said(c_free=lambda at: 120.0 if at % 5 < 2.5 else 0.0) == ""


def test_growth_comes_before_what_stays() -> None:
    assert said(c_free=120.0, c_used=growing(4)).startswith("RSS grew by ")
