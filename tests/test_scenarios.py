"""The scenarios run with plain Python, end by themselves, end at once when interrupted, and do what
they say."""

from __future__ import annotations

import gc
import importlib.util
import json
import platform
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import ModuleType

import psutil
import pytest

ROOT = Path(__file__).resolve().parent.parent
SCENARIOS = sorted((ROOT / "scenarios").glob("*.py"))
BUSY = {"threads_cpu": ["--threads", "3"], "threads_io": ["--threads", "3"]}
"""Those with threads; the others sleep between what they do."""
CLOCK_NANOSLEEP = "230" if platform.machine() == "x86_64" else "115"


def start(scenario: Path, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, str(scenario), *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def at_work(scenario: Path, pid: int) -> bool:
    """All of its threads are there, or its only one sleeps as it does nowhere but in its work."""
    if scenario.stem in BUSY:
        return bool(psutil.Process(pid).num_threads() >= 4)
    return Path(f"/proc/{pid}/syscall").read_text().split()[0] == CLOCK_NANOSLEEP


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


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda path: path.stem)
def test_ctrl_c_ends_every_thread(scenario: Path) -> None:
    process = start(scenario, "--seconds", "60", *BUSY.get(scenario.stem, []))
    deadline = time.monotonic() + 20
    while not at_work(scenario, process.pid):
        assert time.monotonic() < deadline, "its work never began"
        time.sleep(0.02)

    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)

    assert (process.returncode, err) == (130, "")


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
