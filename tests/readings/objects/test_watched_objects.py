"""The daemon's side of watched objects: what it knows of the references that the probe holds."""

from __future__ import annotations

import ctypes
import os

from tests.stand_ins import context

from refwatch.readings.objects.watched_objects import WatchedCollector
from refwatch.target import probe_commands as pc
from refwatch.target import probe_messages as rp
from refwatch.target.layout import ReferencesLayout
from refwatch.target.memory import RemoteMemory
from refwatch.wire.event import TimedEvent

SECOND_NS = 1_000_000_000


class Watched:
    """Objects of this process under watch, by words that stand for their reference counts."""

    def __init__(self, *counts: int, paths: tuple[str, ...] = ()) -> None:
        self.sent: list[pc.ProbeCommand] = []
        self.words = (ctypes.c_uint64 * len(counts))(*counts)
        start = ctypes.addressof(self.words)
        self.addresses = [start + 8 * index for index in range(len(counts))]
        place = ReferencesLayout(weak_offset=16, dead=0, offset=2)
        memory, events = RemoteMemory(os.getpid()), list[TimedEvent]()
        self.watch = WatchedCollector(
            context(events.append, asked=self.sent.append, clock=lambda: SECOND_NS, memory=memory),
            place,
            list(paths),
        )
        found = [
            rp.FoundObject(
                watch=number,
                name="x",
                type="list",
                address=address,
                weak=0,
                held=True,
                immortal=False,
                source="main",
            )
            for number, address in enumerate(self.addresses)
        ]
        self.watch.take(rp.WatchAdded(found=found), SECOND_NS)

    def ask(self) -> pc.ProbeCommand:
        """Read the counts; what the probe is then asked."""
        self.watch.tick(SECOND_NS)
        return self.sent[-1]


def test_what_is_being_let_go_is_no_longer_held() -> None:
    """The probe frees it before it comes to any later command."""
    objects = Watched(1, 2)
    assert objects.watch.held() == objects.addresses
    assert objects.ask() == pc.LetGo(watches=[0])
    assert objects.watch.held() == objects.addresses[1:]


def test_what_was_not_the_last_reference_is_still_held() -> None:
    """Somebody else had come by the object before the probe let it go."""
    objects = Watched(1, 2)
    objects.ask()
    objects.watch.take(rp.Released(dead=[]), SECOND_NS)
    assert objects.watch.held() == objects.addresses


def test_what_was_let_go_is_dead() -> None:
    objects = Watched(1, 2)
    objects.ask()
    objects.watch.take(rp.Released(dead=[0]), SECOND_NS)
    assert objects.watch.held() == objects.addresses[1:]


def test_names_are_as_the_parser_has_them() -> None:
    """It makes one letter of e and an accent, as a keyboard or a file's name may have them."""
    objects = Watched(2, paths=("app.caf\u0065\u0301",))
    objects.watch.add_path("caf\u00e9")
    objects.watch.add_path("caf\u0065\u0301")
    assert len(objects.sent) == 2
    assert objects.sent[-1] == pc.SetPaths(paths=["app.caf\u00e9", "caf\u00e9"])
