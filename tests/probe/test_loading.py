"""What the probe's modules use of the library is bound before the target's first line."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

import refwatch

PROBE = Path(refwatch.__file__).parent / "probe"
BY_THE_IMPORT_SYSTEM = {"loading.py", "sitecustomize.py"}
# What is loaded at the start, as start.py loads it; then what the copies of the library have.
LOAD = f"""
import json, sys
sys.path.insert(0, {str(PROBE)!r})
from loading import Loader
loader = Loader({str(PROBE)!r})
for name in ("start", "calibration.search", "service", "hooking.hook"):
    loader.load("_refwatch_probe." + name)
loader.load("_refwatch_probe.tracing")._Functions()
print(json.dumps({{name: sorted(vars(copy)) for name, copy in loader._library.items()}}))
"""


def test_all_that_it_uses_is_bound_at_the_start() -> None:
    done = subprocess.run(
        [sys.executable, "-c", LOAD], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stderr == ""
    bound = json.loads(done.stdout)

    used = {
        (file.name, module, name)
        for file in PROBE.rglob("*.py")
        if file.name not in BY_THE_IMPORT_SYSTEM
        for module, name in used_in(ast.parse(file.read_text()))
    }

    assert len(used) > 100
    assert [one for one in sorted(used) if one[2] not in bound.get(one[1], ())] == []


def used_in(tree: ast.Module) -> set[tuple[str, str]]:
    """(module of the library, name in it), but what only a type checker reads."""
    used: set[tuple[str, str]] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            node.body.clear()
    modules = {"ctypes"}  # by way of capi.py
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            modules.update(one.name for one in node.names)
        if isinstance(node, ast.ImportFrom) and not node.level and node.module != "__future__":
            used.update((str(node.module), one.name) for one in node.names)
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Attribute)
            and isinstance(node.value, ast.Name)
            and node.value.id in modules
        ):
            used.add((node.value.id, node.attr))
    return used
