"""The shipped schema is that of the structs, and it refuses what is no snapshot."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from datetime import datetime

import msgspec

from refwatch.export.schema import SCHEMA_FILE, schema_text
from refwatch.export.snapshot import build_snapshot
from refwatch.session.state import State


def test_the_shipped_schema_is_current() -> None:
    assert SCHEMA_FILE.read_bytes() == schema_text(), "run: python -m refwatch.export.schema"


def test_it_refuses_what_is_no_snapshot(
    state: State, taken_at: datetime, complaints: Callable[[object], list[str]]
) -> None:
    good = json.loads(msgspec.json.encode(build_snapshot(state, taken_at=taken_at)))
    assert complaints(good) == []
    for path, value in {
        ("schema",): "refwatch.snapshot/2",
        ("duration_s",): "1",
        ("verdict", "kind"): "slow",
        ("processes", 0, "pid"): 1.5,
        ("processes", 0, "threads", 0, "states"): {"dreaming": 1.0},
        ("processes", 0, "gil", "series", 0): [1.0, 2.0],
    }.items():
        bad = copy.deepcopy(good)
        *way, last = path
        inner = bad
        for step in way:
            inner = inner[step]
        inner[last] = value
        assert complaints(bad), path
    for name in good:
        assert complaints({key: value for key, value in good.items() if key != name}) == [
            f"$: no {name}"
        ]
