"""The target's parent: starts it, passes signals on, and knows its exit status.

Without a terminal UI this is the user's own refwatch process, in the foreground; with one it is a
small process of its own that also holds the target's pseudo-terminal. Either way it outlives the
daemon: when that is killed, the target runs on to its right end.
"""

from __future__ import annotations

import codecs
import contextlib
import datetime as dt
import fcntl
import os
import select
import signal
import socket
import struct
import termios
import time

from refwatch.daemon.target import DEFAULT_SIGNALS, TERMINAL_SIGNALS, TargetError, TargetSpec

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


def reap_copies(kept: int) -> None:
    """Wait for hidden copies of the target that have ended: they are children of this process too.
    Process ``kept`` is somebody else's to wait for."""
    if not hasattr(os, "waitid"):
        return
    while True:
        try:
            ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        except ChildProcessError:
            return
        if ended is None or ended.si_pid == kept:
            return
        os.waitpid(ended.si_pid, os.WNOHANG)


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
        try:
            self.link.sendall(data, socket.MSG_NOSIGNAL)
        except OSError:
            self.gone = True


class Launcher:
    """Starts one target. ``daemon_pid`` is the process that will look at it."""

    def __init__(
        self, spec: TargetSpec, probe_path: str, daemon_pid: int, link: socket.socket
    ) -> None:
        self.spec = spec
        self.pid = 0
        self._daemon_pid = daemon_pid
        self._environment = spec.environment(daemon_pid, probe_path)
        self._reporter = Reporter(link)
        self._mask = signal.pthread_sigmask(signal.SIG_BLOCK, [])  # the target's is as it was
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # ignored, it would hide the exit status

    def _spawn(self, terminal: str | None) -> None:
        actions: list[tuple[int, int, str, int, int] | tuple[int, int, int]] = []
        if terminal is not None:
            actions = [(os.POSIX_SPAWN_OPEN, 0, terminal, os.O_RDWR, 0)]
            actions += [(os.POSIX_SPAWN_DUP2, 0, 1), (os.POSIX_SPAWN_DUP2, 0, 2)]
        started = time.monotonic()
        now = dt.datetime.now(dt.UTC).isoformat().replace("+00:00", "Z")
        try:
            self.pid = os.posix_spawn(
                self.spec.executable,
                self.spec.argv,
                self._environment,
                file_actions=actions,
                setsigmask=self._mask,
                setsigdef=DEFAULT_SIGNALS if terminal is None else TERMINAL_SIGNALS,
                setsid=terminal is not None,
            )
        except OSError as error:
            raise TargetError(f"{self.spec.executable}: {error.strerror}") from error
        self._reporter.send(
            "launched",
            pid=self.pid,
            ppid=os.getpid(),
            monotonic_s=started,
            started_at=now,
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
                reap_copies(self._daemon_pid)
            elif not from_terminal:
                # The terminal sends to the whole group, so the target has had it already.
                with contextlib.suppress(ProcessLookupError):
                    os.kill(self.pid, number)
        code = shell_status(status)
        self._reporter.send("ended", exit_code=code)
        return code

    def run_on_terminal(self, rows: int, columns: int, status_fd: int) -> None:
        """Start it on a pseudo-terminal of that size and carry its output and input. Writes
        ``pid N`` and ``exit N`` lines to ``status_fd``, or ``error TEXT``."""
        master, slave = os.openpty()
        set_size(master, rows, columns)
        try:
            self._spawn(os.ttyname(slave))
        except TargetError as error:
            _say(status_fd, f"error {error}")
            return
        os.close(slave)
        _say(status_fd, f"pid {self.pid}")
        code = Terminal(master, self.pid, self._reporter).carry()
        self._reporter.send("ended", exit_code=code)
        _say(status_fd, f"exit {code}")


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


def _wake_on_child_signal() -> int:
    """A descriptor that becomes readable with every SIGCHLD, and is already: one may have come."""
    read_end, write_end = os.pipe()
    os.set_blocking(write_end, False)
    os.write(write_end, b"c")
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(write_end, warn_on_full_buffer=False)
    return read_end


class Terminal:
    """Carries bytes between the target's pseudo-terminal and the daemon until the target ends."""

    def __init__(self, master: int, pid: int, reporter: Reporter) -> None:
        self._master = master
        self._pid = pid
        self._reporter = reporter
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._commands = b""
        self._input = b""
        self._ended = _wake_on_child_signal()

    def carry(self) -> int:
        """Return the target's exit status."""
        os.set_blocking(self._master, False)
        poll = select.poll()
        poll.register(self._master, select.POLLIN)
        poll.register(self._ended, select.POLLIN)
        poll.register(self._reporter.link, select.POLLIN)
        while True:
            poll.modify(self._master, select.POLLIN | (select.POLLOUT if self._input else 0))
            ready = dict(poll.poll())
            if self._reporter.link.fileno() in ready and not self._take_commands():
                poll.unregister(self._reporter.link)
            if ready.get(self._master, 0) & select.POLLOUT:
                self._type()
            if ready.get(self._master, 0) & ~select.POLLOUT and not self._take_output():
                poll.modify(self._master, 0)  # closed by the target, which may go on
                time.sleep(0.02)
            if self._ended in ready:
                os.read(self._ended, 64)
                pid, status = os.waitpid(self._pid, os.WNOHANG)
                if pid:
                    break
                reap_copies(self._pid)
        while self._take_output():
            pass
        return shell_status(status)

    def _take_output(self) -> bool:
        try:
            data = os.read(self._master, 65536)
        except BlockingIOError:
            return False
        except OSError:  # EIO: no process has the terminal open
            return False
        text = self._decoder.decode(data)
        if text and not self._reporter.gone:
            self._reporter.send("wrote", data=text)
        return bool(data)

    def _type(self) -> None:
        try:
            self._input = self._input[os.write(self._master, self._input) :]
        except BlockingIOError:
            pass
        except OSError:
            self._input = b""

    def _take_commands(self) -> bool:
        """Obey the daemon; False when it is gone."""
        import json

        try:
            data = self._reporter.link.recv(65536)
        except OSError:
            data = b""
        *lines, self._commands = (self._commands + data).split(b"\n")
        for line in lines:
            self._obey(json.loads(line))
        return bool(data)

    def _obey(self, command: dict[str, object]) -> None:
        kind = command.get("command")
        if kind == "type_input":
            self._input += str(command["data"]).encode()
        elif kind == "resize_terminal":
            set_size(self._master, int(str(command["rows"])), int(str(command["columns"])))
        elif kind == "signal_target":
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._pid, int(str(command["number"])))
