"""Makes the pictures in docs/screenshots: records scenarios, and lets the terminal UI draw them.

python tools/screenshots.py [--only SCENARIO] [--out FOLDER]
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

from refwatch.session.events import Event, TargetExited
from refwatch.session.recording import read_recording
from refwatch.tui.screenshots import Shot, write_screenshots
from refwatch.wire.event import MAIN

ROOT = Path(__file__).resolve().parent.parent
BEFORE_END_S = 0.25
NOWHERE = b"/opt/python"


class Scene(NamedTuple):
    """A scenario that runs for so long, and what is drawn of it ``before_end_s`` before its end."""

    scenario: str
    seconds: float
    shots: tuple[Shot, ...]
    before_end_s: float = BEFORE_END_S


SCENES = (
    Scene(
        "threads_cpu",
        4.0,
        (
            Shot("overview"),
            Shot("overview-light", theme="refwatch-light"),
            Shot("threads", ("3", "plus", "plus", "plus"), (120, 24)),
            Shot("thread", ("3", "down", "down", "enter"), (120, 36)),
            Shot("output", ("4",), (120, 24)),
            Shot("narrow", (), (80, 24)),
        ),
    ),
    Scene(
        "gil_release",
        6.0,
        (Shot("time", ("2",), (120, 30)), Shot("flames", ("2", "i", "down", "down"), (120, 24))),
    ),
    Scene("refcounts", 11.0, (Shot("refcounts", ("5",), (120, 28)),), 3.5),
    Scene(
        "leak_cache",
        18.0,
        (Shot("objects", ("6", "enter"), (120, 40)), Shot("leak", (), (80, 24))),
    ),
    Scene(
        "leak_lines",
        12.0,
        (Shot("allocations", ("7",), (120, 26)), Shot("icicle", ("7", "i"), (120, 26))),
    ),
    Scene(
        "procs_cpu",
        6.0,
        (Shot("processes", ("8", "plus", "plus", "plus"), (120, 30)), Shot("together", ("p",))),
    ),
    Scene("fragmentation", 8.0, (Shot("memory", ("7",), (120, 20)),)),
)


def record(recording: Path, scene: Scene) -> None:
    refwatch = str(Path(sys.executable).parent / "refwatch")
    script = f"scenarios/{scene.scenario}.py"
    watch = [refwatch, "--headless", "--record", str(recording), script]
    subprocess.run([*watch, "--seconds", str(scene.seconds)], check=True)


def hide_this_machine(recording: Path) -> None:
    """Make the paths those that a reader of the README knows, not those of whoever drew them.

    The standard library gets a place where no file is: better no source line than a wrong one."""
    data = recording.read_bytes()
    data = data.replace(f"{ROOT}/".encode(), b"")  # its folder stays: source lines are read there
    for prefix in sorted({sys.prefix, sys.base_prefix}, key=len, reverse=True):
        data = data.replace(prefix.encode(), NOWHERE)
    recording.write_bytes(data)


def while_it_runs(recording: Path, before_end_s: float) -> list[Event]:
    """The events up to some time before the end, so that the pictures show a program that runs."""
    events = list(read_recording(recording).events)
    end = next(
        event.at for event in events if isinstance(event, TargetExited) and event.process == MAIN
    )
    return [event for event in events if event.at < end - before_end_s]


def draw(scene: Scene, out: Path) -> list[Path]:
    with tempfile.TemporaryDirectory(prefix="screenshots-") as folder:
        recording = Path(folder) / "recording"
        record(recording, scene)
        hide_this_machine(recording)
        return write_screenshots(while_it_runs(recording, scene.before_end_s), out, scene.shots)


def main() -> None:
    parser = argparse.ArgumentParser(description="Makes the pictures of the README.")
    parser.add_argument("--only", choices=[scene.scenario for scene in SCENES])
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "screenshots")
    options = parser.parse_args()
    out = options.out.absolute()
    out.mkdir(parents=True, exist_ok=True)
    os.chdir(ROOT)  # scenarios are named from here
    for scene in SCENES:
        if options.only in {None, scene.scenario}:
            print("\n".join(map(str, draw(scene, out))), flush=True)


if __name__ == "__main__":
    main()
