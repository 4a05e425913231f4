"""Prints the `dev` group of pyproject.toml for pip, which before 25.1 cannot read it itself.

    python tools/dev_requirements.py tests|checkers

`tests` is what the tests and benchmarks need, `checkers` the rest: linter, types, contracts.
"""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path

FOR_TESTS = ("pytest", "objgraph")


def main() -> None:
    if sys.argv[1:] not in (["tests"], ["checkers"]):
        sys.exit(__doc__)
    project = Path(__file__).resolve().parent.parent / "pyproject.toml"
    group = tomllib.loads(project.read_text(encoding="utf-8"))["dependency-groups"]["dev"]
    wanted = sys.argv[1] == "tests"
    print("\n".join(line for line in group if line.startswith(FOR_TESTS) == wanted))


if __name__ == "__main__":
    main()
