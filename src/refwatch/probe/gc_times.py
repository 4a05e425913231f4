"""How long the collector takes, by generation; only where the user has asked for it."""

from __future__ import annotations

import gc
import time


class GcTimes:
    """Times every collection from now on. ``generations``: [count, sum, longest] in seconds."""

    def __init__(self) -> None:
        self.generations: list[list[float]] = [[0, 0.0, 0.0] for _ in gc.get_stats()]
        self._began = 0.0
        gc.callbacks.append(self._called)

    def _called(self, phase: str, info: dict[str, int]) -> None:
        if phase == "start":
            self._began = time.perf_counter()
            return
        took = time.perf_counter() - self._began
        row = self.generations[min(info["generation"], len(self.generations) - 1)]
        row[0] += 1
        row[1] += took
        row[2] = max(row[2], took)
