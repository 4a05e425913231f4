"""Registry of the queries that a hidden copy answers: one module each, with the query's name.

Such a module defines ``answer(worker, **fields)``, which sends reports through the worker. One that
can also be answered in the target itself defines ``answer_inside(**fields)``, which returns the
report. The fields are those in probe/messages.py: QUERIES.
"""

from __future__ import annotations

from ...messages import QUERIES

TYPE_CHECKING = False  # typing itself would be one more module in the target
if TYPE_CHECKING:
    from types import ModuleType
    from typing import Any

    from ...messages import Message
    from ..worker import Worker


def answer(worker: Worker, query: Message) -> None:
    """Answer a query in a hidden copy."""
    module, fields = _find(query)
    module.answer(worker, **fields)


def answer_inside(query: Message) -> Message:
    """Answer a query in the target itself. Raises ValueError if that is not possible."""
    module, fields = _find(query)
    if not hasattr(module, "answer_inside"):
        raise ValueError(f"{query['query']} needs a copy")
    report: Message = module.answer_inside(**fields)
    return report


def _find(query: Message) -> tuple[ModuleType, dict[str, Any]]:
    found = QUERIES.decode(query)
    if found is None:
        raise ValueError(f"unknown query: {query.get('query')}")
    name, fields = found
    # ``from . import name``: only the modules that are needed are loaded
    module: ModuleType = getattr(__import__("", globals(), None, (name,), 1), name)
    return module, fields
