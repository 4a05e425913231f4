"""Frozen heap of a copy: holders of objects, roots, and the copy's own objects left out."""

from __future__ import annotations

import gc
import sys

from ..builtin_types import CodeType, FrameType, ModuleType
from ..raw_access import is_a, is_ours, namespace_of, text
from .heap import tracked, untracked

TYPE_CHECKING = False  # typing itself would be one more module in the target
if TYPE_CHECKING:
    from collections.abc import Collection

    from .running_frames import RunningFrame


class Heap:
    """All objects, and the ``frames`` that ran. ``modules``: address of a namespace -> its module;
    ``constants``: address of a code object's constants -> label. ``young`` as :func:`tracked` has
    it; ``held``: addresses of objects at which the probe holds a reference."""

    def __init__(
        self,
        frames: list[RunningFrame],
        young: int | None = None,
        held: Collection[int] = (),
    ) -> None:
        self.held = held
        self.young = young
        self.frames = frames
        self.modules = _namespaces()
        self.module_ids = {id(module) for module in self.modules.values()}
        self.constants: dict[int, str] = {}
        self.ours = {id(frames), id(self.modules)}
        self._untracked: list[object] | None = None

    def holders(self, objects: list[object]) -> list[object]:
        """What refers to any of these, without the copy's own objects."""
        targets = tuple(objects)  # a list would be found itself since 3.13
        self.ours |= {id(objects), id(targets)}
        found = gc.get_referrers(*targets)
        self.ours.add(id(found))
        kept = [obj for obj in found if id(obj) not in self.ours and not _is_noise(obj)]
        self.ours.add(id(kept))
        others = {id(obj) for obj in targets if not gc.is_tracked(obj)}
        if others:
            places = {id(obj) for obj in kept}
            kept += [obj for obj in self._untracked_holders(others) if id(obj) not in places]
        return kept

    def _untracked_holders(self, wanted: set[int]) -> list[object]:
        """Holders that the collector does not track: plain tuples and dicts, and constants."""
        if self._untracked is None:
            self._untracked = self._untracked_containers()
            self.ours.add(id(self._untracked))
        found = [
            obj for obj in self._untracked if not wanted.isdisjoint(map(id, gc.get_referents(obj)))
        ]
        self.ours.add(id(found))
        return found

    def _untracked_containers(self) -> list[object]:
        objects = tracked(self.young)
        others = untracked(objects)
        self.ours |= {id(objects), id(others)}
        found = [obj for obj in others if type(obj) is tuple or type(obj) is dict]
        fresh = [obj for obj in others if type(obj) is CodeType]
        fresh += [frame.code for frame in self.frames]
        met: set[int] = set()
        while fresh:
            code = fresh.pop()
            if id(code) not in met:
                met.add(id(code))
                self.constants[id(code.co_consts)] = f"code of {text(code.co_qualname)}"
                found.append(code.co_consts)
                fresh += [each for each in code.co_consts if type(each) is CodeType]
        return list({id(obj): obj for obj in found}.values())

    def roots(self) -> list[int]:
        """Addresses of modules, their namespaces, and the values of running frames' locals."""
        places = (place for frame in self.frames for place in frame.places.values())
        return [*self.modules, *self.module_ids, *places]

    def locals_at(self, address: int) -> list[tuple[RunningFrame, str]]:
        """(frame, name) of each local variable whose value is the object there."""
        return [
            (frame, name)
            for frame in self.frames
            for name, place in frame.places.items()
            if place == address
        ]


def frame_label(frame: RunningFrame) -> str:
    code = frame.code
    return f"{text(code.co_qualname)} ({text(code.co_filename)}:{frame.line})"


def _is_noise(obj: object) -> bool:
    return type(obj) is FrameType and is_ours(obj.f_code)


def _namespaces() -> dict[int, object]:
    """Address of a module's ``__dict__`` -> module."""
    found: dict[int, object] = {}
    for module in list(sys.modules.values()):
        if is_a(module, ModuleType):
            own = namespace_of(module)
            if own is not None:
                found[id(own)] = module
    return found
