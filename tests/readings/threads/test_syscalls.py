"""What real threads wait for, told by the system call that the kernel says they are in."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from refwatch.readings.threads.states import ThreadState
from refwatch.readings.threads.syscalls import Syscalls


def wait_for_state(tid: int, expected: ThreadState | None) -> None:
    calls, end = Syscalls(None), time.monotonic() + 20
    path = Path(f"/proc/self/task/{tid}/syscall")
    seen = None
    while time.monotonic() < end:
        seen = path.read_bytes()
        if calls.state(seen) is expected:
            return
        time.sleep(0.002)
    pytest.fail(f"{expected} expected, {seen!r} seen")


def in_thread(
    block: Callable[[], object], release: Callable[[], object], expected: ThreadState | None
) -> None:
    thread = threading.Thread(target=block)
    thread.start()
    try:
        assert thread.native_id
        wait_for_state(thread.native_id, expected)
    finally:
        release()
        thread.join()


def test_lock() -> None:
    lock = threading.Lock()
    lock.acquire()
    in_thread(lock.acquire, lock.release, ThreadState.LOCK_WAIT)


def test_receive() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        in_thread(lambda: theirs.recv(1), lambda: ours.send(b"x"), ThreadState.IO_WAIT)


def test_accept() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = server.getsockname()
        accepted: list[socket.socket] = []
        in_thread(
            lambda: accepted.append(server.accept()[0]),
            lambda: socket.create_connection(address).close(),
            ThreadState.IO_WAIT,
        )
        accepted[0].close()


def test_sleep() -> None:
    in_thread(lambda: time.sleep(0.3), lambda: None, ThreadState.SLEEP)


def test_select_without_a_descriptor_is_a_sleep() -> None:
    import select

    in_thread(lambda: select.select([], [], [], 0.3), lambda: None, ThreadState.SLEEP)


def test_a_wait_for_a_signal_is_a_sleep() -> None:
    in_thread(lambda: signal.sigtimedwait([], 0.3), lambda: None, ThreadState.SLEEP)


def test_a_file_system_that_is_slow(tmp_path: Path) -> None:
    """The opening of a pipe that nobody reads waits as a file on a slow disk does."""
    os.mkfifo(tmp_path / "pipe")
    held: list[int] = []
    in_thread(
        lambda: held.append(os.open(tmp_path / "pipe", os.O_WRONLY)),
        lambda: held.append(os.open(tmp_path / "pipe", os.O_RDONLY)),
        ThreadState.IO_WAIT,
    )
    for fd in held:
        os.close(fd)


def test_child() -> None:
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    in_thread(process.wait, process.communicate, ThreadState.CHILD_WAIT)


def test_running() -> None:
    assert Syscalls(None).state(b"running\n") is None


def test_outside_a_call() -> None:
    assert Syscalls(None).state(b"-1 0x7ffd0 0x7f12\n") is ThreadState.OTHER


def test_the_gils_futex_is_not_a_lock() -> None:
    calls = Syscalls(0x7000)
    assert calls.state(b"202 0x7050 0x189 0x0 0x0 0x0 0x0 0x1 0x2\n") is ThreadState.GIL_WAIT
    assert calls.state(b"202 0x9050 0x189 0x0 0x0 0x0 0x0 0x1 0x2\n") is ThreadState.LOCK_WAIT


def test_the_gil_of_another_interpreter() -> None:
    futex = "202" if os.uname().machine == "x86_64" else "98"
    main, other = (f"{futex} {hex(at)} 0x189 0x0".encode() for at in (0x1010, 0x9010))
    calls = Syscalls(0x1000)
    assert calls.state(other) is ThreadState.LOCK_WAIT
    calls.watch({0x9000: 3})
    assert calls.state(other) is ThreadState.GIL_WAIT
    assert (calls.gil_of(other), calls.gil_of(main)) == (3, 0)
    calls.watch({})
    assert calls.state(other) is ThreadState.LOCK_WAIT
