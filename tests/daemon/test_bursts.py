"""Burst mode in the daemon: what a window's names and its length are taken from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import cast

import pytest

from refwatch.daemon import bursts
from refwatch.daemon.bursts import Bursts
from refwatch.daemon.numbers import Numbers
from refwatch.model import events as ev
from refwatch.model import reports as rp
from refwatch.model.allocations import BurstUse
from refwatch.observe.blocks import Block
from refwatch.observe.memory import RemoteMemory

SECOND = 1_000_000_000
BLOCK = Block(100, freed=False, frames=b"")
EACH_NS = SECOND // 4000  # so often a block is looked at: as often as is wanted
TELLING_NS = 20_000_000
PLACE = rp.BlocksPlace(0, 0, 4096, 432, 32, 256)
LAYOUT = rp.Layout(
    frames=rp.FramesPlace([0], 0, 0, 0, 0, 0, 0, 0, 0, 0, 0),
    text=rp.TextPlace(0, 0, 0, 0, 0, 0, 0),
)


class Target:
    """A target that allocates all the time; what is done with its blocks takes time as well."""

    allocated = 1.0

    def __init__(self) -> None:
        self.now = SECOND
        self.done: list[str] = []
        self.events: list[ev.Event] = []
        self.opening = False

    def send(self, command: dict[str, object]) -> None:
        self.opening = command["command"] == "burst_open"

    # as Blocks

    def count(self) -> int:
        self.done.append("counted")
        return self.now // EACH_NS

    def read(self, start: int, end: int) -> Counter[Block]:
        return Counter({BLOCK: end - start})

    # as BurstUses

    def learn(self, _: Iterable[Block]) -> None:
        self.done.append("learned")

    def check(self) -> None:
        self.now += TELLING_NS
        self.done.append("checked")

    def add_up(self, *_: object) -> list[BurstUse]:
        self.now += TELLING_NS
        self.done.append("added up")
        return []


@pytest.fixture
def target(monkeypatch: pytest.MonkeyPatch) -> Target:
    target = Target()
    monkeypatch.setattr(bursts, "BurstUses", lambda *_: target)
    monkeypatch.setattr(bursts, "Blocks", lambda *_: target)
    return target


def watched(target: Target) -> list[ev.BurstMeasured]:
    """Ten seconds of this target."""
    hello = rp.Hello(1, "", "", False, True, 0.005, LAYOUT, [], 0.0, 0.0, 1)
    memory = cast("RemoteMemory", object())
    emit = target.events.append
    watch = Bursts(1, hello, memory, Numbers(1, emit), emit, target.send, lambda: target.now, 0.03)
    watch.begin()
    while target.now < 11 * SECOND:
        target.now = max(target.now + 1, watch.step(target.now))
        if target.opening:
            target.opening = False
            opened = rp.Opened(PLACE, pass_s=1e-9, look_s=1e-9, cpu_s=0.0, lost=False)
            assert watch.take(rp.BurstOpened(opened))
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
