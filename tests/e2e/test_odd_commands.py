"""Whatever a viewer asks for, and however often: the daemon answers or lets it be, and the target
ends as it would have."""

from __future__ import annotations

import json
import os
import socket
import threading
from collections.abc import Callable, Iterator
from types import UnionType
from typing import TYPE_CHECKING, get_args

import msgspec

from refwatch.session import events as ev
from refwatch.session.events import event_decoder
from refwatch.wire import commands as cmd
from refwatch.wire.codec import LineReader, encode_line

if TYPE_CHECKING:
    from pathlib import Path

    from tests.e2e.conftest import Bench, Terminal

WAITER = """
import sys, time
from pathlib import Path
class Thing: pass
things = [Thing() for _ in range(100)]
print("the target is ready", flush=True)
while not Path("go").exists():
    time.sleep(0.01)
sys.exit(3)
"""
TEXTS = [
    "",
    "x",
    "x" * 300,
    "x" * 5000,
    "nul\0",
    "line\n",
    "\x1b[31m",
    "💩",
    "-",
    "census-1",
    "Thing",
]
TEXTS += ["..", "/", "a_pipe", "a_folder", "/dev/full", "no/such/folder/file", "__main__"]
NUMBERS = [0, -1, 65, 1 << 16, 1 << 31, 1 << 63, 1 << 70]
RAW = ["null", "true", "[]", "{}", "1.5", "-0.0", "1e400", "NaN", '"\\ud800"', "9" * 5000, '"open']
"""As JSON has them, or nearly."""
OFTEN = 300


def commands() -> list[type[msgspec.Struct]]:
    """All that there are, but for the end of the watch: it would be the end of the test."""
    found = [one for one in get_args(cmd.Command) if one is not cmd.EndSession]
    assert isinstance(cmd.Command, UnionType)
    assert cmd.SignalTarget in found
    return found


def plain(kind: type[msgspec.Struct]) -> dict[str, object]:
    """A command of this kind as a viewer may send it. No signal is sent, and no name is known."""
    values: dict[str, object] = {"command": kind.__struct_config__.tag}
    for field in msgspec.structs.fields(kind):
        inside = msgspec.inspect.type_info(field.type)
        if isinstance(inside, msgspec.inspect.LiteralType):
            values[field.name] = inside.values[0]
        elif isinstance(inside, msgspec.inspect.StrType):
            values[field.name] = "some.json" if field.name == "path" else "Thing"
        else:
            values[field.name] = 0 if field.name == "number" else 1
    return values


def odd(kind: type[msgspec.Struct]) -> Iterator[bytes]:
    """The same with each of its values replaced by odd ones, in turn, and without it."""
    good = plain(kind)
    for name in good:
        rest = {key: value for key, value in good.items() if key != name}
        yield json.dumps(rest).encode() + b"\n"
        for value in [*map(json.dumps, [*TEXTS, *NUMBERS]), *RAW]:
            yield f'{json.dumps(rest)[:-1]},"{name}":{value}}}\n'.encode()


class Asking:
    """A viewer that asks without end, and hears what comes meanwhile."""

    def __init__(self, path: Path) -> None:
        self.heard: list[ev.Event] = []
        self._lines = LineReader(event_decoder())
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(40)
        self._socket.connect(str(path))

    def ask(self, lines: bytes) -> None:
        """Send them; the daemon takes them as it comes to it."""
        sender = threading.Thread(target=self._socket.sendall, args=(lines,))
        sender.start()
        while sender.is_alive():
            self._hear()

    def _hear(self) -> None:
        self.heard += self._lines.feed(self._socket.recv(1 << 16))

    def mark(self, name: str) -> None:
        """Until all that was asked for before has been looked at."""
        self.ask(encode_line(cmd.Mark(name=name)))
        while not any(isinstance(one, ev.Marked) and one.name == name for one in self.heard):
            self._hear()

    def close(self) -> None:
        self._socket.close()


def ask_everything(bench: Bench, refwatch: int, wait: Callable[..., None]) -> Asking:
    """Every command, in every odd form, and each many times over."""
    os.mkfifo(bench.folder / "a_pipe")
    (bench.folder / "a_folder").mkdir()
    wait(lambda: any(bench.runtime.glob(f"refwatch/{refwatch}-*/viewer.sock")), "the session")
    (path,) = bench.runtime.glob(f"refwatch/{refwatch}-*/viewer.sock")
    viewer = Asking(path)
    for kind in commands():
        viewer.ask(b"".join(odd(kind)))
        viewer.mark(f"odd {kind.__name__}")
    viewer.ask(b"\xff\0\n[]\n{}\n" + b"x" * (3 << 20) + b"\n")
    for kind in commands():
        viewer.ask((json.dumps(plain(kind)) + "\n").encode() * OFTEN)
    viewer.mark("the last")
    return viewer


def test_of_a_program_without_a_ui(
    bench: Bench, wait_until: Callable[[Callable[[], object], str], None]
) -> None:
    running = bench.start_watched("-o", "snapshot.json", bench.script(WAITER))
    assert running.line() == "the target is ready"

    viewer = ask_everything(bench, running.pid, wait_until)
    (bench.folder / "go").touch()
    viewer.close()
    done = running.ended()

    assert (done.status, done.own_err) == (3, b"")
    assert bench.read_snapshot().target.exit_code == 3
    notes = [one.text for one in viewer.heard if isinstance(one, ev.Noted)]
    assert any("no terminal" in text for text in notes)
    assert not any("bug" in text for text in notes)


def test_of_a_program_with_a_ui(
    bench: Bench,
    open_terminal: Callable[..., Terminal],
    wait_until: Callable[[Callable[[], object], str], None],
) -> None:
    terminal = open_terminal("-o", "snapshot.json", bench.script(WAITER))
    terminal.wait("running")
    viewer = ask_everything(bench, terminal.pid, wait_until)
    viewer.close()
    (bench.folder / "go").touch()
    terminal.wait("exit 3")
    terminal.press("q")

    assert terminal.end() == 3
    assert terminal.restored
    assert bench.read_snapshot().target.exit_code == 3
