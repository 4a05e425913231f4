"""The scenarios run with plain Python, end by themselves, and end at once when interrupted."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

ROOT = Path(__file__).resolve().parent.parent
SCENARIOS = sorted((ROOT / "scenarios").glob("*.py"))


def start(scenario: Path, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, str(scenario), *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda path: path.stem)
def test_it_ends_by_itself_and_says_what_it_did(scenario: Path) -> None:
    process = start(scenario, "--seconds", "0.5")

    out, err = process.communicate(timeout=30)

    assert (process.returncode, err) == (0, "")
    assert len(out.splitlines()) == 1


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda path: path.stem)
def test_ctrl_c_ends_every_thread(scenario: Path) -> None:
    process = start(scenario, "--seconds", "60", "--threads", "3")
    watched = psutil.Process(process.pid)
    deadline = time.monotonic() + 20
    while watched.num_threads() < 4:
        assert time.monotonic() < deadline, "its threads never started"
        time.sleep(0.02)

    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)

    assert (process.returncode, err) == (130, "")


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda path: path.stem)
def test_a_senseless_option_is_one_clear_line(scenario: Path) -> None:
    process = start(scenario, "--threads", "0")

    _, err = process.communicate(timeout=30)

    assert process.returncode == 2
    assert "--threads at least 1" in err
    assert "Traceback" not in err
