"""Table of all messages between daemon and probe; checks commands against it.

A kind describes a JSON value: a type; ``[kind]``, a list; ``(kind, kind)``, a list of that length;
``{name: kind}``, an object, in which ``name?`` may be missing; Maybe, also null; Tagged, one of
several objects. The daemon has structs instead (refwatch.target.probe_commands, probe_messages);
tests/probe/test_messages.py holds the two together.
"""

from __future__ import annotations

TYPE_CHECKING = False  # typing itself would be one more module in the target
if TYPE_CHECKING:
    from typing import Any

    Message = dict[str, object]
    Fields = dict[str, object]
    """Name -> kind"""


class Maybe:
    """Null, or a value of this kind."""

    def __init__(self, kind: object) -> None:
        self.kind = kind


class Tagged:
    """One of several objects, by the name in its field ``tag``."""

    def __init__(self, tag: str, table: dict[str, Fields]) -> None:
        self.tag = tag
        self.table = table

    def name_of(self, message: Message) -> str | None:
        """The message's name if it is in the table."""
        name = message.get(self.tag)
        return name if type(name) is str and name in self.table else None

    def decode(self, message: Message) -> tuple[str, dict[str, Any]] | None:
        """(name, fields), or None for an unknown name. Raises ValueError for a malformed one."""
        name = self.name_of(message)
        if name is None:
            return None
        fields: dict[str, object] = {}
        for key, kind in self.table[name].items():
            field = key.rstrip("?")
            if field in message and matches(message[field], kind):
                fields[field] = message[field]
            elif field in message or field == key:
                raise ValueError(f"malformed {self.tag} {name}: {field}")
        return name, fields

    def check_names(self, message: Message) -> None:
        """Raise ValueError for a message that lacks a field or has one too many."""
        keys = self.table[str(message[self.tag])].keys()
        required = {key for key in keys if not key.endswith("?")}
        names = message.keys() - {self.tag}
        if not required <= names <= {key.rstrip("?") for key in keys}:
            raise ValueError(f"malformed {self.tag} {message[self.tag]}: {sorted(names)}")


def matches(value: object, kind: object) -> bool:
    """Whether a JSON value is of this kind. Of Tagged only the name is looked at: whoever uses the
    object decodes it."""
    if isinstance(kind, type):
        return type(value) is kind or (kind is float and type(value) is int)
    if isinstance(kind, list):
        return type(value) is list and _all_match(value, *kind)
    if isinstance(kind, tuple):
        return type(value) is list and len(value) == len(kind) and all(map(matches, value, kind))
    if isinstance(kind, dict):
        return type(value) is dict and all(
            matches(value[field], inner) if (field := key.rstrip("?")) in value else field != key
            for key, inner in kind.items()
        )
    if isinstance(kind, Maybe):
        return value is None or matches(value, kind.kind)
    if isinstance(kind, Tagged):
        return type(value) is dict and kind.name_of(value) is not None
    return isinstance(value, kind)  # type: ignore[arg-type]  # str | int


def _all_match(items: list[object], kind: object) -> bool:
    if isinstance(kind, type):  # fast: there may be thousands of addresses
        return set(map(type, items)) <= {kind}
    return all(matches(item, kind) for item in items)


# fmt: off
FRAMES: Fields = {
    "path": [int], "code_offset": int, "previous_offset": int, "instruction_offset": int,
    "bytecode_offset": int, "code_type": int, "none": int, "filename_offset": int,
    "name_offset": int, "linetable_offset": int, "firstlineno_offset": int,
}
STEPS = [(str, str | int)]
SPREAD = [(int, int)]
TYPE: Fields = {"module": str, "name": str}

QUERIES = Tagged("query", {
    "census": {"held?": [int], "largest": [(str, str, int)], "tasks?": bool},
    "chains": {**TYPE, "held?": [int], "born": int, "compared": bool, "or_any": bool},
    "referrers": {"held?": [int], "watch?": Maybe(int), "address?": Maybe(int),
                  "type?": Maybe(str), "module?": str, "name?": str},
    "graph": {**TYPE, "born": int},
    "traces": {},
    "tasks": {},
})
"""What a hidden copy is asked when it is made: each query is a module in copying/queries."""

COPY_COMMANDS = Tagged("command", {
    "open": {"node": int},
    "find_path": {"node": int},
    "earlier": {"spread": SPREAD},
})
"""What a hidden copy is told later, on its own connection."""

COMMANDS = Tagged("command", {
    "ask": {},
    "sample": {},
    "scan": {},
    "read": {"watches": [int]},
    "let_go": {"watches": [int]},
    "forget": {"watches": [int]},
    "paths": {"paths": [str]},
    "watch_at": {"steps": STEPS, "address": int},
    "copy": {"work": str, "launcher": int, "frames": bool, "query": QUERIES},
    "inside": {"work": str, "query": QUERIES},
    "reap": {"pid": int},
    "burst_open": {"frames": FRAMES, "mean": int, "follow": bool},
    "burst_close": {},
    "trace": {"frames": int},
    "untrace": {},
    "end": {},
})
"""What the daemon tells the probe."""

FOUND: list[Fields] = [{
    "watch": int, "name": str, "type": str, "address": int, "weak": int, "held": bool,
    "immortal": bool, "source": str,
}]
RAW = [(int, int, int)]
OPENED: Fields = {
    "place": {"count": int, "records": int, "room": int, "size": int, "head": int, "extra": int},
    "pass_s": float, "look_s": float, "cpu_s": float, "lost": bool, "count": int,
    "monotonic_s": float,
}
LAYOUT: Fields = {
    "gil?": Maybe({"gil": int, "futex": int}),
    "threads?": Maybe({
        "main": int, "head": int, "newer_offset": int, "older_offset": int, "tid_offset": int,
        "ident_offset": int, "id_offset": int,
    }),
    "interpreters?": Maybe({
        "main": int, "head": int, "next_offset": int, "id_offset": int, "gil_offset?": Maybe(int),
    }),
    "frames?": Maybe(FRAMES),
    "text?": Maybe({
        "ascii_data": int, "compact_data": int, "bytes_data": int, "length_offset": int,
        "state_offset": int, "kind_shift": int, "ascii_shift": int,
    }),
    "references?": Maybe({"weak_offset": int, "dead": int, "offset": int}),
    "attributes?": Maybe({
        "local_offset": int, "type_offset": int, "values": [int], "keys_offset": int,
        "entries_offset": int, "name_key": int, "daemon_key": int, "str_type": int, "true": int,
    }),
    "collecting?": Maybe(int), "collections?": Maybe((int, int)),
    "locks?": Maybe({
        "type_offset": int, "name_offset": int, "lock_name": str, "rlock_name": str,
        "method_name": str, "self_offset": int, "definition_offset": int, "descriptor_name": str,
        "descriptor_offset": int, "distance": int, "lock_offset": int, "rlock_offset": int,
        "owner_offset": int, "locals_offset": int, "exit_is_bound": bool, "local_count_offset": int,
        "stack_size_offset": int, "handlers_offset": int, "names_offset": int, "items_offset": int,
        "join_distance?": Maybe(int), "joined_offset?": Maybe(int),
        "end_lock_offset?": Maybe(int), "end_lock_object_offset?": Maybe(int),
    }),
}
CHAIN: list[Fields] = [{"type": str, "edge?": Maybe(str), "name?": Maybe(str), "address?": str}]

REPORTS = Tagged("message", {
    "hello": {
        "pid": int, "python": str, "executable": str, "free_threaded": bool, "gil_enabled": bool,
        "switch_interval_s": float, "layout": LAYOUT, "limits": [(str, str)],
        "calibration_s": float, "cpu_s": float, "probe_tid": int,
        "burst?": Maybe({"opened": OPENED, "mean": int}), "parent?": int,
    },
    "forked": {"pid": int, "parent": int, "main": int, "called_s": float, "monotonic_s": float},
    "stranger": {},
    "thread": {"tid": int},
    "back": {"heard": int},
    "answer": {
        "threads": [(int, Maybe(int), str, bool)], "gc": [(int, int, int)], "cpu_s": float,
        "alone?": bool,
    },
    "inside_sample": {"threads": [{
        "ident": int, "tid": Maybe(int), "file": str, "line": int, "function": str, "moved": bool,
        "call?": str, "sched?": str,
    }]},
    "scanned": {
        "namespace": Maybe({"keys_at": int, "keys": int, "entries": int, "count": int}),
        "found": FOUND, "cpu_s": float, "left_out?": int, "full?": bool,
    },
    "watching": {"found": FOUND},
    "raw": {"readings": RAW},
    "let_go": {"dead": [int]},
    "trouble": {"reason": str},
    "ending": {"found": FOUND, "readings": RAW, "failure?": str, "missing?": str},
    "mark": {"name": str, "monotonic_s": float},
    "burst_opened": {"opened": OPENED},
    "burst_closed": {"seen": bool, "cpu_s": float},
    "no_burst": {"reason": str},
    "tracing": {
        "on": bool, "frames": int, "ours": bool, "early": bool, "lost": int, "used": bool,
        "missing": str,
    },
    "copied": {"work": str, "pid": int, "pause_s": float},
    "no_copy": {"work": str, "reason": str, "passing?": bool},
    "copy": {"work": str, "pid": int, "of?": int},
    "progress": {"work": str, "text": str, "share": Maybe(float)},
    "census": {
        "work": str, "objects": int, "untracked": bool, "took_s": float, "garbage?": [int],
        "classes": [(int, int, int, int, int, int, str, str)], "types": [(str, str, int, int)],
        "most_referenced": [{"type": str, "label": str, "address": str, "references": int}],
        "unreachable?": Maybe({
            "objects": int, "bytes": int, "types": [{**TYPE, "count": int, "size": int}],
        }),
        "largest?": [{
            "type": str, "address": str, "size": int, "filled": Maybe(float),
            "chain?": Maybe(CHAIN),
        }],
    },
    "memory": {
        "work": str, "python": Maybe((int, int, int)), "c": Maybe((int, int)), "reasons": [str],
    },
    "chains": {
        "work": str, **TYPE, "looked": int, "chains": [CHAIN], "missing?": str, "garbage?": int,
        "allocated_at": [{"file": str, "line": int, "function": str}], "spread?": Maybe(SPREAD),
    },
    "referrers": {
        "work": str, "node": int, "type": str, "label": str, "address": str,
        "references": Maybe(int), "seen": Maybe(int), "left_out": int,
        "referrers": [{
            "node": int, "type": str, "label": str, "address": str, "edges": [str], "count": int,
            "root?": bool,
        }],
    },
    "path": {"work": str, "node": int, "path": Maybe({"address": int, "steps": STEPS})},
    "graph": {"work": str, "dot": str},
    "traces": {
        "work": str, "frames": int, "traced": int, "peak": int, "blocks": int, "took_s": float,
        "sites": [(str, int, str)], "lines": [(int, int, int)], "files": [(str, int, int)],
        "tracebacks": [([int], int, int)],
    },
    "tasks": {
        "work": str, "left_out": int,
        "tasks": [{
            "address": str, "name": str, "kind": str, "ident": Maybe(int), "coroutine": str,
            "file": str, "line": int, "at_file": str, "at_line": int, "awaits": str,
            "parent": Maybe(str), "waiter": str,
        }],
    },
    "done": {"work": str},
    "failed": {"work": str, "reason": str},
})
"""What the probe and the copies tell the daemon."""
