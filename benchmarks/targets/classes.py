"""Classes of every kind, of which there are known numbers of instances, step by step. Prints for
each step when the change began and was done (CLOCK_MONOTONIC, seconds) and the numbers that are
true from then on. Each step holds 0.6 seconds at least; the rest at the start lets the watch find
the classes."""

from __future__ import annotations

import abc
import dataclasses
import enum
import gc
import json
import sys
import threading
import time
from collections.abc import Callable
from typing import Any, Generic, NamedTuple, TypeVar

REST_S = 3.0
LEAST_S = 0.6
NUMBERS = (0, 1, 7, 50, 1000, 3, 0, 20)
"""How many of each kind; each kind has one more than the one before it, where there are any."""
T = TypeVar("T")


class Plain:
    pass


class Slots:
    __slots__ = ("value",)


class EmptySlots:
    """The collector tracks no instance of it."""

    __slots__ = ()


@dataclasses.dataclass
class Data:
    value: int = 0


@dataclasses.dataclass(slots=True)
class DataSlots:
    value: int = 0


class Row(NamedTuple):
    value: object = None


class Failure(Exception):
    pass


class Number(int):
    pass


class NumberSlots(int):
    """Not tracked either."""

    __slots__ = ()


class Word(str):  # noqa: SLOT000 - WordSlots has them
    pass


class WordSlots(str):
    __slots__ = ()


class Stack(list[int]):
    pass


class Table(dict[str, int]):
    pass


class Pair(tuple[int, ...]):  # noqa: SLOT001 - Row has them
    pass


class Meta(type):
    """Its instances are classes."""


class Made(metaclass=Meta):
    pass


class Box(Generic[T]):
    pass


class Shape(abc.ABC):
    @abc.abstractmethod
    def area(self) -> float: ...


class Square(Shape):
    def area(self) -> float:
        return 1.0


class Born:
    def __new__(cls) -> Born:  # noqa: PYI034 - a kind of its own for its __new__, not its type
        return super().__new__(cls)


class Callback:
    def __call__(self) -> None: ...


class Mortal:
    def __del__(self) -> None: ...


class Both(Plain, Callback):
    pass


class Parent:
    """Has more subclasses in each step, which are kept, and each of which refers to it."""


class Registered:
    """Is itself put into a list, once more in each step."""


class Busy:
    """One thread makes and drops instances all the time."""


class Mode(enum.Flag):
    """Has a new member in each step, for a combination that was not asked for before."""

    A = 1
    B = 2
    C = 4
    D = 8


def local_class() -> type:
    class Local:
        pass

    return Local


BOX = Box[int]  # makes references to Box: before the first step
KINDS: dict[str, Callable[[], object]] = {
    kind.__name__: kind
    for kind in (
        *(Plain, Slots, EmptySlots, Data, DataSlots, Row, Failure, Number, NumberSlots, Word),
        *(WordSlots, Stack, Table, Pair, Made, Square, Born, Callback, Mortal, Both, Parent),
        *(Registered, Busy, local_class()),
    )
}
KINDS |= {"Box": BOX, "Meta": lambda: Meta("Dynamic", (), {})}


def change(held: dict[str, list[object]], number: int, others: list[Any]) -> None:
    """Make as many of each kind as step ``number`` has."""
    for index, (name, make) in enumerate(KINDS.items()):
        wanted = NUMBERS[number] and NUMBERS[number] + index
        own = held.setdefault(name, [])
        del own[wanted:]
        own += [make() for _ in range(wanted - len(own))]
    others += [Mode(number), type("Child", (Parent,), {}), Registered]
    gc.collect()  # classes go only by the collector


def truth(held: dict[str, list[object]]) -> dict[str, int]:
    numbers = {name: len(own) for name, own in held.items()}
    numbers["Meta"] += 1  # Made
    numbers["Mode"] = len(Mode._value2member_map_)
    return numbers


def be_busy(stop: threading.Event) -> None:
    while not stop.wait(0.002):
        for _ in range(50):
            Busy()


def main() -> None:
    each = max(LEAST_S, float(sys.argv[1]) / len(NUMBERS))
    held: dict[str, list[object]] = {}
    others: list[object] = []
    steps: list[dict[str, object]] = []
    clock = time.time() - time.monotonic()
    stop = threading.Event()
    thread = threading.Thread(target=be_busy, args=(stop,))
    thread.start()
    time.sleep(REST_S)
    for number in range(len(NUMBERS)):
        began = time.monotonic()
        change(held, number, others)
        steps.append({"began": began, "done": time.monotonic(), "truth": truth(held)})
        time.sleep(each)
    ended = time.monotonic()
    time.sleep(REST_S)  # for a census, which has the numbers of all classes right again
    rested = time.monotonic()
    stop.set()
    thread.join()
    facts = {"clock": clock, "steps": steps, "ended": ended, "rested": rested}
    print(json.dumps(facts))


if __name__ == "__main__":
    main()
