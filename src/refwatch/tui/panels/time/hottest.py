"""The line of a function that most time was spent at: where an editor opens it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from refwatch.tui.panels.time.view import By, Place, TimeOptions, TimeView, view_time
from refwatch.tui.subject import Subject
from refwatch.tui.views.pointed import Pointed, at

Hottest = Mapping[tuple[str, str], int]
"""(file, function) -> line"""


def hottest_lines(by_line: TimeView) -> Hottest:
    """Of each function the line with most time itself, or with what it calls."""
    most: dict[tuple[str, str], tuple[float, float, int]] = {}
    for row in by_line.rows:
        file, line, function = by_line.places[row.site]
        key, time = (file, function), (row.own, row.total, line)
        most[key] = max(time, most.get(key, time))
    return {key: line for key, (_, _, line) in most.items()}


def point_at(place: Place, hottest: Hottest, cwd: str) -> Pointed | None:
    """The place; of a function its hottest line."""
    line = place.line or hottest.get((place.file, place.function), 0)
    return at(place.file, line, cwd)


def find_hottest(subject: Subject, options: TimeOptions) -> Hottest:
    """The same, added up now."""
    return hottest_lines(view_time(subject, replace(options, by=By.LINE)))
