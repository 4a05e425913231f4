"""How the target is started: the real interpreter, with the probe put before its first line."""

from __future__ import annotations

import os
import signal

OLDEST = (3, 11)
_ASK = (
    "import sys, platform; "
    "sys.stdout.write('%s %d %d' % (platform.python_implementation(), "
    "sys.version_info[0], sys.version_info[1]))"
)
# What an interpreter ignores from its parent on, and a plain shell would have given it as default.
DEFAULT_SIGNALS = [signal.SIGPIPE, signal.SIGXFSZ]
# On a terminal of ours too what the launcher ignores itself, so that it outlives the viewer's.
TERMINAL_SIGNALS = [*DEFAULT_SIGNALS, signal.SIGINT]


class TargetError(Exception):
    """The target can't be started; the text is one sentence."""


def _working_directory() -> str:
    """As the kernel has it where the folder itself is gone, which is no reason not to run."""
    try:
        return os.getcwd()
    except OSError:
        pass
    try:
        return os.readlink("/proc/self/cwd")
    except OSError:
        return ""


class TargetSpec:
    """What to run: ``arguments`` is what stands behind the interpreter, ``[script, args..]``,
    ``["-m", module, ..]`` or ``["-c", code, ..]``. ``allocations`` says what the
    probe is to see of them from the start: ``burst``, or ``exact:`` and how deep tracebacks go."""

    def __init__(
        self, executable: str, arguments: list[str], label: str, *, script: str = ""
    ) -> None:
        self.executable = executable
        self.arguments = arguments
        self.label = label
        self.cwd = _working_directory()
        self.allocations = ""
        self.children: str | None = ""
        """What the command lines of children that are to be watched contain; None: none is."""
        self.script = script
        """The file to run; empty for a module, a piece of code and the like."""

    @property
    def argv(self) -> list[str]:
        return [self.executable, *self.arguments]

    def environment(self, daemon_pid: int, probe_path: str) -> dict[str, str]:
        """The environment in which the probe starts; the probe takes all of it out again. To be
        called in the process that will be the target's parent."""
        environment = dict(os.environ)
        package = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))
        inject = os.path.join(package, "probe", "inject")
        own = environment.get("PYTHONPATH")
        if own is not None:
            environment["REFWATCH_PYTHONPATH"] = own
        environment["PYTHONPATH"] = inject + os.pathsep + own if own else inject
        environment["REFWATCH_PROBE"] = f"{daemon_pid}:{os.getpid()}:{probe_path}"
        if self.children is not None:
            environment["REFWATCH_CHILDREN"] = self.children
        if self.allocations:
            environment["REFWATCH_ALLOCATIONS"] = self.allocations
        return environment


def check_interpreter(executable: str) -> None:
    """Raise TargetError unless ``executable`` is a CPython that refwatch can watch."""
    import subprocess  # only --python needs it

    try:
        done = subprocess.run(
            [executable, "-E", "-S", "-c", _ASK],
            capture_output=True,
            timeout=20,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    except FileNotFoundError as error:
        raise TargetError(f"no such interpreter: {executable}") from error
    except PermissionError as error:
        raise TargetError(f"{executable} is not executable") from error
    except OSError as error:
        raise TargetError(f"{executable} can't be run: {error.strerror}") from error
    except subprocess.TimeoutExpired as error:
        raise TargetError(f"{executable} does not answer as a Python interpreter") from error
    words = done.stdout.decode("utf-8", "replace").split()
    if done.returncode != 0 or len(words) != 3 or not (words[1] + words[2]).isdigit():
        raise TargetError(f"{executable} does not answer as a Python interpreter")
    version = (int(words[1]), int(words[2]))
    if words[0] != "CPython":
        raise TargetError(f"{executable} is {words[0]}; refwatch watches CPython")
    if version < OLDEST:
        raise TargetError(
            f"{executable} is CPython {version[0]}.{version[1]}; refwatch needs 3.11 or newer"
        )
