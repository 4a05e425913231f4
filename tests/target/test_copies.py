"""The daemon's side of hidden copies: none is given up that has said what it should."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator

import msgspec
import pytest
from msgspec.structs import replace

from refwatch.target import copies
from refwatch.target import probe_commands as pc
from refwatch.target import probe_messages as rp
from refwatch.target.copies import Copies
from refwatch.wire.connections import Connection

NAME = "chains-1"
LOOK = pc.Chains(module="app", name="Entry", born=0, compared=False, or_any=False)
CHAINS = rp.ChainsReport(
    work=NAME, module="app", name="Entry", looked=1, chains=[], allocated_at=[]
)


class Asked:
    """Copies of this process, one of which has been asked for; what came of it."""

    def __init__(self) -> None:
        self.sent: list[pc.MakeCopy] = []
        self.taken: list[rp.WorkReport | rp.Copied] = []
        self.failures: list[str] = []
        self.copies = Copies(os.getpid(), os.getppid(), self._send)
        self.near, self.far = socket.socketpair()
        self.link: Connection[rp.Report] = Connection(self.near, msgspec.json.Decoder(rp.Report))
        name = self.copies.start(LOOK, self.taken.append, self.failures.append, limit_s=60.0)
        assert name == NAME

    def _send(self, command: pc.ProbeCommand) -> None:
        if isinstance(command, pc.MakeCopy):
            self.sent.append(command)

    def made(self, pid: int) -> None:
        self.copies.take(rp.Copied(work=NAME, pid=pid, pause_s=0.001), self.link)

    def here(self, pid: int) -> None:
        self.copies.take(rp.CopyConnected(work=NAME, pid=pid), self.link)


@pytest.fixture
def asked() -> Iterator[Asked]:
    asked = Asked()
    yield asked
    asked.near.close()
    asked.far.close()


@pytest.fixture
def ended() -> Iterator[int]:
    """A child that has ended, for which nobody has waited yet."""
    with subprocess.Popen([sys.executable, "-c", ""]) as child:
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        yield child.pid


def test_what_is_asked_of_the_probe(asked: Asked) -> None:
    launcher = os.getppid()
    assert asked.sent == [pc.MakeCopy(work=NAME, launcher=launcher, frames=True, query=LOOK)]
    assert NAME in asked.copies


def test_a_copy_that_was_quick_is_heard(asked: Asked, ended: int) -> None:
    """It had ended before its connection was accepted."""
    asked.made(ended)
    asked.copies.tick()
    asked.copies.tick()
    assert asked.failures == []
    asked.here(ended)
    asked.copies.tick()
    asked.copies.take(CHAINS, asked.link)
    asked.copies.take(rp.Done(work=NAME), asked.link)
    asked.copies.tick()
    assert asked.failures == []
    assert asked.taken == [rp.Copied(work=NAME, pid=ended, pause_s=0.001), CHAINS]
    assert NAME not in asked.copies


def test_a_copy_that_ends_without_a_word_is_given_up(
    asked: Asked, ended: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked.made(ended)
    asked.copies.tick()
    monkeypatch.setattr(copies, "LAST_WORDS_S", -1.0)
    asked.copies.tick()
    asked.copies.tick()
    assert asked.failures == ["the copy ended before it had answered"]


def test_a_copy_whose_connection_breaks_is_given_up(asked: Asked, ended: int) -> None:
    asked.made(ended)
    asked.here(ended)
    asked.far.close()
    assert asked.link.receive() == []
    asked.copies.tick()
    assert asked.failures == ["the copy ended before it had answered"]


def test_no_copy_can_be_made(asked: Asked) -> None:
    asked.copies.take(rp.CopyRefused(work=NAME, reason="clone: not permitted"), asked.link)
    assert asked.failures == ["clone: not permitted"]
    asked.copies.end()
    assert asked.failures == ["clone: not permitted"]


def test_words_that_come_before_the_probe_has_told_are_kept(asked: Asked) -> None:
    asked.here(os.getpid())
    asked.copies.take(CHAINS, asked.link)
    asked.copies.take(rp.Done(work=NAME), asked.link)
    assert asked.taken == []
    assert len(asked.copies) == 1

    asked.made(os.getpid())

    assert asked.taken == [rp.Copied(work=NAME, pid=os.getpid(), pause_s=0.001), CHAINS]
    assert len(asked.copies) == 0
    assert asked.failures == []


def test_what_just_cannot_be_made_is_asked_for_again(
    asked: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copies, "AGAIN_S", 0.0)
    asked.copies.take(
        rp.CopyRefused(work=NAME, reason="an import was under way", passing=True), asked.link
    )
    asked.copies.tick()
    assert [command.work for command in asked.sent] == [NAME, NAME]
    assert asked.failures == []

    asked.copies.take(rp.CopyRefused(work=NAME, reason="clone: no memory"), asked.link)
    assert asked.failures == ["clone: no memory"]


def test_a_copy_that_says_no_word_is_given_up(
    asked: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copies, "FIRST_WORD_S", -1.0)
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        asked.made(child.pid)
        asked.copies.tick()
        child.communicate()
    assert len(asked.failures) == 1
    assert "did not say a word" in asked.failures[0]


def test_a_copy_that_is_put_off_hears_what_is_held_by_then(
    asked: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was held before may be freed."""
    monkeypatch.setattr(copies, "AGAIN_S", 0.0)
    held = [1, 2]
    name = asked.copies.start(
        LOOK, asked.taken.append, asked.failures.append, limit_s=60.0, held=lambda: held
    )
    held = [2]
    asked.copies.take(
        rp.CopyRefused(work=name, reason="an import was under way", passing=True), asked.link
    )
    asked.copies.tick()
    queries = [replace(LOOK, held=[1, 2]), replace(LOOK, held=[2])]
    assert [command.query for command in asked.sent[1:]] == queries
