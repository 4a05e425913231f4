"""``refwatch doctor`` tries each reading for real, ends soon, and leaves nothing behind."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import psutil
import pytest

from refwatch.daemon.doctor import LIMIT_S, REAP_S, examine


@pytest.mark.alone
def test_each_reading_is_tried_for_real(runtime: Path) -> None:
    began = time.monotonic()
    readings = {reading.name: reading for reading in examine(sys.executable)}
    assert time.monotonic() - began < LIMIT_S + REAP_S + 3
    assert {"outside", "GIL", "references", "live instances", "census"} <= readings.keys()
    assert all(reading.detail for reading in readings.values())
    if not getattr(sys, "_is_gil_enabled", lambda: True)():
        split = {"GIL", "references", "live instances"}
        assert not any(readings[name].works for name in split)
        readings = {name: one for name, one in readings.items() if name not in split}
    assert [one for one in readings.values() if not one.works] == []
    assert psutil.Process().children() == []
    assert list(runtime.glob("refwatch/*/*")) == []
