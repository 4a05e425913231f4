"""Makes the pictures in docs/screenshots: records a scenario, and lets the terminal UI draw it.

python tools/screenshots.py [--seconds 4] [--out FOLDER]
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from refwatch.model.events import Event, TargetExited
from refwatch.session.recording import read_recording
from refwatch.tui.screenshots import write_screenshots

ROOT = Path(__file__).resolve().parent.parent
SCENARIO = "scenarios/threads_cpu.py"
BEFORE_END_S = 0.25
NOWHERE = b"/opt/python"


def record(recording: Path, seconds: float) -> None:
    refwatch = str(Path(sys.executable).parent / "refwatch")
    watch = [refwatch, "--headless", "--record", str(recording), SCENARIO]
    subprocess.run([*watch, "--seconds", str(seconds)], check=True)


def hide_this_machine(recording: Path) -> None:
    """Make the paths those that a reader of the README knows, not those of whoever drew them.

    The standard library gets a place where no file is: better no source line than a wrong one."""
    data = recording.read_bytes()
    data = data.replace(f"{ROOT}/".encode(), b"").replace(f'"{ROOT}"'.encode(), b'"."')
    for prefix in sorted({sys.prefix, sys.base_prefix}, key=len, reverse=True):
        data = data.replace(prefix.encode(), NOWHERE)
    recording.write_bytes(data)


def while_it_runs(recording: Path) -> list[Event]:
    """The events up to shortly before the end, so that the pictures show a program that runs."""
    events = list(read_recording(recording).events)
    end = next(event.at for event in events if isinstance(event, TargetExited))
    return [event for event in events if event.at < end - BEFORE_END_S]


def main() -> None:
    parser = argparse.ArgumentParser(description="Makes the pictures of the README.")
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "screenshots")
    options = parser.parse_args()
    out = options.out.absolute()
    out.mkdir(parents=True, exist_ok=True)
    os.chdir(ROOT)  # for the text of source lines, whose files are named from here
    with tempfile.TemporaryDirectory(prefix="screenshots-") as folder:
        recording = Path(folder) / "recording"
        record(recording, options.seconds)
        hide_this_machine(recording)
        written = write_screenshots(while_it_runs(recording), out)
    print("\n".join(map(str, written)))


if __name__ == "__main__":
    main()
