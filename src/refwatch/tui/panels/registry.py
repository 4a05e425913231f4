"""The panels, in the order of their number keys. A new panel is a folder and one entry here."""

from __future__ import annotations

from refwatch.tui.panel import PanelSpec
from refwatch.tui.panels.allocations.panel import SPEC as ALLOCATIONS
from refwatch.tui.panels.objects.panel import SPEC as OBJECTS
from refwatch.tui.panels.output.panel import SPEC as OUTPUT
from refwatch.tui.panels.overview.panel import SPEC as OVERVIEW
from refwatch.tui.panels.processes.panel import SPEC as PROCESSES
from refwatch.tui.panels.refcounts.panel import SPEC as REFCOUNTS
from refwatch.tui.panels.threads.panel import SPEC as THREADS
from refwatch.tui.panels.time.panel import SPEC as TIME

PANELS: tuple[PanelSpec, ...] = (
    OVERVIEW,
    TIME,
    THREADS,
    OUTPUT,
    REFCOUNTS,
    OBJECTS,
    ALLOCATIONS,
    PROCESSES,
)
