"""The scenarios run with plain Python, end by themselves, end at once when interrupted, and do what
they say."""

from __future__ import annotations

import gc
import importlib.util
import json
import multiprocessing
import os
import platform
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import psutil
import pytest

ROOT = Path(__file__).resolve().parent.parent
SCENARIOS = sorted((ROOT / "scenarios").glob("*.py"))
THREADS = {"threads_cpu", "threads_io", "gil_release", "convoy", "lock_contention"}
"""Those that take ``--threads``."""
POOLS = {"procs_cpu": 2, "procs_io": 3, "pool_mixed": 2}
"""Those of multiprocessing, and how many processes they start for two workers."""
METHODS = multiprocessing.get_all_start_methods()
CLOCK_NANOSLEEP = "230" if platform.machine() == "x86_64" else "115"


def start(scenario: Path, *arguments: str) -> subprocess.Popen[str]:
    """Start it in a session of its own, by which its processes are told from others."""
    return subprocess.Popen(
        [sys.executable, str(scenario), *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def few(scenario: Path) -> list[str]:
    """Options for a small number of threads or processes."""
    if scenario.stem in THREADS:
        return ["--threads", "3"]
    return ["--workers", "2"] if scenario.stem in {*POOLS, "fork_tree"} else []


def at_work(scenario: Path, pid: int, method: str = METHODS[0]) -> bool:
    """All of its threads and processes are there, or its only thread sleeps as it does nowhere but
    in its work."""
    process = psutil.Process(pid)
    if scenario.stem in THREADS:
        return bool(process.num_threads() >= 4)
    if scenario.stem in POOLS:  # beside the workers: spawn has a tracker, forkserver two of them
        others = {"fork": 0, "spawn": 1, "forkserver": 2}[method]
        return len(process.children(recursive=True)) >= POOLS[scenario.stem] + others
    if scenario.stem == "fork_tree":
        return len(process.children()) == 3
    return Path(f"/proc/{pid}/syscall").read_text().split()[0] == CLOCK_NANOSLEEP


def wait_until(what: Callable[[], bool], complaint: str) -> None:
    deadline = time.monotonic() + 20
    while not what():
        assert time.monotonic() < deadline, complaint
        time.sleep(0.005)


def of_session(pid: int) -> list[int]:
    """The processes of the session that ``pid`` has begun, without those that have ended."""
    found: list[int] = []
    for other in psutil.pids():
        try:
            if os.getsid(other) == pid and psutil.Process(other).status() != psutil.STATUS_ZOMBIE:
                found.append(other)
        except (ProcessLookupError, psutil.NoSuchProcess):
            continue
    return found


def load(name: str) -> ModuleType:
    """The scenario as a module, with nothing run but its definitions."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "scenarios" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda path: path.stem)
def test_it_ends_by_itself_and_says_what_it_did(scenario: Path) -> None:
    process = start(scenario, "--seconds", "0.5")

    out, err = process.communicate(timeout=30)

    assert (process.returncode, err) == (0, "")
    steps = {"refcounts": load("refcounts").STEPS, "lifetimes": 4 + 4}  # 4 steps, 3 deaths, 1 told
    assert len(out.splitlines()) == steps.get(scenario.stem, 1)
    wait_until(lambda: not of_session(process.pid), "a process stayed behind")


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda path: path.stem)
def test_an_interrupt_ends_every_thread_and_process(scenario: Path) -> None:
    process = start(scenario, "--seconds", "60", *few(scenario))
    method = multiprocessing.get_start_method()
    wait_until(lambda: at_work(scenario, process.pid, method), "its work never began")

    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)

    assert (process.returncode, err) == (130, "")
    wait_until(lambda: not of_session(process.pid), "a process stayed behind")


@pytest.mark.parametrize(
    ("name", "method"), [(name, method) for name in POOLS for method in METHODS]
)
def test_ctrl_c_on_a_terminal_reaches_all_processes_and_ends_them(name: str, method: str) -> None:
    scenario = ROOT / "scenarios" / f"{name}.py"
    process = start(scenario, "--seconds", "60", *few(scenario), "--start-method", method)
    wait_until(lambda: at_work(scenario, process.pid, method), "its work never began")

    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=30)

    assert (process.returncode, err) == (130, "")
    wait_until(lambda: not of_session(process.pid), "a process stayed behind")


@pytest.mark.parametrize("name", ["fork_tree", "convoy"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL], ids=lambda one: one.name)
def test_what_a_signal_ends_leaves_no_process(name: str, number: signal.Signals) -> None:
    """Also where it cannot end them itself."""
    scenario = ROOT / "scenarios" / f"{name}.py"
    process = start(scenario, "--seconds", "60", *few(scenario))
    wait_until(lambda: at_work(scenario, process.pid), "its work never began")

    os.kill(process.pid, number) if number == signal.SIGKILL else os.killpg(process.pid, number)
    _, err = process.communicate(timeout=30)

    assert (process.returncode, err) == (130 if number == signal.SIGINT else -number, "")
    wait_until(lambda: not of_session(process.pid), "a process stayed behind")


SENSELESS = {
    "threads_cpu": ("--threads", "0", "--threads at least 1"),
    "threads_io": ("--threads", "0", "--threads at least 1"),
    "leak_cache": ("--rate", "0", "--rate more than 0"),
    "leak_cycle": ("--rate", "-1", "--rate more than 0"),
    "plateau": ("--entries", "0", "--entries at least 1"),
    "churn": ("--rate", "0", "--rate more than 0"),
    "leak_lines": ("--rate", "-1", "--rate more than 0"),
    "fragmentation": ("--megabytes", "0", "--megabytes more than 0"),
    "big_buffers": ("--megabytes", "-1", "--megabytes more than 0"),
    "gil_release": ("--threads", "0", "--threads at least 1"),
    "lock_contention": ("--threads", "0", "--threads at least 1"),
    "convoy": ("--switch-interval", "0", "--switch-interval must be"),
    "procs_cpu": ("--workers", "0", "--workers at least 1"),
    "procs_io": ("--start-method", "thread", "--start-method: invalid choice"),
    "pool_mixed": ("--workers", "-1", "--workers at least 1"),
    "fork_tree": ("--workers", "0", "--workers at least 1"),
}


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda path: path.stem)
def test_a_senseless_option_is_one_clear_line(scenario: Path) -> None:
    option, value, said = SENSELESS.get(scenario.stem, ("--seconds", "-1", "must not be negative"))
    process = start(scenario, option, value)

    _, err = process.communicate(timeout=30)

    assert process.returncode == 2
    assert said in err
    assert "Traceback" not in err


def count(names: dict[str, object]) -> int:
    """What sys.getrefcount says of ``page``; 0 where there is none."""
    page = names.get("page")
    return 0 if page is None else sys.getrefcount(page)


def test_refcounts_are_what_the_steps_say() -> None:
    scenario = load("refcounts")
    mine = count({"page": object()}) - 1

    said, seen = zip(
        *((step.references, count(vars(scenario))) for step in scenario.life()), strict=True
    )

    assert said == (1, 2, 3, 4, 3, 4, 4, 3, 2, 1, 0)
    assert [max(0, number - mine) for number in seen] == list(said)
    assert len(said) == scenario.STEPS


def test_the_leaks_leak_and_the_plateau_does_not() -> None:
    leak, plateau = load("leak_cache"), load("plateau")

    assert leak.run(seconds=0.1, rate=5000) == plateau.run(seconds=0.1, rate=5000, entries=30)

    assert len(leak.CACHE) == 500
    assert len(plateau.CACHE) == 30
    assert sorted(plateau.CACHE) == list(range(470, 500))  # the newest


def test_only_the_collector_frees_the_rings() -> None:
    scenario = load("leak_cycle")
    gc.disable()
    try:
        scenario.run(seconds=0.1, rate=1000)
        kept = sum(type(one) is scenario.Branch for one in gc.get_objects())
        gc.collect()
        left = sum(type(one) is scenario.Branch for one in gc.get_objects())
    finally:
        gc.enable()

    assert (kept, left) == (100, 0)


def test_the_churn_counts_what_it_allocates() -> None:
    source = (ROOT / "scenarios" / "churn.py").read_text().splitlines()
    scenario = load("churn")

    found = json.loads(json.dumps(scenario.run(seconds=0.2, rate=20_000)))

    lines = {one["function"]: one for one in found["lines"]}
    assert {name: one["blocks"] for name, one in lines.items()} == {
        "hot": 4000,
        "warm": 400,
        "large": 20,
        "cool": 10,
    }
    for one in lines.values():
        assert source[one["line"] - 1].strip().startswith("bytes(")
        assert one["blocks_per_s"] == pytest.approx(one["blocks"] / found["seconds"])
        assert one["bytes_per_s"] == pytest.approx(one["bytes"] / found["seconds"])
    assert lines["hot"]["bytes"] == 4000 * sys.getsizeof(bytes(240))


def test_two_lines_keep_what_they_allocate() -> None:
    scenario = load("leak_lines")

    assert scenario.run(seconds=0.1, rate=1000) == 100

    assert [len(one) for one in scenario.SEEN] == [5_000] * 100
    assert [len(one) for one in scenario.JOURNAL] == [300] * 300


def test_a_few_blocks_of_many_stay() -> None:
    scenario = load("fragmentation")

    used = scenario.run(seconds=0.0, megabytes=1.0)

    assert (len(scenario.BLOCKS), len(scenario.TUPLES)) == (500 / 20, 8334 // 200 + 1)
    assert used < 1e5


def test_the_newest_big_buffers_are_kept() -> None:
    scenario = load("big_buffers")

    assert scenario.run(seconds=0.55, megabytes=0.1) == 6

    assert [type(one).__name__ for one in scenario.frames] == ["bytes", "array"] * 2
    assert {memoryview(one).nbytes for one in scenario.frames} == {100_000}


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", POOLS)
def test_processes_report_what_they_have_done(name: str, method: str) -> None:
    options = ("--seconds", "0.2", "--workers", "2", "--start-method", method)
    process = start(ROOT / "scenarios" / f"{name}.py", *options)

    out, err = process.communicate(timeout=30)

    assert (process.returncode, err) == (0, "")
    said = re.match(rf"(\d+) (rounds|answers|jobs) (by|to) 2 (processes|workers) \({method}\)", out)
    assert said is not None, out
    assert int(said[1]) > 0


def test_the_tree_has_leaves_and_a_new_python() -> None:
    process = start(ROOT / "scenarios" / "fork_tree.py", "--seconds", "2", "--workers", "2")
    root = psutil.Process(process.pid)
    wait_until(lambda: len(root.children()) == 3, "no tree")
    branches, last = root.children()[:2], root.children()[2]

    wait_until(lambda: last.cmdline()[-1:] == ["--again"], "it became no other program")
    for branch in branches:
        wait_until(lambda: bool(branch.children()), "it had no leaf")  # noqa: B023 - ends in the loop
    out, _ = process.communicate(timeout=30)

    found = re.fullmatch(
        r"(\d+) leaves of 2 branches, and one new Python; exit codes: 0, 0, 0\n", out
    )
    assert found is not None, out
    assert int(found[1]) >= 2


def test_answers_are_timed_with_and_without_the_cruncher() -> None:
    scenario = load("convoy")
    with scenario.server(2) as connections:
        (child,) = psutil.Process().children()
        alone, beside = scenario.run(1.0, connections)

    assert min(*alone, *beside) >= 0
    assert len(alone) * len(beside) > 0
    assert not child.is_running()


def test_the_switch_interval_is_set() -> None:
    options = ("--seconds", "0.1", "--switch-interval", "0.0005")
    out, _ = start(ROOT / "scenarios" / "convoy.py", *options).communicate(timeout=30)

    assert out.endswith("; switch interval 0.5 ms\n")


@pytest.mark.parametrize("kind", [0, 1], ids=["hasher", "packer"])
def test_the_gil_is_released(kind: int) -> None:
    """Nothing else gives it away here: a thread that was woken runs as soon as it is free."""
    _, process = load("gil_release").KINDS[kind]
    begin, ran = threading.Lock(), threading.Event()
    begin.acquire()

    def run() -> None:
        with begin:
            ran.set()

    thread = threading.Thread(target=run)
    thread.start()
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1000)
    try:
        begin.release()
        deadline = time.monotonic() + 60
        while not ran.is_set() and time.monotonic() < deadline:
            process()
        assert ran.is_set()
    finally:
        sys.setswitchinterval(usual)
        thread.join()


def test_waits_for_the_lock_are_told_by_thread() -> None:
    waits_s = load("lock_contention").run(seconds=0.1, count=3)

    assert len(waits_s) == 3
    assert sum(map(len, waits_s)) > 0
    assert min(map(min, filter(None, waits_s))) >= 0
