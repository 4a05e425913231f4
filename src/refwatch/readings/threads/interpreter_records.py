"""State of a process's interpreters, while or since it had more than the main one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from msgspec import Struct, field

from refwatch.readings.threads.events import InterpreterSlice
from refwatch.readings.threads.state import GilRecord, ThreadRecord

KEEP = 100  # interpreters
KEEP_SERIALS = 1_000  # threads of one interpreter


class InterpreterRecord(Struct, kw_only=True):
    """One beside the main one. ``gil`` is its own GIL's; empty where it shares the main one's."""

    number: int
    began_s: float
    ended_s: float | None = None
    gil_own: bool | None = None
    """None where it was not there long enough to be known."""
    gil: GilRecord = field(default_factory=GilRecord)
    serials: list[int] = field(default_factory=list)
    """Threads that were seen to run in it."""


class Interpreters(Struct, kw_only=True):
    """``others`` by number, oldest first; empty while there was only the main one."""

    others: dict[int, InterpreterRecord] = field(default_factory=dict)
    forgotten: int = 0
    """Interpreters that have ended and are no longer kept."""
    main_serials: list[int] = field(default_factory=list)
    """Threads that the main one was seen to list while there were others."""

    def sampled(self, at: float, pieces: Iterable[InterpreterSlice]) -> None:
        """Take in what they did in one slice that ended at ``at``."""
        for piece in pieces:
            if piece.number == 0:
                self.main_serials = _joined(self.main_serials, piece.threads)
                continue
            record = self.others.get(piece.number)
            if record is None:
                record = InterpreterRecord(number=piece.number, began_s=at - piece.span_s)
                self.others[piece.number] = record
            if piece.gil_own is not None:
                record.gil_own = piece.gil_own
            record.serials = _joined(record.serials, piece.threads)
            if piece.gil is not None:
                record.gil.sampled(at, piece.span_s, piece.gil)
            if piece.ended:
                record.ended_s = at
        self._forget()

    def _forget(self) -> None:
        if len(self.others) <= KEEP:
            return
        ended = [record for record in self.others.values() if record.ended_s is not None]
        ended.sort(key=lambda record: record.gil.held_s)
        for record in ended[: len(self.others) - KEEP]:
            del self.others[record.number]
            self.forgotten += 1

    def with_own_gil(self) -> list[InterpreterRecord]:
        """Those that have a GIL of their own, and were seen to."""
        return [one for one in self.others.values() if one.gil_own and one.gil.watched_s]

    def of_thread(self, serial: int) -> list[InterpreterRecord]:
        """Those in which this thread was seen to run."""
        return [one for one in self.others.values() if serial in one.serials]

    def in_main(self, threads: Mapping[int, ThreadRecord]) -> list[int]:
        """Serials of the threads that the main one has: all that Python knows, other than those
        that were seen in others alone."""
        elsewhere = {serial for one in self.others.values() for serial in one.serials}
        listed = set(self.main_serials)
        return [
            thread.serial
            for thread in threads.values()
            if thread.serial in listed
            or (thread.ident is not None and thread.serial not in elsewhere)
        ]


def _joined(known: list[int], more: list[int] | None) -> list[int]:
    return list(dict.fromkeys([*known, *more]))[-KEEP_SERIALS:] if more else known
