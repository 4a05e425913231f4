"""Real commands, real processes, real terminals; and each test leaves nothing behind."""

from __future__ import annotations

import codecs
import contextlib
import fcntl
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import termios
import textwrap
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest
from rich.cells import cell_len

from refwatch.export.schema_types import Process, Snapshot, Thread
from refwatch.readings.threads.states import ThreadState
from refwatch.session.events import event_decoder
from refwatch.session.process import ProcessState
from refwatch.session.state import State
from refwatch.wire.codec import LineReader

LIMIT_S = 90.0  # for anything that must happen; reached only when it does not
# -P: the current folder is the target's, and refwatch must not import from it
REFWATCH = [sys.executable, "-P", "-m", "refwatch"]
SUMMARY = re.compile(rb"^target   ", re.MULTILINE)
_snapshots = msgspec.json.Decoder(Snapshot, strict=True)

Argument = str | bytes | Path
Seen = Callable[[ProcessState], object]
"""What the daemon is to have seen of the target."""


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

    def ended(self) -> Done:
        """Wait for it with its stdin open, so that only what was done to it ends it."""
        self.process.wait(LIMIT_S)
        return self.end()

    def end(self, data: bytes | None = None) -> Done:
        """Close its stdin, wait for it."""
        out, err = self.process.communicate(data, timeout=LIMIT_S)
        return Done(shell_status(self.process.returncode), out, err)


def _crash(path: Path) -> str:
    return f"{path} {path.read_text()}"


class Bench:
    """Runs programs in a folder of the test's own, watched and plain."""

    command = REFWATCH

    def __init__(self, folder: Path, runtime: Path) -> None:
        self.folder = folder
        self.runtime = runtime
        self.environment = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("PYTHON", "PYTEST", "COV_", "REFWATCH", "VIRTUAL_ENV"))
        }
        own = os.path.dirname(sys.executable)  # as if its environment were active
        self.environment["PATH"] = own + os.pathsep + os.environ.get("PATH", os.defpath)
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

    def snapshot(self, *words: Argument, status: int = 0) -> Snapshot:
        """Run it watched with ``-o`` and read what was written."""
        done = self.watched("-o", "snapshot.json", *words)
        assert done.status == status, done
        return self.read_snapshot()

    def snapshot_when(self, *steps: Seen, words: Sequence[Argument], status: int = 0) -> Snapshot:
        """Run it watched; when the daemon has seen the first of ``steps``, the target gets a line
        on stdin, and so on for each. It ends by itself after the last."""
        return self.done_when(*steps, words=words, status=status)[1]

    def done_when(
        self, *steps: Seen, words: Sequence[Argument], status: int = 0
    ) -> tuple[Done, Snapshot]:
        """The same, with what the command said."""
        running = self.start_watched("-o", "snapshot.json", *words)
        for step in steps:
            self.wait_seen(running.pid, step)
            running.say("go\n")
        done = running.end()
        assert done.status == status, done
        return done, self.read_snapshot()

    def wait_seen(self, refwatch: int, seen: Seen) -> None:
        """Until the daemon has seen it of the program."""
        self.wait_state(refwatch, lambda state: state.main is not None and seen(state.main))

    def wait_state(self, refwatch: int, seen: Callable[[State], object]) -> None:
        """Until the daemon has seen it: as any viewer does, by folding the events."""
        state = State()
        lines = LineReader(event_decoder())
        until(lambda: any(self.runtime.glob(f"refwatch/{refwatch}-*/viewer.sock")), "the session")
        (path,) = self.runtime.glob(f"refwatch/{refwatch}-*/viewer.sock")
        with socket.socket(socket.AF_UNIX) as viewer:
            viewer.settimeout(LIMIT_S)
            viewer.connect(str(path))
            end = time.monotonic() + LIMIT_S
            while not seen(state):
                data = viewer.recv(1 << 16)
                if not data or time.monotonic() > end:
                    names = [] if state.main is None else list(state.main.threads.values())
                    pytest.fail(f"this was never seen; the threads are {names}")
                for event in lines.feed(data):
                    state.apply(event)

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
        """The daemon of a ``refwatch`` process, once it is at work."""
        found: list[int] = []

        def look() -> bool:
            found[:] = [
                pid for pid in self.processes() if _parent(pid) == refwatch and _is_daemon(pid)
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
        said = [_what_is(pid) for pid in left]
        said += [_crash(path) if path.suffix == ".log" else str(path) for path in self.sessions()]
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
    """Its stderr is its log, and it is at work when it has its handler of SIGTERM."""
    with open(f"/proc/{pid}/status") as file:
        caught = int(next(line for line in file if line.startswith("SigCgt")).split()[1], 16)
    log = os.readlink(f"/proc/{pid}/fd/2").endswith("daemon.log")
    return log and bool(caught >> (signal.SIGTERM - 1) & 1)


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


class Screen:
    """What a terminal of this size would show of what is written to it: text, moves, clearing."""

    TOKEN = re.compile(
        r"\x1b\[(?P<args>[0-9;:?<=>$ ]*)(?P<final>[@-~])"
        r"|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[PX^_].*?\x1b\\|\x1b[ -/]*[0-~]"
        r"|(?P<control>[\x00-\x1f\x7f])|(?P<character>[^\x00-\x1f\x7f])",
        re.DOTALL,
    )
    OPEN = re.compile(r"\x1b(?:\[[0-?]*[ -/]*|\][^\x07\x1b]*|[PX^_].*|[ -/]*)?$", re.DOTALL)

    def __init__(self, rows: int, columns: int) -> None:
        self.rows, self.columns = rows, columns
        self.alternate = False
        """The alternate screen is shown, as full-screen programs have it."""
        self.modes: set[str] = set()
        """Private modes that are set, by number."""
        self._cells = self._blank()
        self._main = self._cells
        self._row = self._column = 0
        self._rest = ""

    def _blank(self) -> list[list[str]]:
        return [[" "] * self.columns for _ in range(self.rows)]

    def text(self) -> str:
        return "\n".join("".join(row).rstrip() for row in self._cells)

    def feed(self, data: str) -> None:
        data = self._rest + data
        cut = self.OPEN.search(data)
        self._rest = cut.group() if cut else ""
        for token in self.TOKEN.finditer(data[: len(data) - len(self._rest)]):
            if token["character"]:
                self._put(token["character"])
            elif token["control"]:
                self._control(token["control"])
            elif token["final"]:
                self._sequence(token["args"], token["final"])

    def _put(self, character: str) -> None:
        width = cell_len(character)
        if self._column + width > self.columns:
            self._control("\r")
            self._control("\n")
        for place in range(width):
            self._cells[self._row][self._column + place] = "" if place else character
        self._column += width

    def _control(self, character: str) -> None:
        if character == "\r":
            self._column = 0
        elif character == "\b":
            self._column = max(0, self._column - 1)
        elif character == "\n":
            self._row += 1
            if self._row == self.rows:
                self._row -= 1
                del self._cells[0]
                self._cells.append([" "] * self.columns)

    def _sequence(self, args: str, final: str) -> None:
        if args.startswith("?") and final in "hl":
            self._mode(args[1:].split(";"), on=final == "h")
        elif final in "Hf":
            row, _, column = args.partition(";")
            self._row = min(int(row or 1), self.rows) - 1
            self._column = min(int(column or 1), self.columns) - 1
        elif final == "J" and args == "2":
            self._cells[:] = self._blank()
        elif final == "K":
            self._cells[self._row][self._column :] = [" "] * (self.columns - self._column)
        elif final in "ABCD":
            by = int(args or 1)
            self._row = max(0, min(self.rows - 1, self._row + {"A": -by, "B": by}.get(final, 0)))
            moved = self._column + {"C": by, "D": -by}.get(final, 0)
            self._column = max(0, min(self.columns - 1, moved))

    def _mode(self, numbers: list[str], *, on: bool) -> None:
        (self.modes.update if on else self.modes.difference_update)(numbers)
        if "1049" in numbers:
            self.alternate = on
            self._cells = self._blank() if on else self._main


class Terminal:
    """A command in a pseudo-terminal of its own, the leader of the session there."""

    def __init__(
        self, bench: Bench, command: Sequence[Argument], rows: int, columns: int, shell: bool
    ) -> None:
        self.screen = Screen(rows, columns)
        self.heard = ""
        """All that was written to it."""
        self._master, slave = os.openpty()
        self.resize(rows, columns)
        os.set_blocking(self._master, False)
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._before = termios.tcgetattr(slave)
        self._slave = slave
        name = os.ttyname(slave)
        # The leader of a session has the first terminal that it opens as its own.
        words = [
            "sh",
            "-c",
            f"exec <{name} >{name} 2>&1; " + ('"$@"; exit $?' if shell else 'exec "$@"'),
            "sh",
            *(os.fspath(word) for word in command),
        ]
        environment = {**bench.environment, "TERM": "xterm-256color"}
        for variable in ("NO_COLOR", "COLORFGBG", "COLUMNS", "LINES"):
            environment.pop(variable, None)
        self.process = subprocess.Popen(
            words, cwd=bench.folder, env=environment, start_new_session=True
        )
        self.pid = self.process.pid

    def hang_up(self) -> None:
        """Close it, as the end of a connection or of its window does."""
        self.read()
        os.close(self._slave)
        os.close(self._master)
        self._master = self._slave = -1

    def resize(self, rows: int, columns: int) -> None:
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("4H", rows, columns, 0, 0))
        self.screen = Screen(rows, columns)

    def read(self) -> None:
        """Take in what has come."""
        if self._master < 0:
            return
        with contextlib.suppress(BlockingIOError):
            while data := self._decoder.decode(os.read(self._master, 1 << 16)):
                self.heard += data
                self.screen.feed(data)

    def press(self, keys: str) -> None:
        os.write(self._master, keys.encode())

    def shows(self, *texts: str) -> bool:
        """Whether these are on the screen now."""
        self.read()
        shown = self.screen.text()
        return all(text in shown for text in texts)

    def wait(self, *texts: str) -> None:
        """Until all of them are on the screen."""
        self._wait(lambda: self.shows(*texts), str(texts))

    def _wait(self, met: Callable[[], bool], what: str) -> None:
        end = time.monotonic() + LIMIT_S
        while not met():
            if time.monotonic() > end:
                pytest.fail(f"waited in vain for {what}; the screen was\n{self.screen.text()}")
            time.sleep(0.02)

    def wait_gone(self, text: str) -> None:
        """Until it is on the screen no more."""
        self._wait(lambda: not self.shows(text), f"{text!r} to leave the screen")

    def end(self) -> int:
        """Wait for the end; return the status as a shell has it."""
        until(self._ended, "the end of the command in the terminal")
        return shell_status(self.process.returncode)

    def _ended(self) -> bool:
        self.read()
        return self.process.poll() is not None

    @property
    def restored(self) -> bool:
        """As it was at the start: its settings, the main screen, the cursor, no mouse."""
        self.read()
        left = self.screen.modes - {"25", "7"}
        return termios.tcgetattr(self._slave) == self._before and not left

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        if self._master >= 0:
            os.close(self._master)
            os.close(self._slave)
            self._master = self._slave = -1


@pytest.fixture
def open_terminal(bench: Bench) -> Iterator[Callable[..., Terminal]]:
    """``open_terminal("--headless", "x.py", rows=24, columns=80)``: refwatch in a terminal; with
    ``shell`` that of a shell which waits for it."""
    opened: list[Terminal] = []

    def start(
        *words: Argument,
        rows: int = 24,
        columns: int = 80,
        command: Sequence[Argument] = REFWATCH,
        shell: bool = False,
    ) -> Terminal:
        opened.append(Terminal(bench, [*command, *words], rows, columns, shell))
        return opened[-1]

    try:
        yield start
    finally:
        for terminal in opened:
            terminal.close()


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
def named() -> Callable[..., Seen]:
    """``named("a", "b", seconds=0.5)``: threads of these names, each seen for so long."""

    def make(*names: str, seconds: float = 0.5) -> Seen:
        def met(process: ProcessState) -> bool:
            known = {thread.name: thread.watched_s for thread in process.threads.values()}
            return all(known.get(name, 0.0) >= seconds for name in names)

        return met

    return make


@pytest.fixture
def reader() -> Callable[[Snapshot], Reader]:
    return Reader


@pytest.fixture
def wait_until() -> Callable[[Callable[[], object], str], None]:
    """Wait for a condition: ``wait_until(met, "what it is")``."""
    return until
