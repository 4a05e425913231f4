"""Prints requirements from pyproject.toml's dependency groups; pip before 25.1 cannot read them.

    python tools/dev_requirements.py tests|checkers|GROUP

`tests` and `checkers` are the two halves of the group `dev`: what tests and benchmarks import, and
the tools of `make check`.
"""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path

FOR_TESTS = ("pytest", "objgraph", "gunicorn", "joblib")


def requirements(wanted: str, groups: dict[str, list[str]]) -> list[str] | None:
    """Return the requirements that go by this name, or None if there are none."""
    if wanted in ("tests", "checkers"):
        tests = wanted == "tests"
        return [line for line in groups["dev"] if line.startswith(FOR_TESTS) == tests]
    return groups.get(wanted)


def main() -> None:
    project = Path(__file__).resolve().parent.parent / "pyproject.toml"
    groups = tomllib.loads(project.read_text(encoding="utf-8"))["dependency-groups"]
    found = requirements(sys.argv[1], groups) if len(sys.argv) == 2 else None
    if found is None:
        sys.exit(__doc__)
    print("\n".join(found))


if __name__ == "__main__":
    main()
