"""Where resident memory has grown, in one sentence."""

from __future__ import annotations

from refwatch.session.allocations import Allocations
from refwatch.session.process import ProcessState


def memory_sentence(allocations: Allocations, process: ProcessState) -> str:  # noqa: ARG001
    """What grew while Python's blocks did not; empty where there is nothing to say."""
    return ""
