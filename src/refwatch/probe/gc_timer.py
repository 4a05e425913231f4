"""Timer of garbage collections by generation; loaded only if the user asks for it."""

from __future__ import annotations

import gc
import time


class GcTimer:
    """Times every collection from now on. ``generations``: [count, sum, longest] in seconds."""

    def __init__(self) -> None:
        self.generations: list[list[float]] = [[0, 0.0, 0.0] for _ in gc.get_stats()]
        self._began = 0.0
        gc.callbacks.append(self._callback)

    def _callback(self, phase: str, info: dict[str, int]) -> None:
        if phase == "start":
            self._began = time.perf_counter()
            return
        took = time.perf_counter() - self._began
        row = self.generations[min(info["generation"], len(self.generations) - 1)]
        row[0] += 1
        row[1] += took
        row[2] = max(row[2], took)
