"""What is read back of a snapshot file, to compare it with others.

Fields that are not named here are ignored, and those that older versions of refwatch do not write
have a default.
"""

from __future__ import annotations

from pathlib import Path

import msgspec
from msgspec import Struct

from refwatch.export.schema_types import SCHEMA
from refwatch.wire.event import MAIN
from refwatch.wire.files import reason_of

FAMILY = SCHEMA.partition("/")[0] + "/"


class SnapshotError(Exception):
    """A file is no snapshot that can be compared. The text is one line for the user."""


class Memory(Struct, frozen=True, kw_only=True):
    rss: int | None
    uss: int | None
    peak_rss: int | None


class Cpu(Struct, frozen=True, kw_only=True):
    user_s: float | None
    system_s: float | None


class Gil(Struct, frozen=True, kw_only=True):
    present: bool | None
    held_fraction: float | None
    contention: float | None
    handoffs: int | None


class Census(Struct, frozen=True, kw_only=True):
    objects: int


class Thread(Struct, frozen=True):
    """Threads are only counted."""


class Process(Struct, frozen=True, kw_only=True):
    number: int
    started_s: float
    ended_s: float | None
    memory: Memory
    cpu: Cpu
    gil: Gil
    threads: list[Thread]
    census: Census | None = None


class Totals(Struct, frozen=True, kw_only=True):
    """Figures of all processes together, which older snapshots do not have. CPU and GIL time are 0
    also where nothing was measured."""

    processes: int | None = None
    threads: int | None = None
    cpu_s: float | None = None
    rss: int | None = None
    uss: int | None = None
    peak_rss: int | None = None
    gil_held_s: float | None = None


class Target(Struct, frozen=True, kw_only=True):
    argv: list[str]
    exit_code: int | None


class Cost(Struct, frozen=True, kw_only=True):
    probe_cpu_s: float | None
    daemon_cpu_s: float | None


class Snapshot(Struct, frozen=True, kw_only=True):
    """What is compared of a snapshot, under the names that it has there."""

    duration_s: float
    target: Target
    cost: Cost
    processes: list[Process]
    totals: Totals = msgspec.field(default_factory=Totals)

    @property
    def main(self) -> Process | None:
        """The program itself; None if it did not start."""
        return next((process for process in self.processes if process.number == MAIN), None)


class _Head(Struct, frozen=True):
    schema: str = ""


def read_snapshot(path: str) -> Snapshot:
    """Read what is compared of the snapshot in the file ``path``. Raises SnapshotError."""
    try:
        data = Path(path).read_bytes()
    except (OSError, ValueError) as error:
        raise SnapshotError(f"cannot read {path!r}: {reason_of(error)}") from error
    try:
        schema = msgspec.json.decode(data, type=_Head).schema
    except msgspec.ValidationError:
        schema = ""
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        reason = str(error).removeprefix("JSON is malformed: ")
        raise SnapshotError(f"{path!r} is not JSON: {reason}") from error
    if not schema.startswith(FAMILY):
        raise SnapshotError(f"{path!r} is not a snapshot of refwatch")
    if schema != SCHEMA:
        raise SnapshotError(f"{path!r} has schema {schema}, and this refwatch reads {SCHEMA}")
    try:
        return msgspec.json.decode(data, type=Snapshot)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise SnapshotError(f"{path!r} is not a whole snapshot: {error}") from error
