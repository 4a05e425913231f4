"""Burst mode in the daemon: what a window's names and its length are taken from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from types import SimpleNamespace
from typing import cast

import pytest
from tests.stand_ins import context

from refwatch.readings.allocations import burst_mode as bursts
from refwatch.readings.allocations.burst_mode import BurstMode
from refwatch.readings.allocations.burst_totals import SampledTotals
from refwatch.readings.allocations.sampled_blocks import SampledBlock
from refwatch.readings.allocations.site_table import SiteTable
from refwatch.readings.allocations.types import BurstUse
from refwatch.readings.allocations.window_plan import FIRST_MEAN
from refwatch.session import events as ev
from refwatch.target import probe_commands as pc
from refwatch.target import probe_messages as rp
from refwatch.target.layout import FramesLayout, Layout, TextLayout
from refwatch.target.memory import RemoteMemory
from refwatch.wire.event import TimedEvent

SECOND = 1_000_000_000
BLOCK = SampledBlock(100, freed=False, frames=b"")
EACH_NS = SECOND // 4000  # so often a block is looked at: as often as is wanted
TELLING_NS = 20_000_000
PLACE = rp.SampleRing(count=0, records=0, room=4096, size=432, head=32, extra=256)
LAYOUT = Layout(
    frames=FramesLayout(
        path=[0],
        code_offset=0,
        previous_offset=0,
        instruction_offset=0,
        bytecode_offset=0,
        code_type=0,
        none=0,
        filename_offset=0,
        name_offset=0,
        linetable_offset=0,
        firstlineno_offset=0,
    ),
    text=TextLayout(
        ascii_data=0,
        compact_data=0,
        bytes_data=0,
        length_offset=0,
        state_offset=0,
        kind_shift=0,
        ascii_shift=0,
    ),
)


class Target:
    """A target that allocates all the time; what is done with its blocks takes time as well."""

    def __init__(self) -> None:
        self.now = SECOND
        self.allocates = 1.0  # blocks a second, for what windows cost
        self.allocated = 0.0
        self.estimated = 0.0
        """Blocks of all windows, in the unit of ``rate``: of so many one would be looked at."""
        self.rate: Callable[[float], float] = lambda _: (
            1.0
        )  # times as many blocks as one in EACH_NS
        self.mean = self._next_mean = 0
        self.done: list[str] = []
        self.events: list[TimedEvent] = []
        self.opening = False
        self.opens_after_ns = self.opened_ns = 0
        self._count = 0.0
        self._counted_ns = self.now

    def send(self, command: pc.ProbeCommand) -> None:
        self.opening = isinstance(command, pc.OpenBurst)
        if isinstance(command, pc.OpenBurst):
            self.opened_ns = self.now + self.opens_after_ns
            self._next_mean = command.mean

    def opened(self) -> rp.BurstStart:
        """It has begun, or goes on with another mean."""
        self.opening = False
        count = self._count_until(self.opened_ns) if self.mean else 0
        self.mean, self._counted_ns = self._next_mean, self.opened_ns
        return rp.BurstStart(
            place=PLACE,
            pass_s=1e-9,
            look_s=1e-9,
            cpu_s=0.0,
            lost=False,
            count=count,
            monotonic_s=self.opened_ns / 1e9,
        )

    # as Blocks

    room = PLACE.room

    def count(self) -> int:
        self.done.append("counted")
        return self._count_until(self.now)

    def _count_until(self, at: int) -> int:
        rate, passed = self.rate(at / SECOND), at - self._counted_ns
        self._counted_ns = at
        self._count += passed / EACH_NS * rate * FIRST_MEAN / self.mean
        return int(self._count)

    def oldest(self, start: int, _: int) -> int:
        return start

    def read(self, start: int, end: int) -> Counter[SampledBlock]:
        return Counter({BLOCK: end - start})

    # as BurstUses

    def learn(self, _: Iterable[SampledBlock]) -> None:
        self.done.append("learned")

    def check(self) -> None:
        self.now += TELLING_NS
        self.done.append("checked")

    def add_up(self, _: float, seen: SampledTotals, __: object) -> list[BurstUse]:
        self.now += TELLING_NS
        self.done.append("added up")
        unit = seen.looked * seen.mean / FIRST_MEAN
        self.estimated += unit
        self.allocated = self.allocates * unit * EACH_NS / SECOND
        return []


@pytest.fixture
def target(monkeypatch: pytest.MonkeyPatch) -> Target:
    target = Target()
    monkeypatch.setattr(bursts, "BurstTotals", lambda *_: target)
    monkeypatch.setattr(bursts, "SampledBlocks", lambda *_: target)
    monkeypatch.setattr(bursts, "time", SimpleNamespace(monotonic_ns=lambda: target.now))
    return target


def watched(target: Target, seconds: int = 10) -> list[ev.BurstMeasured]:
    """So long a time of this target."""
    hello = rp.Hello(
        pid=1,
        python="",
        executable="",
        free_threaded=False,
        gil_enabled=True,
        switch_interval_s=0.005,
        layout=LAYOUT,
        limits=[],
        calibration_s=0.0,
        cpu_s=0.0,
        probe_tid=1,
    )
    memory = cast("RemoteMemory", object())
    given = context(
        target.events.append, asked=target.send, clock=lambda: target.now, memory=memory
    )
    watch = BurstMode(given, hello, SiteTable(given), 0.03)
    watch.begin()
    while target.now < (1 + seconds) * SECOND:
        following = watch.step(target.now)
        if target.opening:
            following = min(following, target.opened_ns)
        target.now = max(target.now + 1, following)
        if target.opening and target.now >= target.opened_ns:
            assert watch.take(rp.BurstOpened(opened=target.opened()))
    return [one for one in target.events if isinstance(one, ev.BurstMeasured)]


def test_a_window_is_as_long_as_its_blocks_were_counted(target: Target) -> None:
    windows = watched(target)
    assert len(windows) > 10
    for one in windows:
        assert one.samples == pytest.approx(one.window_s * SECOND / EACH_NS, abs=2)


def test_names_are_not_forgotten_before_what_a_window_saw_is_told(target: Target) -> None:
    watched(target)
    assert "checked" in target.done
    assert ("checked", "added up") not in zip(target.done, target.done[1:], strict=False)


def test_a_window_ends_soon_when_much_begins_to_be_allocated(target: Target) -> None:
    target.rate = lambda at: 0.001 if at < 6 else 100.0
    windows = watched(target)
    crowded = [one for one in windows if one.samples > PLACE.room]
    assert 1 <= len(crowded) <= 2  # older ones than so many are overwritten
    assert crowded[0].at < 6.1
    assert windows[-1].samples < PLACE.room


def test_a_window_that_saw_much_is_followed_by_no_longer_gap(target: Target) -> None:
    """Else what is allocated in phases would seem to be less than it is."""

    def rate(at: float) -> float:
        target.allocates = 1.2e8 if at % 10 > 9 else 1.0  # an eighth of that second's time
        return 1.0

    target.rate = rate
    windows = watched(target, 40)
    assert max(one.span_s - one.window_s for one in windows) < 0.2


def test_the_budget_holds_on_the_average(target: Target) -> None:
    target.allocates = 2e8  # a fifth of the time of each window
    windows = watched(target, 200)
    cost_s = 0.2 * sum(one.window_s for one in windows)
    assert cost_s < 0.05 * 200


def test_phases_are_seen_as_often_as_the_time_between_them(target: Target) -> None:
    """Windows are crowded in them, and the probe takes its time to look at fewer blocks: a tenth of
    a second must not be missed for that."""
    target.opens_after_ns = 10_000_000
    target.rate = lambda at: 1000.0 if at % 1 < 0.1 else 0.001
    windows = watched(target, 40)
    seconds = sum(one.window_s for one in windows)
    truth = 100.0 * SECOND / EACH_NS
    assert target.estimated / seconds == pytest.approx(truth, rel=0.05)
