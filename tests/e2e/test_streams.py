"""Where a snapshot and a recording go that are to go into no plain file, and what is so where the
caller has closed a standard stream."""

from __future__ import annotations

import os
import sys
import threading
from typing import TYPE_CHECKING

import msgspec
import pytest

from refwatch.export.schema_types import Snapshot

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.e2e.conftest import Bench, Done, Terminal

# Which of the numbers a new file gets, and what the streams are, tell of what was closed.
LOOKS = """
import os, sys
number = os.open("seen", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
streams = [stream is None for stream in (sys.stdin, sys.stdout, sys.stderr)]
low = [fd for fd in range(10) if os.path.exists(f"/proc/self/fd/{fd}")]
os.write(number, repr((number, streams, low)).encode())
os.close(number)
if sys.stdout:
    print("said", flush=True)
sys.exit(3)
"""
TALKS = "import sys; print('the first line'); print('the last line'); sys.exit({status})"


def shell(bench: Bench, line: str, *words: str) -> Done:
    """A line of shell, in which ``"$@"`` stands for the words."""
    return bench.start(["bash", "-c", line, "bash", *words]).end()


@pytest.mark.parametrize(
    "closed", ["<&-", ">&-", "2>&-", "<&- >&-", "<&- 2>&-", ">&- 2>&-", "<&- >&- 2>&-"]
)
def test_streams_that_are_closed(bench: Bench, closed: str) -> None:
    script = bench.script(LOOKS)
    plain = shell(bench, f'"$@" {closed}', sys.executable, script)
    expected = (bench.folder / "seen").read_text()

    words = ["--headless", "-o", "snapshot.json", "--record", "events.rec", script]
    done = shell(bench, f'"$@" {closed}', *bench.command, *words)

    assert (bench.folder / "seen").read_text() == expected
    assert (done.status, done.out, done.own_err) == (3, plain.out, plain.err)
    assert bench.read_snapshot().target.exit_code == 3
    assert "exit 3" in bench.refwatch("replay", "events.rec").lines[0]
    assert bool(done.summary) == ("2>&-" not in closed)


def snapshot_behind(out: bytes) -> Snapshot:
    """The snapshot behind what the target has printed, and nothing else."""
    lines = out.splitlines(keepends=True)
    assert lines[:2] == [b"the first line\n", b"the last line\n"]
    return msgspec.json.decode(b"".join(lines[2:]), type=Snapshot)


@pytest.mark.parametrize("name", ["-", "/dev/stdout", "/dev/fd/1", "a_link"])
@pytest.mark.parametrize("to", ["pipe", "file"])
def test_a_snapshot_on_stdout(bench: Bench, name: str, to: str) -> None:
    """Behind the target's output, also in a file, which it would replace by its name."""
    (bench.folder / "a_link").symlink_to("/dev/stdout")
    script = bench.script(TALKS.format(status=3))
    redirected = '"$@" > out' if to == "file" else '"$@"'

    done = shell(bench, redirected, *bench.command, "--headless", "-o", name, script)

    out = (bench.folder / "out").read_bytes() if to == "file" else done.out
    assert snapshot_behind(out).target.exit_code == 3
    assert done.status == 3


def test_a_snapshot_on_stdout_comes_last_though_the_watch_was_ended(
    bench: Bench, wait_until: Callable[[Callable[[], object], str], None]
) -> None:
    script = bench.script("""
        import sys
        print("the first line", flush=True)
        sys.stdin.readline()
        print("the last line")
        """)
    running = bench.start_watched("--duration", "0.2", "-o", "-", script)
    bench.daemon_of(running.pid)
    wait_until(lambda: not bench.sessions(), "the end of the watch")
    assert snapshot_behind(running.end(b"\n").out).target.exit_code is None


@pytest.mark.parametrize("option", ["-o", "--record"])
def test_a_descriptor_of_the_caller_s(bench: Bench, option: str) -> None:
    words = ["--headless", option, "/dev/fd/5", bench.script(TALKS.format(status=0))]
    done = shell(bench, '{ echo before >&5; "$@"; } 5> out', *bench.command, *words)

    first, _, rest = (bench.folder / "out").read_bytes().partition(b"\n")
    assert (done.status, first) == (0, b"before")
    (bench.folder / "rest").write_bytes(rest)
    if option == "-o":
        assert bench.read_snapshot("rest").target.exit_code == 0
    else:
        assert "exit 0" in bench.refwatch("replay", "rest").lines[0]


@pytest.mark.parametrize("option", ["-o", "--record"])
def test_a_pipe_with_a_name(bench: Bench, option: str) -> None:
    pipe = bench.folder / "pipe"
    os.mkfifo(pipe)
    got: list[bytes] = []
    reader = threading.Thread(target=lambda: got.append(pipe.read_bytes()))
    reader.start()

    done = bench.watched(option, "pipe", bench.script(TALKS.format(status=0)))
    reader.join(40)

    assert done.status == 0
    assert got[0].startswith(b"{")
    assert got[0].endswith(b"}\n")
    assert pipe.is_fifo()


def test_a_recording_on_stdout(bench: Bench) -> None:
    """As it happens: the target waits until its reader has seen that it is watched."""
    running = bench.start_watched("--record", "-", "-c", "import sys; sys.stdin.readline()")
    lines = [running.line()]
    while "interpreter_found" not in lines[-1]:
        lines.append(running.line())
    running.say("\n")
    while line := running.line():
        lines.append(line)
    done = running.ended()

    bench.write("events.rec", "".join(f"{line}\n" for line in lines))
    replayed = bench.refwatch("replay", "events.rec")
    assert (done.status, replayed.err) == (0, b"")
    assert replayed.out.decode() == done.summary


@pytest.mark.parametrize("option", ["-o", "--record"])
@pytest.mark.parametrize("status", [0, 3])
def test_a_reader_that_leaves(bench: Bench, option: str, status: int) -> None:
    """One sentence; and the target's status, unless that says that all went well."""
    script = bench.script(f"import sys; sys.stdin.readline(); sys.exit({status})")
    running = bench.start_watched(option, "-", script)
    assert running.process.stdout is not None
    if option == "--record":
        assert "recording" in running.line()
    bench.daemon_of(running.pid)
    running.process.stdout.close()
    running.process.stdout = None
    done = running.end(b"\n")

    assert done.status == (status or 1)
    assert done.err.count(b"Broken pipe") == 1
    assert b"Traceback" not in done.err


def test_a_full_disk(bench: Bench) -> None:
    """Where the file can be made but has no room, and a device."""
    script = bench.script(TALKS.format(status=0))
    limited = shell(
        bench,
        'trap "" XFSZ; ulimit -f 4; "$@"',
        *[*bench.command, "--headless", "-o", "snapshot.json", script],
    )
    device = bench.refwatch("--headless", "-o", "/dev/full", script)

    for done, reason in ((limited, "File too large"), (device, "No space left")):
        said = [line for line in done.err.decode().splitlines() if line.startswith("refwatch: ")]
        assert len(said) == 1
        assert reason in said[0]
        assert done.status == 1
    assert not (bench.folder / "snapshot.json").exists()


REFUSED = {
    "-o /dev/fd/7": ["/dev/fd/7", "closed"],
    "-o /dev/stdin": ["/dev/stdin", "reading only"],
    "--record /dev/fd/7": ["/dev/fd/7", "closed"],
    "-o - >&-": ["stdout", "closed"],
    "--record - >&-": ["stdout", "closed"],
}


@pytest.mark.parametrize("line", REFUSED)
def test_what_is_not_open_is_refused(bench: Bench, line: str) -> None:
    script = bench.script("open('it-has-run', 'w')")
    words, closed = line.replace(" >&-", ""), ">&-" if ">&-" in line else ""
    done = shell(bench, f'"$@" {words} {script} {closed}', *bench.command, "--headless")

    assert done.status == 2
    assert done.err.startswith(b"refwatch: ")
    assert done.err.count(b"\n") == 1
    assert all(word in done.err.decode() for word in REFUSED[line])
    assert not (bench.folder / "it-has-run").exists()


@pytest.mark.parametrize("words", [["-o", "-"], ["--record", "-"], ["-o", "/dev/stderr"]])
def test_the_ui_has_the_terminal(
    bench: Bench, open_terminal: Callable[..., Terminal], words: list[str]
) -> None:
    terminal = open_terminal(*words, bench.script("open('it-has-run', 'w')"), columns=120)
    assert terminal.end() == 2
    assert terminal.shows("the UI has the terminal")
    assert not (bench.folder / "it-has-run").exists()
