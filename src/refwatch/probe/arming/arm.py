"""Puts the probe into the environment of children that start a Python anew, and of no others."""

from __future__ import annotations

import os
import posix
import sys

from ..capi import ctypes, libc
from ..own_memory import WORD, Memory
from ..raw_access import FOLDER, namespace_of
from .executable import starts_python
from .redirect import NoRedirect, Redirect

TYPE_CHECKING = False  # typing itself would be one more module in the target
if TYPE_CHECKING:
    from collections.abc import Iterable

    Arguments = tuple[object, ...]
    Environment = dict[bytes, bytes]

_C_PART = "_posixsubprocess"
_was_loaded = _C_PART in sys.modules
import _posixsubprocess  # noqa: E402

fork_exec = _posixsubprocess.fork_exec
if not _was_loaded:  # the target finds it as unloaded as it was
    del sys.modules[_C_PART]
COMMAND, FILES, ENVIRONMENT = 0, 1, 5  # arguments of _posixsubprocess.fork_exec
MOST_VARIABLES, LONGEST_VARIABLE = 20_000, 1 << 17


class Arming:
    """Made before the target's first line. The children are to report to ``daemon``, a pid, on the
    socket at ``path``; ``wanted`` is what the command lines of those that are to be watched
    contain. ``reason`` says why none can be, if that is so."""

    def __init__(
        self, memory: Memory, daemon: int, path: str, allocations: str, wanted: str
    ) -> None:
        self.reason = ""
        self._memory = memory
        self._daemon, self._path = daemon, path
        self._inject = os.fsencode(f"{FOLDER}inject")
        self._allocations = allocations.encode()
        self._wanted = os.fsencode(wanted)
        self._environ = ctypes.c_void_p.in_dll(libc, "environ")
        self._redirect: Redirect | None = None
        try:
            status = os.stat("/proc/self/exe")
            self._own = status.st_dev, status.st_ino
            self._redirect = self._redirected(memory)
        except (NoRedirect, ImportError, OSError, ValueError, AttributeError) as error:
            self.reason = f"children that start Python anew are not watched: {error}"

    def _redirected(self, memory: Memory) -> Redirect:
        redirect = Redirect(memory)
        redirect.add("fork_exec", fork_exec, self._for_fork_exec)
        redirect.add("execve", posix.execve, self._with_mapping)
        redirect.add("execv", posix.execv, self._for_execv, "execve")
        redirect.add("posix_spawn", posix.posix_spawn, self._with_mapping)
        redirect.add("posix_spawnp", posix.posix_spawnp, self._with_mapping)
        redirect.begin()
        return redirect

    def end(self) -> None:
        """Nobody watches any more: leave the target's children alone."""
        if self._redirect is not None:
            self._redirect.end()
            self._redirect = None

    # What is called with which arguments

    def _for_fork_exec(self, given: Arguments) -> Arguments | None:
        command, files, environment = given[COMMAND], given[FILES], given[ENVIRONMENT]
        variables: Environment | None = None
        if environment is not None:
            if type(environment) is not list and type(environment) is not tuple:
                return None
            variables = _parsed(environment)
        armed = self._armed(command, files, variables)
        if armed is None:
            return None
        lines = [name + b"=" + value for name, value in armed.items()]
        return (*given[:ENVIRONMENT], lines, *given[ENVIRONMENT + 1 :])

    def _with_mapping(self, given: Arguments) -> Arguments | None:
        """Of the functions that take a file, a command and a mapping."""
        if len(given) < 3:
            return None
        file, command, environment = given[:3]
        variables = None if environment is None else _mapped(environment)
        if variables is None and environment is not None:
            return None
        armed = self._armed(command, (file,), variables)
        return None if armed is None else (file, command, armed, *given[3:])

    def _for_execv(self, given: Arguments) -> Arguments | None:
        """It has the environment that the C library knows, so it becomes an execve."""
        if len(given) != 2:
            return None
        armed = self._armed(given[1], (given[0],), None)
        return None if armed is None else (*given, armed)

    # The environment

    def _armed(
        self, command: object, files: object, variables: Environment | None
    ) -> Environment | None:
        """The environment with the probe in it; None if this is no Python that is to be watched.
        Without ``variables`` it has those of this process."""
        words, candidates = _encoded(command), _encoded(files)
        if not words or self._wanted not in b" ".join(words):
            return None
        if variables is None:
            variables = self._own_variables()
        if not starts_python(candidates, words, variables.get(b"PATH", b""), self._own):
            return None
        armed = dict(variables)
        before = armed.get(b"PYTHONPATH")
        if before is not None:
            armed[b"REFWATCH_PYTHONPATH"] = before
        armed[b"PYTHONPATH"] = self._inject + b":" + before if before else self._inject
        report = f"{self._daemon}:{os.getpid()}:{self._path}"
        armed[b"REFWATCH_PROBE"] = os.fsencode(report)
        armed[b"REFWATCH_CHILDREN"] = self._wanted
        if self._allocations:
            armed[b"REFWATCH_ALLOCATIONS"] = self._allocations
        return armed

    def _own_variables(self) -> Environment:
        """As the C library has them: environ(7)."""
        lines: list[bytes] = []
        address = int(self._environ.value or 0)
        while len(lines) < MOST_VARIABLES and (place := self._memory.word(address)):
            lines.append(self._text_at(place))
            address += WORD
        return _parsed(lines)

    def _text_at(self, address: int) -> bytes:
        text = b""
        while len(text) < LONGEST_VARIABLE:
            head, end, _ = self._memory.read(address + len(text), 512).partition(b"\0")
            text += head
            if end or not head:
                break
        return text


def _encoded(words: object) -> list[bytes]:
    """Arguments or paths as bytes; empty for what is none."""
    if type(words) is not list and type(words) is not tuple:
        return []
    found = [os.fsencode(word) if type(word) is str else word for word in words]
    return [word for word in found if type(word) is bytes]


def _parsed(lines: Iterable[object]) -> dict[bytes, bytes]:
    found: dict[bytes, bytes] = {}
    for line in lines:
        if type(line) is bytes:
            name, _, value = line.partition(b"=")
            found.setdefault(name, value)
    return found


def _mapped(environment: object) -> dict[bytes, bytes] | None:
    """A dict, or os.environ by the dict that it has; None for another mapping, whose code would
    be run."""
    if type(environment) is not dict:
        environment = (namespace_of(environment) or {}).get("_data")
        if type(environment) is not dict:
            return None
    found: dict[bytes, bytes] = {}
    for name, value in environment.items():
        pair = _encoded([name, value])
        if len(pair) != 2:
            return None
        found[pair[0]] = pair[1]
    return found
