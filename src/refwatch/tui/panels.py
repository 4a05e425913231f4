"""The panels there are, in the order of their number keys. A new panel is one entry here."""

from __future__ import annotations

from refwatch.tui.allocations import AllocationsPanel
from refwatch.tui.objects import ObjectsPanel
from refwatch.tui.output import OutputPanel, view_output
from refwatch.tui.overview import OverviewPanel
from refwatch.tui.panel import PanelSpec
from refwatch.tui.refcounts import RefcountsPanel
from refwatch.tui.terminal_reader import TerminalReader
from refwatch.tui.threads import ThreadsPanel
from refwatch.tui.views.allocations import AllocationsReader
from refwatch.tui.views.objects import ObjectsReader
from refwatch.tui.views.overview import OverviewReader
from refwatch.tui.views.refcounts import view_refcounts
from refwatch.tui.views.threads import view_threads


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
