"""``python -m refwatch``."""

from refwatch.cli import main

main()
