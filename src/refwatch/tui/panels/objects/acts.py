"""What can be done about a class from the Objects panel: who keeps it, its graph, a watch on it."""

from __future__ import annotations

import re
from pathlib import Path

from textual.message import Message
from textual.widget import Widget

from refwatch.readings.objects.records import TypeName
from refwatch.text.formats import fmt_type
from refwatch.text.sanitize import printable
from refwatch.tui.panel import Panel
from refwatch.tui.panels.objects.detail_view import Asks
from refwatch.tui.panels.objects.view import ObjectsView, chains_work, graph_work
from refwatch.tui.seen import Seen
from refwatch.wire.commands import (
    CancelWork,
    Command,
    FindChains,
    InspectInstance,
    WatchInstance,
    WriteGraph,
)

LONGEST_STEM = 60
NO_OBJECT = "This is no object that could be looked up again."


class ObjectActs:
    """Asks the daemon, through messages of ``widget``; remembers what was asked and when. ``live``:
    there is a daemon."""

    def __init__(self, widget: Widget, *, live: bool) -> None:
        self.live = live
        self._widget = widget
        self._asked: dict[str, float] = {}

    def asks(self) -> Asks:
        """For the views."""
        paused = bool(getattr(self._widget.app, "paused", False))
        return Asks(dict(self._asked), self.live, paused)

    def find_chains(self, name: TypeName, now: float) -> None:
        """Look for who keeps its instances alive. ``now`` in seconds."""
        self._asked[chains_work(name)] = now
        self._send(FindChains(work=chains_work(name), module=name[0], name=name[1]))

    def write_graph(self, name: TypeName) -> None:
        """Write the references around it, into the current directory."""
        stem = re.sub(r"[^\w.-]+", "_", name[1])[:LONGEST_STEM] or "objects"
        self._send(
            WriteGraph(
                work=graph_work(name),
                path=str(Path.cwd() / f"refwatch-{stem}.dot"),
                module=name[0],
                name=name[1],
            )
        )

    def watch(self, name: TypeName, seen: Seen | None = None) -> None:
        """Watch its newest instance, or what was seen in a chain."""
        if seen is None:
            self._send(
                WatchInstance(module=name[0], name=name[1]),
                f"Looking for the newest {printable(name[1])} …",
            )
        else:
            self._want(seen.watch())

    def inspect(self, name: TypeName, view: ObjectsView, seen: Seen | None = None) -> None:
        """Open the tree of those who refer to its newest instance, or to what was seen in a chain;
        of a recording, to one whose chains are known."""
        if seen is not None:
            self._want(seen.inspect())
            return
        found = view.chains.get(name)
        starts = [chain[0].address for chain in found.chains if chain] if found is not None else []

        def ask(inspection: str) -> Command:
            return InspectInstance(inspection=inspection, module=name[0], name=name[1])

        title = f"the newest {printable(fmt_type(*name))}"
        self._post(Panel.InspectWanted(title, ask, starts[0] if starts else ""))

    def cancel(self, work: str) -> None:
        self._asked.pop(work, None)
        self._send(CancelWork(work=work))

    def running(self, name: TypeName, view: ObjectsView) -> str:
        """The work about this class that goes on or was just asked for; empty where there is
        none."""
        if view.over:
            return ""
        for work in (graph_work(name), chains_work(name)):
            known = view.work.get(work)
            asked_s = self._asked.get(work)
            if known is not None and not known.done:
                return work
            if asked_s is not None and (known is None or known.at <= asked_s):
                return work
        return ""

    def _want(self, message: Message | None) -> None:
        if message is not None:
            self._post(message)
        else:
            self._widget.notify(NO_OBJECT, severity="warning", markup=False)

    def _send(self, command: Command, said: str = "") -> None:
        self._post(Panel.SendWanted(command, said))

    def _post(self, message: Message) -> None:
        self._widget.post_message(message)
