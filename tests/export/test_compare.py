"""Snapshots side by side: which figures, their change, what is missing, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest

from refwatch.export import compare as comparing
from refwatch.export import schema_types, snapshot_reader
from refwatch.export.compare import Cell, Comparison, Unit, compare, table_lines
from refwatch.export.snapshot import snapshot_json
from refwatch.export.snapshot_reader import Snapshot, SnapshotError, read_snapshot
from refwatch.session.state import State
from refwatch.wire.codec import encode_json

MIB = 1 << 20


def process(number: int = 1, **changes: object) -> dict[str, object]:
    """A process that lived for ten seconds, with a GIL held half of the time."""
    gil = {"present": True, "held_fraction": 0.5, "contention": 1.0, "handoffs": 100}
    return {
        "number": number,
        "started_s": 0.0,
        "ended_s": 10.0,
        "memory": {"rss": 20 * MIB, "uss": 10 * MIB, "peak_rss": 30 * MIB},
        "cpu": {"user_s": 4.0, "system_s": 1.0},
        "gil": gil,
        "threads": [{"tid": 7}, {"tid": 8}],
        "census": {"objects": 12_345, "types": []},
        **changes,
    }


def snapshot(*processes: dict[str, object], **changes: object) -> Snapshot:
    """What is read of a snapshot with these processes, or with a single one."""
    found = {
        "duration_s": 10.0,
        "target": {"argv": ["/py", "/app/job.py", "-x"], "exit_code": 0, "cwd": "/"},
        "cost": {"probe_cpu_s": 0.02, "daemon_cpu_s": 0.5},
        "processes": list(processes or [process()]),
        **changes,
    }
    return msgspec.convert(found, Snapshot)


def cells(*snapshots: Snapshot) -> dict[str, list[Cell]]:
    paths = [f"{index}.json" for index in range(len(snapshots))]
    return {row.key: row.cells for row in compare(snapshots, paths).rows}


def texts(one: Snapshot) -> dict[str, str]:
    """The figures of a snapshot as they are told."""
    return {
        key: "at least " * row[0].at_least + row[0].text for key, row in cells(one, one).items()
    }


def test_the_figures_of_a_written_snapshot(state: State, tmp_path: Path) -> None:
    file = tmp_path / "run.json"
    file.write_bytes(snapshot_json(state))

    found = texts(read_snapshot(str(file)))

    assert found == {
        "program": "'a b'",
        "wall_s": "10.0 s",
        "cpu_s": "10.0 s",
        "processes": "1",
        "threads": "5",
        "gil_held_fraction": "99 %",
        "gil_held_s": "9.90 s",
        "contention": "3.00",
        "handoffs": "2,000",
        "peak_rss": "19.1 MiB",
        "rss": "9.5 MiB",
        "uss": "8.6 MiB",
        "objects": "not measured",
        "probe_cpu_s": "12.3 ms",
        "daemon_cpu_s": "0.50 s",
        "exit_code": "finished, exit 3",
    }


def test_what_is_read_has_the_names_and_types_of_the_schema() -> None:
    """Also that a figure whose type changes is not overlooked here."""
    totals = msgspec.structs.fields(snapshot_reader.Totals)  # of which each may be missing
    assert {one.name for one in totals} <= set(schema_types.Totals.__struct_fields__)
    for name in ("Snapshot", "Target", "Cost", "Process", "Memory", "Cpu", "Gil", "Census"):
        written = {one.name: one for one in msgspec.structs.fields(getattr(schema_types, name))}
        for one in msgspec.structs.fields(getattr(snapshot_reader, name)):
            other = written[one.name].type
            assert str(one.type).split(".")[-1] == str(other).split(".")[-1], (name, one.name)


TOTALS = {
    "processes": 7,
    "threads": 30,
    "cpu_s": 40.0,
    "rss": 200 * MIB,
    "uss": 100 * MIB,
    "peak_rss": 300 * MIB,
    "gil_held_s": 33.0,
    "of_the_future": [1],
}


def test_totals_come_before_sums() -> None:
    two = [process(), process(2)]
    derived, told = texts(snapshot(*two)), texts(snapshot(*two, totals=TOTALS))

    changed = {key: (derived[key], told[key]) for key in told if derived[key] != told[key]}
    assert changed == {
        "cpu_s": ("10.0 s", "40.0 s"),
        "processes": ("2", "7"),
        "threads": ("4", "30"),
        "gil_held_s": ("10.0 s", "33.0 s"),
        "rss": ("40.0 MiB", "200 MiB"),
        "uss": ("20.0 MiB", "100 MiB"),
        "peak_rss": ("at least 30.0 MiB", "300 MiB"),
        "handoffs": ("200", "at least 200"),  # of the other five nothing more is known
        "contention": ("2.00", "at least 2.00"),
    }
    assert texts(snapshot(*two, totals={"rss": None, "cpu_s": 0.0, "gil_held_s": 0.0})) == derived


def test_a_process_counts_for_as_long_as_it_lived() -> None:
    late = process(2, started_s=6.0, ended_s=8.0)
    running = process(3, started_s=9.0, ended_s=None)

    found = texts(snapshot(process(), late, running))

    assert found["gil_held_s"] == "6.50 s"
    assert found["contention"] == "1.30"


def test_what_was_measured_in_some_processes_only_is_at_least_that() -> None:
    unknown = process(
        2,
        memory={"rss": None, "uss": None, "peak_rss": None},
        cpu={"user_s": None, "system_s": None},
        gil={"present": None, "held_fraction": None, "contention": None, "handoffs": None},
    )
    two = snapshot(process(), unknown)

    found = cells(two, two)

    for key in ("cpu_s", "gil_held_s", "contention", "handoffs", "peak_rss", "rss", "uss"):
        assert found[key][0].at_least, key
        assert found[key][0].text == texts(snapshot())[key]
        assert (found[key][1].ratio, found[key][1].change) == (None, "")
    assert "at least 20.0 MiB" in "\n".join(table_lines(compare([two, two], ["a", "b"])))


def test_what_is_missing_is_no_zero() -> None:
    bare = snapshot(
        process(
            ended_s=None,
            memory={"rss": None, "uss": None, "peak_rss": None},
            cpu={"user_s": None, "system_s": None},
            gil={"present": True, "held_fraction": None, "contention": None, "handoffs": None},
            threads=[],
            census=None,
        ),
        target={"argv": [], "exit_code": None},
        cost={"probe_cpu_s": None, "daemon_cpu_s": None},
        totals={"processes": 1, "cpu_s": 0.0, "gil_held_s": 0.0, "threads": 0},
    )
    none = snapshot(processes=[], target={"argv": [], "exit_code": None})

    found = cells(snapshot(), bare, none)

    missing = {key: [one.text for one in row[1:]] for key, row in found.items()}
    assert missing.pop("wall_s") == ["10.0 s"] * 2
    assert missing.pop("processes") == ["1", "not measured"]
    assert missing.pop("exit_code") == ["still running", "not measured"]
    assert missing.pop("probe_cpu_s") == ["not measured", "20 ms"]
    assert missing.pop("daemon_cpu_s") == ["not measured", "0.50 s"]
    assert {text for row in missing.values() for text in row} == {"not measured"}
    for row in found.values():
        for one in row:
            known = one.text not in ("not measured", "still running")
            assert known == (one.value is not None)
            assert known or (one.ratio, one.change) == (None, "")


def test_without_a_gil_it_is_not_held() -> None:
    gil = {"present": False, "held_fraction": None, "contention": None, "handoffs": None}

    found = cells(snapshot(), snapshot(process(gil=gil)))
    mixed = cells(snapshot(), snapshot(process(gil=gil), process(2)))

    for key in ("gil_held_fraction", "gil_held_s", "contention", "handoffs"):
        assert found[key][1] == Cell(value=None, text="no GIL")
    assert (mixed["handoffs"][1].text, mixed["handoffs"][1].at_least) == ("100", False)


CHANGES: list[tuple[Unit, float, float, str]] = [
    ("seconds", 10.0, 10.0, "same"),
    ("seconds", 10.0, 10.01, "±0 %"),
    ("seconds", 10.0, 12.0, "+20 %"),
    ("seconds", 10.0, 7.5, "-25 %"),
    ("seconds", 10.0, 0.001, "-99 %"),
    ("seconds", 10.0, 0.0, "-100 %"),
    ("seconds", 0.0, 2.0, "+2.00 s"),
    ("seconds", 10.0, 19.9, "+99 %"),
    ("seconds", 10.0, 20.0, "2 times"),
    ("seconds", 10.0, 1234.0, "123 times"),
    ("bytes", 1000 * MIB, 1040 * MIB, "+4 %"),
    ("bytes", MIB, 4.5 * MIB, "4.5 times"),
    ("fraction", 0.25, 0.75, "+50 points"),
    ("fraction", 0.99, 0.0, "-99 points"),
    ("fraction", 0.504, 0.506, "same"),
    ("mean", 0.001, 2.5, "+2.50"),
    ("mean", 0.001, 0.002, "same"),
    ("mean", 2.5, 0.001, "-100 %"),
    ("count", 2.0, 200_000.0, "100,000 times"),
]


@pytest.mark.parametrize(("unit", "old", "new", "text"), CHANGES)
def test_a_change_in_words(unit: Unit, old: float, new: float, text: str) -> None:
    assert comparing._change(old, new, unit) == text


def test_each_is_held_against_the_first() -> None:
    fast, slow = snapshot(duration_s=5.0), snapshot(duration_s=20.0)

    row = cells(slow, fast, slow)["wall_s"]

    assert [(one.ratio, one.change) for one in row] == [(None, ""), (0.25, "-75 %"), (1.0, "same")]


@pytest.mark.parametrize(
    ("paths", "names"),
    [
        (["a/before.json", "a/after.json"], ["before", "after"]),
        (["a/run.json", "b/run.json", "c.json"], ["a/run.json", "b/run.json", "c"]),
        (["run.json", "run.json"], ["run.json", "run.json"]),
    ],
)
def test_names(paths: list[str], names: list[str]) -> None:
    found = compare([snapshot() for _ in paths], paths)
    assert [column.name for column in found.columns] == names


def test_the_table() -> None:
    found = compare([snapshot(), snapshot(duration_s=30.0)], ["before.json", "after.json"])

    lines = table_lines(found)

    assert lines[0].split() == ["before", "after"]
    assert lines[1].split() == ["program", "job.py", "-x", "job.py", "-x"]
    assert lines[2].split("  ")[0] == "wall time"
    assert lines[2].endswith("  30.0 s (3 times)")
    assert len(lines) == 1 + len(found.rows)
    columns = [lines[0].index("before"), lines[0].index("after")]
    for line in lines[1:]:
        assert all(line[at - 2 : at] == "  " and line[at] != " " for at in columns), line


@pytest.mark.parametrize("odd", ["\x1b[2J\n", "\udcff", "\u202e", "x" * 5000])
def test_names_from_outside_are_safe_and_short(odd: str) -> None:
    one = snapshot(target={"argv": ["/py", odd, odd], "exit_code": 0})
    found = compare([one, one], [odd, f"{odd}.json"])

    for line in table_lines(found):
        assert line.isprintable()
        assert len(line) <= 150
        line.encode()
    assert msgspec.json.decode(encode_json(found), type=Comparison).rows[0].key == "program"


def whole(**changes: object) -> dict[str, object]:
    """A snapshot as JSON has it."""
    found: dict[str, object] = msgspec.to_builtins(snapshot())
    return {**found, "totals": {}, "schema": "refwatch.snapshot/1", **changes}


REFUSED: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "is not JSON"),
    "noise": (b"\xff\x00{", "is not JSON"),
    "cut off": (json.dumps(whole()).encode()[:-40], "is not JSON: "),
    "a list": (b"[1, 2]", "is not a snapshot of refwatch"),
    "a number": (b"3", "is not a snapshot of refwatch"),
    "an object": (b'{"name": 1}', "is not a snapshot of refwatch"),
    "another schema": (b'{"schema": "refwatch.comparison/1"}', "is not a snapshot of refwatch"),
    "no text": (b'{"schema": 1}', "is not a snapshot of refwatch"),
    "another version": (
        json.dumps(whole(schema="refwatch.snapshot/2")).encode(),
        "has schema refwatch.snapshot/2, and this refwatch reads refwatch.snapshot/1",
    ),
    "a part": (b'{"schema": "refwatch.snapshot/1"}', "is not a whole snapshot: "),
    "another type": (json.dumps(whole(duration_s="1")).encode(), "`$.duration_s`"),
    "depth": (b'{"schema": "refwatch.snapshot/1", "x": ' + b"[" * 100_000, "is not JSON"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_is_no_snapshot_is_refused_in_one_sentence(tmp_path: Path, kind: str) -> None:
    data, said = REFUSED[kind]
    file = tmp_path / "x.json"
    file.write_bytes(data)

    with pytest.raises(SnapshotError) as refused:
        read_snapshot(str(file))

    assert str(refused.value).startswith(f"'{file}' ")
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("name", "said"), [("missing", "No such file"), ("", "directory"), ("x\0", "null byte")]
)
def test_what_cannot_be_read_is_refused(tmp_path: Path, name: str, said: str) -> None:
    with pytest.raises(SnapshotError, match=said):
        read_snapshot(f"{tmp_path}/{name}")


def test_fields_of_later_versions_are_ignored(tmp_path: Path) -> None:
    file = tmp_path / "later.json"
    later = whole(findings=[{"kind": "x"}], processes=[process(waits={"p50_s": 1}, groups=[])])
    file.write_text(json.dumps(later))

    assert texts(read_snapshot(str(file))) == texts(snapshot())
