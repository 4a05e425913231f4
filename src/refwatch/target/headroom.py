"""Memory headroom for a copy of the target."""

from __future__ import annotations

from refwatch.text.formats import fmt_bytes


def memory_shortage(pid: int) -> str:
    """Why there is too little memory for a copy, which may come to need as much as the target has;
    empty where there is enough, or none of the figures can be read."""
    free = _kilobytes("/proc/meminfo", "MemAvailable:")
    used = _kilobytes(f"/proc/{pid}/status", "RssAnon:")
    if free is None or used is None or used < 0.8 * free:
        return ""
    return (
        f"memory is short: the target has {fmt_bytes(used << 10)}, {fmt_bytes(free << 10)} are free"
    )


def _kilobytes(path: str, label: str) -> int | None:
    try:
        with open(path) as file:
            for line in file:
                if line.startswith(label):
                    return int(line.split()[1])
    except (OSError, ValueError):
        pass
    return None
