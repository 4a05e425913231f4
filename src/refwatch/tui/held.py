"""What a pause holds: every view as it was at one moment. The state behind it moves on."""

from __future__ import annotations

from dataclasses import dataclass

from refwatch.session.state import State
from refwatch.tui.panel import PanelSpec
from refwatch.tui.source import source_line
from refwatch.tui.views.header import HeaderView
from refwatch.tui.views.thread_detail import DetailView, hold, view_detail


@dataclass
class Held:
    """``at`` is the moment, seconds; ``drawn`` the panel that shows its held view already."""

    at: float
    header: HeaderView
    views: dict[str, object]
    threads: dict[int, DetailView]
    drawn: str = ""

    @staticmethod
    def of(state: State, specs: tuple[PanelSpec, ...], header: HeaderView) -> Held:
        """Hold everything now, also what is not looked at yet."""
        details = (
            view_detail(state, serial, source_line)
            for process in state.processes.values()
            for serial in process.threads
        )
        return Held(
            state.now,
            header,
            {spec.name: spec.hold(spec.read(state)) for spec in specs},
            {view.serial: hold(view) for view in details if view is not None},
        )
