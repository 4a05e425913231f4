"""Formats of numbers, with their units, in panels, summaries, findings and limits.

Each returns text of about the same width whatever the value, and the same text for the same value
wherever it is shown.
"""

from __future__ import annotations

import signal
from collections.abc import Callable


def fmt_percent(fraction: float | None) -> str:
    """0.123 -> ``12 %``; ``<1 %`` for a trace, which is not zero; ``-`` for None."""
    if fraction is None:
        return "-"
    if 0 < fraction * 100 <= 0.5:  # what would be rounded to 0
        return "<1 %"
    return f"{fraction * 100:.0f} %"


def fmt_share(fraction: float) -> str:
    """A percentage in a column headed ``%``: ``12``, ``<1``, empty for next to nothing."""
    return "" if fraction <= 0.0005 else fmt_percent(fraction).removesuffix(" %")


def fmt_bytes(size: float | None) -> str:
    """1536 -> ``1.5 KiB``: three significant digits in powers of 1,024; ``-`` for None."""
    if size is None:
        return "-"
    value = float(size)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if value < 999.5:
            digits = 0 if unit == "B" or value >= 99.95 else 1
            return f"{value:.{digits}f} {unit}"
        value /= 1024
    return f"{value:.1f} TiB"


def fmt_duration(seconds: float) -> str:
    """In the unit that suits the value: ``850 µs``, ``4.2 ms``, ``12.3 s``, ``3:07``,
    ``1:02:03``."""
    if seconds < 0.0009995:
        return f"{seconds * 1e6:.0f} µs" if seconds > 0 else "0 s"
    if seconds < 0.09995:
        return f"{seconds * 1e3:.3g} ms"
    if seconds < 9.995:
        return f"{seconds:.2f} s"
    return f"{seconds:.1f} s" if seconds < 99.95 else fmt_moment(seconds)


def fmt_seconds(seconds: float) -> str:
    """A duration in whole seconds, where fractions would be noise: ``4 s``, ``1:47``."""
    return f"{max(0.0, seconds):.0f} s" if seconds < 99.5 else fmt_moment(seconds)


def fmt_moment(seconds: float) -> str:
    """A time of the session in minutes and seconds: ``0:04``, ``1:02:03``."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def fmt_clock(seconds: float) -> str:
    """A time of the session in a list, seven cells wide: ``   12.3``, ``1:40:00``."""
    return f"{seconds:7.1f}" if seconds < 6000 else fmt_moment(seconds).rjust(7)


def fmt_count(value: float) -> str:
    """1234567 -> ``1.23 M``; in full up to ``9,999``."""
    if value < 9999.5:
        return f"{value:,.0f}"
    for unit in ("k", "M"):
        value /= 1000
        if value < 999.5:
            return f"{value:.3g} {unit}"
    return f"{value / 1000:.3g} G"


def fmt_number(value: float, cells: int = 9) -> str:
    """In full if that fits into ``cells`` cells, ``1,234,567``; else as :func:`fmt_count`."""
    text = f"{value:,.0f}"
    return text if len(text) <= cells else fmt_count(value)


def fmt_per_second(value: float) -> str:
    """A rate in a column headed ``/s``, with one decimal below ten."""
    return f"{value:.1f}" if value < 9.95 else fmt_count(value)


def fmt_rate(per_second: float) -> str:
    """A rate with its unit: ``40/s``, ``1.5/s``, and a slow one by the minute: ``1.2/min``."""
    if 0 < per_second < 0.1:
        return f"{fmt_per_second(per_second * 60)}/min"
    return f"{fmt_per_second(per_second)}/s"


def fmt_signed(value: float, fmt: Callable[[float], str]) -> str:
    """The value in another format, with ``+`` or ``-`` before it."""
    return f"{'-' if value < 0 else '+'}{fmt(abs(value))}"


def fmt_plural(count: int, one: str, many: str = "") -> str:
    """The number with its noun: ``1 block``, ``2,000 blocks``. ``many`` is the plural where it
    takes more than an ``s``."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def fmt_type(module: str, name: str) -> str:
    """A type's full name, ``app.Session``; built-in ones without a module, ``dict``."""
    return name if module in {"", "builtins"} else f"{module}.{name}"


def fmt_status(exit_code: int | None) -> str:
    """How a process ended, from an exit status as a shell reports it (128+N for signal N):
    ``finished, exit 1``, ``ended by SIGKILL``."""
    if exit_code is None:
        return "ended, status unknown"
    name = signal_name(exit_code)
    return f"ended by {name}" if name else f"finished, exit {exit_code}"


def signal_name(exit_code: int) -> str:
    """``SIGKILL`` for 137; empty for a status that is no signal's."""
    try:
        return signal.Signals(exit_code - 128).name
    except ValueError:
        return ""
