"""What ``--help`` shows."""

from __future__ import annotations

REFWATCH = """\
Usage: refwatch [run] [OPTIONS] SCRIPT [ARGS]..
       refwatch COMMAND ..

  Show live who keeps a Python program's memory alive, and who makes its
  threads wait.

Commands:
  run      Run SCRIPT, a module or a piece of code under watch, as it is done
           where no command is named. `refwatch run --help` shows the options.
  attach   Show the UI of a session that goes on.
  replay   Show a recording again, in the same UI.
  compare  Show the figures of snapshots side by side.
  doctor   Say what this machine and interpreter allow: one line per reading.

Options:
  --version   Show the version and exit.
  -h, --help  Show this message and exit."""

RUN = """\
Usage: refwatch run [OPTIONS] SCRIPT [ARGS]..

  Run SCRIPT, a module or a piece of code under watch.

  Everything after the target is the target's own. Without a terminal on
  stdout there is no UI.

  SCRIPT is
    a file, or a folder with a __main__.py;
    -, a program from stdin;
    a Python with its own options: python3.13 -X dev x.py;
    the name of a command in Python, where there is no such file: pytest -x.
    It is looked for beside the interpreter, then on PATH.

  The interpreter is the first of
    --python EXE;
    the Python that was named as the target, or that the first line of SCRIPT
    names (python3 and env python3 without a folder stand for the next in this
    list);
    the active virtual environment's: VIRTUAL_ENV, or that of the python on
    PATH;
    the first python3 on PATH, where refwatch is installed for itself (pipx,
    uv tool, a link);
    refwatch's own.

  Python's own options -b -B -d -i -O -P -q -R -s -u -v -W -x -X are passed on
  to it. With -E, -I and -S nothing could be seen, and they are refused.

Options:
  --headless                  No UI: the target keeps the terminal; a summary
                              on stderr at the end.
  -o, --output FILE           Write the snapshot (JSON) when the target ends;
                              - is stdout.
  --record FILE               Keep the events; `refwatch replay FILE` shows
                              them again; - is stdout.
  --rate HZ                   Samples per second, 1 to 10000; lowered by itself
                              where it would cost the machine too much.
                              [default: 1000]
  --duration S                Stop watching after S seconds; the target goes
                              on to its end.
  --python EXE                Run the target with another interpreter (another
                              virtual environment).
  --watch PATH                Watch what pkg.mod.name.attr names, now or when
                              it appears; may be given several times.
  --watch-rate HZ             Readings per second of the watched objects'
                              references: 20, up to --rate.
  --census [copy|inside|off]  Count the heap in a hidden copy of the target,
                              in the target itself, or not at all.
                              [default: copy]
  --alloc [exact|burst|off]   See every allocation (by tracemalloc, at its
                              price), some in windows of time, or none.
                              [default: burst]
  --frames N                  How deep the tracebacks of --alloc exact go.
                              [default: 1]
  --alloc-budget PERCENT      How much of the target's time --alloc burst may
                              cost. [default: 3]
  --children TEXT             Of the children that are Python, watch those whose
                              command line contains TEXT. [default: all]
  --no-children               Watch none of them.
  -m MODULE                   Run a module, as python -m does.
  -c CODE                     Run a piece of code, as python -c does.
  -h, --help                  Show this message and exit."""

ATTACH = """\
Usage: refwatch attach [SESSION]

  Show the UI of a session that goes on: to come back to it, or in another
  terminal.

  SESSION is its name, as refwatch tells it when it is left; the number or the
  script of it will do. It may be left out where there is only one.

Options:
  -h, --help  Show this message and exit."""

REPLAY = """\
Usage: refwatch replay FILE

  Show a recording again, in the same UI.

Options:
  -h, --help  Show this message and exit."""

COMPARE = """\
Usage: refwatch compare [OPTIONS] FILE FILE..

  Show the figures of two snapshots or more side by side, and their change
  against the first: times, memory, the GIL, refwatch's own cost.

Options:
  --json      Print JSON.
  -h, --help  Show this message and exit."""

DOCTOR = """\
Usage: refwatch doctor [OPTIONS]

  Say what this machine and interpreter allow: one line per reading.

Options:
  --python EXE  Ask about another interpreter.
  -h, --help    Show this message and exit."""
