"""Where a class is written: in a file whose name fits its module, the one line that begins it.

The probe does not read this, and a class does not know its line. So it is looked for in the source
when the user asks, and believed only where there is exactly one such line.
"""

from __future__ import annotations

import os
import re

from refwatch.session.process import ProcessState
from refwatch.text.formats import fmt_type
from refwatch.text.sanitize import printable
from refwatch.tui.panels.objects.view import ObjectRow, ObjectsView
from refwatch.tui.source import source_lines
from refwatch.tui.views.chains import fmt_link
from refwatch.tui.views.pointed import Pointed, at, object_at
from refwatch.wire.heap_values import ChainLink

MOST_LINES = 1 << 20


def point_at_class(
    process: ProcessState | None, view: ObjectsView, row: ObjectRow
) -> Pointed | None:
    """Where its instances were allocated, as far as that was traced; else the line that begins the
    class, or the frame that keeps them; else one of its chains, or its name."""
    cwd = process.started.cwd if process is not None else ""
    known = view.chains.get(row.full_name)
    for site in known.allocated_at if known is not None else ():
        if allocated := at(site.file, site.line, cwd):
            return allocated
    found = process and definition_of(process, row.module, row.name)
    if found:
        return found
    suspect = next((each for each in view.suspects if each.key == row.key), None)
    name = fmt_type(*row.full_name)
    if suspect is None or not suspect.chain:
        return Pointed(text=name)
    root = suspect.chain[-1]
    held = object_at(fmt_link(root), root.type, "", cwd)
    return held if held.file else Pointed(text=f"{name} {chain_text(suspect.chain)}")


def chain_text(chain: tuple[ChainLink, ...]) -> str:
    """``← item 17 ← global sessions ← module app``"""
    edges = [printable(link.edge) for link in chain[:-1] if link.edge]
    return " ".join(f"← {each}" for each in (*edges, fmt_link(chain[-1])))


def definition_of(process: ProcessState, module: str, name: str) -> Pointed | None:
    """The line at which a class is written, if exactly one can be."""
    begins = re.compile(rf"\s*class\s+{re.escape(name.rpartition('.')[2])}\b")
    found = [
        Pointed(file, number)
        for file in _files(process, module)
        for number, text in enumerate(source_lines(file, 1, MOST_LINES), 1)
        if begins.match(text)
    ]
    return found[0] if len(found) == 1 else None


def _files(process: ProcessState, module: str) -> set[str]:
    """Files that a module may be read from, of those that are known."""
    cwd = process.started.cwd
    if module == "__main__":
        script = next((word for word in process.started.argv if word.endswith(".py")), "")
        return {os.path.join(cwd, script)} if script else set()
    path = module.replace(".", "/")
    ends = (f"/{path}.py", f"/{path}/__init__.py")
    lines = {line.file for line in process.lines.values()}
    sites = {site.file for site in process.allocations.sites.values()}
    files = {os.path.join(cwd, file) for file in lines | sites if not file.startswith("<")}
    beside = {cwd + end for end in ends}
    return {file for file in files if file.endswith(ends)} or beside
