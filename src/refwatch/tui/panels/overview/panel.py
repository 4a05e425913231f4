"""Panel 1, Overview: where the time goes, then the numbers that say so."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Horizontal

from refwatch.findings.types import Verdict
from refwatch.tui.panel import Panel
from refwatch.tui.panels.overview.lines import (
    draw_busiest,
    draw_cpu,
    draw_events,
    draw_first,
    draw_gauge,
    draw_heap,
    draw_memory,
    draw_text,
)
from refwatch.tui.panels.overview.view import Gauge, HeapView, OverviewView, Trend
from refwatch.tui.views.spans import whole_parts
from refwatch.tui.widgets.lines import Picture


class OverviewPanel(Panel):
    """Shows an OverviewView."""

    def __init__(self) -> None:
        super().__init__(id="overview")
        self._verdict: Picture[tuple[str, Verdict]] = Picture(draw_first, "verdict")
        self._heap: Picture[HeapView] = Picture(draw_heap, "heap")
        self._gauges: list[Picture[Gauge]] = [
            Picture(draw_gauge, name, classes="box") for name in ("held", "waiting", "handoffs")
        ]
        self._no_gil: Picture[str] = Picture(draw_text, "no-gil", classes="box")
        self._memory: Picture[Trend] = Picture(draw_memory, "memory", classes="box")
        self._cpu: Picture[Trend] = Picture(draw_cpu, "cpu", classes="box")
        self._busiest: Picture[OverviewView] = Picture(draw_busiest, "busiest", classes="box")
        self._events: Picture[OverviewView] = Picture(draw_events, "events", classes="box")

    def compose(self) -> ComposeResult:
        yield self._verdict
        yield self._heap
        with Horizontal(id="gauges"):
            yield self._no_gil
            yield from self._gauges
        with Horizontal(id="trends"):
            yield self._memory
            yield self._cpu
        with Horizontal(id="lists"):
            yield self._busiest
            yield self._events

    def on_mount(self) -> None:
        self._memory.border_title = "Memory"
        self._cpu.border_title = "CPU"
        self._busiest.border_title = "Busiest threads"
        self._events.border_title = "Events"
        self._no_gil.border_title = "GIL"

    def show(self, view: object, *, numbers: bool) -> None:
        if not numbers or not isinstance(view, OverviewView):
            return
        self._verdict.present((view.trouble, view.verdict))
        self._heap.display = view.heap is not None
        if view.heap is not None:
            self._heap.set_class(bool(view.heap.growing or view.heap.large), "-held")
            self._heap.present(view.heap)
        gauges = (view.held, view.waiting, view.handoffs)
        self._no_gil.display = view.held is None
        self._no_gil.present(view.no_gil)
        for widget, gauge in zip(self._gauges, gauges, strict=True):
            widget.display = gauge is not None
            if gauge is not None:
                widget.border_title = gauge.title
                widget.present(gauge)
        self._trend(self._memory, view.memory)
        self._trend(self._cpu, view.cpu)
        self._busiest.present(view)
        self._events.present(view)

    def _trend(self, widget: Picture[Trend], trend: Trend) -> None:
        facts = whole_parts(trend.facts, widget.size.width - 2)
        if widget.border_subtitle != facts:
            widget.border_subtitle = facts
        title = f"{widget.border_title}".split(" · ")[0]
        wanted = f"{title} · {trend.more}" if trend.more else title
        if widget.border_title != wanted:
            widget.border_title = wanted
        widget.present(trend)
