"""The options of the commands: how each is read, and what is refused.

Not by a library: those that read command lines take as long to load as all else that there is to do
before the target can start.
"""

from __future__ import annotations

import math
import os

from refwatch.cli.errors import USAGE, give_up
from refwatch.cli.python_options import split_options
from refwatch.cli.target import Wanted

TYPE_CHECKING = False  # typing itself takes longer than all of this
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import NoReturn

    from refwatch.wire.commands import Mode

    Reader = Callable[[str], object]

MOST_FRAMES = 65_535  # more tracemalloc does not keep
USUAL_WATCH_RATE = 20.0
HELP = ("-h", "--help")


class RunOptions:
    """What the command line of ``refwatch run`` says, under the names of its options."""

    def __init__(self, *, linked: bool = False) -> None:
        self.headless = False
        self.output: str | None = None
        self.record: str | None = None
        self.rate = 1000.0
        self.duration: float | None = None
        self.python: str | None = None
        self.python_options: list[str] = []
        """Those of Python's own that the target is to have."""
        self.watch: list[str] = []
        self.watch_rate: float | None = None
        self.census = "copy"
        self.alloc: Mode = "burst"
        self.frames = 1
        self.alloc_budget = 3.0
        """Percent."""
        self.children = ""
        """What the command lines of children that are to be watched contain."""
        self.no_children = False
        self.linked = linked
        """refwatch was called by a link from outside of its environment."""
        self.module: str | None = None
        self.code: str | None = None
        self.arguments: list[str] = []
        """The script and what is behind it, or what is behind the module or the code."""

    @property
    def wanted(self) -> Wanted:
        return Wanted(self.python, tuple(self.python_options), linked=self.linked)

    @property
    def with_ui(self) -> bool:
        return not self.headless and all(os.isatty(fd) for fd in (0, 1, 2))

    @property
    def wanted_children(self) -> str | None:
        """What the command lines of children that are to be watched contain; None: none is."""
        return None if self.no_children else self.children

    def readings_per_second(self) -> float:
        """Of watched objects."""
        return min(USUAL_WATCH_RATE, self.rate) if self.watch_rate is None else self.watch_rate


class DoctorOptions:
    """The same for ``refwatch doctor``."""

    def __init__(self) -> None:
        self.python: str | None = None


class CompareOptions:
    """The same for ``refwatch compare``."""

    def __init__(self) -> None:
        self.json = False
        self.files: list[str] = []


def _number(low: float, high: float = math.inf, *, above: bool = False) -> Reader:
    """A number in this range; ``above``: it is more than ``low``."""
    least = f"above {low:g}" if above else f"from {low:g}"
    said = f"a number {least}" + (f" to {high:g}" if high < math.inf else "")

    def read(word: str) -> float:
        try:
            number = float(word)
        except ValueError:
            raise ValueError(said) from None
        if low <= number <= high and not (above and number == low):
            return number
        raise ValueError(said)

    return read


def _whole(low: int, high: int) -> Reader:
    said = f"a whole number from {low} to {high}"

    def read(word: str) -> int:
        try:
            number = int(word)
        except ValueError:
            raise ValueError(said) from None
        if low <= number <= high:
            return number
        raise ValueError(said)

    return read


def _choice(*words: str) -> Reader:
    def read(word: str) -> str:
        if word in words:
            return word
        raise ValueError(f"one of {', '.join(words)}")

    return read


RUN: dict[str, Reader | None] = {
    "--headless": None,
    "--output": str,
    "--record": str,
    "--rate": _number(1, 10_000),
    "--duration": _number(0, above=True),
    "--python": str,
    "--watch": str,
    "--watch-rate": _number(0, 10_000, above=True),
    "--census": _choice("copy", "inside", "off"),
    "--alloc": _choice("exact", "burst", "off"),
    "--frames": _whole(1, MOST_FRAMES),
    "--alloc-budget": _number(0, 100, above=True),
    "--children": str,
    "--no-children": None,
}
"""How the value of each is read, which may raise ValueError with what it takes; None where it has
none."""
DOCTOR: dict[str, Reader | None] = {"--python": str}
COMPARE: dict[str, Reader | None] = {"--json": None}
SHORT = {"-o": "--output"}
TARGETS = {"-m": "module", "-c": "code"}


def read_run(words: list[str], *, linked: bool = False) -> RunOptions | None:
    """The options of ``refwatch run``; None where help is asked for. Behind the target everything
    is its own. Options of Python's own may stand among ours."""
    options, rest = RunOptions(linked=linked), words
    while rest:
        given, rest = split_options(rest)
        options.python_options += given
        word = rest[0] if rest else ""
        if word in HELP:
            return None
        target = TARGETS.get(word[:2])
        if target is not None:
            value, rest = _value_of(word[:2], word[2:] or None, rest[1:])
            setattr(options, target, value)
            break
        if not is_option(word):
            rest = rest[1:] if word == "--" else rest
            break
        rest = take_option(rest, RUN, options)
    options.arguments = rest
    _check(options)
    return options


def _check(options: RunOptions) -> None:
    if options.watch_rate is not None and options.watch_rate > options.rate:
        give_up(f"--watch-rate {options.watch_rate:g} is above --rate {options.rate:g}", USAGE)
    if options.children and options.no_children:
        give_up("--children and --no-children contradict each other", USAGE)
    for path in options.watch:
        if not all(word.isidentifier() for word in path.split(".")):
            give_up(f"--watch takes names with dots between, as in app.cache, not {path!r}", USAGE)


def is_option(word: str) -> bool:
    return word.startswith("-") and word not in ("-", "--")


def take_option(words: list[str], table: dict[str, Reader | None], into: object) -> list[str]:
    """Read the option that stands first, and its value, into the attribute of its name; return what
    is behind it. Gives up on what is none."""
    word, rest = words[0], words[1:]
    name, equals, text = word.partition("=")
    value = text if equals else None
    if not word.startswith("--"):
        name, value = SHORT.get(word[:2], word), word[2:] or None
    if name not in table:
        _refuse_unknown(name, table)
    attribute, read = name[2:].replace("-", "_"), table[name]
    if read is None:
        if value is not None:
            refuse(f"{name} takes no value")
        setattr(into, attribute, True)
        return rest
    value, rest = _value_of(name, value, rest)
    try:
        found = read(value)
    except ValueError as error:
        refuse(f"{name} takes {error}, not {value!r}")
    before = getattr(into, attribute)
    if isinstance(before, list):
        before.append(found)
    else:
        setattr(into, attribute, found)
    return rest


def _value_of(name: str, value: str | None, rest: list[str]) -> tuple[str, list[str]]:
    if value is not None:
        return value, rest
    if not rest:
        refuse(f"{name} needs a value")
    return rest[0], rest[1:]


def _refuse_unknown(name: str, table: dict[str, Reader | None]) -> NoReturn:
    from difflib import get_close_matches

    like = get_close_matches(name, [*table, "--help"], 1)
    refuse(f"no such option: {name}" + (f"; did you mean {like[0]}?" if like else ""))


def refuse(text: str, command: str = "run") -> NoReturn:
    """One line and status 2."""
    give_up(f"{text} (refwatch {command} --help shows the options)", USAGE)
