"""Search for what says which lock a thread waits for, and who owns it.

A thread that waits for a lock sleeps on a futex. Up to 3.13 that is the semaphore to which the
lock points; since 3.14 it lies in the thread's own ``struct wait_entry``, beside the address of the
lock's byte (CPython's Python/parking_lot.c). An RLock has its owner's ident
(Modules/_threadmodule.c). That a thread is inside ``with lock`` shows in its frame, where
``__exit__`` waits to be called; how many words of a frame's stack are in use is in the code's table
of handlers (InternalDocs/exception_handling.md).
"""

from __future__ import annotations

import _thread
import os
from types import BuiltinMethodType, CodeType

from ..own_memory import WORD, Memory
from .find_frames import TAG
from .find_gil import NotFound
from .find_joins import find_joins
from .helper import Helper, wait_until

TYPE_CHECKING = False  # typing itself would be one more module in the target
if TYPE_CHECKING:
    from collections.abc import Callable

OBJECT_WORDS = 8
TYPE_WORDS = 16
FRAME_WORDS = 24
CODE_SIZE = 192
NEAR = range(-64, 65, WORD)  # bytes from a futex to the address of what is waited for
LOWEST = 16  # no field of an object lies before

Frames = dict[str, object]
Place = tuple[int, int]
"""(distance from the futex to the address of the lock's byte, offset of that); the distance is 0
where the lock itself points to the futex."""


def find_locks(memory: Memory, helpers: list[Helper], frames: Frames) -> dict[str, object]:
    """Offsets, as refwatch.target.layout.LocksLayout has them. Raises NotFound."""
    waiter, owner = helpers
    lock, outer, recursive = _thread.allocate_lock(), _thread.allocate_lock(), _thread.RLock()
    own = _thread.get_ident()
    lock.acquire()
    recursive.acquire()
    held = memory.words(id(recursive), OBJECT_WORDS)
    waiter.begin(lambda: _inside(outer, lock))
    owner.begin(lambda: _take(recursive))
    try:
        plain = _waited(memory, waiter.tid, id(lock))
        of_recursive = _waited(memory, owner.tid, id(recursive))
        stack = _stack(memory, waiter, frames, outer, lock)
    finally:
        lock.release()
        recursive.release()
        wait_until(lambda: waiter.done and owner.done, "taking a lock")
    taken = memory.words(id(recursive), OBJECT_WORDS)
    owner.run(recursive.release)
    free = memory.words(id(recursive), OBJECT_WORDS)
    lock.acquire()
    waiter.begin(lambda: _enter(lock))
    try:
        plain &= _waited(memory, waiter.tid, id(lock))
    finally:
        lock.release()
        wait_until(lambda: waiter.done, "entering a lock")
    owners = [
        index
        for index in range(len(free))
        if (held[index], taken[index], free[index]) == (own, owner.ident, 0)
    ]
    ways = [
        (distance, offset, other)
        for distance, offset in plain
        for another, other in of_recursive
        if another == distance
    ]
    if len(owners) != 1 or len(ways) != 1:
        raise NotFound(f"{len(ways)} ways lead to a lock, {len(owners)} to its owner")
    distance, lock_offset, rlock_offset = ways[0]
    return {
        **_types(memory, lock, recursive),
        "distance": distance,
        "lock_offset": lock_offset,
        "rlock_offset": rlock_offset,
        "owner_offset": owners[0] * WORD,
        **stack,
        **_code(memory),
        **find_joins(memory, helpers, futex),
    }


def _inside(outer: _thread.LockType, inner: _thread.LockType) -> None:
    with outer:
        inner.acquire()
    inner.release()


def _take(lock: _thread.RLock) -> None:
    lock.acquire()


def _enter(lock: _thread.LockType) -> None:
    with lock:
        pass


def futex(tid: int) -> int:
    """The address that this thread sleeps on: the first argument of its system call
    (proc_pid_syscall(5)); 0 while it runs."""
    fd = os.open(f"/proc/self/task/{tid}/syscall", os.O_RDONLY | os.O_CLOEXEC)
    try:
        words = os.read(fd, 256).split()
    finally:
        os.close(fd)
    return int(words[1], 16) if len(words) > 2 and words[0].isdigit() else 0


def _waited(memory: Memory, tid: int, lock: int) -> set[Place]:
    """Ways from the futex on which this thread sleeps to the lock that it waits for."""
    found: set[Place] = set()

    def look() -> bool:
        address = futex(tid)
        if address:
            words = memory.words(lock, OBJECT_WORDS)
            found.update((0, i * WORD) for i, word in enumerate(words) if word == address)
            around = memory.words(address + NEAR.start, len(NEAR))
            for distance, word in zip(NEAR, around, strict=False):
                if distance and LOWEST <= word - lock < OBJECT_WORDS * WORD:
                    found.add((distance, word - lock))
        return bool(found)

    wait_until(look, "a thread's wait for a lock")
    return found


def _types(memory: Memory, lock: object, recursive: object) -> dict[str, object]:
    """Where an object has its type, a type its name, and a method what it is bound to."""
    objects = (lock, recursive)
    offset = _slot([(memory.words(id(o), 4), {id(type(o))}) for o in objects], "type")
    names = [f"{type(o).__module__}.{type(o).__name__}" for o in objects]
    name = _text_slot(memory, [(id(type(o)), n) for o, n in zip(objects, names, strict=True)])
    return {
        "type_offset": offset,
        "name_offset": name,
        "lock_name": names[0],
        "rlock_name": names[1],
        **_methods(memory, lock),
    }


def _methods(memory: Memory, lock: object) -> dict[str, object]:
    bound = (getattr(lock, "acquire"), getattr(lock, "__exit__"))  # noqa: B009 - untyped
    unbound = [type(lock).__dict__[name] for name in ("acquire", "__exit__")]
    words = [(memory.words(id(method), OBJECT_WORDS), {id(lock)}) for method in bound]
    named = ("acquire", "__exit__")
    return {
        "method_name": f"{BuiltinMethodType.__name__}",
        "self_offset": _slot(words, "object of a method"),
        "definition_offset": _text_slot(
            memory, [(id(m), n) for m, n in zip(bound, named, strict=True)], deep=True
        ),
        "descriptor_name": type(unbound[0]).__name__,
        "descriptor_offset": _text_slot(
            memory, [(id(m), n) for m, n in zip(unbound, named, strict=True)], deep=True
        ),
    }


def _slot(rows: list[tuple[tuple[int, ...], set[int]]], what: str) -> int:
    """The only offset at which every one of these objects has a word that it may have."""
    count = min(len(words) for words, _ in rows)
    found = [i for i in range(count) if all(words[i] in wanted for words, wanted in rows)]
    if len(found) != 1:
        raise NotFound(f"{len(found)} words have the {what}")
    return found[0] * WORD


def _text_slot(memory: Memory, rows: list[tuple[int, str]], *, deep: bool = False) -> int:
    """The first offset at which each of these objects points to its text, ``deep``: to what has a
    pointer to it first."""

    def shows(pointer: int, text: str) -> bool:
        at = memory.word(pointer) if deep else pointer
        wanted = text.encode() + b"\0"
        return memory.read(at, len(wanted)) == wanted

    words = [(memory.words(address, TYPE_WORDS), text) for address, text in rows]
    for index in range(LOWEST // WORD, min(len(row) for row, _ in words)):
        if all(shows(row[index], text) for row, text in words):
            return index * WORD
    raise NotFound("an object does not lead to its name")


def _stack(
    memory: Memory, helper: Helper, frames: Frames, outer: object, lock: object
) -> dict[str, object]:
    """Where a frame has its locals, after which its stack follows, and how ``__exit__`` lies there.
    The helper is in ``_inside(outer, lock)``."""
    address = helper.state
    path = frames["path"]
    assert isinstance(path, list)
    for step in path:
        address = memory.word(address + step)
    words = [word & ~TAG for word in memory.words(address, FRAME_WORDS)]
    code = _inside.__code__
    if id(code) not in words:
        raise NotFound("a waiting thread's frame is not where it is looked for")
    pair = (id(outer), id(lock))
    found = [i for i in range(len(words) - 1) if (words[i], words[i + 1]) == pair]
    if not found:
        raise NotFound("a frame does not hold its arguments")
    stack = words[found[0] + code.co_nlocals :][: code.co_stacksize]
    unbound = id(type(outer).__dict__["__exit__"])
    if unbound in stack[:1] and id(outer) in stack[1:2]:
        bound = False
    elif _is_exit(memory, stack[0], outer):
        bound = True
    else:
        raise NotFound("a frame inside a with statement does not show it")
    return {"locals_offset": found[0] * WORD, "exit_is_bound": bound}


def _is_exit(memory: Memory, method: int, lock: object) -> bool:
    words = memory.words(method, OBJECT_WORDS)
    like = id(type(getattr(lock, "__exit__")))  # noqa: B009 - untyped
    return like in words and id(lock) in words


def _code(memory: Memory) -> dict[str, object]:
    """Where a code object has the number of its locals and of its stack's words, and its table of
    handlers."""
    cells = _with_cells(1, 2, 3, 4, 5)
    functions = (_inside, _enter, _with_cells, _waited, _stack, find_locks, _text_slot, cells)
    codes = [function.__code__ for function in functions]
    rows = [(memory.words(id(code), CODE_SIZE // WORD), {id(_table(code))}) for code in codes]
    names = [(row, {id(code.co_names)}) for (row, _), code in zip(rows, codes, strict=True)]
    named = [code.co_names for code in codes if code.co_names]
    items = [(memory.words(id(each), OBJECT_WORDS)[:5], {id(each[0])}) for each in named]
    return {
        "local_count_offset": _number(memory, [(code, _locals(code)) for code in codes]),
        "stack_size_offset": _number(memory, [(code, code.co_stacksize) for code in codes]),
        "handlers_offset": _slot(rows, "table of handlers"),
        "names_offset": _slot(names, "names of a code object"),
        "items_offset": _slot(items, "items of a tuple"),
    }


def _with_cells(a: int, b: int, c: int, d: int, e: int) -> Callable[[], object]:
    def inner() -> object:
        return a, c, inner

    f = b + d + e
    return inner if f else _with_cells(a, b, c, d, e)


def _table(code: CodeType) -> bytes:
    table: bytes = code.co_exceptiontable
    return table


def _locals(code: CodeType) -> int:
    """Number of local, cell and free variables; an argument may be a cell."""
    cells = set(code.co_cellvars) - set(code.co_varnames)
    return code.co_nlocals + len(cells) + len(code.co_freevars)


def _number(memory: Memory, wanted: list[tuple[CodeType, int]]) -> int:
    """The only offset at which each code object has its int."""
    rows = [(memory.read(id(code), CODE_SIZE), number) for code, number in wanted]
    found = [
        offset
        for offset in range(LOWEST, CODE_SIZE - 3, 4)
        if all(int.from_bytes(row[offset : offset + 4], "little") == n for row, n in rows)
    ]
    if len(found) != 1:
        raise NotFound(f"{len(found)} places in a code object have a number of it")
    return found[0]
