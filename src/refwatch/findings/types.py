"""Verdicts and their kinds."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

VerdictKind = Literal[
    "gil_bound",
    "io_bound",
    "native_parallel",
    "process_parallel",
    "lock_bound",
    "single_thread_cpu",
    "idle",
    "undecided",
]


class Verdict(Struct, frozen=True, kw_only=True):
    """Where the time goes, in one sentence. ``evidence`` has the figures behind it."""

    kind: VerdictKind
    sentence: str
    advice: str
    confidence: float
    evidence: dict[str, float]
