"""View of the whole heap: census (heap count), garbage collector, most-referenced objects."""

from __future__ import annotations

from dataclasses import dataclass

from refwatch.findings.collecting import collector_sentence
from refwatch.readings.objects.state import KEEP_PAUSES
from refwatch.session.events import GcGeneration
from refwatch.text.formats import fmt_duration, fmt_plural, fmt_seconds
from refwatch.text.sanitize import printable
from refwatch.tui.subject import Subject
from refwatch.tui.views.chains import fmt_named
from refwatch.tui.views.styled_text import Line, StyledText, fit, pad
from refwatch.tui.views.table import Column, Row, Rows
from refwatch.wire.heap_values import Referenced


@dataclass(frozen=True)
class HeapScreenView:
    """``why``: reason for there being no census. ``pauses``: of the target, for its copies: (count,
    sum, longest) in seconds. ``collecting``: what is said of the collector's time."""

    now_s: float
    taken: int
    taken_s: float
    objects: int
    took_s: float
    method: str
    pauses: tuple[int, float, float]
    generations: tuple[GcGeneration, ...]
    collecting: str
    most: tuple[Referenced, ...]
    why: str
    counting: bool


NOTHING = HeapScreenView(
    0.0, 0, 0.0, 0, 0.0, "copy", (0, 0.0, 0.0), (), "", (), why="", counting=False
)


def view_heap(subject: Subject) -> HeapScreenView:
    """Read the heap of a process."""
    process = subject.process
    if process is None:
        return NOTHING
    references, census = process.references, process.references.census
    pauses = references.pauses
    return HeapScreenView(
        subject.now,
        census.taken,
        census.taken_s,
        census.objects,
        census.took_s,
        census.method,
        (len(pauses), sum(pauses), max(pauses, default=0.0)),
        tuple(process.gc),
        collector_sentence(process, least=0.0),
        tuple(census.most_referenced),
        why=printable(references.failure or process.limits.get("census") or ""),
        counting=references.counting_since is not None,
    )


def draw_heap_title(width: int) -> Line:
    return fit(((" esc ← ", "muted"), ("The heap", "strong")), width)


def draw_census(view: HeapScreenView, width: int, height: int) -> tuple[Line, ...]:
    """The newest census, and what all of them have cost the target."""
    lines: list[Line] = []
    if view.counting:
        lines.append((("◌ ", "accent"), ("counting the heap …", "foreground")))
    if view.why:
        lines.append((("! ", "warn"), (f"no heap count: {view.why}", "foreground")))
    if view.taken:
        where = "in a copy" if view.method == "copy" else "in the target itself"
        lines.append(
            (
                (f"{view.objects:,}", "strong"),
                (f" objects {fmt_seconds(view.now_s - view.taken_s)} ago", "foreground"),
                (f", counted in {fmt_duration(view.took_s)} {where}", "muted"),
            )
        )
        count, total, longest = view.pauses
        share = total / view.now_s if view.now_s else 0.0
        times = f"paused {fmt_plural(count, 'time')}, at most {fmt_duration(longest)}"
        text = f"{times}; {fmt_duration(total)} in all, {share * 100:.2f} % of the time"
        if count == KEEP_PAUSES:  # there were more
            mean = fmt_duration(total / count)
            text = f"its last {count:,} pauses: {mean} on average, at most {fmt_duration(longest)}"
        lines.append(((text, "muted"),))
    elif not view.why and not view.counting:
        lines.append((("no heap count yet; ", "muted"), ("c", "key"), (" takes one", "muted")))
    return tuple(fit(line, width) for line in lines[:height])


_GC_COLUMNS = ("collections", "collected", "uncollectable")
_GC_WIDTHS = (12, 12, 14)
_NAMES = ("young", "middle", "old")


def draw_gc(view: HeapScreenView, width: int, height: int) -> tuple[Line, ...]:
    """The generations, youngest first, and the time that the collector takes."""
    if not view.generations:
        return ((("not read yet", "muted"),),)
    lines: list[Line] = [_gc_line("", _GC_COLUMNS, ("muted",) * len(_GC_COLUMNS))]
    for index, generation in enumerate(view.generations):
        counts = (generation.collections, generation.collected, generation.uncollectable)
        texts = [f"{count:,}" for count in counts]
        stuck = "warn" if generation.uncollectable else "foreground"
        styles = ("strong", "foreground", stuck)
        name = f"{index} {_NAMES[min(index, 2)]}" if len(view.generations) == 3 else str(index)
        lines.append(_gc_line(name, texts, styles))
    if view.collecting:
        lines += [((said, "foreground"),) for said in printable(view.collecting).split("; ")]
    return tuple(fit(line, width) for line in lines[:height])


def _gc_line(name: str, texts: tuple[str, ...] | list[str], styles: tuple[str, ...]) -> Line:
    styled: list[StyledText] = [(pad(name, 9), "muted")]
    for text, size, style in zip(texts, _GC_WIDTHS, styles, strict=False):
        styled.append((pad(text, size, right=True), style))
    return tuple(styled)


MOST_COLUMNS = (
    Column("references", "References", 11, right=True),
    Column("what", "Object", 24, 96),
    Column("address", "Address", 16, priority=1),
)


def most_rows(view: HeapScreenView) -> Rows:
    """The objects with most references."""
    return Rows.of([_row(referenced) for referenced in view.most])


def key_of(referenced: Referenced) -> int:
    """Key of its row, stable from census to census."""
    return hash(referenced.address)


def _row(referenced: Referenced) -> Row:
    return Row(
        key_of(referenced),
        (
            ((f"{referenced.references:,}", "strong"),),
            ((fmt_named(referenced.type, referenced.label), "foreground"),),
            ((printable(referenced.address), "muted"),),
        ),
    )
