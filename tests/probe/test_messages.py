"""The probe's table of messages against the daemon's structs, and what it makes of commands."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterable
from pathlib import Path

import msgspec
import pytest
from msgspec import inspect as types
from tests.probe.test_calibration import run

import refwatch
from refwatch.probe.messages import (
    COMMANDS,
    COPY_COMMANDS,
    QUERIES,
    REPORTS,
    Maybe,
    Tagged,
    matches,
)
from refwatch.target import probe_commands as pc
from refwatch.target.layout import FramesLayout
from refwatch.target.probe_messages import Answer, CommandFailed, Report

PROBE = Path(refwatch.__file__).parent / "probe"
SCALARS = {
    types.IntType: "int",
    types.FloatType: "float",
    types.StrType: "str",
    types.BoolType: "bool",
}
FRAMES = FramesLayout(
    path=[56],
    code_offset=0,
    previous_offset=8,
    instruction_offset=16,
    bytecode_offset=24,
    code_type=1,
    none=2,
    filename_offset=3,
    name_offset=4,
    linetable_offset=5,
    firstlineno_offset=6,
)


def written_type(kind: types.Type) -> object:
    """A type of a struct's field in plain values."""
    if isinstance(kind, types.ListType):
        return [written_type(kind.item_type)]
    if isinstance(kind, types.TupleType):
        return tuple(map(written_type, kind.item_types))
    if isinstance(kind, types.StructType):
        return written_fields(kind)
    if isinstance(kind, types.UnionType):
        parts = [part for part in kind.types if not isinstance(part, types.NoneType)]
        if isinstance(parts[0], types.StructType) and parts[0].tag is not None:
            return written_structs(parts)
        found = written_type(parts[0]) if len(parts) == 1 else set(map(written_type, parts))
        return found if len(parts) == len(kind.types) else {"maybe": found}
    return SCALARS[type(kind)]


def written_fields(struct: types.StructType) -> dict[str, object]:
    return {
        field.name if field.required else f"{field.name}?": written_type(field.type)
        for field in struct.fields
    }


def written_structs(parts: Iterable[types.Type]) -> dict[str, object]:
    structs = [part for part in parts if isinstance(part, types.StructType)]
    fields = {str(struct.tag): written_fields(struct) for struct in structs}
    return {str(structs[0].tag_field): fields}


def written_kind(kind: object) -> object:
    """A kind of the probe's table in the same plain values."""
    if isinstance(kind, list):
        return [written_kind(kind[0])]
    if isinstance(kind, tuple):
        return tuple(map(written_kind, kind))
    if isinstance(kind, dict):
        return {name: written_kind(inner) for name, inner in kind.items()}
    if isinstance(kind, Maybe):
        return {"maybe": written_kind(kind.kind)}
    if isinstance(kind, Tagged):
        return {kind.tag: written_kind(kind.table)}
    return kind.__name__ if isinstance(kind, type) else set(str(kind).split(" | "))


@pytest.mark.parametrize(
    ("table", "structs"),
    [
        (COMMANDS, pc.ProbeCommand),
        (COPY_COMMANDS, pc.CopyCommand),
        (QUERIES, pc.AnyQuery),
        (REPORTS, Report),
    ],
)
def test_the_table_says_what_the_structs_say(table: Tagged, structs: object) -> None:
    assert written_kind(table) == written_type(types.type_info(structs))


COMMAND_VALUES: list[pc.ProbeCommand] = [
    pc.Ask(),
    pc.Read(watches=[1, 2]),
    pc.SetPaths(paths=["a.b", "caf\udce9"]),
    pc.WatchAt(steps=[("module", "m"), ("key", 3), ("attribute", "x")], address=1 << 47),
    pc.MakeCopy(work="w", launcher=1, frames=True, query=pc.Census(largest=[("0x1", "dict", 9)])),
    pc.OpenBurst(frames=FRAMES, mean=1000, follow=False),
]


@pytest.mark.parametrize("command", COMMAND_VALUES, ids=lambda one: type(one).__name__)
def test_what_the_daemon_sends_is_what_the_probe_gets(command: pc.ProbeCommand) -> None:
    line = pc.encode(command)
    assert line.isascii()
    assert line.endswith(b"\n")
    decoded = COMMANDS.decode(json.loads(line))
    assert decoded is not None
    name, fields = decoded
    assert name == command.__struct_config__.tag
    assert msgspec.convert({"command": name, **fields}, pc.ProbeCommand) == command


@pytest.mark.parametrize("query", [pc.Traces(), pc.Referrers(held=[1]), pc.Referrers(watch=3)])
def test_a_query_is_decoded_on_its_own(query: pc.AnyQuery) -> None:
    decoded = QUERIES.decode(msgspec.to_builtins(query))
    assert decoded is not None
    name, fields = decoded
    assert msgspec.convert({"query": name, **fields}, pc.AnyQuery) == query


@pytest.mark.parametrize("message", [{}, {"command": "dance"}, {"command": ["ask"]}, {"ask": 1}])
def test_an_unknown_command_is_ignored(message: dict[str, object]) -> None:
    assert COMMANDS.decode(message) is None


@pytest.mark.parametrize(
    "message",
    [
        {"command": "read"},
        {"command": "read", "watches": 3},
        {"command": "read", "watches": [1, "2"]},
        {"command": "reap", "pid": True},
        {"command": "watch_at", "steps": [["key"]], "address": 1},
        {"command": "watch_at", "steps": [["key", None]], "address": 1},
        {"command": "copy", "work": "w", "launcher": 1, "frames": 1, "query": {"query": "traces"}},
        {"command": "copy", "work": "w", "launcher": 1, "frames": True, "query": {"query": "x"}},
        {"command": "burst_open", "frames": {"path": []}, "mean": 1, "follow": True},
    ],
)
def test_a_malformed_command_is_refused(message: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=f"malformed command {message['command']}"):
        COMMANDS.decode(message)


def test_what_is_unknown_in_a_command_is_left_out() -> None:
    assert COMMANDS.decode({"command": "reap", "pid": 3, "soon": 1}) == ("reap", {"pid": 3})


def test_a_kind_may_be_null_or_missing() -> None:
    kind = {"a": Maybe([int]), "b?": float}
    assert matches({"a": None}, kind)
    assert matches({"a": [1], "b": 2}, kind)
    assert not matches({"b": 2.0}, kind)
    assert not matches({"a": [None]}, kind)


def test_a_report_has_all_its_fields_and_no_other() -> None:
    REPORTS.check_names({"message": "no_copy", "work": "w", "reason": "none"})
    for wrong in ({"reason": "none"}, {"work": "w", "reason": "none", "passes": True}):
        with pytest.raises(ValueError, match="malformed message no_copy"):
            REPORTS.check_names({"message": "no_copy", **wrong})


def defined(name: str, *folders: str) -> dict[str, ast.FunctionDef]:
    """The functions of this name in the modules there, by the module's name."""
    return {
        file.stem: node
        for file in PROBE.joinpath(*folders).glob("*.py")
        if file.stem != "__init__"
        for node in ast.parse(file.read_text()).body
        if isinstance(node, ast.FunctionDef) and node.name == name
    }


def test_each_query_has_a_module_that_takes_its_fields() -> None:
    answers = defined("answer", "copying", "queries")
    assert answers.keys() == QUERIES.table.keys()
    for query, function in answers.items():
        given = function.args.kwonlyargs
        optional = {
            argument.arg
            for argument, default in zip(given, function.args.kw_defaults, strict=True)
            if default is not None
        }
        fields = {f"{one.arg}?" if one.arg in optional else one.arg for one in given}
        assert fields == set(QUERIES.table[query])


PROBE_THREAD = """
import inspect, json, socket, tempfile
from _refwatch_probe.probe_thread import ProbeThread
with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX) as server:
    server.bind(folder + "/socket")
    server.listen()
    thread = ProbeThread(
        link.Link(folder + "/socket"), {}, {"thread_count": None, "threads": None}, children=True
    )
    daemon, _ = server.accept()
"""


def test_each_command_is_run_by_what_takes_its_fields() -> None:
    out = run(f"""{PROBE_THREAD}
found = {{name: sorted(inspect.signature(function).parameters)
         for name, function in thread._commands.items()}}
print(json.dumps(found))
""")
    assert json.loads(out) == {name: sorted(fields) for name, fields in COMMANDS.table.items()}


def test_only_a_malformed_command_is_trouble() -> None:
    out = run(f"""{PROBE_THREAD}
thread.begin()
for line in ("no json", "[1]", *map(json.dumps, ({{"command": "dance"}}, {{"command": "read"}}))):
    daemon.sendall(line.encode() + b"\\n")
daemon.sendall(json.dumps({{"command": "ask"}}).encode() + b"\\n")
answers = daemon.makefile()
print(answers.readline(), answers.readline(), end="")
daemon.close()
""")
    trouble, answer = (msgspec.json.decode(line, type=Report) for line in out.splitlines())
    assert trouble == CommandFailed(reason="ValueError: malformed command read: watches")
    assert isinstance(answer, Answer)
