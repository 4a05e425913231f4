"""Labels for how one object refers to another: by key, index, attribute or local variable."""

from __future__ import annotations

import gc
from _collections import deque  # type: ignore[import-not-found]

from ..builtin_types import CellType, FrameType, FunctionType, GeneratorType, MethodType, ModuleType
from ..capi import api, ctypes
from ..raw_access import (
    dict_of_class,
    elements_of,
    is_a,
    is_class,
    items_of,
    mro_of,
    namespace_of,
    short,
    slots_of,
    text,
    type_name,
)

TYPE_CHECKING = False  # typing itself would be one more module in the target
if TYPE_CHECKING:
    from collections.abc import Iterator

_new_context = api["PyContext_New"]  # the module that names this type is not always loaded
_new_context.restype = ctypes.py_object
ContextType = type(_new_context())
MOST_EDGES = 8  # of one holder


def count_edges(holder: object, held: object) -> int:
    """Number of references from holder to held, as the collector sees them."""
    return sum(1 for obj in gc.get_referents(holder) if obj is held)


def edges(holder: object, held: object) -> list[str]:
    """A label for each reference that can be named, at most eight."""
    found: list[str] = []
    for edge in _edges(holder, held):
        found.append(edge)
        if len(found) == MOST_EDGES:
            break
    return found or [f"held by {type_name(holder)}"]


def _edges(holder: object, held: object) -> Iterator[str]:
    if is_a(holder, dict):
        yield from dict_edges(holder, held)
    elif any(is_a(holder, kind) for kind in (list, tuple, deque)):
        yield from _sequence_edges(holder, held)
    elif is_a(holder, set) or is_a(holder, frozenset):
        yield "member of set"
    kind = type(holder)
    if kind is CellType:
        yield "closure cell"
    elif kind is FunctionType:
        yield from _function_edges(holder, held)
    elif kind is MethodType:
        yield "self of bound method" if holder.__self__ is held else "function of method"  # type: ignore[attr-defined]
    elif kind is FrameType:
        yield from _frame_edges(holder, held)
    elif kind is GeneratorType or type_name(holder) in ("coroutine", "async_generator"):
        yield from _generator_edges(holder, held)
    elif is_class(holder):
        yield from _class_edges(holder, held)
    yield from _attribute_edges(holder, held)


def dict_edges(holder: object, held: object, word: str = "") -> Iterator[str]:
    """As a value or a key; ``word`` replaces "value of key" for a namespace."""
    for key, value in items_of(holder):
        if value is held:
            named = word and is_a(key, str)
            yield f"{word} {text(key)}" if named else f"value of key {short(key)}"
        if key is held:
            yield "key of dict"


def variable_of(context: object, held: object) -> str:
    """A label with the name of the context variable that has this value."""
    for variable, value in ContextType.items(context):
        if value is held:
            return f"value of context variable {text(variable.name)}"
    return "value of a context variable"


def _sequence_edges(holder: object, held: object) -> Iterator[str]:
    for index, element in enumerate(elements_of(holder)):
        if element is held:
            yield f"index {index}"


def _function_edges(holder: object, held: object) -> Iterator[str]:
    defaults = FunctionType.__dict__["__defaults__"].__get__(holder)
    keyword = FunctionType.__dict__["__kwdefaults__"].__get__(holder)
    for index, value in enumerate(defaults or ()):
        if value is held:
            yield f"default argument {index}"
    if defaults is held or keyword is held:
        yield "default arguments"
    if FunctionType.__dict__["__closure__"].__get__(holder) is held:
        yield "closure"
    if FunctionType.__dict__["__globals__"].__get__(holder) is held:
        yield "globals of function"


def _frame_edges(holder: object, held: object) -> Iterator[str]:
    for name, value in dict(FrameType.__dict__["f_locals"].__get__(holder)).items():
        if value is held:
            yield f"local {text(name)}"


def _generator_edges(holder: object, held: object) -> Iterator[str]:
    for name in ("gi_frame", "cr_frame", "ag_frame"):
        getter = type(holder).__dict__.get(name)
        frame = getter.__get__(holder) if getter is not None else None
        if frame is not None:
            yield from _frame_edges(frame, held)


def _class_edges(holder: object, held: object) -> Iterator[str]:
    if any(base is held for base in mro_of(holder)[1:]):
        yield "base class"


def _attribute_edges(holder: object, held: object) -> Iterator[str]:
    if any(kind is type(holder) for kind in (dict, list, tuple, deque, set, frozenset)):
        return
    if is_class(holder):
        yield from dict_edges(dict_of_class(holder), held, "class attribute")
        return
    own = namespace_of(holder)
    if own is held:
        yield "__dict__"
    elif own is not None:
        word = "global" if is_a(holder, ModuleType) else "attribute"
        yield from dict_edges(own, held, word)
    for name, value in slots_of(holder):
        if value is held:
            yield f"attribute {name}"
