"""The command line: which command, and what it returns."""

from __future__ import annotations

import os
import sys

from refwatch.cli.errors import FAILED, say
from refwatch.cli.options import (
    COMPARE,
    DOCTOR,
    HELP,
    CompareOptions,
    DoctorOptions,
    is_option,
    read_run,
    refuse,
    take_option,
)
from refwatch.cli.streams import fill_closed

TYPE_CHECKING = False  # typing itself takes longer than all of this
if TYPE_CHECKING:
    from typing import NoReturn


def run(*, linked: bool) -> NoReturn:
    """Obey the command line, and end this process."""
    fill_closed()
    try:
        status = _command(sys.argv[1:], linked=linked)
    except SystemExit as done:
        status = done.code if isinstance(done.code, int) else FAILED
    except KeyboardInterrupt:
        status = 130
    except OSError as error:  # a full disk, no more processes
        say(f"{error.filename or 'cannot go on'}: {error.strerror or error}")
        status = FAILED
    status = _flush_stdout() or status
    os._exit(status)  # what an interpreter does at its end takes 10 ms, and nobody needs it


def _command(words: list[str], *, linked: bool) -> int:
    """Its exit status."""
    command, *rest = words or ["--help"]
    if command == "attach":
        return _attach(rest)
    if command == "replay":
        return _replay(rest)
    if command == "compare":
        return _compare(rest)
    if command == "doctor":
        return _doctor(rest, linked=linked)
    if words == ["--version"]:
        from refwatch import __version__

        return _show(f"refwatch {__version__}")
    if command in HELP and not rest:
        from refwatch.cli.usage import REFWATCH

        return _show(REFWATCH)
    options = read_run(rest if command == "run" else words, linked=linked)
    if options is None:
        from refwatch.cli.usage import RUN

        return _show(RUN)
    from refwatch.cli.run import run_target

    return run_target(options)


def _attach(words: list[str]) -> int:
    if words[:1] and words[0] in HELP:
        from refwatch.cli.usage import ATTACH

        return _show(ATTACH)
    if words[:1] and is_option(words[0]):
        take_option(words, {}, None)
    words = words[1:] if words[:1] == ["--"] else words
    if len(words) > 1:
        refuse("attach takes one SESSION")
    from refwatch.cli.attach import attach

    return attach(words[0] if words else "")


def _replay(words: list[str]) -> int:
    if words[:1] and words[0] in HELP:
        from refwatch.cli.usage import REPLAY

        return _show(REPLAY)
    if words[:1] and is_option(words[0]):
        take_option(words, {}, None)
    words = words[1:] if words[:1] == ["--"] else words
    if len(words) != 1:
        refuse("replay takes one FILE")
    from refwatch.cli.replay import replay

    return replay(words[0])


def _compare(words: list[str]) -> int:
    options = CompareOptions()
    while words:
        if words[0] in HELP:
            from refwatch.cli.usage import COMPARE as TEXT

            return _show(TEXT)
        if words[0] == "--":
            options.files += words[1:]
            break
        if is_option(words[0]):
            words = take_option(words, COMPARE, options)
        else:
            options.files.append(words[0])
            words = words[1:]
    if len(options.files) < 2:
        refuse("compare takes two FILEs or more", "compare")
    from refwatch.cli.compare import compare

    return compare(options.files, as_json=options.json)


def _doctor(words: list[str], *, linked: bool) -> int:
    options = DoctorOptions()
    while words:
        if words[0] in HELP:
            from refwatch.cli.usage import DOCTOR as TEXT

            return _show(TEXT)
        if not is_option(words[0]):
            refuse(f"doctor takes no argument {words[0]!r}")
        words = take_option(words, DOCTOR, options)
    from refwatch.cli.doctor import doctor
    from refwatch.cli.target import Wanted

    return doctor(Wanted(options.python, linked=linked))


def _show(text: str) -> int:
    print(text)
    return 0


def _flush_stdout() -> int:
    """A status where it cannot be written."""
    try:
        sys.stdout.flush()
    except OSError as error:
        say(f"cannot write to stdout: {error.strerror}")
        return FAILED
    return 0
