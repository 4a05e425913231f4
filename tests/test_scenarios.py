"""The scenarios run with plain Python, end by themselves, end at once when interrupted, and do what
they say."""

from __future__ import annotations

import gc
import importlib.util
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
