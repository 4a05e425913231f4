"""What grows is named by counts read ten times a second, in short runs too; what fills is not."""

from __future__ import annotations

import random
from itertools import islice

import pytest
from tests.readings.objects.test_growth import CALM, THING, Growth, leak, plateau, sawtooth
from tests.sample_events import census_taken

from refwatch.readings.objects.growth import suspicions, unconfirmed
from refwatch.readings.objects.judged import judged
from refwatch.readings.objects.state import References
from refwatch.session import events as ev
from refwatch.wire.event import MAIN
from refwatch.wire.heap_values import ChainLink, TypeCount

PID = 1
FIRST_S = 0.7  # the first census
Moved = list[tuple[int, int]]


class Run:
    """A program whose classes are read each tenth of a second, and whose censuses are few."""

    def __init__(self, censuses: tuple[float, ...] = (FIRST_S, 3.2)) -> None:
        self.known = References()
        self.censuses = list(censuses)

    def census(self, at: float, count: int, moved: Moved | None = None) -> None:
        types = (
            [TypeCount(module=THING[0], name=THING[1], count=count, size=64 * count)]
            if count
            else []
        )
        number = self.known.census.taken + 1
        self.known.taken_census(
            ev.CensusTaken(
                at=at,
                process=MAIN,
                number=number,
                took_s=0.1,
                objects=1000,
                types=types,
                moved=moved or [],
            )
        )
        if number == 1:
            self.known.found_class(
                ev.ClassFound(at=at + 0.1, process=MAIN, serial=1, module=THING[0], name=THING[1])
            )

    def read(self, at: float, count: int, *, last: bool = False) -> None:
        counts = [(1, count)] if self.known.classes else []
        self.known.counted_classes(ev.ClassesCounted(at=at, process=MAIN, counts=counts, last=last))

    def play(
        self, growth: Growth, until: float, seed: int = 1, *, ends: bool = True
    ) -> list[float]:
        """The times at which Thing was a suspect."""
        named: list[float] = []
        for tick, number in enumerate(islice(growth(random.Random(seed)), int(until * 10))):
            at, count = tick / 10, round(max(0.0, number))
            if self.censuses and at >= self.censuses[0]:
                self.census(self.censuses.pop(0), count)
            if self.known.classes:
                self.read(at, count, last=ends and tick == int(until * 10) - 1)
                named += [at] if self.suspected() else []
        return named

    def suspected(self) -> bool:
        return [one.name for one in suspicions(self.known)] == [THING]


@pytest.mark.parametrize("per_second", [20, 460, 10_000])
@pytest.mark.parametrize("seconds", [5.0, 6.0, 8.0, 12.0])
def test_a_leak_of_a_short_run_is_named_at_its_end(seconds: float, per_second: float) -> None:
    for seed in range(5):
        run = Run()
        named = run.play(leak(per_second), seconds, seed)
        assert named[-1] == pytest.approx(seconds - 0.1), f"seed {seed}"
        assert seconds > 7.7 or len(named) == 1  # nobody could tell before
        (found,) = suspicions(run.known)
        assert found.per_second == pytest.approx(per_second, rel=0.35)
        assert found.count == run.known.classes[1].instances


def test_it_is_named_though_few_censuses_come_and_the_run_goes_on() -> None:
    run = Run((FIRST_S, 10.0))
    named = run.play(leak(100), 25, ends=False)
    assert 10 <= named[0] < 13
    assert run.known.census.taken == 2
    assert judged(run.known).by == ("live",)
    reason = judged(run.known).reason
    assert reason == "it takes 4 censuses over 7 s: there were 2"


def test_what_is_held_until_the_main_function_returns() -> None:
    run = Run()
    run.play(leak(300), 6.0, ends=False)
    run.read(6.1, 0, last=True)
    assert run.suspected()


LATER = {"approach in 10 s", "garbage", "cleared each 7 s"}
"""What looks like a leak until it has lasted for longer: of garbage the holders say what it is."""
SHORT_CALM: dict[str, Growth] = {
    "warm-up": plateau(500, 1500),
    "long warm-up": plateau(400, 2000),
    "a cache that fills late": plateau(1000, 3500, since=4.0),
    "a cache with churn": plateau(500, 1000, churn=200),
    "cleared each second": sawtooth(1000, 1),
    "cleared each two": sawtooth(500, 2),
    **{name: growth for name, growth in CALM.items() if name not in LATER},
}


@pytest.mark.parametrize("name", SHORT_CALM)
def test_what_is_no_leak_is_not_named_at_the_end_of_a_short_run(name: str) -> None:
    for seconds in (6.0, 7.0, 9.0, 16.0, 25.0):
        for seed in range(5):
            assert Run().play(SHORT_CALM[name], seconds, seed) == [], f"{seconds} s, seed {seed}"


@pytest.mark.parametrize("name", CALM)
def test_what_is_no_leak_is_never_named_while_it_runs(name: str) -> None:
    for seed in range(3):
        assert Run().play(CALM[name], 60, seed) == [], f"seed {seed}"


@pytest.mark.parametrize("seed", range(10))
def test_a_cache_that_fills_for_five_seconds_is_never_named(seed: int) -> None:
    rng = random.Random(seed)
    per_second, since = rng.choice([50, 200, 2000]), rng.uniform(-1, 20)
    growth = plateau(per_second, per_second * rng.uniform(1, 5.2), since=since)
    assert Run().play(growth, 40, seed) == []


def test_growth_that_nobody_has_confirmed_is_no_suspect_but_waits() -> None:
    """Other references to a class than those of instances look the same from outside."""
    run = Run((FIRST_S,))
    run.play(leak(300), 6.0)
    assert suspicions(run.known) == []
    assert [one.name for one in unconfirmed(run.known)] == [THING]
    reason = judged(run.known).reason or ""
    assert "no second census has confirmed the live count of app.Thing" in reason
    grown = run.known.classes[1].instances
    run.census(6.0, grown)
    assert run.suspected()
    run.census(6.1, 0, moved=[(1, grown)])
    assert suspicions(run.known) == unconfirmed(run.known) == []


def test_what_nobody_holds_waits_for_the_collector() -> None:
    run = Run()
    run.play(leak(300), 6.0)
    module = [
        [ChainLink(type="app.Thing", edge="global thing"), ChainLink(type="module", name="app")]
    ]
    for chains, named in ((module, True), ([], False)):
        run.known.found_chains(
            ev.ChainsFound(at=6.1, process=MAIN, module=THING[0], name=THING[1], chains=chains)
        )
        assert run.suspected() == named


def test_counts_that_were_read_late_go_on_from_those_of_the_census() -> None:
    """A census takes long on a busy machine, and only then it is known which classes there are."""
    run = Run()
    run.known.taken_census(census_taken(1.0, number=1, took_s=15.0))
    run.known.found_class(
        ev.ClassFound(at=17.0, process=MAIN, serial=1, module=THING[0], name=THING[1])
    )
    run.read(1.0, 100)
    for tick in range(170, 251):
        run.read(tick / 10, 10 * tick, last=tick == 250)
    assert suspicions(run.known) == []
    run.census(25.0, 2500)  # confirms them
    assert run.suspected()


def test_what_came_after_the_last_census_was_not_judged_by_any() -> None:
    """On a busy machine they are rare, and half of a run may have had none."""
    for until, words in ((15.0, None), (24.0, "there was no census in the last 12.9 s")):
        run = Run((FIRST_S, 4.0, 7.0, 11.0))
        run.play(CALM["churn"], until)
        found = judged(run.known)
        assert found.reason == words
        assert found.by == (("live",) if words else ("live", "census"))


def test_too_short_to_judge() -> None:
    run = Run((FIRST_S,))
    run.play(leak(300), 2.7)
    assert suspicions(run.known) == []
    found = judged(run.known)
    assert (found.until_s, found.by) == (None, ())
    assert found.because(over=True).startswith(
        "not judged, because classes were counted live for 1.90 s of 3 s, and "
    )
    assert judged(References()).because(over=False) == (
        "not judged yet, because there was no census"
    )
