"""These tests drive the app with simulated sessions: no process, no clock, no network."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2]))  # for tests.simulate, which other rooms share


@pytest.fixture(autouse=True)
def _steady_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of the developer's own terminal gets into a frame."""
    monkeypatch.setenv("TEXTUAL_ANIMATIONS", "none")
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.delenv("COLORFGBG", raising=False)


@pytest.fixture(autouse=True)
def _short_naps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Textual's pilot looks every 20 ms, after every key, whether the app is idle: look at 4 ms."""
    monkeypatch.setattr("textual._wait.SLEEP_GRANULARITY", 0.004, raising=False)
    monkeypatch.setattr("textual._wait.SLEEP_IDLE", 0.0004, raising=False)
