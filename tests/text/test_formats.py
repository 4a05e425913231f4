"""Numbers as people read them."""

from __future__ import annotations

import pytest

from refwatch.text import formats


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "-"), (0.0, "0 %"), (0.001, "<1 %"), (0.5, "50 %"), (0.996, "100 %")],
)
def test_percent(value: float | None, text: str) -> None:
    assert formats.fmt_percent(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0 B"), (999, "999 B"), (1536, "1.5 KiB"), (200 * 1024, "200 KiB"),
     (21 << 20, "21.0 MiB"), (5 << 40, "5.0 TiB"), (None, "-")],
)  # fmt: skip
def test_bytes(value: float | None, text: str) -> None:
    assert formats.fmt_bytes(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0 s"), (0.00085, "850 µs"), (0.0042, "4.2 ms"), (0.5, "0.50 s"), (12.34, "12.3 s"),
     (187, "3:07"), (3723, "1:02:03")],
)  # fmt: skip
def test_duration(value: float, text: str) -> None:
    assert formats.fmt_duration(value) == text


@pytest.mark.parametrize(
    ("value", "text"), [(0, "0"), (9999, "9999"), (12_345, "12.3 k"), (1.5e6, "1.5 M")]
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
