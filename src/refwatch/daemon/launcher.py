"""The target's parent: starts it, passes signals on, and knows its exit status.

Without a terminal UI this is the user's own refwatch process, in the foreground; with one it is a
small process of its own that also holds the target's pseudo-terminal. Either way it outlives the
daemon: when that is killed, the target runs on to its right end.
"""

from __future__ import annotations

import codecs
import contextlib
import fcntl
import os
import select
import signal
import socket
import struct
import termios
import time

from refwatch.daemon.last_words import LastWords, hear
from refwatch.daemon.target import DEFAULT_SIGNALS, TERMINAL_SIGNALS, TargetError, TargetSpec
from refwatch.target.proc import children_of, is_copy
from refwatch.wire.line_buffer import LineBuffer, LineTooLongError

TYPE_CHECKING = False  # typing itself takes longer than all of this
if TYPE_CHECKING:
    from refwatch.wire.files import Output

HANGS_S = 5.0  # for the daemon to take what it is told
MOST_INPUT = 16 << 20  # bytes that are kept for a target that does not read
TERM = "xterm-256color"  # what the viewer's terminal does, it does as that one
MOST_OUTPUT = 64 << 10  # bytes that are passed on at once
TYPED_AT_ONCE = 4096  # bytes; a terminal takes no more at a time
SI_KERNEL = 128  # siginfo_t.si_code of a signal that the terminal sent to the whole group
PASSED_ON = {
    signal.SIGINT,
    signal.SIGTERM,
    signal.SIGHUP,
    signal.SIGQUIT,
    signal.SIGUSR1,
    signal.SIGUSR2,
    signal.SIGALRM,
}


def shell_status(wait_status: int) -> int:
    """The exit status as a shell has it: 128+N for signal N."""
    code = os.waitstatus_to_exitcode(wait_status)
    return 128 - code if code < 0 else code


def reap_copies(*kept: int) -> None:
    """Wait for hidden copies of the target that have ended: they are children of this process too.
    Those that are ``kept``, the target among them, are somebody else's to wait for."""
    if not hasattr(os, "waitid"):
        return
    while True:
        try:
            ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        except ChildProcessError:
            return
        if ended is None or ended.si_pid in kept:
            return
        os.waitpid(ended.si_pid, os.WNOHANG)


def _is_over(child: int) -> bool:
    """Whether this child has ended; it is left for somebody else to wait for."""
    if not hasattr(os, "waitid"):
        return False
    try:
        return os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
    except ChildProcessError:
        return True


def _end_copies() -> None:
    """Kill the hidden copies that are children of this process: nobody listens to them any more."""
    for pid in children_of(os.getpid()):
        if is_copy(pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def _text(name: str) -> str:
    """A name with bytes that are no text written with a backslash, as the wire has them."""
    return name.encode("utf-8", "backslashreplace").decode()


class Reporter:
    """The launcher's end of its link to the daemon. A daemon that is gone is no error.

    The daemon needs ``msgspec``; here the lines are made by the standard library, so that the
    target need not wait for an import.
    """

    def __init__(self, link: socket.socket) -> None:
        self.link = link
        self.gone = False

    def send(self, kind: str, **fields: object) -> None:
        import json

        data = json.dumps({"launch": kind, **fields}).encode() + b"\n"
        if self.gone:
            return
        self.link.settimeout(HANGS_S)  # one that hangs must not hold the target up for ever
        try:
            self.link.sendall(data, socket.MSG_NOSIGNAL)
        except OSError:
            self.gone = True
            with contextlib.suppress(OSError):
                self.link.shutdown(socket.SHUT_WR)  # half a line has no other half


class Launcher:
    """Starts one target. ``daemon_pid`` is the process that will look at it, ``output`` where the
    snapshot is to go."""

    def __init__(
        self,
        spec: TargetSpec,
        probe_path: str,
        daemon_pid: int,
        link: socket.socket,
        output: Output | None = None,
    ) -> None:
        self.spec = spec
        self.pid = 0
        self._daemon_pid = daemon_pid
        self._environment = spec.environment(daemon_pid, probe_path)
        self._output = output
        self._reporter = Reporter(link)
        self._mask = signal.pthread_sigmask(signal.SIG_BLOCK, [])  # the target's is as it was
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # ignored, it would hide the exit status

    def _spawn(self, terminal: str | None) -> None:
        actions: list[tuple[int, int, str, int, int] | tuple[int, int, int]] = []
        environment = self._environment
        if terminal is not None:
            stale = {"LINES", "COLUMNS"}  # of the user's terminal
            environment = {k: v for k, v in environment.items() if k not in stale} | {"TERM": TERM}
            actions = [(os.POSIX_SPAWN_OPEN, 0, terminal, os.O_RDWR, 0)]
            actions += [(os.POSIX_SPAWN_DUP2, 0, 1), (os.POSIX_SPAWN_DUP2, 0, 2)]
        started, now = time.monotonic(), time.time()
        try:
            self.pid = os.posix_spawn(
                self.spec.executable,
                self.spec.argv,
                environment,
                file_actions=actions,
                setsigmask=self._mask,
                setsigdef=DEFAULT_SIGNALS if terminal is None else TERMINAL_SIGNALS,
                setsid=terminal is not None,
            )
        except OSError as error:
            raise TargetError(f"{self.spec.executable}: {error.strerror}") from error
        import datetime as dt  # the target is on its way

        moment = dt.datetime.fromtimestamp(now, dt.UTC)
        self._reporter.send(
            "launched",
            pid=self.pid,
            ppid=os.getpid(),
            monotonic_s=started,
            started_at=moment.isoformat().replace("+00:00", "Z"),
            argv=[_text(word) for word in self.spec.argv],
            executable=_text(self.spec.executable),
            cwd=_text(self.spec.cwd),
            terminal=terminal is not None,
        )

    def run_in_foreground(self) -> int:
        """Start it on this process's own terminal; return its exit status. Raises TargetError."""
        waited = {*PASSED_ON, signal.SIGCHLD}
        signal.pthread_sigmask(signal.SIG_BLOCK, waited)
        self._spawn(None)
        while True:
            number, from_terminal = _next_signal(waited)
            if number == signal.SIGCHLD:
                pid, status = os.waitpid(self.pid, os.WNOHANG)
                if pid:
                    break
                reap_copies(self.pid, self._daemon_pid)  # it may have ended since
                if _is_over(self._daemon_pid):
                    _end_copies()
            elif not from_terminal:
                # The terminal sends to the whole group, so the target has had it already.
                self._pass_on(number)
            elif number == signal.SIGHUP and os.getsid(0) == os.getpid():
                # But one that is closed tells the leader of its session alone (tty_io.c).
                self._pass_on(number)
                self._pass_on(signal.SIGCONT)
        code = shell_status(status)
        self._reporter.send("ended", exit_code=code)
        return code

    def _pass_on(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, number)

    def last_words(self, heard: bytes = b"") -> LastWords:
        """What the daemon has to say when the target has ended. Delivers what it has left."""
        words = hear(self._reporter.link, self._daemon_pid, heard)
        if self._output is None:
            return words
        if words.trouble:
            self._output.remove_unfinished(self._daemon_pid)
        from refwatch.wire.files import ExportError

        # Whoever reads it may take his time, and the user must be able to end this.
        signal.pthread_sigmask(signal.SIG_SETMASK, self._mask)
        try:
            self._output.deliver()
        except ExportError as error:
            words.lines.append(f"refwatch: {error}")
            words.failed = True
        return words

    def run_on_terminal(self, rows: int, columns: int, status_fd: int) -> None:
        """Start it on a pseudo-terminal of that size and carry its output and input. Writes
        ``pid N`` and ``exit N`` lines to ``status_fd``, or ``error TEXT``, and behind the last
        ``say TEXT``, ``line TEXT`` and ``failed`` as the daemon's last words have it."""
        master, slave = os.openpty()
        set_size(master, rows, columns)
        woken = _wake_on_signals()
        try:
            self._spawn(os.ttyname(slave))
        except TargetError as error:
            _say(status_fd, f"error {error}")
            return
        os.close(slave)
        self._reporter.send("sized", rows=rows, columns=columns)
        _say(status_fd, f"pid {self.pid}")
        terminal = PseudoTerminal(master, self.pid, self._reporter, woken)
        code = terminal.carry()
        self._reporter.send("ended", exit_code=code)
        _say(status_fd, f"exit {code}")
        words = self.last_words(terminal.heard)
        if words.trouble:
            _say(status_fd, f"say {words.trouble}")
        for line in words.lines:
            _say(status_fd, f"line {line}")
        if words.failed:
            _say(status_fd, "failed")


def _next_signal(waited: set[signal.Signals]) -> tuple[int, bool]:
    """The next of these signals, and whether the terminal has sent it."""
    if hasattr(signal, "sigwaitinfo"):
        info = signal.sigwaitinfo(waited)
        return info.si_signo, info.si_code == SI_KERNEL
    number = signal.sigwait(waited)  # macOS doesn't say who sent it
    return number, number in (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP)


def _say(fd: int, line: str) -> None:
    with contextlib.suppress(OSError):  # the viewer has left
        os.write(fd, line.encode() + b"\n")


def set_size(terminal: int, rows: int, columns: int) -> None:
    """TIOCSWINSZ of ioctl_tty(2)."""
    size = struct.pack("HHHH", max(rows, 1), max(columns, 1), 0, 0)
    with contextlib.suppress(OSError):
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, size)


def _wake_on_signals() -> int:
    """A descriptor by which SIGCHLD and SIGHUP come, as bytes with their numbers."""
    read_end, write_end = os.pipe()
    os.set_blocking(write_end, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:  # as nohup has it
        signal.signal(signal.SIGHUP, lambda *_: None)
    signal.set_wakeup_fd(write_end, warn_on_full_buffer=False)
    return read_end


class PseudoTerminal:
    """Carries bytes between the target's pseudo-terminal and the daemon until the target ends."""

    def __init__(self, master: int, pid: int, reporter: Reporter, woken: int) -> None:
        self._master = master
        self._pid = pid
        self._reporter = reporter
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self.heard = b""
        """What the daemon has said that was no command yet: its last words may come early."""
        self._commands = LineBuffer()
        self._input = bytearray()
        self._woken = woken

    def carry(self) -> int:
        """Return the target's exit status."""
        os.set_blocking(self._master, False)
        poll = select.poll()
        poll.register(self._master, select.POLLIN)
        poll.register(self._woken, select.POLLIN)
        poll.register(self._reporter.link, select.POLLIN)
        while True:
            if self._master >= 0:
                poll.modify(self._master, select.POLLIN | (select.POLLOUT if self._input else 0))
            ready = dict(poll.poll())
            if self._reporter.link.fileno() in ready and not self._take_commands():
                poll.unregister(self._reporter.link)
                _end_copies()
            if ready.get(self._master, 0) & select.POLLOUT:
                self._type()
            if ready.get(self._master, 0) & ~select.POLLOUT and not self._take_output():
                poll.modify(self._master, 0)  # closed by the target, which may go on
                time.sleep(0.02)
            if self._woken in ready:
                if signal.SIGHUP in os.read(self._woken, 64):
                    self._hang_up(poll)
                pid, status = os.waitpid(self._pid, os.WNOHANG)
                if pid:
                    break
                reap_copies(self._pid)
        while self._take_output():
            pass
        self.heard += self._commands.begun
        return shell_status(status)

    def _hang_up(self, poll: select.poll) -> None:
        """The user's terminal is gone, and so is the target's: the kernel sends it SIGHUP."""
        if self._master >= 0:
            self._take_output()
            poll.unregister(self._master)
            os.close(self._master)
            self._master = -1

    def _take_output(self) -> bool:
        """Pass on what has been written; False when nothing came. A read gives 4 KiB at most."""
        data = b""
        while len(data) < MOST_OUTPUT:
            try:
                piece = os.read(self._master, 65536)
            except OSError:  # no more for now; or EIO: no process has the terminal open
                break
            if not piece:
                break
            data += piece
        text = self._decoder.decode(data)
        if text and not self._reporter.gone:
            self._reporter.send("wrote", data=text)
        return bool(data)

    def _resize(self, rows: int, columns: int) -> None:
        if os.get_terminal_size(self._master) != (columns, rows):
            self._take_output()  # as far as it has come, it was written to the old size
            set_size(self._master, rows, columns)
            self._reporter.send("sized", rows=rows, columns=columns)

    def _type(self) -> None:
        try:
            del self._input[: os.write(self._master, self._input[:TYPED_AT_ONCE])]
        except BlockingIOError:
            pass
        except OSError:
            self._input.clear()

    def _take_commands(self) -> bool:
        """Obey the daemon; False when it is gone."""
        import json

        try:
            data = self._reporter.link.recv(65536)
            lines = self._commands.feed(data)
        except OSError:
            data, lines = b"", []
        except LineTooLongError:  # one that says that is no daemon any more
            data, lines = b"", []
            self._reporter.link.shutdown(socket.SHUT_RDWR)
        for line in lines:
            command = json.loads(line)
            if "command" in command:
                self._obey(command)
            else:
                self.heard += line + b"\n"
        return bool(data)

    def _obey(self, command: dict[str, object]) -> None:
        kind = command.get("command")
        if kind == "type_input":
            typed = str(command["data"]).encode()
            self._input += typed[: MOST_INPUT - len(self._input)]
        elif kind == "resize_terminal" and self._master >= 0:
            self._resize(int(str(command["rows"])), int(str(command["columns"])))
        elif kind == "signal_target":
            with contextlib.suppress(OSError):  # it has just ended, or there is no such signal
                os.kill(self._pid, int(str(command["number"])))
