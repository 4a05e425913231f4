"""Has something done once a C function of the target's has returned."""

from __future__ import annotations

from _functools import partial  # type: ignore[import-not-found]

from .capi import api, ctypes
from .plain import address_of
from .quiet import caller_of, quietly

TYPE_CHECKING = False  # typing itself would be one more module in the target
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

_PENDING = ctypes.PYFUNCTYPE(ctypes.c_int, ctypes.c_void_p)
api.Py_AddPendingCall.argtypes = [_PENDING, ctypes.c_void_p]
_pending: list[object] = []  # callbacks must outlive their call


def _add_pending(callback: object) -> object:
    return quietly(partial(api.Py_AddPendingCall, callback, None))


Place = tuple[int, int]
"""(address of a frame, its instruction)"""


def calling_place() -> Place:
    """Where the frame is that has called the function that calls this."""
    frame = caller_of(2)
    return _place_of(frame) if frame is not None else (0, 0)


def _place_of(frame: FrameType) -> Place:
    return address_of(frame), frame.f_lasti


def call_after(place: Place, function: Callable[[], None]) -> None:
    """Have the main thread call ``function`` once the C function that it has called from this place
    has returned.

    Whatever Python runs within that C function has a frame at this place among its callers.
    """

    def call(_: object) -> int:
        caller = caller_of(2)  # of what was interrupted
        while caller is not None and _place_of(caller) != place:
            caller = caller.f_back
        if caller is None or _add_pending(callback) != 0:
            function()
        return 0

    callback = _PENDING(call)
    del _pending[:-8]
    _pending.append(callback)
    if _add_pending(callback) != 0:
        function()
