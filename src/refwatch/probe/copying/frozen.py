"""The frozen heap of a copy: who refers to what, what is a root, and what is the copy's own."""

from __future__ import annotations

import gc
import sys

from ..kinds import CodeType, FrameType, ModuleType
from ..plain import is_a, is_ours, namespace_of, text
from .heap import tracked, untracked

TYPE_CHECKING = False  # typing itself would be one more module in the target
if TYPE_CHECKING:
    from collections.abc import Collection

    from .running import RunningFrame


class Heap:
    """All objects, and the ``frames`` that ran. ``modules`` has a module for the address of its
    namespace, ``constants`` words for the address of a code object's. ``young`` as :func:`tracked`
    has it; ``held`` are the addresses of objects at which the probe holds a reference."""

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
        self._hidden: list[object] | None = None

    def holders(self, objects: list[object]) -> list[object]:
        """What refers to any of these, without the copy's own."""
        asked = tuple(objects)  # from 3.13 on it would be found itself
        self.ours |= {id(objects), id(asked)}
        found = gc.get_referrers(*asked)
        self.ours.add(id(found))
        kept = [one for one in found if id(one) not in self.ours and not _is_noise(one)]
        self.ours.add(id(kept))
        untracked_ones = {id(one) for one in asked if not gc.is_tracked(one)}
        if untracked_ones:
            known = {id(one) for one in kept}
            kept += [one for one in self._hidden_holders(untracked_ones) if id(one) not in known]
        return kept

    def _hidden_holders(self, wanted: set[int]) -> list[object]:
        """Holders that the collector does not know of: plain tuples and dicts, and constants."""
        if self._hidden is None:
            self._hidden = self._hidden_containers()
            self.ours.add(id(self._hidden))
        found = [
            one for one in self._hidden if not wanted.isdisjoint(map(id, gc.get_referents(one)))
        ]
        self.ours.add(id(found))
        return found

    def _hidden_containers(self) -> list[object]:
        objects = tracked(self.young)
        others = untracked(objects)
        self.ours |= {id(objects), id(others)}
        found = [one for one in others if type(one) is tuple or type(one) is dict]
        fresh = [one for one in others if type(one) is CodeType]
        fresh += [frame.code for frame in self.frames]
        met: set[int] = set()
        while fresh:
            code = fresh.pop()
            if id(code) not in met:
                met.add(id(code))
                self.constants[id(code.co_consts)] = f"code of {text(code.co_qualname)}"
                found.append(code.co_consts)
                fresh += [one for one in code.co_consts if type(one) is CodeType]
        return list({id(one): one for one in found}.values())

    def roots(self) -> list[int]:
        """Addresses of modules, of their namespaces, and of what running frames' locals hold."""
        places = (place for frame in self.frames for place in frame.places.values())
        return [*self.modules, *self.module_ids, *places]

    def locals_at(self, address: int) -> list[tuple[RunningFrame, str]]:
        """The frames that run and have the object there in a local variable."""
        return [
            (frame, name)
            for frame in self.frames
            for name, place in frame.places.items()
            if place == address
        ]


def frame_label(frame: RunningFrame) -> str:
    code = frame.code
    return f"{text(code.co_qualname)} ({text(code.co_filename)}:{frame.line})"


def _is_noise(one: object) -> bool:
    return type(one) is FrameType and is_ours(one.f_code)


def _namespaces() -> dict[int, object]:
    """Address of a module's ``__dict__`` -> the module."""
    found: dict[int, object] = {}
    for module in list(sys.modules.values()):
        if is_a(module, ModuleType):
            own = namespace_of(module)
            if own is not None:
                found[id(own)] = module
    return found
