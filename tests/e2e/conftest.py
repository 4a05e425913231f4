"""Real commands, real processes, real terminals; and each test leaves nothing behind."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest

from refwatch.model.snapshot import Process, Snapshot, Thread
from refwatch.model.states import ThreadState

LIMIT_S = 60.0  # for anything that must happen; reached only when it does not
# -P: the current folder is the target's, and refwatch must not import from it
REFWATCH = [sys.executable, "-P", "-m", "refwatch"]
SUMMARY = re.compile(rb"^target   ", re.MULTILINE)
_snapshots = msgspec.json.Decoder(Snapshot, strict=True)

Argument = str | bytes | Path


@dataclass(frozen=True)
class Done:
    """A command that has ended; ``status`` is as a shell has it."""

    status: int
    out: bytes
    err: bytes

    @property
    def own_err(self) -> bytes:
        """The target's part of stderr: what stands before refwatch's summary."""
        parts = list(SUMMARY.finditer(self.err))
        return self.err[: parts[-1].start()] if parts else self.err

    @property
    def summary(self) -> str:
        """refwatch's part of stderr."""
        return self.err[len(self.own_err) :].decode()

    @property
    def lines(self) -> list[str]:
        return self.out.decode(errors="backslashreplace").splitlines()


def shell_status(code: int) -> int:
    """Popen's return code as a shell has it."""
    return 128 - code if code < 0 else code


def until(met: Callable[[], object], what: str, limit_s: float = LIMIT_S) -> None:
    """Wait for a condition; fail when it does not come true."""
    end = time.monotonic() + limit_s
    while not met():
        if time.monotonic() > end:
            pytest.fail(f"waited {limit_s:g} s in vain for {what}")
        time.sleep(0.01)


class Running:
    """A started command, and what is said to it and heard from it."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process
        self.pid = process.pid

    def line(self) -> str:
        """Its next line on stdout."""
        assert self.process.stdout is not None
        return self.process.stdout.readline().decode().rstrip("\n")

    def say(self, text: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(text.encode())
        self.process.stdin.flush()

    def end(self, data: bytes | None = None) -> Done:
        """Close its stdin, wait for it."""
        out, err = self.process.communicate(data, timeout=LIMIT_S)
        return Done(shell_status(self.process.returncode), out, err)


class Bench:
    """Runs programs in a folder of the test's own, watched and plain."""

    def __init__(self, folder: Path, runtime: Path) -> None:
        self.folder = folder
        self.runtime = runtime
        self.environment = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("PYTHON", "PYTEST", "COV_", "REFWATCH"))
        }
        self.environment["XDG_RUNTIME_DIR"] = str(runtime)
        self._started: list[subprocess.Popen[bytes]] = []

    # Programs

    def write(self, name: str, text: str) -> Path:
        """A file in the test's folder."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text), encoding="utf-8")
        return path

    def script(self, text: str, name: str = "target.py") -> str:
        """The same, by the name that a user would type in that folder."""
        self.write(name, text)
        return name

    # Commands

    def start(self, command: Sequence[Argument], env: Mapping[str, str] | None = None) -> Running:
        """Start any command in the test's folder, all three standard streams piped."""
        process = subprocess.Popen(
            [os.fspath(word) for word in command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=self.folder,
            env={**self.environment, **(env or {})},
        )
        self._started.append(process)
        return Running(process)

    def plain(
        self, *target: Argument, stdin: bytes = b"", env: Mapping[str, str] | None = None
    ) -> Done:
        """``python TARGET..`` to its end."""
        return self.start([sys.executable, *target], env).end(stdin)

    def refwatch(
        self, *words: Argument, stdin: bytes = b"", env: Mapping[str, str] | None = None
    ) -> Done:
        """``refwatch WORDS..`` to its end."""
        return self.start([*REFWATCH, *words], env).end(stdin)

    def watched(
        self, *target: Argument, stdin: bytes = b"", env: Mapping[str, str] | None = None
    ) -> Done:
        """``refwatch --headless TARGET..`` to its end; there must be a summary."""
        done = self.refwatch("--headless", *target, stdin=stdin, env=env)
        assert done.summary, done
        return done

    def start_watched(self, *words: Argument, env: Mapping[str, str] | None = None) -> Running:
        """``refwatch --headless WORDS..``."""
        return self.start([*REFWATCH, "--headless", *words], env)

    def alike(
        self, *target: Argument, stdin: bytes = b"", env: Mapping[str, str] | None = None
    ) -> Done:
        """Run it plain and watched: output, errors and status must be the same."""
        plain = self.plain(*target, stdin=stdin, env=env)
        watched = self.watched(*target, stdin=stdin, env=env)
        assert watched.lines == plain.lines
        assert watched.own_err == plain.err
        assert watched.status == plain.status
        return watched

    def snapshot(self, *words: Argument, stdin: bytes = b"", status: int = 0) -> Snapshot:
        """Run it watched with ``-o`` and read what was written."""
        done = self.watched("-o", "snapshot.json", *words, stdin=stdin)
        assert done.status == status, done
        return self.read_snapshot()

    def read_snapshot(self, name: str = "snapshot.json") -> Snapshot:
        """A snapshot as the structs say that it is: another type anywhere is an error."""
        return _snapshots.decode((self.folder / name).read_bytes())

    # What is left

    def processes(self) -> list[int]:
        """Every living process that this test has started, by their environment."""
        mark = f"XDG_RUNTIME_DIR={self.runtime}".encode()
        found = []
        for name in os.listdir("/proc"):
            if name.isdigit():
                with contextlib.suppress(OSError), open(f"/proc/{name}/environ", "rb") as file:
                    if mark in file.read().split(b"\0"):
                        found.append(int(name))
        return found

    def sessions(self) -> list[Path]:
        """The folders of its sessions."""
        base = self.runtime / "refwatch"
        return sorted(base.iterdir()) if base.is_dir() else []

    def daemon_of(self, refwatch: int) -> int:
        """The daemon of a ``refwatch`` process: a child that is its own session's leader."""
        found: list[int] = []

        def look() -> bool:
            found[:] = [
                pid
                for pid in self.processes()
                if _parent(pid) == refwatch and os.getsid(pid) == pid and _is_daemon(pid)
            ]
            return bool(found)

        until(look, "the daemon")
        return found[0]

    def clear(self) -> None:
        """Wait until nothing is left; end what stays, and fail then."""
        left: list[int] = []
        end = time.monotonic() + 20
        while (left := self.processes()) or self.sessions():
            if time.monotonic() > end:
                break
            time.sleep(0.01)
        said = [_what_is(pid) for pid in left] + [str(path) for path in self.sessions()]
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        for process in self._started:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.communicate(timeout=10)
        assert not said, "left behind: " + "; ".join(said)
        half = [path.name for path in self.folder.rglob(".refwatch-*")]
        assert not half, f"half-written: {half}"


def _parent(pid: int) -> int:
    with open(f"/proc/{pid}/stat", "rb") as file:
        return int(file.read().rpartition(b")")[2].split()[1])


def _is_daemon(pid: int) -> bool:
    """The daemon's stderr is its log."""
    return os.readlink(f"/proc/{pid}/fd/2").endswith("daemon.log")


def _what_is(pid: int) -> str:
    with contextlib.suppress(OSError), open(f"/proc/{pid}/cmdline", "rb") as file:
        return f"{pid} {file.read().replace(bytes(1), b' ').decode(errors='replace')[:200]}"
    return str(pid)


@pytest.fixture(autouse=True)
def bench(tmp_path: Path) -> Iterator[Bench]:
    """Where the test runs its programs; nothing of them may stay."""
    runtime = Path(tempfile.mkdtemp(prefix="rw", dir="/tmp"))  # short, for the sockets' sake
    folder = tmp_path / "work"
    folder.mkdir()
    bench = Bench(folder, runtime)
    try:
        yield bench
        bench.clear()
    finally:
        shutil.rmtree(runtime, ignore_errors=True)


class Reader:
    """Questions to a snapshot."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot

    @property
    def process(self) -> Process:
        return self.snapshot.processes[0]

    def thread(self, name: str) -> Thread:
        """The one thread of that name."""
        found = [thread for thread in self.process.threads if thread.name == name]
        assert len(found) == 1, [thread.name for thread in self.process.threads]
        return found[0]

    def share(self, name: str, *states: ThreadState) -> float:
        """What part of its life under watch the thread spent in these states."""
        times = self.thread(name).states
        return sum(times.get(state, 0.0) for state in states) / (sum(times.values()) or 1.0)


@pytest.fixture
def reader() -> Callable[[Snapshot], Reader]:
    return Reader


@pytest.fixture
def wait_until() -> Callable[[Callable[[], object], str], None]:
    """Wait for a condition: ``wait_until(met, "what it is")``."""
    return until
