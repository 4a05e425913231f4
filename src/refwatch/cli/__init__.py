"""The commands. Each module imports what it needs when it is called: start-up is on the clock."""

from __future__ import annotations


def main(*, linked: bool = False) -> None:
    """The ``refwatch`` command; ``linked``: called by a link from outside of its environment."""
    from refwatch.cli.isolated import leave_environment

    leave_environment()
    from refwatch.cli.main import run

    run(linked=linked)
