"""Numbers as people read them: short, of steady width, with their unit."""

from __future__ import annotations

import signal


def fmt_percent(fraction: float | None) -> str:
    """0.123 -> ``12 %``; a trace of something is ``<1 %``, not zero."""
    if fraction is None:
        return "-"
    if 0 < fraction < 0.005:
        return "<1 %"
    return f"{fraction * 100:.0f} %"


def fmt_share(fraction: float) -> str:
    """For a table whose heading says per cent: ``12``, ``<1``, and nothing for nothing."""
    if fraction <= 0.0005:
        return ""
    return "<1" if fraction < 0.005 else f"{fraction * 100:.0f}"


def fmt_bytes(size: float | None) -> str:
    """1536 -> ``1.5 KiB``: three significant digits."""
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
    """Of the order of the value: ``850 µs``, ``4.2 ms``, ``12.3 s``, ``3:07``, ``1:02:03``."""
    if seconds < 0.0009995:
        return f"{seconds * 1e6:.0f} µs" if seconds > 0 else "0 s"
    if seconds < 0.09995:
        return f"{seconds * 1e3:.3g} ms"
    if seconds < 9.995:
        return f"{seconds:.2f} s"
    if seconds < 99.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def fmt_age(seconds: float) -> str:
    """In whole seconds, for it changes all the time: ``4 s``, ``1:07``."""
    return f"{max(0.0, seconds):.0f} s" if seconds < 99.5 else fmt_duration(seconds)


def fmt_clock(seconds: float) -> str:
    """A moment in the session, one digit after the point, for lists: ``  12.3`` or ``1:02:03``."""
    if seconds < 6000:
        return f"{seconds:7.1f}"
    hours, rest = divmod(int(seconds), 3600)
    return f"{hours}:{rest // 60:02}:{rest % 60:02}".rjust(7)


def fmt_count(value: float) -> str:
    """1234567 -> ``1.2 M``; up to 9,999 in full."""
    if value < 9999.5:
        return f"{value:.0f}"
    for unit in ("k", "M"):
        value /= 1000
        if value < 999.5:
            return f"{value:.3g} {unit}"
    return f"{value / 1000:.3g} G"


def fmt_rate(value: float) -> str:
    """Times per second, with one digit after the point where it is below ten."""
    return f"{value:.1f}" if value < 9.95 else fmt_count(value)


def fmt_type(module: str, name: str) -> str:
    """``app.Session``, and ``dict``: what is built in has no module that one would write."""
    return name if module in {"", "builtins"} else f"{module}.{name}"


def fmt_status(exit_code: int | None) -> str:
    """How the target ended, from a status as a shell has it: ``exit 1``, ``SIGKILL``."""
    if exit_code is None:
        return "ended, status unknown"
    if exit_code > 128:
        try:
            return f"ended by {signal.Signals(exit_code - 128).name}"
        except ValueError:
            pass
    return f"finished, exit {exit_code}"
