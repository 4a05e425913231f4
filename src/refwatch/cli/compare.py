"""``refwatch compare``: the figures of two snapshots or more, side by side."""

from __future__ import annotations

import sys

from refwatch.cli.errors import USAGE, give_up

TYPE_CHECKING = False  # typing itself takes longer than all of this
if TYPE_CHECKING:
    from collections.abc import Sequence


def compare(files: Sequence[str], *, as_json: bool) -> int:
    """Print a table, or the comparison as JSON."""
    import msgspec

    from refwatch.export import compare as export
    from refwatch.export.snapshot_reader import SnapshotError, read_snapshot
    from refwatch.wire.codec import encode_json

    try:
        comparison = export.compare([read_snapshot(file) for file in files], files)
    except SnapshotError as error:
        give_up(str(error), USAGE)
    if as_json:
        sys.stdout.write(msgspec.json.format(encode_json(comparison), indent=1).decode() + "\n")
        return 0
    for line in export.table_lines(comparison):
        sys.stdout.write(line + "\n")
    return 0
