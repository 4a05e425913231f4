"""Query: the tasks of event loops and the greenlets that wait."""

from __future__ import annotations

from ..tasks import list_tasks

TYPE_CHECKING = False  # typing itself would be one more module in the target
if TYPE_CHECKING:
    from ..worker import Worker


def answer(worker: Worker) -> None:
    worker.progress("looking for tasks", None)
    worker.send(list_tasks())
