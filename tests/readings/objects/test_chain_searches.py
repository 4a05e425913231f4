"""The search for holders: of what only two looks tell there are two, and none is for nobody."""

from __future__ import annotations

import json
import os
import socket

import msgspec
import pytest
from tests.stand_ins import context

from refwatch.readings.objects.chain_searches import (
    AGAIN,
    ENDED,
    SECOND_LOOK_NS,
    ChainSearches,
    Search,
)
from refwatch.session import events as ev
from refwatch.target import probe_commands as pc
from refwatch.target import probe_messages as rp
from refwatch.target.copies import Copies
from refwatch.wire.connections import Connection
from refwatch.wire.event import TimedEvent

NAME = ("builtins", "str")
SPREAD = [(0, 7), (1, 0), (4096, 7)]
NOT_GROWN = "where they have become more could not be told"


class Looking:
    """Searches whose copies are played here."""

    def __init__(self) -> None:
        self.asked: list[pc.MakeCopy] = []
        self.events: list[TimedEvent] = []
        self.over: list[str | None] = []
        self.progress: list[str] = []
        self.copies = Copies(os.getpid(), os.getppid(), self._send)
        self.searches = ChainSearches(
            context(self.events.append), self.copies, lambda _: None, None
        )

    def _send(self, command: pc.ProbeCommand) -> None:
        assert isinstance(command, pc.MakeCopy)
        self.asked.append(command)

    def compared(self, number: int) -> bool:
        """Whether this look was one that is compared with an earlier one."""
        query = self.asked[number].query
        assert isinstance(query, pc.Chains)
        return query.compared

    def begin(self, work: str = "") -> None:
        self.searches.begin(
            Search(
                name=NAME,
                born=0,
                over=self.over.append,
                work=work,
                progress=lambda one: self.progress.append(one.text),
            )
        )

    def say(self, missing: str, spread: list[tuple[int, int]] | None) -> list[dict[str, object]]:
        """The newest copy comes, and finds this; what it was told meanwhile."""
        work = self.asked[-1].work
        near, far = socket.socketpair()
        link: Connection[rp.Report] = Connection(near, msgspec.json.Decoder(rp.Report))
        report = rp.ChainsReport(
            work=work,
            module=NAME[0],
            name=NAME[1],
            looked=7,
            chains=[],
            allocated_at=[],
            missing=missing,
            garbage=0,
            spread=spread,
        )
        with near, far:
            self.copies.take(rp.CopyConnected(work=work, pid=0), link)
            self.copies.take(rp.Copied(work=work, pid=0, pause_s=0.001), link)
            self.copies.take(rp.Progress(work=work, text="looking for instances", share=None), link)
            self.copies.take(report, link)
            self.copies.take(rp.Done(work=work), link)  # which closes it
            return [json.loads(line) for line in far.makefile()]

    @property
    def found(self) -> list[str]:
        """Why it is not known, of each that was told."""
        return [one.missing for one in self.events if isinstance(one, ev.ChainsFound)]


@pytest.fixture
def looking() -> Looking:
    return Looking()


def test_nothing_is_told_before_the_second_look(looking: Looking) -> None:
    looking.begin("a viewer's")
    assert looking.compared(0) is False
    assert looking.say(NOT_GROWN, SPREAD) == []
    assert (looking.found, looking.over, looking.progress[-1]) == ([], [], AGAIN)
    looking.searches.tick(SECOND_LOOK_NS - 1)
    assert len(looking.asked) == 1
    looking.searches.tick(SECOND_LOOK_NS)
    assert looking.compared(1) is True
    assert looking.say("", SPREAD) == [
        {"command": "earlier", "spread": [list(pair) for pair in SPREAD]}
    ]
    assert (looking.found, looking.over) == ([""], [None])


def test_what_the_second_look_does_not_tell_is_not_known(looking: Looking) -> None:
    looking.begin()
    looking.say(NOT_GROWN, SPREAD)
    looking.searches.tick(SECOND_LOOK_NS)
    looking.say(NOT_GROWN, SPREAD)
    assert (looking.found, looking.over) == ([NOT_GROWN], [None])
    looking.begin()  # from now on one look is enough
    assert looking.compared(2) is True


def test_one_look_is_enough_of_what_has_an_age(looking: Looking) -> None:
    looking.begin()
    looking.say("", None)
    assert (looking.found, looking.over) == ([""], [None])


@pytest.mark.parametrize("reason", ["cancelled", ENDED])
def test_the_second_look_is_given_up(looking: Looking, reason: str) -> None:
    looking.begin("a viewer's")
    looking.say(NOT_GROWN, SPREAD)
    if reason == ENDED:
        looking.searches.target_ended()
    else:
        looking.searches.cancel("another's", reason)
        assert looking.over == []
        looking.searches.cancel("a viewer's", reason)
    looking.searches.tick(SECOND_LOOK_NS)
    assert (looking.over, len(looking.asked)) == ([reason], 1)
