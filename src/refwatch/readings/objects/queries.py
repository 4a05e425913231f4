"""What viewers ask of a target's copies: who refers to an object, chains, graphs, and to watch what
they have been shown. Long work tells how far it is, and can be ended at any time."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from refwatch.readings.objects.census import CensusTaker
from refwatch.readings.objects.chain_searches import Search
from refwatch.readings.objects.events import GraphWritten, InspectionEnded, ReferrersFound
from refwatch.readings.objects.records import TypeName
from refwatch.readings.objects.state import References
from refwatch.readings.objects.watched_objects import WatchedCollector
from refwatch.readings.threads.loop_events import TasksFailed
from refwatch.readings.threads.tasks import tasks_listed
from refwatch.target import probe_commands as pc
from refwatch.target import probe_messages as rp
from refwatch.target.context import Context
from refwatch.target.copies import Copies
from refwatch.target.events import Noted, TargetPaused, WorkProgressed
from refwatch.wire import commands as cmd

if TYPE_CHECKING:
    import subprocess

LIMIT_S = 600.0  # that a viewer may keep an inspection open
GRAPH_LIMIT_S = 60.0
MOST_INSPECTIONS = 3  # open at the same time: each keeps a copy
CROWDED = "too much is asked for at the same time"


class ViewerQueries:
    """Obeys the commands about references. ``objects`` is None where none can be watched."""

    def __init__(
        self,
        context: Context,
        copies: Copies,
        censuses: CensusTaker | None,
        objects: WatchedCollector | None,
        fold: Callable[[], References | None],
    ) -> None:
        self._context = context
        self._copies = copies
        self._censuses = censuses
        self._objects = objects
        self._fold = fold
        self._inspections: list[str] = []
        self._drawing: list[tuple[subprocess.Popen[bytes], str, str, str]] = []
        """(graphviz, work, DOT file, SVG file)"""

    def obey(self, command: cmd.Command) -> bool:
        """Do it; False for a command that is none of these."""
        action = {
            cmd.TakeCensus: self._take_census,
            cmd.WatchObject: self._watch_object,
            cmd.WatchNode: self._watch_node,
            cmd.WatchInstance: self._watch_instance,
            cmd.WatchAddress: self._watch_address,
            cmd.Unwatch: self._unwatch,
            cmd.Inspect: self._inspect,
            cmd.InspectInstance: self._inspect_instance,
            cmd.InspectAddress: self._inspect_address,
            cmd.OpenNode: self._open_node,
            cmd.EndInspection: self._end_inspection,
            cmd.FindChains: self._find_chains,
            cmd.CancelWork: self._cancel,
            cmd.WriteGraph: self._write_graph,
            cmd.ListTasks: self._list_tasks,
        }.get(type(command))
        if action is None:
            return False
        action(command)  # type: ignore[operator]
        return True

    # Objects

    def _take_census(self, _: cmd.TakeCensus) -> None:
        if self._censuses is None:
            self._note("warning", "no census: it is switched off (--census off)")
        else:
            self._censuses.wanted("viewer", self._context.clock())

    def _watch_object(self, command: cmd.WatchObject) -> None:
        if not all(word.isidentifier() for word in command.path.split(".")):
            self._note("warning", "cannot watch it: that is no dotted path of names")
        elif self._objects is not None and not self._objects.add_path(command.path):
            self._note("warning", "cannot watch it: no more names can be looked for")

    def _unwatch(self, command: cmd.Unwatch) -> None:
        if self._objects is not None:
            self._objects.forget(command.watch, self._context.clock())

    def _watch_node(self, command: cmd.WatchNode) -> None:
        if not self._copies.tell(command.inspection, pc.FindPath(node=command.node)):
            self._note("warning", "cannot watch it: the copy that has shown it is gone")

    def _watch_instance(self, command: cmd.WatchInstance) -> None:
        self._watch_found(pc.Referrers(module=command.module, name=command.name))

    def _watch_address(self, command: cmd.WatchAddress) -> None:
        self._watch_found(pc.Referrers(address=command.address, type=command.type))

    def _watch_found(self, query: pc.Referrers) -> None:
        """Have a copy find a path to the object, which the probe follows in the target."""
        work, over = "", "done"

        def take(report: rp.WorkReport | rp.Copied) -> None:
            if isinstance(report, rp.Copied):
                self._paused(report)
            elif isinstance(report, rp.ReferrersReport):
                self._copies.tell(work, pc.FindPath(node=0))
            elif isinstance(report, rp.PathReport):
                self._watch_at(report.path)
                self._copies.cancel(work, over)

        def fail(reason: str) -> None:
            if reason != over:
                self._note("warning", f"cannot watch it: {reason}")

        if self._copies.crowded:
            fail(CROWDED)
        else:
            work = self._copies.start(query, take, fail, limit_s=GRAPH_LIMIT_S)

    def _watch_at(self, path: rp.ObjectPath | None) -> None:
        if path is None:
            self._note(
                "warning", "cannot watch it: no names, keys or indices lead to it from a module"
            )
            return
        address = path.address
        if self._objects is not None and self._objects.again(lambda one: one.address == address):
            return
        self._context.send(pc.WatchAt(steps=path.steps, address=address))

    # Inspections

    def _inspect(self, command: cmd.Inspect) -> None:
        address = self._objects.address_of(command.watch) if self._objects is not None else None
        if address is None:
            self._over(command.inspection, "the object is no longer watched")
            return
        self._open(command.inspection, pc.Referrers(watch=command.watch))

    def _inspect_instance(self, command: cmd.InspectInstance) -> None:
        query = pc.Referrers(module=command.module, name=command.name)
        self._open(command.inspection, query)

    def _inspect_address(self, command: cmd.InspectAddress) -> None:
        query = pc.Referrers(address=command.address, type=command.type)
        self._open(command.inspection, query)

    def _open(self, name: str, query: pc.Referrers) -> None:
        if self._copies.crowded:
            self._over(name, CROWDED)
            return
        for oldest in self._inspections[: 1 - MOST_INSPECTIONS]:
            self._copies.cancel(oldest, "too many are open")

        def take(report: rp.WorkReport | rp.Copied) -> None:
            if isinstance(report, rp.Copied):
                self._paused(report)
            elif isinstance(report, rp.Progress):
                self._progress(report)
            elif isinstance(report, rp.ReferrersReport):
                self._take_referrers(name, report)
            elif isinstance(report, rp.PathReport):
                self._watch_at(report.path)

        def fail(reason: str) -> None:
            if name in self._inspections:
                self._inspections.remove(name)
            self._over(name, reason)

        self._inspections.append(name)
        held = self._objects.held if self._objects is not None else None
        self._copies.start(query, take, fail, limit_s=LIMIT_S, name=name, held=held)

    def _take_referrers(self, name: str, report: rp.ReferrersReport) -> None:
        self._context.emit(
            ReferrersFound(
                at=self._context.now(),
                process=self._context.process,
                inspection=name,
                node=report.node,
                type=report.type,
                label=report.label,
                address=report.address,
                references=report.references,
                seen=report.seen,
                referrers=report.referrers,
                left_out=report.left_out,
            )
        )
        self._context.emit(
            WorkProgressed(
                at=self._context.now(),
                process=self._context.process,
                work=name,
                text="done",
                share=1.0,
                done=True,
            )
        )

    def _open_node(self, command: cmd.OpenNode) -> None:
        if not self._copies.tell(command.inspection, pc.OpenNode(node=command.node)):
            self._over(command.inspection, "the copy is gone")

    def _end_inspection(self, command: cmd.EndInspection) -> None:
        self._copies.cancel(command.inspection, "closed")

    def _over(self, name: str, reason: str) -> None:
        self._context.emit(
            InspectionEnded(
                at=self._context.now(),
                process=self._context.process,
                inspection=name,
                reason=reason,
            )
        )

    # Chains and graphs

    def _find_chains(self, command: cmd.FindChains) -> None:
        if self._censuses is None:
            self._done(command.work, "no chains: censuses are switched off (--census off)")
            return
        if self._copies.crowded:
            self._done(command.work, f"no chains: {CROWDED}")
            return
        name = (command.module, command.name)
        self._begun(command.work, "making a copy")
        over = partial(self._done, command.work)
        born = self._born(name)
        self._censuses.chains.begin(
            Search(name=name, born=born, over=over, work=command.work, progress=self._progress)
        )

    def _born(self, name: TypeName) -> int:
        """How many objects of the type there are more than at the newest mark."""
        references = self._fold()
        if references is None:
            return 0
        count = references.census.types.get(name)
        before = references.baselines[-1].types.get(name, 0)
        return max(0, count.count - before) if count is not None else 0

    def _cancel(self, command: cmd.CancelWork) -> None:
        self._copies.cancel(command.work, "cancelled")
        if self._censuses is not None:
            self._censuses.chains.cancel(command.work, "cancelled")

    def _write_graph(self, command: cmd.WriteGraph) -> None:
        def take(report: rp.WorkReport | rp.Copied) -> None:
            if isinstance(report, rp.Copied):
                self._paused(report)
            elif isinstance(report, rp.Progress):
                self._progress(report)
            elif isinstance(report, rp.GraphReport):
                self._draw(command, report.dot)

        if self._copies.crowded:
            self._done(command.work, f"no graph: {CROWDED}")
            return
        module, name = command.module, command.name
        self._begun(command.work, "making a copy")
        self._copies.start(
            pc.Graph(module=module, name=name, born=self._born((module, name))),
            take,
            lambda reason: self._done(command.work, f"no graph: {reason}"),
            limit_s=GRAPH_LIMIT_S,
            name=command.work,
        )

    def _list_tasks(self, command: cmd.ListTasks) -> None:
        made_at = self._context.now()

        def take(report: rp.WorkReport | rp.Copied) -> None:
            nonlocal made_at
            if isinstance(report, rp.Copied):
                made_at = self._context.now()
                self._paused(report)
            elif isinstance(report, rp.TasksReport):
                self._context.emit(tasks_listed(self._context, report, made_at))
                self._done(command.work, None)

        def fail(reason: str) -> None:
            self._context.emit(
                TasksFailed(at=self._context.now(), process=self._context.process, reason=reason)
            )
            self._done(command.work, f"no tasks: {reason}")

        if self._copies.crowded:
            fail(CROWDED)
            return
        self._begun(command.work, "making a copy")
        self._copies.start(pc.Tasks(), take, fail, limit_s=GRAPH_LIMIT_S, name=command.work)

    def _draw(self, command: cmd.WriteGraph, dot: str) -> None:
        """Write the DOT file, and have graphviz draw it where it is installed."""
        import shutil  # start-up needs none of these
        import subprocess
        from pathlib import Path

        from refwatch.wire.files import ExportError, write_atomically

        path = Path(command.path)

        try:
            write_atomically(path, dot.encode("utf-8", "backslashreplace"))
        except ExportError as error:
            self._done(command.work, f"no graph: {error}")
            return
        graphviz = shutil.which("dot")
        if graphviz is None:
            self._context.emit(
                GraphWritten(
                    at=self._context.now(), process=self._context.process, paths=[str(path)]
                )
            )
            self._done(command.work, None)
            return
        svg = str(path.with_suffix(".svg"))
        process = subprocess.Popen(
            [graphviz, "-Tsvg", "-o", os.path.abspath(svg), os.path.abspath(path)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self._drawing.append((process, command.work, str(path), svg))

    def tick(self) -> None:
        """See which drawings are done."""
        for drawing in list(self._drawing):
            process, work, dot, svg = drawing
            status = process.poll()
            if status is not None:
                self._drawing.remove(drawing)
                paths = [dot] if status or not os.path.exists(svg) else [dot, svg]
                self._context.emit(
                    GraphWritten(at=self._context.now(), process=self._context.process, paths=paths)
                )
                self._done(work, None)

    def end(self) -> None:
        for process, *_ in self._drawing:
            with contextlib.suppress(OSError):
                process.kill()
                process.wait()

    # What is told

    def _paused(self, report: rp.Copied) -> None:
        if self._censuses is not None:
            self._censuses.paused(report.pause_s)
        self._context.emit(
            TargetPaused(
                at=self._context.now(), process=self._context.process, pause_s=report.pause_s
            )
        )

    def _begun(self, work: str, text: str) -> None:
        self._context.emit(
            WorkProgressed(
                at=self._context.now(), process=self._context.process, work=work, text=text
            )
        )

    def _progress(self, report: rp.Progress) -> None:
        self._context.emit(
            WorkProgressed(
                at=self._context.now(),
                process=self._context.process,
                work=report.work,
                text=report.text,
                share=report.share,
            )
        )

    def _done(self, work: str, failure: str | None) -> None:
        text = "done" if failure is None else "not done"
        self._context.emit(
            WorkProgressed(
                at=self._context.now(),
                process=self._context.process,
                work=work,
                text=text,
                share=1.0,
                done=True,
                failure=failure,
            )
        )

    def _note(self, level: str, text: str) -> None:
        self._context.emit(
            Noted(at=self._context.now(), process=self._context.process, level=level, text=text)
        )
