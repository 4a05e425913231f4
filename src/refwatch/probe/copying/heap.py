"""Heap counts: by type, by size, by references.

For a copy; in the target these work too, but hold the GIL. None calls an object's own code. A
metaclass may define ``__hash__``, so types are told apart by address.
"""

from __future__ import annotations

import gc
import sys
from _collections import _count_elements, deque  # type: ignore[import-not-found]
from itertools import compress, filterfalse

from ..builtin_types import FrameType, FunctionType, ModuleType
from ..capi import ctypes
from ..raw_access import (
    HAS_GC,
    HEAP_TYPE,
    IMMORTAL,
    TYPE_SUBCLASS,
    dict_of_class,
    flags_of,
    itemsize_of,
    mro_of,
    name_of,
    namespace_of,
    text,
    type_name,
)
from ..untrack import GC_HEADER

TYPE_CHECKING = False  # typing itself would be one more module in the target
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from ..builtin_types import Getter

_function_name: Getter = vars(FunctionType)["__qualname__"].__get__
_CMethod = type(dict.get)
_class_of: Getter = vars(_CMethod)["__objclass__"].__get__
_code_of: Getter = vars(FrameType)["f_code"].__get__
PRE_HEADER = 1 << 3 | 1 << 4  # Py_TPFLAGS_MANAGED_WEAKREF, _DICT: two words before the object
PRE_HEADER_SIZE = 16
CHUNK = 20_000  # objects whose referents are listed at once
MOST_FOR_UNTRACKED = 1_500_000  # tracked objects; with more the untracked are not counted
MOST_FOR_EDGES = 2_000_000
PROBE = __name__.partition(".")[0] + "."
LARGE = 1 << 20  # bytes of a single object
LISTED = 20  # most-referenced objects
DEALLOC = 48  # offset of tp_dealloc, the same function in all classes defined in Python
TP_NAME = 24


class _PythonClass:
    """A sample of a class defined in Python."""


def object_at(address: int) -> object:
    """The object at this address; there must be one."""
    return ctypes.cast(address, ctypes.py_object).value


def count_at(address: int) -> int:
    """``ob_refcnt``, the lower half: since 3.12 that is all of it."""
    return int(ctypes.c_uint32.from_address(address).value)


def word_at(address: int) -> int:
    return int(ctypes.c_uint64.from_address(address).value)


def write_word(address: int, value: int) -> None:
    ctypes.c_uint64.from_address(address).value = value


def tracked(young: int | None = None) -> list[object]:
    """All objects that the collector tracks, the oldest last. ``young``: size of the youngest
    generation when the copy was made; what the copy has made since is left out."""
    if young is None:
        return gc.get_objects()
    objects = gc.get_objects(generation=0)[:young]
    objects += gc.get_objects(generation=1)
    objects += gc.get_objects(generation=2)
    return objects


def count_types(objects: Iterable[object]) -> dict[int, int]:
    """Address of a type -> number of objects of exactly this type. Keeps no reference."""
    counts: dict[int, int] = {}
    _count_elements(counts, map(id, map(type, objects)))
    return counts


def rare_first(objects: list[object]) -> list[object]:
    """The objects, those of the rarest types first: many alike, such as items that refer to their
    list, must not push out what holds the list."""
    counts = count_types(objects)
    return sorted(objects, key=lambda obj: counts[id(type(obj))])


def chunks(objects: list[object]) -> Iterator[list[object]]:
    for start in range(0, len(objects), CHUNK):
        yield objects[start : start + CHUNK]


def untracked(objects: list[object], others: Iterable[object] = ()) -> list[object]:
    """Untracked objects that these refer to (str, int, plain tuples), each once, also by way of
    untracked tuples and dicts; and the untracked ones of the ``others``."""
    found: dict[int, object] = {id(obj): obj for obj in others if not gc.is_tracked(obj)}
    fresh = [*objects, *found.values()] if found else objects
    while fresh:
        new: dict[int, object] = {}
        for chunk in chunks(fresh):
            some = list(filterfalse(gc.is_tracked, gc.get_referents(*chunk)))
            new.update(zip(map(id, some), some, strict=True))
        for address in new.keys() & found.keys():
            del new[address]
        found |= new
        fresh = [obj for obj in new.values() if type(obj) is tuple or type(obj) is dict]
    return list(found.values())


def type_rows(counts: dict[int, int], bytes_of: dict[int, int]) -> list[tuple[str, str, int, int]]:
    """(module, name, count, size) of each type name; several types may share one."""
    rows: dict[tuple[str, str], list[int]] = {}
    for address, count in counts.items():
        row = rows.setdefault(name_of(object_at(address)), [0, 0])
        row[0] += count
        row[1] += bytes_of.get(address, 0)
    return [(*name, count, size) for name, (count, size) in rows.items()]


def sizer(cls: type) -> tuple[Callable[[object], int], bool]:
    """(function for an instance's own size in bytes, whether that is the same for all)."""
    for base in mro_of(cls):
        method = dict_of_class(base).get("__sizeof__")
        if flags_of(base) & HEAP_TYPE and not _is_of_c(method, base):
            continue
        if method is not None:
            fixed = base is object and not itemsize_of(cls)
            return method, fixed  # type: ignore[return-value]
    return object.__sizeof__, True


def _is_of_c(method: object, base: type) -> bool:
    """Whether it is a C method of a heap type that is defined in C, such as array or deque."""
    return type(method) is _CMethod and _class_of(method) is base


def sizes(
    objects: Iterable[object], counts: dict[int, int], large: list[tuple[int, object]] | None = None
) -> dict[int, int]:
    """Address of a type -> bytes of all its objects, without what they refer to. ``large`` gets
    (bytes, object) of each object with LARGE or more."""
    least = LARGE if large is not None else sys.maxsize
    large = [] if large is None else large
    total: dict[int, int] = {}
    varying: dict[int, Callable[[object], int]] = {}
    headers: dict[int, int] = {}
    for obj in objects:
        key = id(type(obj))
        method = varying.get(key)
        if method is not None:
            size = method(obj)
            total[key] += size
            if size >= least:
                large.append((size + headers[key], obj))
        elif key not in total:
            cls = type(obj)
            method, fixed = sizer(cls)
            header = header_of(cls)
            if fixed:
                total[key] = counts[key] * (method(obj) + header)
            else:
                varying[key] = method
                headers[key] = header
                size = method(obj)
                total[key] = counts[key] * header + size
                if size >= least:
                    large.append((size + header, obj))
    return total


def header_of(cls: type) -> int:
    """Bytes before an instance, which sys.getsizeof adds (CPython's Objects/typeobject.c:
    _PyType_PreHeaderSize)."""
    flags = flags_of(cls)
    return bool(flags & HAS_GC) * GC_HEADER + bool(flags & PRE_HEADER) * PRE_HEADER_SIZE


def most_referenced(objects: list[object]) -> list[dict[str, object]]:
    """The tracked objects with the most references, without immortal ones."""
    counts = list(map(sys.getrefcount, objects))
    least, some = 64, [index for index, count in enumerate(counts) if count > 64]
    while len(some) > 50 * LISTED:
        least *= 2
        fewer = [index for index in some if counts[index] > least]
        if len(fewer) < LISTED:
            break
        some = fewer
    # The list of all objects holds one reference, and the call itself one more (3.14: none).
    own = sys.getrefcount(objects[0]) - count_at(id(objects[0])) + 1 if objects else 0
    some = [index for index in some if counts[index] < IMMORTAL]
    some.sort(key=lambda index: -counts[index])
    rows: list[dict[str, object]] = [
        {
            "type": type_name(objects[index]),
            "label": label_of(objects[index]),
            "address": hex(id(objects[index])),
            "references": counts[index] - own,
        }
        for index in some[: 2 * LISTED]
    ]
    return [row for row in rows if not _is_ours(row)][:LISTED]


def _is_ours(row: dict[str, object]) -> bool:
    return any(str(row[word]).startswith(PROBE) for word in ("type", "label"))


def label_of(obj: object) -> str:
    """The name of what has one, the length of a container, or ""."""
    kind = type(obj)
    if flags_of(kind) & TYPE_SUBCLASS:
        return ".".join(name_of(obj))
    if kind is FunctionType:
        return f"{text(_function_name(obj))}()"
    if any(base is ModuleType for base in mro_of(kind)):
        return module_name(obj)
    if kind is FrameType:
        return f"frame of {text(_code_of(obj).co_name)}"
    for container in (dict, list, tuple, deque, set, frozenset):
        if kind is container:
            count = len(obj)  # type: ignore[arg-type]
            return f"{count:,} item{'' if count == 1 else 's'}"
    return ""


def module_name(module: object) -> str:
    names = namespace_of(module)
    name = names.get("__name__") if type(names) is dict else None
    return text(name) or "?"


def python_classes(objects: list[object]) -> list[int]:
    """Addresses of the classes defined in Python. Keeps no reference."""
    metaclasses = {key for key in count_types(objects) if _makes_classes(key)}
    dealloc = word_at(id(_PythonClass) + DEALLOC)
    found = compress(objects, map(metaclasses.__contains__, map(id, map(type, objects))))
    return [
        id(obj)
        for obj in found
        if flags_of(obj) & HEAP_TYPE and word_at(id(obj) + DEALLOC) == dealloc
    ]


def _makes_classes(address: int) -> bool:
    return bool(flags_of(object_at(address)) & TYPE_SUBCLASS)


def count_references(objects: list[object], counts: dict[int, int]) -> None:
    """Add to ``counts``: address -> number of references to it from these objects."""
    for chunk in chunks(objects):
        _count_elements(counts, map(id, gc.get_referents(*chunk)))


def edges_to(targets: set[int], objects: list[object]) -> dict[int, int]:
    """Address -> number of references to it from these objects."""
    found = dict.fromkeys(targets, 0)
    for chunk in chunks(objects):
        _count_elements(found, filter(targets.__contains__, map(id, gc.get_referents(*chunk))))
    return found
