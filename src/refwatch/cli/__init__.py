"""The commands. Each module imports what it needs when it is called: start-up is on the clock."""

from __future__ import annotations


def main() -> None:
    """The ``refwatch`` command."""
    from refwatch.cli.isolated import leave_environment

    leave_environment()
    from refwatch.cli.main import run

    run()
