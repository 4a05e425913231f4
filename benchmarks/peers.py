"""The same programs under refwatch, py-spy and the sampling profiler of CPython 3.15.

    python benchmarks/peers.py [--python EXE] [--rounds 3] [--scale 1.0] [--only PROGRAM ..]
                               [--without TOOL ..] [--markdown FILE] [--json FILE]

For each program two tables. The first has the ten functions that had most time by the tools
together, and the share of each, its callees aside, of all that the tool has counted; beside it what
the program's own clock says (`time.thread_time` around the call) as a share of the process's CPU
time. The second has what each tool does to the throughput: of each round the items per second under
the tool divided by those of a bare run of the same round, the order turned round from one round to
the next; the median, the smallest and the largest.

py-spy is looked for beside the interpreter that runs this script (`make peers` installs it). The
programs run by `--python`; the sampling profiler is part of it from 3.15 on, and where it is older
that tool is left out.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path

import msgspec

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from benchmarks.common import (
    HERE,
    BenchmarkError,
    Run,
    machine,
    refwatch_command,
    run,
    table,
    write_json,
)

from refwatch.export.schema_types import Snapshot, StackNode
from refwatch.readings.threads.states import ThreadState

PROGRAMS = {"web_server": "requests", "array_pipeline": "blocks", "mixed_pool": "tasks"}
LOAD = {"web_server": "web_load"}
"""Programs whose load comes from another process, and that."""
TOOLS = ("refwatch", "py-spy", "profiling.sampling")
RUNNING = (ThreadState.GIL_HELD, ThreadState.NATIVE)
MOST = 10
OUTPUT = "output"  # the file of a run's folder that its tool writes

Shares = dict[str, float]
"""Function -> its part of all that was counted, itself alone."""


@dataclass(frozen=True)
class Way:
    """A way to run a program: what stands before its name, given the interpreter and a file for
    what the tool writes; and how to read that: title of a column -> (function -> weight)."""

    name: str
    command: Callable[[str, Path], list[str]]
    read: Callable[[Path], dict[str, Counter[str]]]


def place(function: str, file: str, program: str) -> str:
    """A function's name in the tables; with its file where that is not the program's own."""
    name = Path(file).name
    return function if name == f"{program}.py" else f"{function} ({name})"


def refwatch_way(program: str) -> Way:
    def command(python: str, output: Path) -> list[str]:
        return [*refwatch_command(), "--headless", "--python", python, "-o", str(output)]

    def read(output: Path) -> dict[str, Counter[str]]:
        snapshot = msgspec.json.decode(output.read_bytes(), type=Snapshot)
        stacks = snapshot.processes[0].stacks
        if stacks is None:
            raise BenchmarkError("no stacks in refwatch's snapshot")
        on_cpu, with_gil = Counter[str](), Counter[str]()
        for node in nodes(stacks.children):
            name = place(node.function, node.file, program)
            on_cpu[name] += sum(node.own.get(state, 0.0) for state in RUNNING)  # type: ignore[assignment]
            with_gil[name] += node.own.get(ThreadState.GIL_HELD, 0.0)  # type: ignore[assignment]
        return {"refwatch: on a CPU": on_cpu, "refwatch: gil_held": with_gil}

    return Way("refwatch", command, read)


def nodes(children: Iterable[StackNode]) -> Iterable[StackNode]:
    for node in children:
        yield node
        yield from nodes(node.children)


def py_spy_way(program: str, *options: str) -> Way:
    name = " ".join(["py-spy", *options])

    def command(python: str, output: Path) -> list[str]:
        tool = str(Path(sys.executable).parent / "py-spy")
        return [tool, "record", *options, "-f", "raw", "-o", str(output), "--", python]

    def read(output: Path) -> dict[str, Counter[str]]:
        return {name: folded(output, lambda frame: py_spy_place(frame, program))}

    return Way(name, command, read)


def py_spy_place(frame: str, program: str) -> str:
    """`function (path:line)`; of a thread without frames nothing."""
    function, _, where = frame.rpartition(" (")
    if not function:
        return frame or "(no frames)"
    return place(function, where.rpartition(":")[0], program)


def sampling_way(program: str, mode: str) -> Way:
    name = f"sampling --mode {mode}"

    def command(python: str, output: Path) -> list[str]:
        words = ["run", "-a", "--mode", mode, "--collapsed", "-o", str(output)]
        return [python, "-m", "profiling.sampling", *words]

    def read(output: Path) -> dict[str, Counter[str]]:
        return {name: folded(output, lambda frame: sampling_place(frame, program))}

    return Way(name, command, read)


def sampling_place(frame: str, program: str) -> str:
    """`file:function:line`, of frames that are no function only that: `<GC>`."""
    words = frame.split(":")
    return place(words[-2], ":".join(words[:-2]), program) if len(words) > 2 else frame


def folded(output: Path, name_of: Callable[[str], str]) -> Counter[str]:
    """Samples by the innermost function, of lines `frame;frame;frame count`."""
    found = Counter[str]()
    for line in output.read_text(encoding="utf-8", errors="replace").splitlines():
        stack, _, count = line.rpartition(" ")
        found[name_of(stack.rpartition(";")[2])] += int(count)
    return found


BARE = Way("bare", lambda python, _: [python], lambda _: {})


@dataclass
class Measured:
    """The runs of one program."""

    per_s: defaultdict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    """Way -> items per second, of each round."""
    weights: defaultdict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    """Column -> function -> what the tool has counted in all rounds."""
    own: Counter[str] = field(default_factory=Counter)
    """Function -> CPU seconds by the program's own clock, in all bare rounds."""
    own_s: float = 0.0
    """CPU seconds of the process in all of them."""

    def take(self, way: Way, done: Run, output: Path) -> None:
        self.per_s[way.name].append(float(done.facts["per_s"]))
        for column, weights in way.read(output).items():
            self.weights[column].update(weights)
        if way is BARE:
            self.own.update(done.facts["functions_cpu_s"])
            self.own_s += done.facts["cpu_s"]

    def shares(self) -> dict[str, Shares]:
        """Column -> shares; the program's own clock first."""
        columns = {"its own clock": {name: s / self.own_s for name, s in self.own.items()}}
        for column, weights in self.weights.items():
            total = sum(weights.values()) or 1.0
            columns[column] = {name: weight / total for name, weight in weights.items()}
        return columns


def run_way(way: Way, program: str, python: str, scale: float, folder: Path) -> Run:
    """One run in a folder of its own, with its load beside it."""
    script = str(HERE / "programs" / f"{program}.py")
    load = None
    if program in LOAD:
        client = str(HERE / "programs" / f"{LOAD[program]}.py")
        load = subprocess.Popen([sys.executable, client], cwd=folder)
    try:
        done = run([*way.command(python, folder / OUTPUT), script, str(scale)], cwd=folder)
    finally:
        if load is not None:
            load.terminate()
            load.wait()
    if "per_s" not in done.facts:
        raise BenchmarkError(f"{program} under {way.name} has printed no figures: {done.said}")
    return done


def measure(program: str, ways: list[Way], python: str, rounds: int, scale: float) -> Measured:
    """Every way in each round; every other round goes through them backwards."""
    measured = Measured()
    for number in range(rounds):
        order = [BARE, *ways]
        for way in order if number % 2 == 0 else reversed(order):
            with tempfile.TemporaryDirectory(prefix="peers-") as folder:
                done = run_way(way, program, python, scale, Path(folder))
                measured.take(way, done, Path(folder) / OUTPUT)
        sys.stderr.write(f"{program}: round {number + 1} of {rounds}\n")
    return measured


def share_rows(columns: dict[str, Shares]) -> list[list[str]]:
    tools = [shares for name, shares in columns.items() if name != "its own clock"]
    mean = Counter[str]()
    for shares in tools:
        for function, share in shares.items():
            mean[function] += share  # type: ignore[assignment]
    return [
        [function, *(percent(shares.get(function)) for shares in columns.values())]
        for function, _ in mean.most_common(MOST)
    ]


def percent(share: float | None) -> str:
    return "" if share is None else f"{100 * share:.1f} %"


def throughput_rows(measured: Measured) -> list[list[str]]:
    bare = measured.per_s[BARE.name]
    rows = [[BARE.name, f"{statistics.median(bare):.0f}", "1", ""]]
    for way, per_s in measured.per_s.items():
        if way != BARE.name:
            ratios = [one / other for one, other in zip(per_s, bare, strict=True)]
            spread = f"{min(ratios):.2f}-{max(ratios):.2f}"
            median = f"{statistics.median(ratios):.3f}"
            rows.append([way, f"{statistics.median(per_s):.0f}", median, spread])
    return rows


def ask(python: str, code: str) -> str:
    """What an interpreter prints for a line of code; empty where it fails."""
    try:
        done = subprocess.run([python, "-c", code], capture_output=True, text=True, check=False)
    except OSError as error:
        raise BenchmarkError(f"{python}: {error.strerror}") from error
    return done.stdout.strip()


def ways_for(program: str, tools: Iterable[str]) -> list[Way]:
    ways = {
        "refwatch": [refwatch_way(program)],
        "py-spy": [py_spy_way(program), py_spy_way(program, "--gil")],
        "profiling.sampling": [sampling_way(program, mode) for mode in ("wall", "cpu", "gil")],
    }
    return [way for tool in tools for way in ways[tool]]


def available(python: str, without: Iterable[str]) -> dict[str, str]:
    """The tools to compare, with their versions. Raises BenchmarkError where one is missing that
    could be there."""
    version = ask(python, "import platform; print(platform.python_version())")
    if not version:
        raise BenchmarkError(f"{python} is no Python that runs")
    tools: dict[str, str] = {}
    for tool in TOOLS:
        if tool in without:
            continue
        if tool == "profiling.sampling":
            if tuple(map(int, version.split(".")[:2])) < (3, 15):
                continue
            if not ask(python, "import profiling.sampling; print('there')"):
                raise BenchmarkError(f"{python} has no profiling.sampling: --without {tool}")
            tools[tool] = version
            continue
        try:
            tools[tool] = metadata.version(tool)
        except metadata.PackageNotFoundError:
            raise BenchmarkError(
                f"{tool} is not installed beside {sys.executable}: `make peers` installs it, and "
                f"--without {tool} leaves it out"
            ) from None
    return tools


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="refwatch beside other sampling profilers.")
    parser.add_argument("--python", default=sys.executable, metavar="EXE", help="of the programs")
    parser.add_argument("--rounds", type=int, default=3, help="pairs of runs (default: 3)")
    parser.add_argument("--scale", type=float, default=1.0, help="how much work (default: 1.0)")
    parser.add_argument("--only", action="append", choices=list(PROGRAMS), help="this program")
    parser.add_argument("--without", action="append", default=[], choices=TOOLS, help="leave out")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the tables there, too")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures")
    options = parser.parse_args()
    if options.rounds < 1 or options.scale <= 0:
        parser.error("--rounds must be at least 1, and --scale more than 0")
    return options


def heading(options: argparse.Namespace, tools: dict[str, str]) -> str:
    about = machine()
    version = ask(options.python, "import platform; print(platform.python_version())")
    numpy = ask(options.python, "import numpy; print(numpy.__version__)")
    names = [f"{tool} {at}" for tool, at in tools.items()]
    return (
        f"CPython {version}, numpy {numpy or 'none'}; {', '.join(names)}; {about['cpu']}, "
        f"{about['cores']} cores, {about['kernel']}, load {about['load']}; "
        f"{options.rounds} rounds, --scale {options.scale:g}"
    )


def main() -> int:
    options = parse()
    tools = available(options.python, options.without)
    said = [heading(options, tools)]
    print(said[0], flush=True)
    kept: dict[str, object] = {}
    for program in options.only or PROGRAMS:
        ways = ways_for(program, tools)
        measured = measure(program, ways, options.python, options.rounds, options.scale)
        columns = measured.shares()
        shares = table([program, *columns], share_rows(columns))
        head = [f"{program} under", f"{PROGRAMS[program]} a second", "of bare", "smallest-largest"]
        said += [shares, table(head, throughput_rows(measured))]
        print("", *said[-2:], sep="\n\n", flush=True)
        kept[program] = {"shares": columns, "per_s": measured.per_s}
    if options.markdown is not None:
        options.markdown.write_text("\n\n".join(said) + "\n", encoding="utf-8")
    write_json(options.json, json.loads(json.dumps({"how": said[0], "programs": kept})))
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except BenchmarkError as problem:
        sys.exit(f"peers: {problem}")
