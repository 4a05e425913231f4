"""Lines at which a wait is a wait for work: the standard library's own waiting places."""

from __future__ import annotations

from collections.abc import Mapping

from refwatch.findings.parties import ThreadParty
from refwatch.readings.threads.state import Line
from refwatch.readings.threads.states import ThreadState as S

# Files in which the standard library waits for work or for a thread's end:
SERVANTS = ("threading.py", "queue.py", "concurrent/futures/thread.py")
LOCKING = frozenset({"acquire", "__enter__"})  # functions there that take a lock
# (file, function) in which it waits for connections or requests, and files with server loops:
ASKED = (("selectors.py", "select"), ("socket.py", "accept"), ("multiprocessing/connection.py", ""))
SERVERS = ("socketserver.py", "http/server.py", "wsgiref/simple_server.py", "xmlrpc/server.py")
LITTLE = 0.05  # share of a thread's time at work, below which it is idle, if it waits
RESTS_S = 1.0  # or more between two wake-ups, as a server's thread for its client
SELDOM_S = 0.02  # mean time between two wake-ups, from which on it is hardly asked


def is_waiting_room(line: Line | None) -> bool:
    """Whether a thread in ``lock_wait`` here waits for work or for a thread's end."""
    return line is not None and line.file.endswith(SERVANTS) and _plain(line) not in LOCKING


def io_wait_for_work(party: ThreadParty, lines: Mapping[int, Line]) -> tuple[float, bool]:
    """(seconds in ``io_wait`` for work that does not come, whether it serves requests at all)."""
    spent = party.states.get(S.IO_WAIT, 0.0)
    asked = sum(
        seconds
        for (line, state), seconds in party.hot.items()
        if state is S.IO_WAIT and _is_asked(lines.get(line))
    )
    serves = any(line in lines and lines[line].file.endswith(SERVERS) for line in party.stack)
    if serves:
        asked = spent
    if not spent or asked < spent / 2:
        return 0.0, False
    seldom = _works(party) < LITTLE or spent >= SELDOM_S * party.wakes
    return (asked if seldom else 0.0), True


def idle_server_s(party: ThreadParty) -> float:
    """Its seconds in ``io_wait`` if it hardly wakes: a server's thread without a client."""
    spent = party.states.get(S.IO_WAIT, 0.0)
    return spent if _works(party) < LITTLE and spent >= RESTS_S * party.wakes else 0.0


def _works(party: ThreadParty) -> float:
    ran = party.states.get(S.GIL_HELD, 0.0) + party.states.get(S.NATIVE, 0.0)
    return ran / party.watched_s


def _is_asked(line: Line | None) -> bool:
    return line is not None and any(
        line.file.endswith(file) and function in ("", _plain(line)) for file, function in ASKED
    )


def _plain(line: Line) -> str:
    """The function's name without its class."""
    return line.function.rpartition(".")[2]
