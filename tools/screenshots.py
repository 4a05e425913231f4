"""Makes the pictures in docs/screenshots: records a scenario, and lets the terminal UI draw it.

python tools/screenshots.py [--scenario scenarios/threads_cpu.py] [--seconds 4] [--out FOLDER]
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def main() -> int:
    parser = argparse.ArgumentParser(description="Makes the pictures of the README.")
    parser.add_argument("--scenario", type=Path, default=ROOT / "scenarios" / "threads_cpu.py")
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "screenshots")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    refwatch = str(Path(sys.executable).parent / "refwatch")
    with tempfile.TemporaryDirectory(prefix="screenshots-") as folder:
        recording = str(Path(folder) / "recording")
        # run from the root, so that the pictures show paths that a reader of the README can type
        scenario = str(options.scenario.resolve().relative_to(ROOT))
        record = [refwatch, "--headless", "--record", recording, scenario]
        draw = [sys.executable, "-m", "refwatch.tui.screenshots", recording, str(options.out)]
        subprocess.run([*record, "--seconds", str(options.seconds)], cwd=ROOT, check=True)
        subprocess.run(draw, cwd=ROOT, check=True)
    print("\n".join(str(path) for path in sorted(options.out.glob("*.svg"))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
