"""Allocations in a snapshot: the lines and tracebacks with most bytes."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from refwatch.export import schema_types as snap
from refwatch.export.values import rounded
from refwatch.readings.allocations.estimates import NOTHING, estimate
from refwatch.readings.allocations.state import GONE, Allocations, By, Key
from refwatch.session.process import ProcessState
from refwatch.wire.commands import Mode
from refwatch.wire.heap_values import Site

MOST = 100  # lines, and tracebacks


class Figures(Struct, frozen=True):
    """Figures of a line or a traceback. Rates are (rate, standard error)."""

    size: int
    count: int
    delta_size: int
    delta_count: int
    byte_rate: tuple[float, float] | None = None
    block_rate: tuple[float, float] | None = None
    kept_size: int | None = None
    kept_count: int | None = None


def allocations(process: ProcessState) -> snap.Allocations | None:
    """The newest figures, of a mode that may have been switched off since; None without any."""
    recorded = process.allocations
    mode = mode_of(recorded)
    if mode == "off":
        return None
    exact = mode == "exact"
    traces, windows = recorded.traces, recorded.windows
    return snap.Allocations(
        mode=recorded.mode,
        frames=traces.frames if exact else recorded.frames,
        traced=traces.traced if exact else 0,
        peak=traces.peak if exact else 0,
        window_s=0.0 if exact else rounded(windows.window_s),
        top=[
            _group(recorded, key, figures)
            for key, figures in top_groups(recorded, By.TRACEBACK)
            if isinstance(key, int)
        ],
        span_s=0.0 if exact else rounded(windows.span_s),
        blocks=traces.blocks if exact else windows.samples,
        lines=[
            _line(recorded.site(key), figures)
            for key, figures in top_groups(recorded, By.LINE)
            if isinstance(key, int)
        ],
        note=recorded.note,
    )


def mode_of(recorded: Allocations) -> Mode:
    """The mode of the newest figures; ``off`` without any."""
    if recorded.mode == "exact" or (recorded.mode == "burst" and recorded.windows.count):
        return recorded.mode
    last = recorded.rates.last()
    if recorded.traces.number and (last is None or recorded.traces.taken_s > last[0]):
        return "exact"
    return "burst" if recorded.windows.count or recorded.mode == "burst" else "off"


def top_groups(recorded: Allocations, by: By, most: int = MOST) -> list[tuple[Key, Figures]]:
    """The ``most`` groups with most bytes, largest first."""
    groups = _live(recorded, by) if mode_of(recorded) == "exact" else _seen(recorded, by)
    return sorted(groups, key=lambda group: -group[1].size)[:most]


def _live(recorded: Allocations, by: By) -> Iterator[tuple[Key, Figures]]:
    before = recorded.baselines[-1].traces.groups[by]
    for key, now in recorded.traces.groups[by].items():
        then = before.get(key, GONE)
        yield key, Figures(now.size, now.count, now.size - then.size, now.count - then.count)


def _seen(recorded: Allocations, by: By) -> Iterator[tuple[Key, Figures]]:
    windows = recorded.windows
    before = recorded.baselines[-1].tallies[by]
    for key, tally in recorded.tallies[by].items():
        then = before.get(key, NOTHING)
        size = estimate(
            tally.size, tally.size_variance, tally.size_square, tally.size_time, windows
        )
        blocks = estimate(
            tally.blocks, tally.blocks_variance, tally.blocks_square, tally.blocks_time, windows
        )
        yield (
            key,
            Figures(
                round(tally.size),
                round(tally.blocks),
                round(tally.size - then.size),
                round(tally.blocks - then.blocks),
                (rounded(size.rate), rounded(size.error)),
                (rounded(blocks.rate), rounded(blocks.error)),
                round(tally.kept_size),
                round(tally.kept_blocks),
            ),
        )


def _group(recorded: Allocations, key: int, figures: Figures) -> snap.AllocationGroup:
    sites = [recorded.site(site) for site in recorded.tracebacks.get(key, (-1,))]
    byte_rate, block_rate = figures.byte_rate, figures.block_rate
    return snap.AllocationGroup(
        size=figures.size,
        count=figures.count,
        delta_size=figures.delta_size,
        delta_count=figures.delta_count,
        traceback=[snap.Line(file=one.file, line=one.line, function=one.function) for one in sites],
        bytes_per_s=byte_rate[0] if byte_rate else None,
        bytes_per_s_error=byte_rate[1] if byte_rate else None,
        blocks_per_s=block_rate[0] if block_rate else None,
        blocks_per_s_error=block_rate[1] if block_rate else None,
        kept_size=figures.kept_size,
        kept_count=figures.kept_count,
    )


def _line(site: Site, figures: Figures) -> snap.LineAllocations:
    byte_rate, block_rate = figures.byte_rate, figures.block_rate
    return snap.LineAllocations(
        file=site.file,
        line=site.line,
        function=site.function,
        size=figures.size,
        count=figures.count,
        delta_size=figures.delta_size,
        delta_count=figures.delta_count,
        bytes_per_s=byte_rate[0] if byte_rate else None,
        bytes_per_s_error=byte_rate[1] if byte_rate else None,
        blocks_per_s=block_rate[0] if block_rate else None,
        blocks_per_s_error=block_rate[1] if block_rate else None,
        kept_size=figures.kept_size,
        kept_count=figures.kept_count,
    )
