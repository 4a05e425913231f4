"""The panels there are, in the order of their number keys. A new panel is one entry here."""

from __future__ import annotations

from refwatch.tui.allocations import AllocationsPanel
from refwatch.tui.objects import ObjectsPanel
from refwatch.tui.output import OutputPanel, view_output
from refwatch.tui.overview import OverviewPanel
from refwatch.tui.panel import PanelSpec
from refwatch.tui.refcounts import RefcountsPanel
from refwatch.tui.threads import ThreadsPanel
from refwatch.tui.views.allocations import AllocationsReader, hold_allocations
from refwatch.tui.views.objects import ObjectsReader, hold_objects
from refwatch.tui.views.overview import OverviewReader
from refwatch.tui.views.refcounts import RefcountsView, hold_refcounts, view_refcounts
from refwatch.tui.views.threads import ThreadsView, hold, view_threads


def _hold_threads(view: object) -> object:
    return hold(view) if isinstance(view, ThreadsView) else view


def _hold_refcounts(view: object) -> object:
    return hold_refcounts(view) if isinstance(view, RefcountsView) else view


def panels(*, live: bool) -> tuple[PanelSpec, ...]:
    """``live``: there is a target that can be typed to."""
    return (
        PanelSpec("overview", "1", "Overview", OverviewReader().read, OverviewPanel, short="Over"),
        PanelSpec("threads", "2", "Threads", view_threads, ThreadsPanel, _hold_threads, fast=True),
        PanelSpec("output", "3", "Output", view_output, lambda: OutputPanel(live=live), fast=True),
        PanelSpec(
            "refcounts",
            "4",
            "Refcounts",
            view_refcounts,
            RefcountsPanel,
            _hold_refcounts,
            short="Refs",
        ),
        PanelSpec(
            "objects",
            "5",
            "Objects",
            ObjectsReader().read,
            lambda: ObjectsPanel(live=live),
            hold_objects,
        ),
        PanelSpec(
            "allocations",
            "6",
            "Allocations",
            AllocationsReader().read,
            AllocationsPanel,
            hold_allocations,
            short="Alloc",
        ),
    )
