"""The command line: which command, and where the target's own arguments begin."""

from __future__ import annotations

import math
import os
import sys
from typing import TYPE_CHECKING

import click

from refwatch import __version__
from refwatch.cli.errors import FAILED, USAGE, say
from refwatch.cli.python_options import split_options
from refwatch.cli.streams import fill_closed

if TYPE_CHECKING:
    from refwatch.wire.commands import Mode

PASSED = "--python-option"
COMMANDS = ("run", "attach", "replay", "doctor")
WITH_VALUE = {
    "-o", "--output", "--record", "--rate", "--duration", "--python", "--watch", "--watch-rate",
    "--census", "--alloc", "--frames", "--alloc-budget", PASSED,
}  # fmt: skip
TARGETS = ("-m", "-c")
MOST_FRAMES = 65_535  # more tracemalloc does not keep


class _Number(click.FloatRange):
    """A number in a range; the one that is no number is in none, and click lets it pass."""

    def convert(
        self, value: str | float, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        number = float(super().convert(value, param, ctx))  # type: ignore[arg-type]
        if math.isnan(number):
            self.fail(f"{value!r} is not a number.", param, ctx)
        return number


class _Whole(click.IntRange):
    """A whole number in a range, and a clear word where it is none."""

    def convert(
        self, value: str | int, param: click.Parameter | None, ctx: click.Context | None
    ) -> int:
        try:
            int(value)
        except ValueError:
            self.fail(f"{value!r} is not a whole number.", param, ctx)
        return int(super().convert(value, param, ctx))  # type: ignore[arg-type]


@click.group(
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    help="Show live who keeps a Python program's memory alive, and who makes its threads wait.\n\n"
    "refwatch [run] [OPTIONS] SCRIPT [ARGS..]  runs a script under watch. `refwatch run --help` "
    "shows the options.",
)
@click.version_option(__version__, message="refwatch %(version)s")
def cli() -> None:
    """The group; its commands follow."""


@cli.command(
    "run",
    context_settings={"ignore_unknown_options": False, "allow_interspersed_args": False},
    options_metavar="[OPTIONS]",
)
@click.option(
    "--headless",
    is_flag=True,
    help="No UI: the target keeps the terminal; a summary on stderr at the end.",
)
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    help="Write the snapshot (JSON) when the target ends; - is stdout.",
)
@click.option(
    "--record",
    metavar="FILE",
    help="Keep the events; `refwatch replay FILE` shows them again; - is stdout.",
)
@click.option(
    "--rate",
    type=_Number(1, 10_000),
    default=1000.0,
    show_default=True,
    metavar="HZ",
    help="Samples per second; lowered by itself where it would cost the machine too much.",
)
@click.option(
    "--duration",
    type=_Number(0, min_open=True),
    metavar="S",
    help="Stop watching after S seconds; the target goes on to its end.",
)
@click.option(
    "--python",
    metavar="EXE",
    help="Run the target with another interpreter (another virtual environment).",
)
@click.option(PASSED, "python_options", multiple=True, hidden=True)
@click.option(
    "--watch",
    multiple=True,
    metavar="PATH",
    help="Watch what pkg.mod.name.attr names, now or when it appears; may be given several times.",
)
@click.option(
    "--watch-rate",
    type=_Number(0, 10_000, min_open=True),
    metavar="HZ",
    help="Readings per second of the watched objects' references: 20, up to --rate.",
)
@click.option(
    "--census",
    type=click.Choice(["copy", "inside", "off"]),
    default="copy",
    show_default=True,
    help="Count the heap in a hidden copy of the target, in the target itself, or not at all.",
)
@click.option(
    "--alloc",
    type=click.Choice(["exact", "burst", "off"]),
    default="burst",
    show_default=True,
    help="See every allocation (by tracemalloc, at its price), some in windows of time, or none.",
)
@click.option(
    "--frames",
    type=_Whole(1, MOST_FRAMES),
    default=1,
    show_default=True,
    metavar="N",
    help="How deep the tracebacks of --alloc exact go.",
)
@click.option(
    "--alloc-budget",
    type=_Number(0, 100, min_open=True),
    default=3.0,
    show_default=True,
    metavar="PERCENT",
    help="How much of the target's time --alloc burst may cost.",
)
@click.option("--gc-pauses", is_flag=True, help="Time the target's garbage collections.")
@click.option("-m", "module", metavar="MODULE", help="Run a module, as python -m does.")
@click.option("-c", "code", metavar="CODE", help="Run a piece of code, as python -c does.")
@click.argument("arguments", nargs=-1, metavar="SCRIPT [ARGS]..", type=click.UNPROCESSED)
@click.pass_obj
def run_command(
    linked: bool,
    /,
    *,
    headless: bool,
    output: str | None,
    record: str | None,
    rate: float,
    duration: float | None,
    python: str | None,
    python_options: tuple[str, ...],
    watch: tuple[str, ...],
    watch_rate: float | None,
    census: str,
    alloc: Mode,
    frames: int,
    alloc_budget: float,
    gc_pauses: bool,
    module: str | None,
    code: str | None,
    arguments: tuple[str, ...],
) -> None:
    """Run SCRIPT, a module or a piece of code under watch.

    Everything after the target is the target's own. Without a terminal on stdout there is no UI.

    \b
    SCRIPT is
      a file, or a folder with a __main__.py;
      -, a program from stdin;
      a Python with its own options: python3.13 -X dev x.py;
      the name of a command in Python, where there is no such file: pytest -x. It is looked
      for beside the interpreter, then on PATH.

    \b
    The interpreter is the first of
      --python EXE;
      the Python that was named as the target, or that the first line of SCRIPT names (python3
      and env python3 without a folder stand for the next in this list);
      the active virtual environment's: VIRTUAL_ENV, or that of the python on PATH;
      the first python3 on PATH, where refwatch is installed for itself (pipx, uv tool, a link);
      refwatch's own.

    Python's own options -b -B -d -i -O -P -q -R -s -u -v -W -x -X are passed on to it. With -E, -I
    and -S nothing could be seen, and they are refused.
    """
    from refwatch.cli.fork import RunOptions
    from refwatch.cli.run import run_target
    from refwatch.cli.target import Wanted, check_paths, watch_rate_of

    check_paths(watch)
    options = RunOptions(
        headless,
        output,
        record,
        rate,
        duration,
        Wanted(python, python_options, linked),
        watch,
        watch_rate_of(rate, watch_rate),
        census,
        gc_pauses,
        alloc,
        frames,
        alloc_budget,
    )
    raise SystemExit(run_target(options, module, code, list(arguments)))


@cli.command("attach")
@click.argument("session", default="")
def attach_command(session: str) -> None:
    """Show the UI of a SESSION that goes on: to come back to it, or in another terminal.

    SESSION is its name, as refwatch tells it when it is left; the number or the script of it will
    do. It may be left out where there is only one.
    """
    from refwatch.cli.attach import attach

    raise SystemExit(attach(session))


@cli.command("replay")
@click.argument("file")
def replay_command(file: str) -> None:
    """Show a recording again, in the same UI."""
    from refwatch.cli.replay import replay

    raise SystemExit(replay(file))


@cli.command("doctor")
@click.option("--python", metavar="EXE", help="Ask about another interpreter.")
@click.pass_obj
def doctor_command(linked: bool, /, python: str | None) -> None:
    """Say what this machine and interpreter allow: one line per reading."""
    from refwatch.cli.doctor import doctor
    from refwatch.cli.target import Wanted

    raise SystemExit(doctor(Wanted(python, linked=linked)))


def split_target(arguments: list[str]) -> list[str]:
    """Put ``--`` where the target's own arguments begin: behind the value of ``-m`` or ``-c``, or
    before the script. ``run`` is put in front where no command is named, and options of Python's
    own are made values of one of ours."""
    if not arguments or (arguments[0] in ("-h", "--help", "--version") and len(arguments) == 1):
        return arguments or ["--help"]
    if arguments[0] in COMMANDS[1:]:
        return arguments
    rest = arguments[1:] if arguments[0] == "run" else arguments
    taken = ["run"]
    while rest:
        given, rest = split_options(rest)
        taken += [f"{PASSED}={word}" for word in given]
        word = rest[0] if rest else ""
        if word.startswith(TARGETS) and not word.startswith("--"):
            after = 2 if word in TARGETS else 1
            if after > len(rest):
                break  # its value is missing, which the parser says
            return [*taken, *rest[:after], "--", *rest[after:]]
        if word in ("", "-", "--") or not word.startswith("-"):
            break
        after = 2 if word in WITH_VALUE else 1
        taken, rest = taken + rest[:after], rest[after:]
    return taken + rest


def run(*, linked: bool) -> None:
    """Parse and run; a usage error is one line and status 2."""
    fill_closed()
    words = split_target(sys.argv[1:])
    try:
        cli.main(words, prog_name="refwatch", standalone_mode=False, obj=linked)
    except click.exceptions.Exit as done:
        sys.exit(done.exit_code)
    except click.ClickException as error:
        say(f"{error.format_message()} (refwatch run --help shows the options)")
        sys.exit(USAGE)
    except click.Abort:
        sys.exit(130)
    except OSError as error:  # a full disk, no more processes
        say(f"{error.filename or 'cannot go on'}: {error.strerror or error}")
        sys.exit(FAILED)
    finally:
        _flush_stdout()


def _flush_stdout() -> None:
    """What cannot be written now would be a traceback when the interpreter ends."""
    try:
        sys.stdout.flush()
    except OSError as error:
        say(f"cannot write to stdout: {error.strerror}")
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        sys.exit(FAILED)
