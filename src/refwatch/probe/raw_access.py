"""Access to objects that never runs their code: no attribute lookup, no comparison, no repr.

It calls C-level getters of built-in types on the object itself.
"""

from __future__ import annotations

import sys
from _collections import deque  # type: ignore[import-not-found]
from _operator import not_
from itertools import compress

from .builtin_types import (
    BuiltinFunctionType,
    FunctionType,
    GetSetDescriptorType,
    MemberDescriptorType,
    ModuleType,
)

TYPE_CHECKING = False  # typing itself would be one more module in the target
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from .builtin_types import CodeType, Getter

_get: dict[str, Getter] = {
    name: type.__dict__[name].__get__
    for name in (
        "__flags__",
        "__mro__",
        "__dict__",
        "__module__",
        "__qualname__",
        "__itemsize__",
        "__basicsize__",
        "__weakrefoffset__",
    )
}
_module_dict: Getter = vars(ModuleType)["__dict__"].__get__
items_of: Callable[[object], Iterable[tuple[object, object]]] = dict.items  # type: ignore[assignment]
"""The items of a dict of any kind, without its own ``items``."""
_of_list: Callable[[object], Iterator[object]] = list.__iter__  # type: ignore[assignment]
_of_deque: Callable[[object], Iterator[object]] = deque.__iter__
_of_tuple: Callable[[object], Iterator[object]] = tuple.__iter__  # type: ignore[assignment]

HEAP_TYPE = 1 << 9  # Py_TPFLAGS_HEAPTYPE and so on: CPython's Include/object.h
HAS_GC = 1 << 14
TYPE_SUBCLASS = 1 << 31
LONGEST = 200  # characters of a name
IMMORTAL = 900_000_000
"""Counts from here on mark immortal objects since 3.12; in 3.11 the interpreter's static objects
start at 999,999,999 (Include/internal/pycore_object.h)."""

FOLDER = __file__.rpartition("/")[0] + "/"
FUTURE = ("__future__", "_Feature")
NoneType = type(None)
_SIMPLE = (str, int, float, bytes, bool, NoneType)


_pointer_hash = object.__hash__
WORD_MASK = (1 << 64) - 1


def address_of(obj: object) -> int:
    """``id`` without its audit event: the default hash is the address rotated right by four bits
    (CPython's Python/pyhash.c: _Py_HashPointer)."""
    rotated = _pointer_hash(obj) & WORD_MASK
    return (rotated << 4 | rotated >> 60) & WORD_MASK


if address_of(_get) != id(_get):
    raise ImportError("an object's hash does not have its address")


def flags_of(cls: object) -> int:
    return int(_get["__flags__"](cls))


def is_class(obj: object) -> bool:
    """Whether it is a class; ``isinstance`` would read its ``__class__``."""
    return bool(flags_of(type(obj)) & TYPE_SUBCLASS)


def itemsize_of(cls: object) -> int:
    return int(_get["__itemsize__"](cls))


def basicsize_of(cls: object) -> int:
    return int(_get["__basicsize__"](cls))


def takes_weakref(obj: object) -> bool:
    return int(_get["__weakrefoffset__"](type(obj))) != 0


def mro_of(cls: object) -> tuple[type, ...]:
    found = _get["__mro__"](cls)
    return found if type(found) is tuple else ()


def is_a(obj: object, base: type) -> bool:
    """Whether its type is ``base`` or derived from it."""
    return any(cls is base for cls in mro_of(type(obj)))


def dict_of_class(cls: object) -> dict[str, object]:
    """A copy of a class's own attributes."""
    return dict(_get["__dict__"](cls))


def text(value: object, longest: int = LONGEST) -> str:
    """A str of any kind as plain text of bounded length, without lone surrogates; '' for others."""
    if not is_a(value, str):
        return ""
    plain = str.__str__(value)
    if len(plain) > longest:
        plain = plain[: longest - 1] + "…"
    return plain if plain.isascii() else plain.encode("utf-8", "backslashreplace").decode()


def name_of(cls: object) -> tuple[str, str]:
    """(module, qualified name) of a class; ``?`` for a module that is no str."""
    try:
        module = text(_get["__module__"](cls)) or "?"
    except AttributeError:
        module = "?"
    return module, text(_get["__qualname__"](cls)) or "?"


def type_name(obj: object) -> str:
    """``module.Name`` of its type, without the module for built-in ones."""
    module, name = name_of(type(obj))
    return name if module == "builtins" else f"{module}.{name}"


def namespace_of(obj: object) -> dict[str, object] | None:
    """The object's own ``__dict__``, if it has one."""
    if is_a(obj, ModuleType):
        found = _module_dict(obj)
        return found if type(found) is dict else None
    for cls in mro_of(type(obj)):
        getter = _get["__dict__"](cls).get("__dict__")
        if type(getter) is GetSetDescriptorType:
            try:
                found = getter.__get__(obj)
            except (AttributeError, TypeError):
                continue
            return found if is_a(found, dict) else None
    return None


def slots_of(obj: object) -> Iterator[tuple[str, object]]:
    """(name, value) of the object's slots that are set."""
    for cls in mro_of(type(obj)):
        if not flags_of(cls) & HEAP_TYPE:
            continue
        for name, slot in dict_of_class(cls).items():
            if type(slot) is MemberDescriptorType:
                try:
                    yield text(name), slot.__get__(obj)
                except (AttributeError, TypeError):
                    continue


def attribute_of(obj: object, name: str) -> object:
    """The attribute without descriptors: the object's own, a slot, or its class's. Raises
    LookupError."""
    own = namespace_of(obj)
    if own is not None:
        for key, value in list(items_of(own)):
            if type(key) is str and key == name:  # a key of another kind may have an __eq__
                return value
    for slot, value in slots_of(obj):
        if slot == name:
            return value
    classes = mro_of(obj if is_class(obj) else type(obj))
    for cls in classes:
        attributes = dict_of_class(cls)
        if name in attributes:
            return attributes[name]
    raise LookupError(name)


def elements_of(obj: object) -> Iterator[object]:
    """Elements of a list, tuple or deque, or of a derived class, without its own ``__iter__``;
    empty for other objects."""
    if is_a(obj, list):
        yield from _of_list(obj)
    elif is_a(obj, tuple):
        yield from _of_tuple(obj)
    elif is_a(obj, deque):
        yield from list(_of_deque(obj))  # at once: a deque must not change during iteration


def is_ours(code: CodeType) -> bool:
    """Whether it is the probe's code."""
    return text(code.co_filename, 4096).startswith(FOLDER)


def is_program(obj: object) -> bool:
    """Whether it is a module, function or class, or bound by ``from __future__ import``: part of
    the program, not its data."""
    kind = type(obj)
    if kind is FunctionType or kind is BuiltinFunctionType:
        return True
    return is_class(obj) or is_a(obj, ModuleType) or name_of(kind) == FUTURE


_PROGRAM = frozenset(
    map(_pointer_hash, (type, FunctionType, BuiltinFunctionType, ModuleType))
).__contains__


def data_in(names: dict[str, object]) -> list[tuple[object, object]]:
    """(name, value) of what is bound in a namespace, without modules, functions and classes that
    have no metaclass. Takes no reference to those, since references of classes are counted."""
    kinds = map(_pointer_hash, map(type, names.values()))
    return list(compress(items_of(names), map(not_, map(_PROGRAM, kinds))))


def resolve(path: str) -> object:
    """The object that ``pkg.mod.name.attr`` names. A path that does not begin with a module's name
    is one in ``__main__``. Raises LookupError."""
    words = path.split(".")
    for count in range(len(words), 0, -1):
        module = sys.modules.get(".".join(words[:count]))
        if module is not None and is_a(module, ModuleType):
            try:
                return follow(module, words[count:])
            except LookupError:
                continue
    return follow(sys.modules["__main__"], words)


def follow(obj: object, names: list[str]) -> object:
    """The object's attribute's attribute and so on. Raises LookupError."""
    for name in names:
        obj = attribute_of(obj, name)
    return obj


def short(value: object) -> str:
    """A short repr for built-in values, the type in angle brackets for others."""
    kind = type(value)
    if kind is tuple and len(value) <= 4:  # type: ignore[arg-type]
        inner = ", ".join(short(item) for item in value)  # type: ignore[attr-defined]
        return f"({inner},)" if len(value) == 1 else f"({inner})"  # type: ignore[arg-type]
    if not any(kind is simple for simple in _SIMPLE):
        return f"<{type_name(value)}>"
    if kind is int and int.bit_length(value) > 256:  # type: ignore[arg-type]
        return "<int>"
    if kind in (str, bytes) and len(value) > 40:  # type: ignore[arg-type]
        value = value[:39]  # type: ignore[index]
        return text(repr(value)[:-1]) + "…'"
    return text(repr(value))
