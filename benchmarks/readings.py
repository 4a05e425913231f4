"""One figure that refwatch tells, what it must be, and whether it is."""

from __future__ import annotations

from typing import Any

import msgspec

Facts = dict[str, Any]
"""What a target says of itself: the JSON object that it prints last."""


class Reading(msgspec.Struct, frozen=True):
    what: str
    value: str
    bound: str
    ok: bool


def at_least(what: str, value: float, bound: float, note: str = "") -> Reading:
    return Reading(what, f"{value:.3f}", f">= {bound:.3f}{note}", value >= bound)


def at_most(what: str, value: float, bound: float) -> Reading:
    return Reading(what, f"{value:.3f}", f"<= {bound:.3f}", value <= bound)


def near(what: str, value: float, truth: float, slack: float, unit: str = "") -> Reading:
    bound = f"{truth:.3f}{unit} +- {slack:.3f}"
    return Reading(what, f"{value:.3f}{unit}", bound, abs(value - truth) <= slack)
