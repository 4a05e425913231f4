"""Sockets that never hold the daemon up, and take only our own user's connections."""

from __future__ import annotations

import contextlib
import os
import socket
import struct
import threading
import time
from pathlib import Path
from typing import cast

import pytest

from refwatch.wire import commands as cmd
from refwatch.wire import connections
from refwatch.wire.codec import encode_line
from refwatch.wire.commands import command_decoder
from refwatch.wire.connections import Connection, Listener, Viewer, peer_is_trusted


def pair() -> tuple[Connection[cmd.Command], socket.socket]:
    ours, theirs = socket.socketpair()
    theirs.settimeout(20)
    return Connection(ours, command_decoder), theirs


def test_messages_arrive_whole_however_they_were_cut() -> None:
    connection, peer = pair()
    data = encode_line(cmd.Mark(name="ä")) + encode_line(cmd.EndSession())

    found: list[cmd.Command] = []
    with peer:
        for byte in data:
            peer.sendall(bytes([byte]))
            found += connection.receive()

    assert found == [cmd.Mark(name="ä"), cmd.EndSession()]
    assert connection.receive() == []
    assert not connection.open


def test_a_viewer_that_asks_without_end_holds_nobody_up() -> None:
    ours, peer = socket.socketpair()
    viewer, done = Viewer(ours), list[cmd.Command]()
    lines = encode_line(cmd.Mark(name="m")) * 50_000
    sender = threading.Thread(target=peer.sendall, args=(lines,))
    sender.start()

    most = 0
    while len(done) < 50_000 and viewer.open:
        viewer.obeyed(done.append, 100_000)
        most = max(most, len(viewer.asked))
    sender.join(40)

    assert len(done) == 50_000
    assert 0 < most < 10_000
    peer.close()
    viewer.close()


def test_noise_is_left_out() -> None:
    connection, peer = pair()
    with peer:
        peer.sendall(b"\xff\x00 noise\n{}\n[]\n" + encode_line(cmd.Mark(name="m")))
        assert connection.receive() == [cmd.Mark(name="m")]
        assert connection.open
    connection.close()


def test_a_viewer_whose_line_never_ends_is_let_go_and_nothing_of_it_is_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(connections, "LONGEST_COMMAND", 1 << 20)
    ours, peer = socket.socketpair()
    viewer = Viewer(ours)
    done: list[cmd.Command] = []
    with peer:
        peer.setblocking(False)
        sent = 0
        while viewer.open:
            with contextlib.suppress(BlockingIOError, BrokenPipeError):
                sent += peer.send(b"x" * 65536)
            viewer.obeyed(done.append, 100_000)
            assert sent < 8 << 20, "what is kept has no bound"
    assert "more than 1 MiB" in viewer.trouble
    assert not done


def test_a_peer_that_reads_slowly_holds_nobody_up_and_gets_everything() -> None:
    connection, peer = pair()
    data = os.urandom(4 << 20)
    began = time.thread_time()
    connection.send(data)  # far more than the kernel takes at once; a blocking one never returns
    assert time.thread_time() - began < 5
    assert len(peer.recv(len(data), socket.MSG_PEEK)) < len(data)

    got = bytearray()
    with peer:
        while len(got) < len(data):
            connection.flush()
            got += peer.recv(1 << 20)
    assert bytes(got) == data
    connection.close()


def test_a_peer_that_does_not_read_at_all_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "MAX_UNSENT", 1 << 20)
    connection, peer = pair()
    with peer:
        sent = 0
        while connection.open:
            connection.send(b"x" * 65536)
            sent += 65536
            assert sent < 64 << 20, "what is kept has no bound"
    connection.send(b"to nobody")  # no error


def test_a_peer_that_is_gone_is_no_error() -> None:
    connection, peer = pair()
    peer.close()
    connection.send(b"x" * (1 << 20))
    connection.send(b"x")
    assert not connection.open
    assert connection.receive() == []


def test_the_peer_is_asked_who_it_is(runtime: Path) -> None:
    path = str(runtime / "s")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(path)
        listening.listen(5)
        listener = Listener(listening)
        assert listener.accept() == []
        with socket.socket(socket.AF_UNIX) as peer:
            peer.connect(path)
            (connection,) = listener.accept()
            assert peer_is_trusted(connection)
            connection.close()


class _Foreign:
    """The credentials of a process of another user."""

    def __init__(self, uid: int) -> None:
        self.uid = uid
        self.closed = False

    def getsockopt(self, level: int, option: int, size: int) -> bytes:
        assert (level, option, size) == (socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
        return struct.pack("3i", 4242, self.uid, 0)

    def close(self) -> None:
        self.closed = True


class _OneForeign:
    def __init__(self, connection: _Foreign) -> None:
        self.waiting = [connection]

    def setblocking(self, flag: bool) -> None:
        assert not flag

    def accept(self) -> tuple[_Foreign, str]:
        if not self.waiting:
            raise BlockingIOError
        return self.waiting.pop(), ""


@pytest.mark.parametrize(("uid", "ours"), [(os.getuid(), True), (0, True), (54321, False)])
def test_another_user_is_turned_away(uid: int, ours: bool) -> None:
    foreign = _Foreign(uid)
    listener = Listener(cast("socket.socket", _OneForeign(foreign)))

    assert bool(listener.accept()) is ours
    assert foreign.closed is not ours
