"""Has something done once a C function of the target's has returned."""

from __future__ import annotations

from _functools import partial  # type: ignore[import-not-found]

from .capi import api, ctypes
from .plain import address_of
from .quiet import caller_of, quietly

TYPE_CHECKING = False  # typing itself would be one more module in the target
if TYPE_CHECKING:
    from collections.abc import Callable

_PENDING = ctypes.PYFUNCTYPE(ctypes.c_int, ctypes.c_void_p)
api.Py_AddPendingCall.argtypes = [_PENDING, ctypes.c_void_p]
_pending: list[object] = []  # callbacks must outlive their call


def _add_pending(callback: object) -> object:
    return quietly(partial(api.Py_AddPendingCall, callback, None))


def calling_frame() -> int:
    """Address of the frame that has called the function that calls this."""
    frame = caller_of(2)
    return address_of(frame) if frame is not None else 0


def call_after(frame: int, function: Callable[[], None]) -> None:
    """Have the main thread call ``function`` once the C function that it has called from the frame
    object at address ``frame`` has returned.

    Whatever Python runs within that C function has the frame among its callers, and is not it.
    """

    def call(_: object) -> int:
        caller = caller_of(2)  # of what was interrupted
        while caller is not None and address_of(caller) != frame:
            caller = caller.f_back
        if caller is None or _add_pending(callback) != 0:
            function()
        return 0

    callback = _PENDING(call)
    del _pending[:-8]
    _pending.append(callback)
    if _add_pending(callback) != 0:
        function()
