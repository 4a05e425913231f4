"""The interpreters of a process, for the snapshot."""

from __future__ import annotations

from collections.abc import Iterable

from refwatch.export.schema_threads import Interpreter
from refwatch.export.values import rounded, rounded_optional
from refwatch.readings.threads.interpreter_records import InterpreterRecord
from refwatch.session.process import ProcessState


def interpreters_of(process: ProcessState) -> list[Interpreter]:
    """The main one, then the others as they came; empty where the process has not told of any."""
    if process.interpreter is None:
        return []
    known = process.interpreters
    main = Interpreter(
        id=0,
        gil_own=True if process.gil.present else None,
        held_fraction=rounded_optional(process.gil.held_fraction),
        contention=rounded_optional(process.gil.contention),
        handoffs=process.gil.handoffs if process.gil.watched_s else None,
        threads=_tids(process, known.in_main(process.threads)),
        started_s=rounded(process.began_s),
        ended_s=rounded_optional(process.ended_s),
    )
    return [main, *(_other(process, one) for one in known.others.values())]


def _other(process: ProcessState, one: InterpreterRecord) -> Interpreter:
    gil = process.gil if one.gil_own is False else one.gil
    return Interpreter(
        id=one.number,
        gil_own=one.gil_own,
        held_fraction=rounded_optional(gil.held_fraction),
        contention=rounded_optional(gil.contention),
        handoffs=gil.handoffs if gil.watched_s else None,
        threads=_tids(process, one.serials),
        started_s=rounded(one.began_s),
        ended_s=rounded_optional(process.ended_s if one.ended_s is None else one.ended_s),
    )


def _tids(process: ProcessState, serials: Iterable[int]) -> list[int]:
    threads = (process.threads.get(serial) for serial in serials)
    return list(dict.fromkeys(thread.tid for thread in threads if thread is not None))
