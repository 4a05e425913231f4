"""A session to export, and a reader of JSON Schema."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, TypeAlias

import pytest

from refwatch.export.schema import snapshot_schema
from refwatch.readings.threads.states import ThreadState as S
from refwatch.session import events as ev
from refwatch.session.state import State
from refwatch.wire.event import MAIN

PID = 42
Json: TypeAlias = Any  # what json.loads gives


@pytest.fixture
def taken_at() -> datetime:
    return datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.fixture
def state() -> State:
    """Four spinning threads and a main that joins them, ten seconds, ended with status 3."""
    state = State()
    for event in _start():
        state.apply(event)
    for tick in range(1, 101):
        at = tick / 10
        spinning = [_spin(serial, at) for serial in range(1, 5)]
        joining = ev.ThreadSlice(
            serial=0,
            samples=100,
            states={S.LOCK_WAIT: 0.1},
            runs="l100000",
            hot=[(2, S.LOCK_WAIT, 0.1)],
        )
        gil = ev.GilSlice(held_s=0.099, wait_s=0.3, handoffs=20, interval_s=0.005)
        state.apply(
            ev.Sampled(
                at=at,
                process=MAIN,
                span_s=0.1,
                samples=100,
                gil=gil,
                threads=[joining, *spinning],
                rate_hz=1000.0,
                torn=1,
            )
        )
        state.apply(
            ev.ProcessMeasured(
                at=at,
                process=MAIN,
                rss=10_000_000 + tick,
                peak_rss=20_000_000,
                user_s=at,
                system_s=0.0,
                uss=9_000_000,
            )
        )
    state.apply(
        ev.GcMeasured(
            at=10.0,
            process=MAIN,
            generations=[
                ev.GcGeneration(collections=5, collected=4, uncollectable=0),
                ev.GcGeneration(collections=1, collected=0, uncollectable=0),
            ],
        )
    )
    state.apply(
        ev.CostMeasured(
            at=10.0,
            process=MAIN,
            probe_cpu_s=0.0123456789,
            probe_gil_held_s=0.001,
            daemon_cpu_s=0.5,
        )
    )
    state.apply(ev.Marked(at=5.0, name="warm"))
    state.apply(ev.TargetExited(at=10.0, process=MAIN, exit_code=3))
    return state


def _start() -> list[ev.Event]:
    return [
        ev.TargetStarted(
            at=0.0,
            process=MAIN,
            pid=PID,
            argv=["x.py", "a b"],
            executable="/py",
            cwd="/tmp",
            started_at="2026-01-01T00:00:00Z",
            refwatch="0.1.0",
        ),
        ev.InterpreterFound(
            at=0.0,
            process=MAIN,
            python="3.13.1",
            free_threaded=False,
            gil=True,
            switch_interval_s=0.005,
        ),
        ev.LineSeen(at=0.0, process=MAIN, line=1, file="/app/work.py", number=12, function="work"),
        ev.LineSeen(
            at=0.0,
            process=MAIN,
            line=2,
            file="/usr/lib/python3.13/threading.py",
            number=1092,
            function="join",
        ),
        *(
            ev.ThreadStarted(at=n / 100, serial=n, process=MAIN, tid=100 + n, ident=1000 + n)
            for n in (0, 3, 2, 1, 4)
        ),
        *(
            ev.ThreadNamed(at=0.1, process=MAIN, serial=n, name=f"spinner {n}", daemon=False)
            for n in range(1, 5)
        ),
        ev.ThreadNamed(at=0.1, process=MAIN, serial=0, name="MainThread", daemon=False),
    ]


def _spin(serial: int, at: float) -> ev.ThreadSlice:
    hot = [(1, S.GIL_HELD, 0.025), (1, S.GIL_WAIT, 0.075)]
    states = {S.GIL_HELD: 0.025, S.GIL_WAIT: 0.075}
    return ev.ThreadSlice(
        serial=serial,
        samples=100,
        states=states,
        runs="h25000w75000",
        hot=hot,
        stack=[1],
        cpu_s=at / 4,
        cpu_wait_s=0.0,
        voluntary_switches=20,
        involuntary_switches=10,
    )


@pytest.fixture
def complaints() -> Callable[[object], list[str]]:
    """What the shipped schema finds wrong with a value."""
    schema = snapshot_schema()
    return lambda value: list(_complaints(value, schema, schema, "$"))


_TYPES: dict[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "number": (int, float),
    "integer": (int,),
    "boolean": (bool,),
    "null": (type(None),),
}
_KNOWN = {
    "$ref", "$defs", "$id", "$schema", "title", "description", "default", "type", "enum", "anyOf",
    "properties", "required", "additionalProperties", "propertyNames", "items", "prefixItems",
    "minItems", "maxItems",
}  # fmt: skip


def _complaints(value: Json, schema: Json, root: Json, at: str) -> list[str]:
    """The part of JSON Schema 2020-12 that the snapshot's schema uses."""
    if isinstance(schema, bool):
        return [] if schema else [f"{at}: not allowed"]
    if "$ref" in schema:
        name = re.fullmatch(r"#/\$defs/(\w+)", schema["$ref"])
        assert name is not None
        return _complaints(value, root["$defs"][name[1]], root, at)
    assert set(schema) <= _KNOWN, set(schema) - _KNOWN
    if "anyOf" in schema:
        return min((_complaints(value, one, root, at) for one in schema["anyOf"]), key=len)
    if "enum" in schema and value not in schema["enum"]:
        return [f"{at}: {value!r} is none of {schema['enum']}"]
    kind = schema.get("type")
    if kind and (not isinstance(value, _TYPES[kind]) or (kind != "boolean" and value is True)):
        return [f"{at}: {value!r} is no {kind}"]
    return _inside(value, schema, root, at)


def _inside(value: Json, schema: Json, root: Json, at: str) -> list[str]:
    found: list[str] = []
    if isinstance(value, dict):
        found += [f"{at}: no {name}" for name in schema.get("required", []) if name not in value]
        for name, item in value.items():
            inner = schema.get("properties", {}).get(name, schema.get("additionalProperties", True))
            found += _complaints(item, inner, root, f"{at}.{name}")
            found += _complaints(name, schema.get("propertyNames", True), root, f"{at}.{name}")
    if isinstance(value, list):
        prefix = schema.get("prefixItems", [])
        if len(value) < schema.get("minItems", 0) or len(value) > schema.get("maxItems", 10**9):
            found.append(f"{at}: {len(value)} items")
        for index, item in enumerate(value):
            inner = prefix[index] if index < len(prefix) else schema.get("items", True)
            found += _complaints(item, inner, root, f"{at}[{index}]")
    return found
