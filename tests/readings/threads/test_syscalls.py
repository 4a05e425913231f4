"""What real threads wait for, told by the system call that the kernel says they are in."""

from __future__ import annotations

import ctypes
import fcntl
import os
import select
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


def test_a_lock_on_a_file(tmp_path: Path) -> None:
    """Another open file, or another process, has it."""
    held, wanted = (os.open(tmp_path / "lock", os.O_RDWR | os.O_CREAT) for _ in range(2))
    fcntl.flock(held, fcntl.LOCK_EX)
    in_thread(
        lambda: fcntl.flock(wanted, fcntl.LOCK_EX),
        lambda: fcntl.flock(held, fcntl.LOCK_UN),
        ThreadState.IO_WAIT,
    )
    os.close(held)
    os.close(wanted)


def test_a_lock_on_a_part_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    path.write_bytes(b"x")
    code = f"import fcntl; f = open({str(path)!r}, 'r+'); fcntl.lockf(f, fcntl.LOCK_EX); input(1)"
    holder = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert holder.stdout is not None
    assert holder.stdout.read(1) == b"1"
    with path.open("r+") as wanted:
        in_thread(
            lambda: fcntl.lockf(wanted, fcntl.LOCK_EX),
            lambda: holder.communicate(b"\n"),
            ThreadState.IO_WAIT,
        )


def test_sendfile(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x" * (1 << 23))
    ours, theirs = socket.socketpair()
    with ours, theirs, (tmp_path / "file").open("rb") as file:
        in_thread(
            lambda: os.sendfile(theirs.fileno(), file.fileno(), 0, 1 << 23),
            lambda: ours.shutdown(socket.SHUT_RDWR),
            ThreadState.IO_WAIT,
        )


def test_a_counter_of_events() -> None:
    fd = os.eventfd(0)
    in_thread(lambda: os.eventfd_read(fd), lambda: os.eventfd_write(fd, 1), ThreadState.IO_WAIT)
    os.close(fd)


def test_a_message_queue() -> None:
    lib, name = ctypes.CDLL("librt.so.1", use_errno=True), f"/refwatch-{os.getpid()}".encode()
    queue = lib.mq_open(name, os.O_RDWR | os.O_CREAT, 0o600, None)
    if queue < 0:
        pytest.skip(f"no message queues here: {os.strerror(ctypes.get_errno())}")
    lib.mq_unlink(name)
    buffer = ctypes.create_string_buffer(1 << 16)
    in_thread(
        lambda: lib.mq_receive(queue, buffer, len(buffer), None),
        lambda: lib.mq_send(queue, b"x", 1, 0),
        ThreadState.IO_WAIT,
    )
    os.close(queue)


def test_a_semaphore_of_the_system() -> None:
    lib = ctypes.CDLL(None, use_errno=True)
    number = lib.semget(0, 1, 0o600)  # IPC_PRIVATE
    assert number >= 0
    less, more = ((ctypes.c_short * 3)(0, by, 0) for by in (-1, 1))
    in_thread(
        lambda: lib.semop(number, less, 1),
        lambda: lib.semop(number, more, 1),
        ThreadState.LOCK_WAIT,
    )
    lib.semctl(number, 0, 0)  # IPC_RMID


@pytest.mark.skipif(os.uname().machine not in ("x86_64", "aarch64"), reason="its number is theirs")
def test_epoll_pwait2() -> None:
    lib, poll = ctypes.CDLL(None, use_errno=True), select.epoll()
    ours, theirs = os.pipe()
    poll.register(ours, select.EPOLLIN)
    events = ctypes.create_string_buffer(16)
    in_thread(
        lambda: lib.syscall(441, poll.fileno(), events, 1, None, None, 8),
        lambda: os.write(theirs, b"x"),
        ThreadState.IO_WAIT,
    )
    poll.close()
    os.close(ours)
    os.close(theirs)


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("signal.sigwait([signal.SIGUSR1])", ThreadState.SLEEP),
        ("signal.pause()", ThreadState.SLEEP),
        ("threading.Lock().acquire() and threading.Event().wait(60)", ThreadState.LOCK_WAIT),
        ("ctypes.CDLL(None).poll((ctypes.c_int * 2)(0, 1), 1, 60_000)", ThreadState.IO_WAIT),
        ("ctypes.CDLL(None).poll(None, 0, 60_000)", ThreadState.SLEEP),
    ],
)
def test_a_wait_that_a_stop_has_interrupted_is_what_it_was(
    code: str, expected: ThreadState
) -> None:
    """Some of these go on as restart_syscall(2)."""
    process = subprocess.Popen(
        [sys.executable, "-c", f"import ctypes, signal, threading; {code}"], stdin=subprocess.PIPE
    )
    calls, path = Syscalls(None), Path(f"/proc/{process.pid}/syscall")

    def wait_for(state: ThreadState) -> None:
        end, seen = time.monotonic() + 20, b""
        while time.monotonic() < end and calls.state(seen) is not state:
            time.sleep(0.002)
            seen = path.read_bytes()
        assert calls.state(seen) is state, seen

    try:
        wait_for(expected)
        process.send_signal(signal.SIGSTOP)
        end = time.monotonic() + 20
        stat = Path(f"/proc/{process.pid}/stat")
        while b") T" not in stat.read_bytes() and time.monotonic() < end:
            time.sleep(0.002)
        process.send_signal(signal.SIGCONT)
        wait_for(expected)
    finally:
        process.kill()
        process.communicate()


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
