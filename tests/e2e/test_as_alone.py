"""What the target can see of itself is what it would see under plain ``python``."""

from __future__ import annotations

import json
import os
import sys
import zipfile
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.e2e.conftest import Bench

# Writes all that a program can see of how it was started. The first free descriptor comes first,
# and threading and signal are asked last: importing them changes the answers.
MIRROR = """
import os, sys
free = os.open(os.devnull, os.O_RDONLY)
os.close(free)
descriptors = sorted(n for n in map(int, os.listdir("/proc/self/fd")) if n < 250 and n != free)
main = sys.modules["__main__"]
seen = {
    "argv": sys.argv, "path": sys.path, "file": globals().get("__file__"), "name": __name__,
    "package": __package__, "spec": str(getattr(__spec__, "name", __spec__)),
    "loader": str(__loader__).partition(" at ")[0],
    "main": sorted(vars(main)), "is_main": main.__dict__ is globals(),
    "doc": main.__doc__, "orig_argv": sys.orig_argv, "env": dict(os.environ),
    "environb": sorted(map(repr, os.environb.items())), "cwd": os.getcwd(),
    "flags": str(sys.flags), "warnoptions": sys.warnoptions, "xoptions": sys._xoptions,
    "executable": sys.executable, "prefix": sys.prefix, "free": free, "fds": descriptors,
    "stdin": sys.stdin.read(), "umask": os.umask(0o22),
    "group": os.getpgid(0) == os.getpgid(os.getppid()),
    "hooks": [sys.excepthook is sys.__excepthook__, sys.displayhook is sys.__displayhook__],
    "meta_path": [str(finder).partition(" at ")[0] for finder in sys.meta_path],
    "hash": hash("refwatch"),
    "trace": str(sys.gettrace()),
    "profile": str(sys.getprofile()), "interval": sys.getswitchinterval(),
    "recursion": sys.getrecursionlimit(), "frames": len(sys._current_frames()) > 0,
    "isatty": [stream.isatty() for stream in (sys.stdin, sys.stdout, sys.stderr)],
    "encodings": [stream.encoding for stream in (sys.stdin, sys.stdout, sys.stderr)],
    "buffering": [stream.line_buffering for stream in (sys.stdin, sys.stdout, sys.stderr)],
}
import gc, resource, signal, threading, warnings
seen["gc"] = [gc.isenabled(), gc.get_threshold(), gc.callbacks]
seen["threads"] = [str(t.name) for t in threading.enumerate()]
seen["active"] = threading.active_count()
seen["mask"] = sorted(map(int, signal.pthread_sigmask(signal.SIG_BLOCK, [])))
seen["handlers"] = {s.name: str(signal.getsignal(s)) for s in signal.Signals}
masks = [line.split() for line in open("/proc/self/status") if line.startswith("Sig")]
libc = 3 << 31  # signals 32 and 33 are the C library's own, for threads and posix_spawn
seen["masks"] = {name: hex(int(mask, 16) & ~libc) for name, mask in masks if len(mask) == 16}
seen["wakeup"] = signal.set_wakeup_fd(-1)
seen["filters"] = str(warnings.filters)
seen["limits"] = [resource.getrlimit(n) for n in (resource.RLIMIT_NOFILE, resource.RLIMIT_CORE)]
seen["thread_hooks"] = [threading.excepthook is threading.__excepthook__, str(threading.gettrace())]
print(__import__("json").dumps(seen, indent=0))
print("to stderr", file=sys.stderr)
"""
LOOKALIKES = ["--headless", "-o", "x.json", "--rate", "5", "-m", "foo", "-c", "--", "-x", "", "ü*"]
ENVIRONMENT = {"PYTHONHASHSEED": "1"}


def test_a_script(bench: Bench) -> None:
    done = bench.alike(bench.script(MIRROR), *LOOKALIKES, stdin=b"some text", env=ENVIRONMENT)

    seen = json.loads(done.out)
    assert seen["argv"] == ["target.py", *LOOKALIKES]
    assert seen["stdin"] == "some text"
    assert seen["threads"] == ["MainThread"]
    assert not any(name.startswith("REFWATCH") for name in seen["env"])


def test_a_module_of_a_package(bench: Bench) -> None:
    bench.write("package/__init__.py", "")
    bench.write("package/__main__.py", MIRROR)

    done = bench.alike("-m", "package", *LOOKALIKES, env=ENVIRONMENT)

    assert json.loads(done.out)["argv"][1:] == LOOKALIKES
    assert json.loads(done.out)["package"] == "package"


def test_a_module_of_the_standard_library(bench: Bench) -> None:
    done = bench.alike("-m", "json.tool", "--sort-keys", stdin=b'{"b": 1, "a": 2}')
    assert json.loads(done.out) == {"a": 2, "b": 1}


def test_a_piece_of_code(bench: Bench) -> None:
    done = bench.alike("-c", MIRROR, *LOOKALIKES, stdin=b"x", env=ENVIRONMENT)

    assert json.loads(done.out)["argv"] == ["-c", *LOOKALIKES]
    assert json.loads(done.out)["file"] is None


def test_a_directory(bench: Bench) -> None:
    bench.write("application/__main__.py", MIRROR)
    bench.alike("application", "--headless", env=ENVIRONMENT)


def test_a_zip_file(bench: Bench) -> None:
    with zipfile.ZipFile(bench.folder / "application.zip", "w") as archive:
        archive.writestr("__main__.py", MIRROR)
    bench.alike("application.zip", "-m", env=ENVIRONMENT)


@pytest.mark.parametrize("name", ["with some spaces.py", "unicode💩.py", "no_suffix", "a/../b.py"])
def test_a_name(bench: Bench, name: str) -> None:
    (bench.folder / "a").mkdir()
    bench.alike(bench.script(MIRROR, name), env=ENVIRONMENT)


def test_a_name_that_begins_with_a_dash(bench: Bench) -> None:
    bench.script("import sys; print(sys.argv, __file__, sys.path[0])", "-dash.py")
    bench.alike("./-dash.py", "-o")
    bench.alike("--", "-dash.py", "-o")


def test_a_name_that_is_no_utf_8(bench: Bench) -> None:
    (bench.folder / os.fsdecode(b"n\xffme.py")).write_text("import sys; print(ascii(sys.argv))")
    bench.alike(b"n\xffme.py", b"arg\xfe\xff", "-o")


def test_a_script_elsewhere_through_a_symbolic_link(bench: Bench) -> None:
    real = bench.write("real/main.py", MIRROR)
    (bench.folder / "link.py").symlink_to(real)
    bench.alike("link.py", env=ENVIRONMENT)
    bench.alike(real, env=ENVIRONMENT)


def test_python_s_own_variables(bench: Bench) -> None:
    """They are the target's: its flags and paths come from them."""
    bench.write("library/found.py", "")
    environment = {
        "PYTHONPATH": f"{bench.folder}/library{os.pathsep}/nowhere",
        "PYTHONHASHSEED": "7",
        "PYTHONUNBUFFERED": "1",
        "PYTHONWARNINGS": "ignore::UserWarning",
        "PYTHONSAFEPATH": "1",
        "PYTHONOPTIMIZE": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    done = bench.alike(bench.script(MIRROR), env=environment)
    assert json.loads(done.out)["env"]["PYTHONPATH"] == environment["PYTHONPATH"]


CHILD = """
import json, os, subprocess, sys
code = "import json, os, sys; print(json.dumps([dict(os.environ), sys.path]))"
print(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout)
print(subprocess.run(["env"], capture_output=True, text=True).stdout)
print(json.dumps([dict(os.environ), sys.path]))
"""


@pytest.mark.parametrize("path", [None, "", "library", "library:"])
def test_nothing_is_passed_on_to_children(bench: Bench, path: str | None) -> None:
    environment = {} if path is None else {"PYTHONPATH": path}

    done = bench.alike(bench.script(CHILD), env=environment)

    assert b"REFWATCH" not in done.out
    assert b"probe/inject" not in done.out


def test_a_child_that_nobody_watches_has_no_module_of_the_probe(bench: Bench) -> None:
    script = bench.script("""
        import subprocess, sys
        code = "import sys; print(sorted(sys.modules))"
        print(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout)
        """)

    plain, done = bench.plain(script), bench.watched("--no-children", script)

    assert done.lines == plain.lines


def test_its_own_sitecustomize_runs(bench: Bench) -> None:
    bench.write("site/sitecustomize.py", "import sys; sys.was_here = __file__, __spec__.name")
    bench.write("site/usercustomize.py", "import sys; sys.user_was_here = __file__")
    script = bench.script("""
        import sys, sitecustomize
        print(sys.was_here, sitecustomize.__file__, sys.modules["sitecustomize"].__name__)
        print(getattr(sys, "user_was_here", None))
        """)

    done = bench.alike(script, env={"PYTHONPATH": "site"})

    assert b"site/sitecustomize.py" in done.out


def test_a_sitecustomize_that_fails_is_reported_as_ever(bench: Bench) -> None:
    bench.write(
        "site/sitecustomize.py",
        "import sys\nif 'target.py' in sys.argv[:1] + sys.orig_argv[1:2]: 1 / 0",
    )
    script = bench.script("print('the script runs')")
    environment = {"PYTHONPATH": f"{bench.folder}/site"}

    plain = bench.plain(script, env=environment)
    done = bench.watched(script, env=environment)

    assert (done.status, done.out) == (plain.status, plain.out)
    assert b"ZeroDivisionError" in plain.err
    assert b"ZeroDivisionError" in done.own_err
    assert done.own_err == plain.err


def test_modules_that_the_target_has_of_its_own(bench: Bench) -> None:
    """A folder with modules named as those of the standard library, or as the probe's, is the
    target's affair."""
    for name in ("link", "answer", "start", "msgspec", "refwatch", "objgraph", "typing_extensions"):
        bench.write(f"{name}.py", f"print('own {name}')")
    script = bench.script("import link, answer, start, msgspec, refwatch, objgraph")
    assert bench.alike(script).out.count(b"own ") == 6


def test_it_does_not_see_the_probe_s_thread(bench: Bench) -> None:
    script = bench.script("""
        import threading, gc
        from concurrent.futures import ThreadPoolExecutor
        with ThreadPoolExecutor(2) as pool:
            print(list(pool.map(abs, [-1, -2])))
        print(threading.enumerate(), threading.active_count())
        print(threading._active.keys() == {threading.get_ident()})
        print(threading.main_thread() is threading.current_thread(), len(threading._limbo))
        """)
    lines = bench.watched(script).lines  # an ident is another in each run
    assert lines[0] == "[1, 2]"
    assert "MainThread" in lines[1]
    assert lines[1].endswith("] 1")
    assert lines[2:] == ["True", "True 0"]


def test_its_threads_are_counted_as_ever(bench: Bench) -> None:
    """Also after forks, for which the probe's thread leaves and comes back."""
    script = bench.script("""
        import _thread, os, time
        def counts(until):
            end = time.monotonic() + 20
            while _thread._count() != until and time.monotonic() < end: time.sleep(0.001)
            return _thread._count()
        print(_thread._count())
        gate = _thread.allocate_lock(); gate.acquire()
        def wait(): gate.acquire(); gate.release()
        for _ in range(3): _thread.start_new_thread(wait, ())
        print(counts(3))
        gate.release()
        print(counts(0))
        time.sleep(0.2)
        for _ in range(3):
            pid = os.fork()
            if pid == 0: os._exit(_thread._count())
            print(os.waitpid(pid, 0)[1], counts(0))
            time.sleep(0.1)
            print(counts(0))
        """)
    bench.alike(script)


def test_the_working_directory_may_be_gone(bench: Bench) -> None:
    place = bench.write("target.py", "import os, sys; print(sys.argv, os.path.exists('.'))")
    gone = bench.folder / "gone"
    words = ["sh", "-c", f'mkdir {gone} && cd {gone} && rmdir {gone} && exec "$@"', "sh"]

    plain = bench.start([*words, sys.executable, place]).end()
    done = bench.start([*words, *bench.command, "--headless", place]).end()

    assert (done.status, done.out) == (plain.status, plain.out)


# What the collector sees of the library's modules, and of the classes in them.
COLLECTED = """
import _collections, _functools, _io, _json, _operator, _signal, _socket, _struct, _thread, _weakref
import collections, ctypes, errno, fcntl, functools, gc, itertools, operator, os, re, select, socket
import struct, sys, threading, time, types
gc.collect()
def members(owner):
    return sorted(vars(owner).items(), key=lambda pair: str(pair[0]))
for name, module in sorted(sys.modules.items()):
    if name.partition(".")[0] in sys.stdlib_module_names:
        print(name, gc.is_tracked(module), gc.is_tracked(vars(module)))
        for key, value in members(module) if name in globals() else []:
            print(name, key, gc.is_tracked(value))
            for inner, one in members(value) if isinstance(value, type) else []:
                print(name, key, inner, gc.is_tracked(one))
"""


def test_the_collector_sees_what_the_probe_has_imported(bench: Bench) -> None:
    plain = bench.plain(bench.script(COLLECTED))
    watched = bench.watched("target.py")

    assert len(plain.lines) > 3000
    assert set(plain.lines) - set(watched.lines) == set()
