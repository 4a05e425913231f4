"""What keeps growing is named, soon; what fills, wanders, comes and goes is not.

The programs here are made up: the number of objects of one class over time, seen by censuses at
times that are as irregular as those of a busy machine.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from itertools import count
from math import exp, log1p, sqrt

import pytest
from tests.sample_events import census_taken

from refwatch.readings.objects.growth import GrowthSuspect, follows, growing, suspicions
from refwatch.readings.objects.records import TypeName
from refwatch.readings.objects.state import References
from refwatch.session import events as ev
from refwatch.wire.event import MAIN
from refwatch.wire.heap_values import ChainLink, Garbage, TypeCount

THING = ("app", "Thing")
OTHERS = 250  # types that stay what they are
TICK_S = 0.1

Growth = Callable[[random.Random], Iterator[float]]
"""The number of objects at each tenth of a second."""


def leak(per_second: float, *, since: float = 0.0, base: float = 0.0, noise: float = 0.0) -> Growth:
    """Objects that come at random times, and stay; besides, ``noise`` that come and go."""

    def numbers(rng: random.Random) -> Iterator[float]:
        grown = 0.0
        for tick in count():
            if tick * TICK_S >= since:
                mean = per_second * TICK_S
                grown += max(0, rng.gauss(mean, sqrt(mean))) if mean > 5 else _poisson(rng, mean)
            yield base + grown + rng.gauss(0, noise)

    return numbers


def _poisson(rng: random.Random, mean: float) -> int:
    number, product = 0, rng.random()
    while product > exp(-mean):
        number += 1
        product *= rng.random()
    return number


def bursts(size: float, every: float) -> Growth:
    def numbers(rng: random.Random) -> Iterator[float]:
        grown, following = 0.0, rng.random() * every
        for tick in count():
            if tick * TICK_S >= following:
                grown += size
                following += every * rng.uniform(0.7, 1.3)
            yield grown

    return numbers


def plateau(per_second: float, full: float, *, since: float = 0.0, churn: float = 0.0) -> Growth:
    """A cache that fills and is then full."""

    def numbers(rng: random.Random) -> Iterator[float]:
        for tick in count():
            filled = min(full, max(0.0, tick * TICK_S - since) * per_second)
            yield filled + rng.random() * churn

    return numbers


def sawtooth(per_second: float, period: float, rest: float = 0.0) -> Growth:
    """A cache of which but ``rest``, 0 to 1, is cleared from time to time."""

    def numbers(_: random.Random) -> Iterator[float]:
        size, age = 0.0, 0.0
        while True:
            yield size
            size, age = size + per_second * TICK_S, age + TICK_S
            if age >= period:
                size, age = size * rest, 0.0

    return numbers


def logarithm(_: random.Random) -> Iterator[float]:
    """A cache with ever fewer misses."""
    return (300 * log1p(tick / 2) for tick in count())


def approach(full: float, half_s: float) -> Growth:
    return lambda _: (full * (1 - exp(-tick * TICK_S / half_s)) for tick in count())


def walk(step: int) -> Growth:
    def numbers(rng: random.Random) -> Iterator[float]:
        size = 500
        while True:
            size = max(0, size + rng.choice([-step, step]))
            yield size

    return numbers


def pool(rng: random.Random) -> Iterator[float]:
    """Workers that follow the load."""
    size = wanted = 10
    for tick in count():
        if tick % 20 == 0:
            wanted = rng.randrange(5, 50)
        size += (wanted > size) - (wanted < size)
        yield size


def collected(rng: random.Random) -> Iterator[float]:
    """Garbage in cycles until the collector comes."""
    size = 0
    while True:
        size += rng.randrange(20)
        if size > 700:
            size = rng.randrange(30)
        yield 200 + size


def start_up(rng: random.Random) -> Iterator[float]:
    """All that is imported and made in the first four seconds."""
    size = 0
    for tick in count():
        size += rng.randrange(300) if tick < 40 else 0
        yield size


def census_times(rng: random.Random, until: float, interval: float = 2.5) -> Iterator[float]:
    """From 0.6 s on each 2.5 seconds, a bit later each time, and sometimes much later."""
    at = 0.6 + rng.random() * 0.3
    while at < until:
        yield at
        late = rng.random() * 2 * interval if rng.random() < 0.1 else 0.0
        at += interval + rng.random() * 0.3 + late


class Program:
    """Censuses of a program, and what they say so far."""

    def __init__(self) -> None:
        self.references = References()
        self.seen: dict[TypeName, int] = {}
        steady = [
            TypeCount(module="app", name=f"Steady{number}", count=1 + number, size=64)
            for number in range(OTHERS)
        ]
        self._first = steady

    def census(self, at: float, **counts: float) -> list[GrowthSuspect]:
        named = {("app", name): round(max(0.0, number)) for name, number in counts.items()}
        return self.census_of(at, named)

    def census_of(self, at: float, named: dict[TypeName, int]) -> list[GrowthSuspect]:
        changed = [
            TypeCount(module=name[0], name=name[1], count=number, size=number * 64)
            for name, number in named.items()
            if self.seen.get(name) != number
        ]
        self.seen.update(named)
        number = self.references.census.taken + 1
        types, self._first = self._first + changed, []
        self.references.taken_census(census_taken(at, number=number, types=types))
        return suspicions(self.references)


def named_at(growth: Growth, seed: int, until: float, interval: float = 2.5) -> list[float]:
    """The times of the censuses at which Thing was a suspect; anything else never is."""
    rng = random.Random(seed)
    numbers, ticks = growth(rng), count()
    program, number, tick = Program(), 0.0, -1
    times: list[float] = []
    for at in census_times(rng, until, interval):
        while tick < int(at / TICK_S):
            number, tick = next(numbers), next(ticks)
        found = program.census(at, Thing=number)
        assert {one.name for one in found} <= {THING}
        if found:
            times.append(at)
    return times


# What is named


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("per_second", [200, 10_000])
def test_a_leak_is_named_within_fifteen_seconds_and_stays_so(per_second: int, seed: int) -> None:
    times = named_at(leak(per_second), seed, 60)
    assert times[0] < 15
    assert len(times) >= 60 / 4 - 5


LEAKS: dict[str, tuple[Growth, float]] = {
    "5/s": (leak(5), 25),
    "20/s": (leak(20), 15),
    "1/s": (leak(1), 70),
    "0.1/s": (leak(0.1), 700),
    "20/s in a crowd that wanders": (leak(20, base=1000, noise=30), 90),
    "5/s in a crowd of thousands": (leak(5, base=5000), 80),
    "20/s in a crowd that wanders much": (leak(20, base=1000, noise=100), 240),
    "bursts each second": (bursts(100, 1), 25),
    "bursts each 5 s": (bursts(100, 5), 80),
    "bursts each 20 s": (bursts(100, 20), 300),
}


@pytest.mark.parametrize("name", LEAKS)
def test_a_slow_or_uneven_leak_takes_longer(name: str) -> None:
    growth, limit = LEAKS[name]
    for seed in range(5):
        times = named_at(growth, seed, limit)
        assert times, f"seed {seed}"


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("base", [0, 1000])
def test_a_leak_that_begins_later(base: int, seed: int) -> None:
    times = named_at(leak(200, since=20, base=base), seed, 60)
    assert 25 < times[0] < 35


def test_what_is_said_of_a_leak() -> None:
    program = Program()
    program.census(0.5, Thing=100)
    for number in range(1, 9):
        found = program.census(0.5 + 2.5 * number, Thing=100 + 50 * number)
    (leaking,) = found
    assert (leaking.name, leaking.count, leaking.grown) == (THING, 500, 400)
    assert leaking.per_second == pytest.approx(20.0)
    assert leaking.r2 == pytest.approx(1.0)
    assert leaking.since_s == 0.5


@pytest.mark.parametrize("begun", [0.0, 60.0])
def test_since_when_it_grows_stays_the_same(begun: float) -> None:
    program, since = Program(), list[float]()
    for number in range(150):
        at = 0.5 + 2.5 * number
        for one in program.census(at, Thing=100 + 20 * max(0.0, at - begun)):
            since.append(one.since_s)
    assert len(since) > 100
    assert all(abs(one - begun) <= 3 for one in since[:8])
    # Later it is found among fewer censuses, with more time between them.
    assert all(abs(one - begun) <= 0.12 * (375 - begun) for one in since)


def test_two_leaks_and_what_grows_along_with_them() -> None:
    """The classes that cause it come first, though there are more dicts and tuples than of them."""
    program, found = Program(), list[GrowthSuspect]()
    for at in census_times(random.Random(1), 30):
        objects = {
            ("builtins", "dict"): round(1000 + 230 * at),
            ("collections", "deque"): round(400 * at),
            ("app", "Entry"): round(200 * at),
            ("lib.cache", "Key"): round(30 * at),
            ("builtins", "tuple"): round(2000 + 500 * at),
        }
        found = program.census_of(at, objects)
    assert [one.name[1] for one in found] == ["Entry", "Key", "deque", "dict", "tuple"]


@pytest.mark.parametrize("name", ["dict", "tuple", "bytearray", "function", "list"])
def test_a_leak_of_python_s_own_types_is_named(name: str) -> None:
    program, found = Program(), list[GrowthSuspect]()
    for at in census_times(random.Random(2), 15):
        found = program.census_of(at, {("builtins", name): round(2500 + 200 * at)})
    assert [one.name for one in found] == [("builtins", name)]


def test_what_grows_ever_slower_is_told_apart() -> None:
    """A leak whose load falls looks like it, too: so it is no suspect, but not nothing."""
    program = Program()
    for at in census_times(random.Random(3), 100):
        assert program.census(at, Thing=187 * at if at < 5 else 2000 * sqrt(at)) == [] or at < 30
    assert suspicions(program.references) == []
    (found,) = growing(program.references)
    assert (found.name, found.slower) == (THING, True)
    assert found.per_second > 50


def test_what_goes_with_a_cache_that_fills_is_no_suspect() -> None:
    """Each class has a weak reference in its base."""
    program = Program()
    for at in census_times(random.Random(3), 100):
        counts = {
            ("builtins", "type"): round(500 + 2000 * sqrt(at) + 137 * at),
            ("weakref", "ReferenceType"): round(900 + 2000 * sqrt(at) + 168 * at),
        }
        program.census_of(at, counts)
    assert suspicions(program.references) == []
    assert {(one.name[1], one.slower) for one in growing(program.references)} == {
        ("type", True),
        ("ReferenceType", True),
    }


def test_what_another_suspect_holds_comes_after_it() -> None:
    program = Program()
    for at in census_times(random.Random(3), 30):
        objects = {("app", "Part"): round(210 * at), ("app", "Whole"): round(200 * at)}
        found = program.census_of(at, objects)
    assert [one.name[1] for one in found] == ["Part", "Whole"]

    chain = [
        ChainLink(type="app.Part", edge="attribute part"),
        ChainLink(type="app.Whole", edge="index 3"),
    ]
    top = [ChainLink(type="list", edge="global all"), ChainLink(type="module", name="app")]
    program.references.found_chains(
        ev.ChainsFound(at=30.0, process=MAIN, module="app", name="Part", chains=[[*chain, *top]])
    )
    found = suspicions(program.references)
    assert [one.name[1] for one in found] == ["Whole", "Part"]


def test_what_follows_what() -> None:
    names = [
        ("app", "Entry"), ("threading", "Thread"), ("builtins", "dict"), ("builtins", "tuple"),
        ("builtins", "int"),
    ]  # fmt: skip
    assert [follows(name) for name in names] == [0, 1, 2, 3, 4]
    assert follows(("weakref", "ReferenceType")) > follows(("logging", "Logger"))
    own = ["__main__", "app", "app.json", "collections2", "dict", ""]
    assert {follows((module, "dict")) for module in own} == {0}
    assert {follows((module, "A")) for module in ("email.message", "_io", "collections")} == {1}


# What is not


@pytest.mark.parametrize("interval", [0.5, 2.5, 5.0, 10.0])
def test_a_cache_that_fills_for_five_seconds_is_never_named(interval: float) -> None:
    """Wherever the censuses fall, and whenever it begins."""
    for seed in range(100 if interval > 1 else 20):
        rng = random.Random(seed)
        per_second, since = rng.choice([50, 200, 2000]), rng.uniform(-1, 30)
        growth = plateau(per_second, per_second * rng.uniform(1, 5.2), since=since)
        assert named_at(growth, seed, 60, interval) == [], f"seed {seed}"


@pytest.mark.parametrize("fills_s", [10, 20, 60])
@pytest.mark.parametrize("churn", [0, 40])
def test_a_cache_that_fills_for_longer_is_cleared_once_it_is_full(
    fills_s: float, churn: float
) -> None:
    """Until then nobody can tell."""
    for seed in range(5):
        times = named_at(plateau(200, 200 * fills_s, churn=churn), seed, fills_s + 60)
        assert all(at < fills_s + 7.5 for at in times), f"seed {seed}"


CALM: dict[str, Growth] = {
    "churn": plateau(1000, 1000, churn=300),
    "pool": pool,
    "garbage": collected,
    "start-up": start_up,
    "logarithm": logarithm,
    "approach in 3 s": approach(3000, 3),
    "approach in 10 s": approach(3000, 10),
    "cleared each 3 s": sawtooth(100, 3),
    "cleared each 7 s": sawtooth(100, 7),
}


@pytest.mark.parametrize("name", CALM)
def test_what_is_no_leak_is_never_named(name: str) -> None:
    for seed in range(5):
        assert named_at(CALM[name], seed, 400) == [], f"seed {seed}"


@pytest.mark.parametrize("period", [10, 20, 60])
@pytest.mark.parametrize("rest", [0.0, 0.4])
def test_a_cache_that_is_cleared_now_and_then_is_soon_known(period: float, rest: float) -> None:
    """Its first rises look like a leak, the later ones do not."""
    times = named_at(sawtooth(100, period, rest), 1, 900)
    assert all(at < 4 * period + 5 for at in times)


@pytest.mark.parametrize("step", [1, 20])
def test_what_wanders_is_seldom_named(step: int) -> None:
    """Ten minutes of a random walk look like a leak to one look of some hundreds."""
    named = [len(named_at(walk(step), seed, 600)) for seed in range(40)]
    assert sum(named) <= 0.005 * 40 * 600 / 2.6


# The edges


def test_too_little_to_tell() -> None:
    program = Program()
    assert suspicions(program.references) == []
    for number in range(3):
        assert program.census(0.5 + 5 * number, Thing=1000 * number) == []
    for number in range(10):  # seven seconds are not over
        short = Program()
        assert short.census(0.5 * number, Thing=1000 * number) == []


def test_censuses_at_the_same_time_do_no_harm() -> None:
    program = Program()
    for at in (1.0, 1.0, 1.0, 3.0, 3.0, 6.0, 9.0, 9.0, 12.0):
        found = program.census(at, Thing=100 * at)
    assert [one.name for one in found] == [THING]


@pytest.mark.timed
def test_it_takes_little_time() -> None:
    """Of ten thousand types, of which a thousand change each time: it is done in the daemon's
    loop."""
    rng = random.Random(1)
    program = Program()
    steady: dict[TypeName, int] = {("app", f"S{number}"): 5 for number in range(9000)}
    spent: list[float] = []
    for number in range(100):
        moving = {("app", f"M{each}"): rng.randrange(100) for each in range(1000)}
        began = time.process_time()
        program.census_of(2.5 * number, {**steady, **moving})
        spent.append(time.process_time() - began)
    assert min(spent[-10:]) < 0.2


@pytest.mark.parametrize("leaks", [True, False])
def test_garbage_does_not_hide_a_leak_and_is_none(leaks: bool) -> None:
    """Half of what is made is garbage until the collector comes: a saw, on top of a leak or not."""
    references = References()
    held = waiting = 0
    for number in range(1, 12):
        at = 2.5 * number
        held += 170 if leaks else 0
        waiting = (waiting + 170) % 700
        things = TypeCount(module=THING[0], name=THING[1], count=100 + held + waiting, size=64)
        garbage = Garbage(
            objects=waiting,
            bytes=64 * waiting,
            types=[TypeCount(module=THING[0], name=THING[1], count=waiting, size=64)],
        )
        event = ev.CensusTaken(
            at=at,
            process=MAIN,
            number=number,
            took_s=0.1,
            objects=9,
            types=[things],
            garbage=garbage,
        )
        references.taken_census(event)
    found = [suspicion.name for suspicion in suspicions(references)]
    assert found == ([THING] if leaks else [])
