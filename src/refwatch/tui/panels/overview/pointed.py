"""The place that the Overview speaks of: the verdict's, else where the busiest thread is."""

from __future__ import annotations

import re
from collections.abc import Iterable

from refwatch.session.process import ProcessState
from refwatch.text.sanitize import printable
from refwatch.tui.panels.overview.view import OverviewView
from refwatch.tui.views.pointed import Pointed
from refwatch.tui.views.threads import of_key, point_at, point_at_thread


def point_at_verdict(view: OverviewView, processes: Iterable[ProcessState]) -> Pointed | None:
    """A line that the trouble, the verdict or its advice names; the busiest thread's line where
    none does; the verdict itself before a line is known."""
    known = {process.number: process for process in processes}
    for text in (view.trouble, view.verdict.sentence, view.verdict.advice):
        for process in known.values():
            if found := _named(printable(text), process):
                return found
    for shown in view.threads:
        number, serial = of_key(shown.key)
        busy = known.get(number)
        thread = busy.threads.get(serial) if busy is not None else None
        if busy is not None and thread is not None and thread.stack:
            return point_at_thread(busy, thread)
    return Pointed(text=view.verdict.sentence) if view.verdict.sentence else None


def _named(text: str, process: ProcessState) -> Pointed | None:
    """The first line that a text names."""
    numbers = {int(number) for number in re.findall(r":(\d+)", text)}
    found = [
        (text.find(name), -len(name), key)
        for key, line in process.lines.items()
        if line.number in numbers
        and re.search(rf"{re.escape(name := printable(f'{line.file}:{line.number}'))}(?!\d)", text)
    ]
    return point_at(process, min(found)[2]) if found else None
