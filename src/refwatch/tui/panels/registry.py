"""The panels there are, in the order of their number keys. A new panel is one entry here."""

from __future__ import annotations

from refwatch.tui.panel import PanelSpec
from refwatch.tui.panels.allocations.panel import AllocationsPanel
from refwatch.tui.panels.allocations.view import AllocationsReader
from refwatch.tui.panels.objects.panel import ObjectsPanel
from refwatch.tui.panels.objects.view import ObjectsReader
from refwatch.tui.panels.output.panel import OutputPanel, view_output
from refwatch.tui.panels.output.terminal_reader import TerminalReader
from refwatch.tui.panels.overview.panel import OverviewPanel
from refwatch.tui.panels.overview.view import OverviewReader
from refwatch.tui.panels.refcounts.panel import RefcountsPanel
from refwatch.tui.panels.refcounts.view import view_refcounts
from refwatch.tui.panels.threads.panel import ThreadsPanel
from refwatch.tui.panels.threads.view import view_threads


def panels(reader: TerminalReader, *, live: bool) -> tuple[PanelSpec, ...]:
    """``live``: there is a target that can be typed to; ``reader`` is its terminal."""
    return (
        PanelSpec("overview", "1", "Overview", OverviewReader().read, OverviewPanel, short="Over"),
        PanelSpec("threads", "2", "Threads", view_threads, ThreadsPanel, fast=True),
        PanelSpec(
            "output",
            "3",
            "Output",
            view_output,
            lambda: OutputPanel(reader, live=live),
            fast=True,
        ),
        PanelSpec("refcounts", "4", "Refcounts", view_refcounts, RefcountsPanel, short="Refs"),
        PanelSpec("objects", "5", "Objects", ObjectsReader().read, lambda: ObjectsPanel(live=live)),
        PanelSpec(
            "allocations",
            "6",
            "Allocations",
            AllocationsReader().read,
            AllocationsPanel,
            short="Alloc",
        ),
    )
