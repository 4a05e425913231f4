"""Overview panel: the verdict, and the numbers that it rests on."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Horizontal

from refwatch.findings.types import Verdict
from refwatch.tui.panel import Panel, PanelSpec
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
from refwatch.tui.panels.overview.pointed import point_at_verdict
from refwatch.tui.panels.overview.together import TogetherReader
from refwatch.tui.panels.overview.view import (
    Gauge,
    HeapView,
    OverviewReader,
    OverviewView,
    Trend,
)
from refwatch.tui.subject import Subject
from refwatch.tui.views.durations import Durations, draw_durations, fmt_longest, fmt_short
from refwatch.tui.views.pointed import Pointed
from refwatch.tui.views.styled_text import whole_parts
from refwatch.tui.widgets.lines import Picture, label_border

TALL = 34
"""Height of the panel from which on there is room for histograms."""


class OverviewPanel(Panel[OverviewView]):
    """Shows an OverviewView."""

    SCOPED_CSS = False
    DEFAULT_CSS = """
    OverviewPanel {
        #verdict {
            height: 3;
            padding: 0 1;
        }
        #heap {
            height: 1;
            padding: 0 1;
            display: none;
        }
        #heap.-held {
            height: 2;
        }
        #gauges {
            height: 4;
        }
        #gauges .box, #trends .box {
            width: 1fr;
            height: 100%;
        }
        #times {
            height: 6;
            display: none;
        }
        #times .box {
            width: 1fr;
            height: 100%;
        }
        #trends {
            height: 2fr;
            min-height: 5;
        }
        #lists {
            height: 3fr;
            min-height: 5;
        }
        #busiest {
            width: 3fr;
            height: 100%;
        }
        #events {
            width: 2fr;
            height: 100%;
        }
    }
    .-tall OverviewPanel {
        #verdict {
            height: 4;
            padding: 1 1 0 1;
        }
        #heap {
            height: 2;
        }
        #heap.-held {
            height: 3;
        }
        #gauges {
            height: 5;
        }
        #trends, #lists {
            height: 1fr;
        }
    }
    """

    def __init__(self, *, live: bool = True) -> None:
        super().__init__("overview", live=live)
        self._reader = OverviewReader()
        self._together = TogetherReader()
        self._subject: Subject | None = None
        self._view: OverviewView | None = None
        """What was read and shown last."""
        self._verdict: Picture[tuple[str, Verdict]] = Picture(draw_first, "verdict")
        self._heap: Picture[HeapView] = Picture(draw_heap, "heap")
        self._gauges: list[Picture[Gauge]] = [
            Picture(draw_gauge, name, box="") for name in ("held", "waiting", "handoffs")
        ]
        self._times: list[Picture[Durations]] = [
            Picture(draw_durations, name, box="") for name in ("hold", "wait", "after-io")
        ]
        self._time_row = Horizontal(*self._times, id="times")
        self._no_gil = Picture(draw_text, "no-gil", box="GIL")
        self._memory = Picture(draw_memory, "memory", box="")
        self._cpu = Picture(draw_cpu, "cpu", box="")
        self._busiest = Picture(draw_busiest, "busiest", box="Busiest threads")
        self._events = Picture(draw_events, "events", box="Events")

    def compose(self) -> ComposeResult:
        yield self._verdict
        yield self._heap
        with Horizontal(id="gauges"):
            yield self._no_gil
            yield from self._gauges
        yield self._time_row
        with Horizontal(id="trends"):
            yield self._memory
            yield self._cpu
        with Horizontal(id="lists"):
            yield self._busiest
            yield self._events

    def pointed(self) -> Pointed | None:
        """The place that the verdict names."""
        known = self._subject.processes if self._subject is not None else []
        return point_at_verdict(self._view, known) if self._view is not None else None

    def read(self, subject: Subject) -> OverviewView:
        self._subject = subject
        return self._together.read(subject) if subject.together else self._reader.read(subject)

    def show(self, view: OverviewView, *, numbers: bool) -> None:
        if not numbers:
            return
        self._view = view
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
        self._show_times(view.times)
        self._trend(self._memory, "Memory", view.memory)
        self._trend(self._cpu, "CPU", view.cpu)
        self._busiest.present(view)
        self._events.present(view)

    def _show_times(self, times: tuple[Durations, ...]) -> None:
        """Holds and waits as histograms where there is room, else in the gauges' borders."""
        tall = self.size.height >= TALL
        self._time_row.display = bool(times) and tall
        for gauge in self._gauges:
            gauge.border_subtitle = ""
        for gauge, widget, each in zip(self._gauges, self._times, times, strict=False):
            if not tall:
                gauge.border_subtitle = fmt_short(each, gauge.size.width)
            label_border(widget, each.title, fmt_longest(each))
            widget.present(each)

    def _trend(self, widget: Picture[Trend], title: str, trend: Trend) -> None:
        if trend.more:
            title = f"{title} · {trend.more}"
        label_border(widget, title, whole_parts(trend.facts, widget.size.width - 2))
        widget.present(trend)


SPEC = PanelSpec("overview", "Overview", OverviewPanel, short="Over", together=True)
