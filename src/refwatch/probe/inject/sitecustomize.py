"""Start-up hook: starts the probe before the target's first line, then runs its own sitecustomize.

This folder is first in PYTHONPATH only until this module has run. It removes from the environment
what the launcher has added, so that the target and its children see what they would see alone. The
real ``python SCRIPT`` follows, with its own ``__main__``, arguments and tracebacks.
"""

from __future__ import annotations

import gc
import os
import sys

TYPE_CHECKING = False  # typing itself would be one more module in the target
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


def _restore_environment() -> tuple[str | None, str, str | None, str]:
    """Undo the launcher's changes; return (where the probe reports to, allocation mode, which
    children are to be watched, this folder)."""
    report_to = os.environ.pop("REFWATCH_PROBE", None)
    allocations = os.environ.pop("REFWATCH_ALLOCATIONS", "")
    children = os.environ.pop("REFWATCH_CHILDREN", None)
    folder = os.path.dirname(os.path.abspath(__file__))
    original = os.environ.pop("REFWATCH_PYTHONPATH", None)
    if report_to is not None:
        if original is None:
            os.environ.pop("PYTHONPATH", None)
        else:
            os.environ["PYTHONPATH"] = original
    sys.path[:] = [entry for entry in sys.path if entry != folder]
    sys.path_importer_cache.pop(folder, None)
    return report_to, allocations, children, folder


def _load_probe(folder: str) -> Callable[[str, str, str | None, set[int]], None]:
    """Load the probe under a private name; return its start function."""
    import builtins
    from _frozen_importlib_external import SourceFileLoader

    package = os.path.dirname(folder)
    name, path = "_refwatch_probe.loading", os.path.join(package, "loading.py")
    code = SourceFileLoader(name, path).get_code(name)
    names: dict[str, Any] = {"__name__": name, "__file__": path, "__builtins__": {**vars(builtins)}}
    exec(code or "", names)  # noqa: S102 - as an import does
    loader = names["Loader"](package)
    start = loader.load("_refwatch_probe.start")

    def begin(report_to: str, allocations: str, children: str | None, earlier: set[int]) -> None:
        start.start(report_to, allocations, children, earlier, loader.unload)

    return begin


def _start_probe(folder: str, report_to: str, allocations: str, children: str | None) -> None:
    earlier = set(map(id, gc.get_objects()))  # later objects are the probe's
    _load_probe(folder)(report_to, allocations, children, earlier)


def _run_own_sitecustomize() -> None:
    """Run the next sitecustomize in sys.path; if there is none, fail as its import would."""
    from _frozen_importlib import module_from_spec
    from _frozen_importlib_external import PathFinder

    spec = PathFinder.find_spec("sitecustomize", sys.path)
    if spec is None or spec.loader is None:
        raise ImportError("No module named 'sitecustomize'", name="sitecustomize")
    module = module_from_spec(spec)
    sys.modules["sitecustomize"] = module
    spec.loader.exec_module(module)


_report_to, _allocations, _children, _folder = _restore_environment()
if _report_to is not None:
    try:
        _start_probe(_folder, _report_to, _allocations, _children)
    except Exception:  # noqa: BLE001 - the target must run even if the probe fails
        _report_to = None
_run_own_sitecustomize()
