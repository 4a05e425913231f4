"""The daemon's last words are waited for, as long as something is to be expected of it."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest

from refwatch.daemon import last_words
from refwatch.daemon.last_words import GONE, hear, reap

Link = tuple[socket.socket, socket.socket]
SUMMARY: dict[str, object] = {
    "launch": "summary",
    "lines": ["one", "two"],
    "stays": True,
    "failed": True,
}
IDLE = "import signal; print(flush=True); signal.pause()"
BUSY = """
import socket, sys, time
link = socket.socket(fileno=0)
print(flush=True)
end = time.monotonic() + 3
while time.monotonic() < end:
    time.sleep(0.05)
link.sendall(b'{"launch": "summary", "lines": ["late"]}\\n')
time.sleep(1000)
"""


@pytest.fixture
def link() -> Iterator[Link]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


@pytest.fixture
def process(link: Link, code: str) -> Iterator[subprocess.Popen[bytes]]:
    """In the daemon's place."""
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=link[1].fileno(), stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield process
        process.kill()


def line(**fields: object) -> bytes:
    return json.dumps(fields).encode() + b"\n"


def test_they_are_told_from_commands_that_came_too_late(
    link: Link,
) -> None:
    ours, theirs = link
    theirs.sendall(b'"rows": 5}\n' + line(command="signal_target", number=0) + line(**SUMMARY))
    heard = b'{"command": "resize_terminal", '
    words = hear(ours, 0, heard)
    assert (words.lines, words.stays, words.failed) == (["one", "two"], True, True)
    assert hear(ours, 0, line(**SUMMARY)).stays


def test_a_daemon_that_is_gone(link: Link) -> None:
    ours, theirs = link
    theirs.sendall(line(**SUMMARY)[:-2])
    theirs.close()
    assert hear(ours, 0).trouble == GONE


@pytest.mark.parametrize("code", [BUSY])
def test_one_that_works_is_waited_for(
    link: Link,
    process: subprocess.Popen[bytes],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(last_words, "SILENT_S", 1.0)
    assert hear(link[0], process.pid).lines == ["late"]


@pytest.mark.parametrize("code", [IDLE])
@pytest.mark.parametrize("stopped", [True, False])
def test_one_that_does_nothing_is_ended(
    link: Link,
    process: subprocess.Popen[bytes],
    monkeypatch: pytest.MonkeyPatch,
    stopped: bool,
) -> None:
    monkeypatch.setattr(last_words, "SILENT_S", 1.0)
    if stopped:
        process.send_signal(signal.SIGSTOP)

    words = hear(link[0], process.pid)

    assert "did not answer" in words.trouble
    assert process.wait(40) == -signal.SIGKILL


@pytest.mark.parametrize("code", ["print(flush=True)\nwhile True: pass"])
def test_one_that_never_comes_to_an_end_is_ended_too(
    link: Link,
    process: subprocess.Popen[bytes],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(last_words, "BUSY_S", 1.0)
    assert "did not answer" in hear(link[0], process.pid).trouble
    assert process.wait(40) == -signal.SIGKILL


@pytest.mark.parametrize("code", ["import time; print(flush=True)\nwhile True: time.sleep(0.01)"])
def test_one_that_stays_for_others_is_left_alone(process: subprocess.Popen[bytes]) -> None:
    reap(process.pid, 0.5, may_stay=True)
    assert process.poll() is None
    reap(process.pid, 0.0)
    assert process.poll() is not None
