"""JSON Schema of the snapshot, generated from its structs and shipped beside this file.

``python -m refwatch.export.schema`` writes it again; a test compares it with the structs.
"""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import msgspec

from refwatch.export.schema_types import SCHEMA, Snapshot
from refwatch.wire.files import write_atomically

SCHEMA_FILE = Path(__file__).with_name("snapshot.schema.json")


def snapshot_schema() -> dict[str, Any]:
    """The schema as JSON Schema 2020-12."""
    schema = msgspec.json.schema(Snapshot)
    kinds = schema["$defs"]
    for kind in kinds.values():
        if "description" in kind:  # a docstring, which the compiler strips since 3.13
            kind["description"] = inspect.cleandoc(kind["description"])
    kinds["Snapshot"]["required"].append("schema")  # it has a default, and is always written
    # msgspec leaves out what the keys of an object may be:
    kinds["Thread"]["properties"]["states"]["propertyNames"] = {"$ref": "#/$defs/ThreadState"}
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": f"urn:{SCHEMA}"}
    return {**head, **schema}


def schema_text() -> bytes:
    """The expected contents of the shipped file."""
    return msgspec.json.format(msgspec.json.encode(snapshot_schema()), indent=2) + b"\n"


if __name__ == "__main__":
    write_atomically(SCHEMA_FILE, schema_text())
