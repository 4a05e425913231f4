"""Tasks of asyncio's event loops and greenlets that wait, in a hidden copy.

They are found among the collector's objects by their type, which needs no list of the library's
own: that is another in each version. All is read by C-level getters (CPython's
Modules/_asynciomodule.c, Objects/genobject.c), none of the target's code runs, and nothing is
imported: what is not loaded has no tasks.
"""

from __future__ import annotations

import gc
import sys
from _functools import partial  # type: ignore[import-not-found]

from ..builtin_types import (
    CellType,
    CodeType,
    FrameType,
    FunctionType,
    GeneratorType,
    GetSetDescriptorType,
    MemberDescriptorType,
    MethodType,
)
from ..raw_access import (
    attribute_of,
    dict_of_class,
    elements_of,
    is_a,
    is_class,
    items_of,
    mro_of,
    name_of,
    namespace_of,
    text,
    type_name,
)

TYPE_CHECKING = False  # typing itself would be one more module in the target
if TYPE_CHECKING:
    from typing import Any

    from ..builtin_types import Getter
    from ..messages import Message

    Row = dict[str, Any]
    Place = tuple[str, str, int, int]
    """(function, file, line, instruction)"""

MOST_TASKS = 1_000
MOST_STEPS = 200  # of a chain of awaits, or of frames
MOST_LOOKED = 60  # objects that a callback is looked through for what it wakes
RUNNING, READY = "", "ready to run"
GATHER = "asyncio.tasks._GatheringFuture"
FUTURES = ("_asyncio.Future", "asyncio.futures.Future")
TIMER = "asyncio.events.TimerHandle"
OWN_NAME = "Task-"  # of a task that was given none: asyncio counts them
GROUP = "asyncio.taskgroups.TaskGroup"
OPAQUE = ("coroutine_wrapper", "async_generator_asend", "async_generator_athrow", "anext_awaitable")
"""Awaitables that do not tell what they step: the collector knows it."""


def _getters(kind: type, *names: str) -> tuple[Getter, ...]:
    return tuple(vars(kind)[name].__get__ for name in names)


async def _coroutine() -> None:
    """For its type."""


async def _async_generator() -> Any:  # noqa: ANN401
    yield


_unstarted = _coroutine()
_Coroutine = type(_unstarted)
_unstarted.close()
_AsyncGenerator = type(_async_generator())
_SUSPENDED = {
    id(kind): (
        prefix,
        _getters(kind, f"{prefix}_frame", f"{prefix}_{awaited}", f"{prefix}_running"),
    )
    for kind, prefix, awaited in (
        (_Coroutine, "cr", "await"),
        (GeneratorType, "gi", "yieldfrom"),
        (_AsyncGenerator, "ag", "await"),
    )
}
"""Address of a type -> prefix of its attributes; its getters of the frame, of what that awaits, and
of whether it runs."""
_code, _lineno, _lasti, _back = _getters(FrameType, "f_code", "f_lineno", "f_lasti", "f_back")
_qualname, _filename = _getters(CodeType, "co_qualname", "co_filename")
(_bound_to,) = _getters(MethodType, "__self__")
_MethodDescriptor = type(dict.get)


def list_tasks() -> Message:
    """The report."""
    search = TaskSearch()
    rows = [search.row(task) for task in search.tasks[:MOST_TASKS]]
    waiting = [row for one in search.greenlets if (row := _greenlet_row(one)) is not None]
    room = MOST_TASKS - len(rows)
    left_out = len(search.tasks) - len(rows) + max(0, len(waiting) - room)
    return {"message": "tasks", "tasks": rows + waiting[:room], "left_out": left_out}


class TaskSearch:
    """The pending tasks and the greenlets among all objects."""

    def __init__(self) -> None:
        self._types = [
            found
            for module, name in (("_asyncio", "Task"), ("asyncio.tasks", "_PyTask"))
            if (found := _class_in(module, name)) is not None
        ]
        """The one in C, and that in Python which takes its place where there is none."""
        self._fields: dict[tuple[int, str], Getter | None] = {}
        greenlet = _class_in("greenlet", "greenlet")
        self.tasks: list[object] = []
        self.greenlets: list[object] = []
        if not self._types and greenlet is None:
            return
        wanted: dict[int, list[object] | None] = {}
        for obj in gc.get_objects():
            kind = type(obj)
            if id(kind) not in wanted:
                is_greenlet = greenlet is not None and is_a(obj, greenlet)
                into = self.greenlets if is_greenlet else self.tasks
                wanted[id(kind)] = into if is_greenlet or self._is_task(obj) else None
            into_which = wanted[id(kind)]
            if into_which is not None:
                into_which.append(obj)
        self.tasks[:] = [one for one in self.tasks if text(self._field(one, "_state")) == "PENDING"]
        self._addresses = {id(task) for task in self.tasks}
        self._waits: dict[int, int] = {}
        """Address of a future -> that of the task that waits for it."""
        for task in self.tasks:
            waiter = self._field(task, "_fut_waiter")
            if waiter is not None:
                self._waits[id(waiter)] = id(task)

    def _is_task(self, obj: object) -> bool:
        return any(is_a(obj, kind) for kind in self._types)

    def _field(self, obj: object, name: str) -> object:
        """An attribute of a task: by the getter of its class in C, else its own. None where there
        is none."""
        key = id(type(obj)), name
        if key not in self._fields:
            self._fields[key] = _getter_of(type(obj), name)
        getter = self._fields[key]
        try:
            return attribute_of(obj, name) if getter is None else getter(obj)
        except (LookupError, AttributeError, TypeError):
            return None

    def _name_of(self, task: object) -> str:
        for cls in mro_of(type(task)):
            method = dict_of_class(cls).get("get_name")
            if type(method) is _MethodDescriptor:
                return text(method(task))  # type: ignore[call-overload]
        return text(self._field(task, "_name"))

    def row(self, task: object) -> Row:
        waiter = self._field(task, "_fut_waiter")
        outermost, innermost, runs = _walk(self._field(task, "_coro"))
        if runs:
            awaits = RUNNING
        elif waiter is None:
            awaits = READY
        else:
            awaits = self._awaited(waiter, outermost, innermost)
        parent = self._parent_of(task)
        loop = self._field(task, "_loop")
        ident = _own(loop, "_thread_id") if loop is not None else None
        return {
            "address": hex(id(task)),
            "name": self._name_of(task),
            "kind": "task",
            "ident": ident if type(ident) is int else None,  # of the thread that runs its loop
            **_where(outermost, innermost),
            "awaits": awaits,
            "parent": None if parent is None else hex(parent),
            "waiter": "" if runs or waiter is None else self._wait(task, waiter, innermost),
        }

    def _wait(self, task: object, waiter: object, innermost: Place | None) -> str:
        """What no other wait of the task has in common with this one; empty where another may look
        the same, as the memory of a future is used again. One for a task or a gather ends with
        those, whose own names are no others'; a sleep has its end."""
        at = innermost[3] if innermost else 0
        if self._is_task(waiter):
            names = [self._name_of(waiter)]
        elif type_name(waiter) == GATHER:
            names = [self._name_of(one) for one in _gathered(waiter) if self._is_task(one)]
        else:
            timer = _timer_of(self._field(task, "_coro"))
            when = attribute_of(timer, "_when") if timer is not None else None
            return f"{at} {id(waiter):x} {when!r}" if type(when) is float else ""
        own = any(name.startswith(OWN_NAME) for name in names)
        return text(f"{at} {id(waiter):x} {' '.join(names)}") if own else ""

    def _awaited(self, waiter: object, outermost: Place | None, innermost: Place | None) -> str:
        """What it waits for, in words: the task, the number of tasks together, or the function that
        it has called and that waits."""
        if self._is_task(waiter):
            return f"task {self._name_of(waiter)}"
        kind = type_name(waiter)
        if kind == GATHER:
            return "gather"
        if innermost is not None and innermost[:2] != (outermost or innermost)[:2]:
            return innermost[0]
        return "a future" if kind in FUTURES else kind

    def _parent_of(self, task: object) -> int | None:
        """Address of the task that is woken when this one is done: it waits for this one itself, or
        by way of a future (gather, wait, shield, wait_for) or of its task group."""
        parent = self._waits.get(id(task))
        if parent is not None:
            return parent
        callbacks = self._field(task, "_callbacks")
        fresh = [next(elements_of(pair), None) for pair in elements_of(callbacks)]
        for _ in range(MOST_LOOKED):
            if not fresh:
                break
            obj = fresh.pop(0)
            if id(obj) in self._waits and self._waits[id(obj)] != id(task):
                return self._waits[id(obj)]
            if type(obj) is MethodType:
                owner = _bound_to(obj)
                group = type_name(owner) == GROUP
                parent = id(attribute_of(owner, "_parent_task")) if group else None
                if parent in self._addresses:
                    return parent
            elif type(obj) is FunctionType or type(obj) is CellType:
                fresh += [one for one in gc.get_referents(obj) if type(one) is not dict]
            elif type(obj) is partial or type(obj) is tuple:
                fresh += gc.get_referents(obj)
        return None


def _gathered(future: object) -> list[object]:
    """The futures that a gather waits for. It has them in its namespace, of which the collector
    knows the dict, or since 3.13 the values."""
    for one in gc.get_referents(future):
        found: object = one if type(one) is list else None
        if type(one) is dict:
            found = next((value for key, value in items_of(one) if key == "_children"), None)
        if type(found) is list and found:
            return found
    return []


def _timer_of(coroutine: object) -> object:
    """The timer of asyncio.sleep(), if that is what is awaited."""
    obj = coroutine
    for _ in range(MOST_STEPS):
        if obj is None or id(type(obj)) not in _SUSPENDED:
            return None
        frame, awaited, _runs = _SUSPENDED[id(type(obj))][1]
        place = _place_of(frame(obj))
        if place is not None and place[0] == "sleep" and place[1].endswith("asyncio/tasks.py"):
            timers = (one for one in gc.get_referents(obj) if type_name(one) == TIMER)
            return next(timers, None)
        obj = awaited(obj)
    return None


def _class_in(module: str, name: str) -> type | None:
    """A class of a module that is loaded."""
    loaded = sys.modules.get(module)
    found = _own(loaded, name) if loaded is not None else None
    return found if found is not None and is_class(found) else None  # type: ignore[return-value]


def _own(obj: object, name: str) -> object:
    """What the object's own namespace has by this name, if anything."""
    names = namespace_of(obj)
    for key, value in list(items_of(names)) if names is not None else ():
        if type(key) is str and key == name:  # a key of another kind may have an __eq__
            return value
    return None


def _getter_of(kind: type, name: str) -> Getter | None:
    for cls in mro_of(kind):
        getter = dict_of_class(cls).get(name)
        if type(getter) is GetSetDescriptorType or type(getter) is MemberDescriptorType:
            return getter.__get__
    return None


def _walk(coroutine: object) -> tuple[Place | None, Place | None, bool]:
    """(where the outermost coroutine function is, where the innermost, whether it runs)."""
    outermost: Place | None = None
    innermost: Place | None = None
    obj = coroutine
    for _ in range(MOST_STEPS):
        if obj is None:
            break
        getters = _SUSPENDED.get(id(type(obj)))
        if getters is None:
            obj = _stepped_by(obj)
            continue
        prefix, (frame, awaited, runs) = getters
        place = _place_of(frame(obj))
        innermost = place or innermost
        outermost = outermost or place
        if runs(obj) and prefix != "ag":  # such a generator also says so while it waits
            return outermost, innermost, True
        obj = awaited(obj)
    return outermost, innermost, False


def _stepped_by(obj: object) -> object:
    """What an awaitable of the interpreter's own steps."""
    if type_name(obj) not in OPAQUE:
        return None
    return next((one for one in gc.get_referents(obj) if id(type(one)) in _SUSPENDED), None)


def _place_of(frame: object) -> Place | None:
    if frame is None:
        return None
    code = _code(frame)
    line, instruction = int(_lineno(frame) or 0), int(_lasti(frame))
    return text(_qualname(code)), text(_filename(code), 4096), line, instruction


def _where(outermost: Place | None, innermost: Place | None) -> Row:
    none = "", "", 0, 0
    function, file, line, _ = outermost or none
    _, at_file, at_line, _ = innermost or none
    return {
        "coroutine": function,
        "file": file,
        "line": line,
        "at_file": at_file,
        "at_line": at_line,
    }


def _greenlet_row(one: object) -> Row | None:
    """A greenlet that waits; None for one that runs, or has not begun, or has ended."""
    getter = _getter_of(type(one), "gr_frame")
    try:
        frame = getter(one) if getter is not None else None
    except (AttributeError, TypeError, ValueError):
        return None
    innermost = outermost = _place_of(frame)
    if innermost is None:
        return None
    for _ in range(MOST_STEPS):
        frame = _back(frame)
        if frame is None:
            break
        outermost = _place_of(frame)
    return {
        "address": hex(id(one)),
        "name": name_of(type(one))[1],
        "kind": "greenlet",
        "ident": None,
        **_where(outermost, innermost),
        "awaits": innermost[0],
        "parent": None,
        "waiter": "",  # nothing tells one wait from the next
    }
