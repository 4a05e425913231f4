"""Prints the paths of the supported CPythons on this machine, one of each version, oldest first.

They are looked for on PATH and among pyenv's versions; one that does not start is left out.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

SUPPORTED = ("3.11", "3.12", "3.13", "3.14", "3.15")
ASK = "import sys; print(sys.implementation.name, '%d.%d' % sys.version_info[:2], sys.executable)"


def candidates() -> Iterator[str]:
    for version in SUPPORTED:
        on_path = shutil.which(f"python{version}")
        if on_path:
            yield on_path
    root = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    yield from map(str, sorted(root.glob("versions/*/bin/python")))


def main() -> None:
    found: dict[str, str] = {}
    for python in candidates():
        try:
            done = subprocess.run([python, "-c", ASK], capture_output=True, text=True, check=True)
        except (OSError, subprocess.CalledProcessError):
            continue  # a shim of a version that is not there
        name, version, executable = done.stdout.strip().split(" ", 2)
        if name == "cpython" and version in SUPPORTED:
            found.setdefault(version, executable)
    print("\n".join(found[version] for version in SUPPORTED if version in found))


if __name__ == "__main__":
    main()
