"""A program may replace functions of the standard library, as gevent does: none of its own is
called by the probe, which works on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.e2e.references import WAIT, Watching, alike, watching
from tests.e2e.test_exact import allocations, counted

from refwatch.wire.commands import SwitchAllocations, WatchObject
from refwatch.wire.event import MAIN

if TYPE_CHECKING:
    from tests.e2e.conftest import Bench

# Puts one that takes note and raises in the place of every public function and class of every
# module of the standard library that is loaded, until it has done all its work.
REPLACING = (
    WAIT
    + """
import os, sys, threading, time, warnings, refwatch
warnings.simplefilter("ignore")  # a fork with threads: it would be told by names that are replaced
class Node: pass
class Later: pass
class Own(threading.Thread):
    __dict__ = property(lambda self: {})
log = os.open("called", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
end = threading.Event()
threads = [threading.Thread(target=end.wait, name="plain"), Own(target=end.wait, name="own")]
for one in threads: one.start()
def made(name, write=os.write, error=RuntimeError, log=log, pid=os.getpid, own=os.getpid()):
    line = name.encode() + b"\\n"
    def replaced(*args, **kwargs):
        if pid() == own: write(log, line)
        raise error(name)
    return replaced
def replace():
    known = {*sys.stdlib_module_names}
    found = [(name, module) for name, module in sys.modules.items()
             if name.partition(".")[0] in known and name not in ("__main__", "sitecustomize")]
    return [(vars(module), key, value, made(name + "." + key)) for name, module in found
            for key, value in list(vars(module).items()) if callable(value) and key[0] != "_"]
fork, leave, waitpid, line = os.fork, os._exit, os.waitpid, sys.stdin.readline
null, dup2, kept = os.open(os.devnull, os.O_RDWR), os.dup2, os.dup(2)
def wait(): line()
changes = replace()
for names, key, value, other in changes: names[key] = other
nodes = [Node() for number in (1,) * 300]
new = Node()
wait()
refwatch.watch(nodes[0], "by the script")
refwatch.mark("a mark")
wait()
dup2(null, 2)  # in the child threading has no use of its names
for each in (1, 2):
    child = fork()
    if not child: leave(0)
    waitpid(child, 0)
dup2(kept, 2)
later = [Later() for number in (1,) * 7]
wait()
for names, key, value, other in changes: names[key] = value
os.close(log)
end.set()
for one in threads: one.join()
print(len(changes) > 500, open("called").read())
"""
)


def test_every_public_name_is_replaced(bench: Bench) -> None:
    script = bench.script(REPLACING)
    with watching(bench, script) as session:
        session.wait(lambda _: "new" in names_of(session), "a new name of __main__")
        session.censuses(2)
        session.wait(lambda _: {"plain", "own"} <= threads_of(session), "the names of threads")
        assert session.count("Node") == 301
        assert session.inspect("new").references == 1
        assert session.chains("__main__", "Node")
        session.ask(WatchObject(path="__main__.nodes"))
        session.wait(lambda _: "nodes" in names_of(session), "an object to be watched")
        session.ask(SwitchAllocations(mode="exact", frames=1))
        counted(session)
        assert allocations(session).mode == "exact"
        session.go()
        session.wait(lambda _: "by the script" in names_of(session), "what the script watches")
        session.wait(lambda _: [one.name for one in session.state.marks] == ["a mark"], "a mark")
        session.go()
        session.wait(lambda _: "later" in names_of(session), "a name that is bound after forks")
        session.recount()
        assert session.count("Later") == 7
        session.go()
        done, snapshot = session.end()

    assert done.lines == ["True "]
    limits = {one.reading for one in snapshot.limits if one.process == MAIN}
    assert not limits & {"probe", "census", "references", "gil"}
    alike(bench, done, script)


def names_of(session: Watching) -> set[str]:
    return {one.found.name for one in session.references.watched.values()}


def threads_of(session: Watching) -> set[str]:
    main = session.state.main
    return set() if main is None else {one.name for one in main.threads.values()}
