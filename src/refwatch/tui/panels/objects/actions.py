"""Actions on a class: find what keeps it alive, write its graph, watch an instance."""

from __future__ import annotations

import re
from pathlib import Path

from textual.message import Message

from refwatch.readings.objects.records import TypeName
from refwatch.session.events import Event, GraphWritten
from refwatch.text.formats import fmt_type
from refwatch.text.sanitize import printable
from refwatch.tui.answers import Answer, Answering, watch_found
from refwatch.tui.messages import InspectWanted, SendWanted
from refwatch.tui.panel import Panel
from refwatch.tui.panels.objects.detail_view import Requests
from refwatch.tui.panels.objects.view import ObjectsView, chains_work, graph_work
from refwatch.tui.referrers.listed_object import ListedObject
from refwatch.wire.commands import (
    CancelWork,
    Command,
    FindChains,
    InspectInstance,
    WatchInstance,
    WriteGraph,
)

LONGEST_STEM = 60
NO_OBJECT = "This object cannot be looked up again."


class ObjectActions:
    """Sends the panel's commands; remembers what was requested and when."""

    def __init__(self, panel: Panel[ObjectsView]) -> None:
        self._panel = panel
        self._asked: dict[str, float] = {}

    def requests(self) -> Requests:
        """The requests, for views."""
        return Requests(dict(self._asked), self._panel.live, self._panel.paused)

    def find_chains(self, name: TypeName, now: float) -> None:
        """Find what keeps its instances alive. ``now`` in seconds."""
        self._asked[chains_work(name)] = now
        self._send(FindChains(work=chains_work(name), module=name[0], name=name[1]))

    def write_graph(self, name: TypeName) -> None:
        """Write the graph of references around it into the current directory."""
        stem = re.sub(r"[^\w.-]+", "_", name[1])[:LONGEST_STEM] or "objects"
        self._send(
            WriteGraph(
                work=graph_work(name),
                path=str(Path.cwd() / f"refwatch-{stem}.dot"),
                module=name[0],
                name=name[1],
            ),
            answering=_graph_written,
        )

    def watch(self, name: TypeName, seen: ListedObject | None = None) -> None:
        """Watch its newest instance, or the object ``seen`` in a chain."""
        if seen is None:
            self._send(
                WatchInstance(module=name[0], name=name[1]),
                f"Looking for the newest {printable(name[1])} …",
                watch_found,
            )
        else:
            self._want(seen.watch())

    def inspect(self, name: TypeName, view: ObjectsView, seen: ListedObject | None = None) -> None:
        """Show who refers to its newest instance, or to the object ``seen`` in a chain. In a
        recording, to one whose chains are known."""
        if seen is not None:
            self._want(seen.inspect())
            return
        found = view.chains.get(name)
        starts = [chain[0].address for chain in found.chains if chain] if found is not None else []

        def ask(inspection: str) -> Command:
            return InspectInstance(inspection=inspection, module=name[0], name=name[1])

        title = f"the newest {printable(fmt_type(*name))}"
        self._post(InspectWanted(title, ask, starts[0] if starts else ""))

    def cancel(self, work: str) -> None:
        self._asked.pop(work, None)
        self._send(CancelWork(work=work))

    def running(self, name: TypeName, view: ObjectsView) -> str:
        """Name of the class's running or requested work; empty if there is none."""
        if view.over:
            return ""
        for work in (graph_work(name), chains_work(name)):
            progress = view.work.get(work)
            asked_s = self._asked.get(work)
            if progress is not None and not progress.done:
                return work
            if asked_s is not None and (progress is None or progress.at <= asked_s):
                return work
        return ""

    def _want(self, message: Message | None) -> None:
        if message is not None:
            self._post(message)
        else:
            self._panel.notify(NO_OBJECT, severity="warning", markup=False)

    def _send(self, command: Command, said: str = "", answering: Answering | None = None) -> None:
        self._post(SendWanted(command, said, answering))

    def _post(self, message: Message) -> None:
        self._panel.post_message(message)


def _graph_written(event: Event) -> Answer | None:
    if isinstance(event, GraphWritten):
        return Answer("Reference graph written", "\n".join(event.paths))
    return None
