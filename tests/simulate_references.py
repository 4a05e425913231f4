"""Simulated references: watched objects, live classes, censuses, chains, one inspection.

Deterministic, and in the order of ``at``. The program behind them is a small server:
``app.Session`` leaks 40 a second from the start, ``app.Entry`` fills a cache of 300 and levels off
at 6 s, ``app.Request`` comes and goes, and all else stays what it is. A census comes every 2.5
seconds from 1 s on, a mark at 4 s, an inspection from 6.2 s, the chains of the leak at 8.9 s.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterator
from dataclasses import dataclass
from operator import attrgetter

from tests.simulate import SCRIPT, Simulation

from refwatch.series.log_histogram import bucket_of
from refwatch.session import events as ev
from refwatch.session.events import Event
from refwatch.wire.event import MAIN
from refwatch.wire.heap_values import ChainLink, Referenced, Referrer, Site, TypeCount

TICK_S = 0.1
FIRST_CENSUS_S, CENSUS_S = 1.0, 2.5
MARK_S = 4.0
LEAK_PER_S = 40
CACHE, CACHE_FULL_S = 300, 6.0

IMMORTAL = 0xFFFF_FFFF  # what ctypes reads of an object that is never freed

LEAK, ENTRY, REQUEST = 1, 2, 3  # serials of classes
CLASSES = (
    "app.Session", "app.Entry", "app.Request", "app.Response", "app.Server", "app.Router",
    "app.Route", "app.Config", "app.Cache", "app.Worker", "app.Job", "app.Queue", "app.User",
    "app.Token", "app.errors.NotFound", "app.errors.Denied", "app.db.Connection", "app.db.Pool",
    "app.db.Cursor", "app.db.Row", "app.db.Migration", "app.models.Order", "app.models.Invoice",
    "app.models.Customer", "app.models.Product", "app.models.Address", "app.views.Page",
    "app.views.Template", "app.views.Form", "app.views.Field", "app.metrics.Counter",
    "app.metrics.Gauge", "app.metrics.Histogram", "app.tasks.Schedule", "app.tasks.Task",
    "app.tasks.Retry", "app.mail.Message", "app.mail.Outbox", "__main__.Options", "__main__.Loop",
)  # fmt: skip
"""Classes defined in Python; their place from 1 on is their serial."""

BUILTINS = (
    ("function", 4210, 160), ("dict", 3020, 232), ("tuple", 2750, 64),
    ("wrapper_descriptor", 1290, 72), ("ReferenceType", 1240, 72), ("method_descriptor", 980, 72),
    ("builtin_function_or_method", 930, 72), ("getset_descriptor", 880, 64), ("type", 610, 1064),
    ("list", 560, 88), ("cell", 420, 40), ("member_descriptor", 350, 64), ("set", 240, 216),
    ("property", 230, 72), ("module", 190, 72), ("classmethod", 150, 56), ("staticmethod", 90, 56),
    ("frozenset", 80, 216), ("method", 60, 64), ("generator", 12, 112), ("frame", 9, 440),
    ("super", 4, 64), ("mappingproxy", 38, 48), ("classmethod_descriptor", 44, 72),
    ("list_iterator", 2, 64), ("dict_keyiterator", 1, 72), ("coroutine", 3, 200),
    ("SimpleNamespace", 1, 48), ("filter", 1, 72), ("map", 2, 64), ("zip", 1, 72),
)  # fmt: skip
"""(name, count, bytes of one)"""

LIBRARY = (
    "_abc._abc_data", "abc.ABCMeta", "collections.OrderedDict", "collections.deque",
    "collections.defaultdict", "collections._tuplegetter", "enum.EnumType", "enum.property",
    "enum.auto", "functools.partial", "functools._lru_cache_wrapper", "functools.cached_property",
    "functools.partialmethod", "itertools.count", "itertools.chain", "operator.itemgetter",
    "importlib._bootstrap.ModuleSpec", "importlib._bootstrap._DeadlockError",
    "importlib._bootstrap_external.SourceFileLoader", "importlib._bootstrap_external.FileFinder",
    "importlib._bootstrap_external.ExtensionFileLoader", "zipimport.zipimporter",
    "inspect.Parameter", "inspect.Signature", "json.decoder.JSONDecoder",
    "json.encoder.JSONEncoder", "json.scanner.Scanner", "logging.Logger", "logging.RootLogger",
    "logging.Manager", "logging.Formatter", "logging.PercentStyle", "logging.StreamHandler",
    "logging.PlaceHolder", "logging.LogRecord", "re.Pattern", "re.RegexFlag", "re._parser.State",
    "socket.socket", "_socket.socket", "selectors.EpollSelector", "selectors.SelectorKey",
    "select.epoll", "ssl.SSLContext", "ssl.Purpose", "sqlite3.Connection", "sqlite3.Cursor",
    "string.Template", "string.Formatter", "threading.Thread", "threading.Event",
    "threading.Condition", "threading._MainThread", "threading._DummyThread", "threading.Timer",
    "_thread._local", "_thread._localdummy", "_thread.lock", "_thread.RLock", "types.GenericAlias",
    "types.UnionType", "typing.TypeVar", "typing._GenericAlias", "typing._SpecialForm",
    "typing._ProtocolMeta", "typing.ForwardRef", "weakref.WeakValueDictionary",
    "weakref.WeakKeyDictionary", "weakref.WeakSet", "weakref.KeyedRef", "weakref.finalize",
    "_weakrefset._IterationGuard", "contextlib.ExitStack", "contextlib._GeneratorContextManager",
    "contextvars.ContextVar", "dataclasses.Field", "dataclasses._DataclassParams",
    "decimal.Context", "email.message.Message", "email._policybase.Compat32",
    "http.server.HTTPServer", "http.client.HTTPMessage", "io.TextIOWrapper", "_io.BufferedWriter",
    "_io.BufferedReader", "_io.FileIO", "os._Environ", "pathlib.PosixPath", "queue.Queue",
    "_queue.SimpleQueue", "random.Random", "reprlib.Repr", "signal.Signals", "site.Quitter",
    "tempfile._RandomNameSequence", "textwrap.TextWrapper", "traceback.FrameSummary",
    "urllib.parse.SplitResult", "uuid.UUID", "warnings.catch_warnings", "zlib.Compress",
)  # fmt: skip
"""Types of the standard library, a few of each."""


@dataclass(frozen=True)
class Bound:
    """A name in the program's ``__main__`` and the object that it names; times in seconds."""

    watch: int
    name: str
    type: str
    usual: int
    """References."""
    swing: int = 0
    """By how much they go up and down."""
    grows: float = 0.0
    """References more per second."""
    found_s: float = 0.3
    died_s: float = math.inf
    held: bool = False
    immortal: bool = False

    def references(self, at: float) -> int:
        wave = self.swing * (1 + math.sin(at * (1 + self.watch / 5))) / 2
        return self.usual + round(wave + self.grows * at)


WATCHED = (
    Bound(1, "server", "app.Server", 9, swing=2),
    Bound(2, "sessions", "list", 3, held=True),
    Bound(3, "cache", "app.Cache", 6, swing=9),
    Bound(4, "pool", "app.db.Pool", 12, swing=6),
    Bound(5, "template", "app.views.Template", 4, grows=LEAK_PER_S),
    Bound(6, "log", "logging.Logger", 41),
    Bound(7, "options", "__main__.Options", 2),
    Bound(8, "retries", "int", 0, immortal=True),
    Bound(9, "lock", "_thread.lock", 5, swing=4),
    Bound(10, "request", "app.Request", 3, swing=3, died_s=2.9),
    Bound(11, "batch", "set", 2, swing=30, died_s=5.3),
    Bound(12, "names", "dict", 2, held=True),
    Bound(13, "request", "app.Request", 3, swing=3, found_s=2.9, died_s=7.1),
    Bound(14, "request", "app.Request", 3, swing=3, found_s=7.1),
)


def with_references(simulation: Simulation) -> Iterator[Event]:
    """The simulated session and its references, in the order of their times."""
    references = reference_events(simulation.seconds)
    # References first at equal times: a session ends with its own last event.
    return heapq.merge(references, simulation.events(), key=attrgetter("at"))


def reference_events(seconds: float) -> Iterator[Event]:
    """What happens to the references in the first seconds, in the order of their times."""
    parts = (_watched(seconds), _classes(seconds), _censuses(seconds),
             _collections(seconds), _looked_into())  # fmt: skip
    for event in heapq.merge(*parts, key=attrgetter("at")):
        if event.at > seconds:
            return
        yield event


def instances(serial: int, at: float) -> int:
    """The live instances of a class."""
    if serial == LEAK:
        return round(LEAK_PER_S * max(0.0, at - 0.2))
    if serial == ENTRY:
        return round(CACHE * min(1.0, at / CACHE_FULL_S))
    if serial == REQUEST:
        return round(4 + 4 * math.sin(at * 3))
    return (serial * 37) % 23


def _ticks(seconds: float, since: float) -> Iterator[float]:
    first = round(since / TICK_S)
    return (round(number * TICK_S, 3) for number in range(first, round(seconds / TICK_S) + 1))


def _address(number: int) -> str:
    return f"{0x7F3A_5C00_0000 + number * 0x1_0370:#x}"


def _watched(seconds: float) -> Iterator[Event]:
    last: dict[int, int] = {}
    for at in _ticks(seconds, 0.3):
        for one in WATCHED:
            if one.found_s == at:
                yield ev.WatchedFound(
                    at=at,
                    process=MAIN,
                    watch=one.watch,
                    name=one.name,
                    type=one.type,
                    address=_address(one.watch),
                    source="main",
                    held=one.held,
                    immortal=one.immortal,
                )
            elif one.died_s == at:
                yield ev.WatchedEnded(at=at, process=MAIN, watch=one.watch)
        alive = [one for one in WATCHED if one.found_s <= at < one.died_s]
        now = {one.watch: one.references(at) for one in alive if not one.immortal}
        if changed := [(watch, n) for watch, n in now.items() if last.get(watch) != n]:
            yield ev.WatchedCounted(at=at, process=MAIN, counts=changed)
        last = now
        if round(at * 10) % 10 == 5:  # once a second
            yield ev.WatchedRead(
                at=at, process=MAIN, offset=1, readings=[_raw(one, at) for one in alive]
            )


def _raw(one: Bound, at: float) -> ev.RawReading:
    if one.immortal:
        return ev.RawReading(watch=one.watch, ctypes=IMMORTAL, getrefcount=IMMORTAL)
    count = one.references(at) + one.held
    return ev.RawReading(watch=one.watch, ctypes=count, getrefcount=count + 1)


def _classes(seconds: float) -> Iterator[Event]:
    serials = range(1, len(CLASSES) + 1)
    for serial, full_name in zip(serials, CLASSES, strict=True):
        module, name = _split(full_name)
        yield ev.ClassFound(at=0.2, process=MAIN, serial=serial, module=module, name=name)
    last: dict[int, int] = {}
    for at in _ticks(seconds, 0.2):
        now = {serial: instances(serial, at) for serial in serials}
        changed = [(serial, count) for serial, count in now.items() if last.get(serial) != count]
        if changed:
            yield ev.ClassesCounted(at=at, process=MAIN, counts=changed)
        last = now


def _censuses(seconds: float) -> Iterator[Event]:
    last: dict[tuple[str, str], TypeCount] = {}
    for number in range(int(max(0.0, seconds - FIRST_CENSUS_S) / CENSUS_S) + 1):
        at = FIRST_CENSUS_S + number * CENSUS_S
        now = _types(at)
        gone = [
            TypeCount(module=name[0], name=name[1], count=0, size=0)
            for name in last
            if name not in now
        ]
        changed = [count for name, count in now.items() if last.get(name) != count]
        pause = 0.0021 + 0.0004 * (number % 3)
        yield ev.CensusBegun(
            at=at, process=MAIN, number=number + 1, reason="interval", pause_s=pause
        )
        objects = sum(count.count for count in now.values())
        yield ev.CensusTaken(
            at=at,
            process=MAIN,
            number=number + 1,
            took_s=0.071,
            objects=objects,
            types=changed + gone,
            most_referenced=_most_referenced(at),
        )
        last = now


def _types(at: float) -> dict[tuple[str, str], TypeCount]:
    """All that the heap holds. Each leaked session has a dict and a list, each entry a dict."""
    sessions, entries = instances(LEAK, at), instances(ENTRY, at)
    more = {
        "dict": sessions + entries,
        "list": sessions,
        "frame": round(3 * math.sin(at * 7)),
        "method": round(11 * math.sin(at * 5)),
    }
    counts = []
    for name, usual, size in BUILTINS:
        count = usual + more.get(name, 0)
        counts.append(TypeCount(module="builtins", name=name, count=count, size=count * size))
    for place, full_name in enumerate(LIBRARY):
        count = 1 + (place * 53) % 71
        counts.append(_count_of(full_name, count, 48 + 8 * (place % 20)))
    for serial, full_name in enumerate(CLASSES, 1):
        if count := instances(serial, at):
            counts.append(_count_of(full_name, count, 56 + 8 * (serial % 3)))
    return {(count.module, count.name): count for count in counts}


def _count_of(full_name: str, count: int, size: int) -> TypeCount:
    module, name = _split(full_name)
    return TypeCount(module=module, name=name, count=count, size=count * size)


def _split(full_name: str) -> tuple[str, str]:
    module, _, name = full_name.rpartition(".")
    return module, name


def _most_referenced(at: float) -> list[Referenced]:
    return [
        Referenced(type="type", label="class type", address=_address(900), references=1220),
        Referenced(
            type="dict", label="globals of module typing", address=_address(901), references=402
        ),
        Referenced(
            type="app.views.Template",
            label="Template(name='page.html')",
            address=_address(5),
            references=4 + round(LEAK_PER_S * at),
        ),
        Referenced(
            type="type",
            label="class app.Session",
            address=_address(902),
            references=90 + instances(LEAK, at),
        ),
        Referenced(type="tuple", label="tuple of 0", address=_address(903), references=88),
        Referenced(type="module", label="module sys", address=_address(904), references=61),
        Referenced(type="logging.Logger", label="Logger", address=_address(6), references=41),
    ]


def _collections(seconds: float) -> Iterator[Event]:
    """What the collector takes, beside what the session tells of its samples."""
    for second in range(1, int(seconds) + 1):
        longest_s = 0.0161 if second >= 4 else 0.0019
        yield ev.Sampled(
            at=float(second),
            process=MAIN,
            span_s=0.0,
            samples=0,
            gil=ev.GilSlice(
                held_s=0.0, wait_s=0.0, handoffs=0, interval_s=0.005, collecting_s=0.02
            ),
            threads=[],
            rate_hz=1000.0,
            collector=ev.CollectorSlice(
                pauses={bucket_of(longest_s * 1e9): 2},
                longest_s=longest_s,
                longest_line=2,
                lines=[(2, 2, 0.02, longest_s)],
            ),
        )


INSPECTION = "inspect-1"


def _looked_into() -> Iterator[Event]:
    """A mark; an inspection of a session, two levels deep; the chains of the leak."""
    yield ev.Marked(at=MARK_S, name="warm")
    yield ev.WorkProgressed(at=6.2, process=MAIN, work=INSPECTION, text="copying the process")
    yield ev.WorkProgressed(
        at=6.4, process=MAIN, work=INSPECTION, text="looking for referrers", share=0.6
    )
    yield ev.ReferrersFound(
        at=6.6,
        process=MAIN,
        inspection=INSPECTION,
        node=0,
        type="app.Session",
        label="Session",
        address=_address(77),
        references=4,
        seen=3,
        referrers=_holders_of_a_session(),
    )
    yield ev.WorkProgressed(
        at=6.6, process=MAIN, work=INSPECTION, text="3 of 4 references found", share=1.0, done=True
    )
    yield ev.ReferrersFound(
        at=7.4,
        process=MAIN,
        inspection=INSPECTION,
        node=1,
        type="list",
        label="list of 256",
        address=_address(2),
        references=2,
        seen=2,
        referrers=_holders_of_the_list(),
    )
    chains = "chains app.Session"
    yield ev.WorkProgressed(
        at=8.6, process=MAIN, work=chains, text="looking for chains to app.Session", share=0.3
    )
    yield ev.ChainsFound(
        at=8.9,
        process=MAIN,
        module="app",
        name="Session",
        chains=_chains(),
        allocated_at=[
            Site(file="/home/app/app/__init__.py", line=118, function="open_session"),
            Site(file="/home/app/app/routing.py", line=44, function="dispatch"),
        ],
    )
    yield ev.WorkProgressed(
        at=8.9, process=MAIN, work=chains, text="3 chains found", share=1.0, done=True
    )


def _holders_of_a_session() -> list[Referrer]:
    return [
        Referrer(
            node=1,
            type="list",
            label="list of 256",
            address=_address(2),
            edges=["item 17"],
            count=1,
        ),
        Referrer(
            node=2,
            type="dict",
            label="dict of 12",
            address=_address(78),
            edges=["value of key 'session'"],
            count=1,
        ),
        Referrer(
            node=3,
            type="frame",
            label=f"dispatch, {SCRIPT}:51",
            address=_address(79),
            edges=["local session"],
            count=1,
            root=True,
        ),
    ]


def _holders_of_the_list() -> list[Referrer]:
    return [
        Referrer(
            node=4,
            type="module",
            label="module __main__",
            address=_address(80),
            edges=["global sessions"],
            count=1,
            root=True,
        ),
        Referrer(
            node=5,
            type="app.Server",
            label="Server",
            address=_address(1),
            edges=["attribute sessions"],
            count=1,
        ),
    ]


def _chains() -> list[list[ChainLink]]:
    session = "app.Session"
    return [
        [
            ChainLink(type=session, edge="item 17", address=_address(77)),
            ChainLink(type="list", edge="global sessions", address=_address(2)),
            ChainLink(type="module", name="module __main__", address=_address(80)),
        ],
        [
            ChainLink(type=session, edge="value of key 'session'", address=_address(77)),
            ChainLink(type="dict", edge="attribute context", address=_address(78)),
            ChainLink(type="app.Request", edge="local request", address=_address(14)),
            ChainLink(type="frame", name=f"frame of dispatch, {SCRIPT}:51", address=_address(79)),
        ],
        [
            ChainLink(type=session, edge="item 17", address=_address(77)),
            ChainLink(type="list", edge="attribute sessions", address=_address(2)),
            ChainLink(type="app.Server", edge="global server", address=_address(1)),
            ChainLink(type="module", name="module __main__", address=_address(80)),
        ],
    ]
