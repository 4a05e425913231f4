"""Redirection of C functions of the interpreter, whose arguments are looked at before the call.

The function objects stay what they are, with their names and identities. Only the pointer to the C
function in the static PyMethodDef changes (CPython's Include/methodobject.h), and goes through a
few instructions: they call Python, which returns the arguments to call with, and then the original.
So its result and its exceptions are its own.
"""

from __future__ import annotations

import os
import struct
from _functools import partial  # type: ignore[import-not-found]
from _thread import get_ident

from ..audit_hooks import quietly
from ..capi import api, ctypes, hold, libc
from ..own_memory import WORD, Memory
from ..raw_access import FOLDER, address_of
from ..reopen import opened
from ..watched_objects import object_at

TYPE_CHECKING = False  # typing itself would be one more module in the target
if TYPE_CHECKING:
    from collections.abc import Callable

    Prepare = Callable[[tuple[object, ...]], tuple[object, ...] | None]

METHOD_AT, FUNCTION_AT, FLAGS_AT = 16, 8, 16  # m_ml of a PyCFunctionObject; ml_meth, ml_flags
VARARGS, KEYWORDS, FASTCALL = 0x1, 0x2, 0x80  # METH_* of Include/methodobject.h
PAGE = 4096
READ, WRITE, EXECUTE = 1, 2, 4  # mmap(2)
PRIVATE_ANONYMOUS = 0x22
FAILED = (1 << 64) - 1
CALLS = 8  # under way at the same time, at most: each has room of its own
MOST_ARGUMENTS = 40
HEAD = 7
"""Words: arguments, their number, function, what is ours, names, function that is called with what
is ours after the call, another argument of it. Then the arguments."""
ROOM = HEAD + MOST_ARGUMENTS
STUB = 96  # bytes of code for each function

_CALLBACK = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p, ctypes.c_ssize_t, ctypes.c_void_p)


class NoRedirect(Exception):
    """Functions cannot be redirected here, for the reason in the text."""


# x86-64, System V ABI: (self, arguments, number, names) in rdi, rsi, rdx, rcx.
_BEFORE = bytes.fromhex("57 56 52 51 4883ec08 4889f7 4889d6 4889ca")
"""push rdi; push rsi; push rdx; push rcx; sub rsp, 8; mov rdi, rsi; mov rsi, rdx; mov rdx, rcx"""
_CALL, _JUMP = bytes.fromhex("ff15"), bytes.fromhex("ff25")  # [rip + offset]
_AFTER = bytes.fromhex(
    "4883c408 59 5a 5e 5f 4885c0 741e 50 488b30 488b5008 488b4820 ff5010"
    "5a 50 488b7a18 488b7230 ff5228 58 c3"
)
"""add rsp, 8; pop rcx; pop rdx; pop rsi; pop rdi; test rax, rax; jz to the jump behind; push rax;
mov rsi, [rax]; mov rdx, [rax + 8]; mov rcx, [rax + 32]; call [rax + 16]; pop rdx; push rax;
mov rdi, [rdx + 24]; mov rsi, [rdx + 48]; call [rdx + 40]; pop rax; ret"""


def _is_ours(error: BaseException) -> bool:
    """Whether it was raised by this package, not by a signal handler of the target."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    code = trace.tb_frame.f_code if trace is not None else None
    return isinstance(error, Exception) and code is not None and code.co_filename.startswith(FOLDER)


class Redirect:
    """The redirected functions of one process. Made before the target's first line. Raises
    NoRedirect."""

    def __init__(self, memory: Memory) -> None:
        if os.uname().machine != "x86_64":
            raise NoRedirect(f"it is not known how on {os.uname().machine}")
        self._memory = memory
        base = libc.mmap(None, 2 * PAGE, READ | WRITE, PRIVATE_ANONYMOUS, -1, 0)
        if base in (None, FAILED):
            raise NoRedirect(f"mmap: {os.strerror(ctypes.get_errno())}")
        self._base: int = base
        self._code = (ctypes.c_ubyte * PAGE).from_address(base)
        self._words = (ctypes.c_uint64 * (PAGE // WORD)).from_address(base + PAGE)
        self._release, self._raise = (
            ctypes.cast(function, ctypes.c_void_p).value or 0
            for function in (api.Py_DecRef, api.PyThreadState_SetAsyncExc)
        )
        self._room = 0
        self._callbacks: list[object] = []
        self._changed: list[tuple[int, int]] = []
        """(address of a pointer, what was there)"""
        self.originals: dict[str, int] = {}

    def add(self, name: str, function: object, prepare: Prepare, jump_to: str = "") -> None:
        """Call ``prepare`` with the function's positional arguments before each call: it returns
        others to call it with, or None for the same. ``jump_to``: with others this function, added
        before, is called instead. Raises NoRedirect."""
        method = self._memory.word(address_of(function) + METHOD_AT)
        pointer = method + FUNCTION_AT
        original = self._memory.word(pointer)
        flags = self._memory.word(method + FLAGS_AT) & 0xFFFF_FFFF
        if not original or flags not in (VARARGS, FASTCALL, FASTCALL | KEYWORDS):
            raise NoRedirect(f"{name} takes its arguments in an unknown way")
        self.originals[name] = original
        target = self.originals[jump_to or name]
        number = len(self._callbacks)

        def called(arguments: int, count: int, names: int | None) -> int | None:
            try:
                if flags == VARARGS:
                    return self._in_tuple(arguments, prepare, target)
                if not flags & KEYWORDS:
                    names = None  # whatever is in the register
                return self._in_array(arguments, count, names or 0, prepare, target)
            except BaseException as error:  # noqa: BLE001 - the target's call goes on
                if _is_ours(error):
                    return None
                return self._unchanged(arguments, count, names or 0, original, type(error))

        callback = _CALLBACK(called)
        self._callbacks.append(callback)
        self._words[2 * number] = ctypes.cast(callback, ctypes.c_void_p).value or 0
        self._words[2 * number + 1] = original
        self._changed.append((pointer, original))
        self._write_stub(number)

    def begin(self) -> None:
        """From now on. Raises NoRedirect."""
        if libc.mprotect(self._base, PAGE, READ | EXECUTE) != 0:
            raise NoRedirect(f"no memory may be executable here: {os.strerror(ctypes.get_errno())}")
        for number, (pointer, _) in enumerate(self._changed):
            self._set(pointer, self._base + STUB * number)

    def end(self) -> None:
        """The functions are called as they were. The memory stays: a call may be under way."""
        try:
            for pointer, original in self._changed:
                self._set(pointer, original)
        except NoRedirect:
            pass

    def _set(self, pointer: int, value: int) -> None:
        """By the kernel, which tells where that is not possible."""
        fd = opened("/proc/self/mem", writing=True)
        if fd is None:
            raise NoRedirect("/proc/self/mem cannot be written to")
        try:
            os.pwrite(fd, value.to_bytes(WORD, "little"), pointer)
        except OSError as error:
            raise NoRedirect(f"/proc/self/mem: {error.strerror}") from error
        finally:
            os.close(fd)

    def _write_stub(self, number: int) -> None:
        at, words = STUB * number, PAGE + 2 * WORD * number

        def through(instruction: bytes, word: int) -> bytes:
            return instruction + struct.pack("<i", word - (at + len(code) + 6))

        code = _BEFORE
        code += through(_CALL, words)
        code += _AFTER
        code += through(_JUMP, words + WORD)
        self._code[at : at + len(code)] = list(code)

    def _in_tuple(self, address: int, prepare: Prepare, target: int) -> int | None:
        """METH_VARARGS: one tuple."""
        given = object_at(address)
        changed = prepare(given) if type(given) is tuple else None
        if changed is None:
            return None
        words = self._keep(changed), 0
        return self._call(address_of(changed), 0, target, 0, [], self._release, words)

    def _in_array(
        self, address: int, count: int, names: int, prepare: Prepare, target: int
    ) -> int | None:
        """METH_FASTCALL: an array, in which those with names come last."""
        named = len(object_at(names)) if names else 0  # type: ignore[arg-type]
        if count + named > MOST_ARGUMENTS:
            return None
        words = self._memory.words(address, count + named)
        changed = prepare(tuple(map(object_at, words[:count])))
        if changed is None:
            return None
        values = [*map(address_of, changed), *words[count:]]
        ours = self._keep(changed), 0
        return self._call(0, len(changed), target, names, values, self._release, ours)

    def _unchanged(
        self, address: int, count: int, names: int, original: int, error: type[BaseException]
    ) -> int:
        """The arguments as they are; what a signal handler of the target has raised meanwhile it
        hears of after the call."""
        later = get_ident(), address_of(error)
        return self._call(address, count, original, names, [], self._raise, later)

    def _keep(self, ours: object) -> int:
        """Hold it until after the call."""
        quietly(partial(hold, address_of(ours)))
        return address_of(ours)

    def _call(
        self,
        arguments: int,
        count: int,
        target: int,
        names: int,
        values: list[int],
        after: int,
        with_words: tuple[int, int],
    ) -> int:
        """Address of what the stub takes."""
        self._room = (self._room + 1) % CALLS
        first = PAGE // WORD - ROOM * (self._room + 1)
        at = self._base + PAGE + WORD * first
        ours, more = with_words
        head = (arguments or at + HEAD * WORD, count, target, ours, names, after, more)
        for index, value in enumerate((*head, *values), first):
            self._words[index] = value
        return at
