"""Numbers as people read them."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from itertools import pairwise

import pytest

from refwatch.text import formats


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "-"),
        (0.0, "0 %"),
        (0.003, "<1 %"),
        (0.005, "<1 %"),
        (0.006, "1 %"),
        (0.5, "50 %"),
        (0.996, "100 %"),
    ],
)
def test_percent(value: float | None, text: str) -> None:
    assert formats.fmt_percent(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0 B"), (999, "999 B"), (1536, "1.5 KiB"), (200 * 1024, "200 KiB"),
     (21 << 20, "21.0 MiB"), (999.4 * (1 << 20), "999 MiB"), (999.9 * (1 << 20), "1.0 GiB"),
     (5 << 40, "5.0 TiB"), (None, "-")],
)  # fmt: skip
def test_bytes(value: float | None, text: str) -> None:
    assert formats.fmt_bytes(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0 s"), (0.00085, "850 µs"), (0.0042, "4.2 ms"), (0.5, "0.50 s"), (12.34, "12.3 s"),
     (187, "3:07"), (300, "5:00"), (3723, "1:02:03")],
)  # fmt: skip
def test_duration(value: float, text: str) -> None:
    assert formats.fmt_duration(value) == text


@pytest.mark.parametrize(
    ("value", "text"), [(0, "0"), (9999, "9,999"), (12_345, "12.3 k"), (1.5e6, "1.5 M")]
)
def test_count(value: float, text: str) -> None:
    assert formats.fmt_count(value) == text


@pytest.mark.parametrize(
    ("code", "text"),
    [(0, "finished, exit 0"), (3, "finished, exit 3"), (137, "ended by SIGKILL"),
     (200, "finished, exit 200"), (None, "ended, status unknown")],
)  # fmt: skip
def test_status(code: int | None, text: str) -> None:
    assert formats.fmt_status(code) == text


@pytest.mark.parametrize(
    ("value", "text"), [(0.2, "0 s"), (60, "60 s"), (107, "1:47"), (-1, "0 s")]
)
def test_whole_seconds(value: float, text: str) -> None:
    assert formats.fmt_seconds(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0.0/s"), (0.02, "1.2/min"), (0.1, "0.1/s"), (1.54, "1.5/s"), (40, "40/s"),
     (12_345, "12.3 k/s")],
)  # fmt: skip
def test_rate(value: float, text: str) -> None:
    assert formats.fmt_rate(value) == text


def test_numbers_in_full_where_they_fit() -> None:
    assert formats.fmt_number(1_234_567) == "1,234,567"
    assert formats.fmt_number(1_234_567, 7) == "1.23 M"
    assert formats.fmt_signed(-12_345, formats.fmt_count) == "-12.3 k"
    assert formats.fmt_signed(0.5, formats.fmt_rate) == "+0.5/s"


def test_plural() -> None:
    assert formats.fmt_plural(1, "block") == "1 block"
    assert formats.fmt_plural(0, "block") == "0 blocks"
    assert formats.fmt_plural(2000, "census", "censuses") == "2,000 censuses"


def test_types() -> None:
    assert formats.fmt_type("app", "Session") == "app.Session"
    assert formats.fmt_type("builtins", "dict") == formats.fmt_type("", "dict") == "dict"


UNITS = {
    "": 1.0, "k": 1e3, "M": 1e6, "G": 1e9, "%": 0.01, "/s": 1.0, "/min": 1 / 60,
    "µs": 1e-6, "ms": 1e-3, "s": 1.0,
    "B": 1.0, "KiB": 2.0**10, "MiB": 2.0**20, "GiB": 2.0**30, "TiB": 2.0**40,
}  # fmt: skip


def worth(text: str) -> float:
    """The number that a text stands for."""
    if ":" in text:
        total = 0
        for part in text.split(":"):
            total = 60 * total + int(part)
        return total
    number, unit = re.fullmatch(r"(<?[\d,.]+) ?(.*)", text).groups()  # type: ignore[union-attr]
    if unit[:1] in {"k", "M", "G"} and unit.endswith("/s"):
        return worth(text.removesuffix("/s"))
    return float(number.replace(",", "").replace("<1", "0.25")) * UNITS[unit]


@pytest.mark.parametrize(
    ("fmt", "least", "most", "error"),
    [
        (formats.fmt_percent, 0.0051, 1.0, 1.0),
        (formats.fmt_bytes, 1, 2**49, 0.34),
        (formats.fmt_duration, 1e-6, 1e6, 0.34),
        (formats.fmt_seconds, 1, 1e6, 0.34),
        (formats.fmt_moment, 60, 1e6, 0.02),
        (formats.fmt_count, 1, 1e11, 0.34),
        (formats.fmt_number, 1, 1e11, 0.34),
        (formats.fmt_rate, 0.01, 1e9, 0.51),
    ],
)
def test_a_text_says_what_the_number_is_and_never_falls(
    fmt: Callable[[float], str], least: float, most: float, error: float
) -> None:
    dice = random.Random(3)
    values = sorted(least * (most / least) ** dice.random() for _ in range(3000))
    texts = [fmt(value) for value in values]
    for value, text in zip(values, texts, strict=True):
        assert worth(text) == pytest.approx(value, rel=error), text
        assert len(text) <= 11
    for before, after in pairwise(texts):
        assert worth(before) <= worth(after) * (1 + 1e-9), (before, after)
