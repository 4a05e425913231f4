"""Types of the interpreter that have no built-in name.

The types module has them too, but a late import of that name may load the target's own file.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False  # typing itself would be one more module in the target
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import (
        BuiltinFunctionType,
        CellType,
        CodeType,
        FrameType,
        FunctionType,
        GeneratorType,
        GetSetDescriptorType,
        MemberDescriptorType,
        MethodType,
        ModuleType,
    )
    from typing import Any

    Getter = Callable[[object], Any]
    """C-level getter of an attribute that a built-in type defines"""

__all__ = [
    "BuiltinFunctionType",
    "CellType",
    "CodeType",
    "FrameType",
    "FunctionType",
    "GeneratorType",
    "GetSetDescriptorType",
    "MemberDescriptorType",
    "MethodType",
    "ModuleType",
]


class _Bound:
    def method(self) -> None:
        """A bound method, once looked up."""


def _generator() -> Iterator[int]:
    yield 0


def _closure() -> type:
    cell = 0

    def inner() -> int:
        return cell

    return type((inner.__closure__ or ())[0])


if not TYPE_CHECKING:
    FunctionType = type(_generator)
    BuiltinFunctionType = type(len)
    MethodType = type(_Bound().method)
    ModuleType = type(sys)
    CodeType = type(_generator.__code__)
    CellType = _closure()
    FrameType = type(sys._getframe())  # noqa: SLF001 - the documented name
    GeneratorType = type(_generator())
    GetSetDescriptorType = type(FunctionType.__dict__["__code__"])
    MemberDescriptorType = type(FunctionType.__dict__["__globals__"])
