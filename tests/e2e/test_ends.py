"""However the target ends, its status, its last words and what it does at exit are its own."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from refwatch.text.formats import fmt_status

if TYPE_CHECKING:
    from tests.e2e.conftest import Bench

ENDS = {
    "by itself": ("print('done')", 0),
    "with a status": ("import sys; sys.exit(3)", 3),
    "with a status beyond a byte": ("import sys; sys.exit(256 + 5)", 5),
    "with text": ("import sys; sys.exit('some ünicode text')", 1),
    "with an exception": ("def deep(n):\n    return deep(n - 1) if n else 1 / 0\ndeep(3)", 1),
    "with a group": ("raise ExceptionGroup('two', [ValueError(1), KeyError('k')])", 1),
    "interrupted": ("raise KeyboardInterrupt", 130),
    "at once": ("import os\nprint('lost')\nos.write(1, b'kept')\nos._exit(7)", 7),
    "killed": ("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)", 137),
    "terminated": ("import os, signal\nos.kill(os.getpid(), signal.SIGTERM)", 143),
    "crashed": ("import ctypes\nctypes.string_at(0)", 139),
    "aborted": ("import os\nos.abort()", 134),
    "without room to recurse": ("def f(): f()\nf()", 1),
}


@pytest.mark.parametrize("end", ENDS)
def test_it_ends(bench: Bench, end: str) -> None:
    code, status = ENDS[end]

    done = bench.alike(bench.script(code))

    assert done.status == status
    assert fmt_status(status) in done.summary
    assert b"refwatch" not in done.own_err


def test_it_crashes_with_its_fault_handler(bench: Bench) -> None:
    script = bench.script("import ctypes\ndef fall():\n    ctypes.string_at(0)\nfall()")
    environment = {"PYTHONFAULTHANDLER": "1"}

    plain = bench.plain(script, env=environment)
    done = bench.watched(script, env=environment)

    assert done.status == plain.status == 139
    assert b"Fatal Python error: Segmentation fault" in done.own_err
    # from the crashed thread on; the addresses and modules of the report differ from run to run
    assert b'File "' in done.own_err
    assert b"_refwatch_probe/" not in done.own_err.partition(b"Extension modules")[0]


def test_what_it_does_at_exit_is_done(bench: Bench) -> None:
    bench.alike(
        bench.script("""
            import atexit, sys, threading, weakref

            class Loud:
                def __del__(self):
                    print("__del__", sys is not None)

            loud = Loud()
            cycle = [Loud()]
            cycle.append(cycle)
            finalizer = weakref.finalize(loud, print, "finalized")
            atexit.register(print, "first registered")
            atexit.register(lambda: print("last registered", threading.enumerate()[0].name))
            threading.Thread(target=lambda: print("a thread that is joined at exit")).start()
            sys.stdout.write("unflushed")
            """)
    )


def test_an_exception_in_a_thread_is_reported_as_ever(bench: Bench) -> None:
    done = bench.alike(
        bench.script("""
            import threading
            def fail():
                raise ValueError("in a thread")
            thread = threading.Thread(target=fail, name="worker")
            thread.start()
            thread.join()
            """)
    )
    assert b"Exception in thread worker" in done.own_err


def test_daemon_threads_at_exit(bench: Bench) -> None:
    bench.alike(
        bench.script("""
            import threading, time
            for _ in range(5):
                threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
            def spin():
                while True:
                    pass
            threading.Thread(target=spin, daemon=True).start()
            print(threading.active_count())
            """)
    )


def test_development_mode_finds_nothing_of_ours(bench: Bench) -> None:
    """PYTHONDEVMODE=1: no unclosed file or socket, no warning, no failed check of the allocator."""
    script = bench.script("""
        import gc, sys, warnings
        gc.collect()
        print(gc.garbage, sys.flags.dev_mode)
        """)
    environment = {"PYTHONDEVMODE": "1", "PYTHONTRACEMALLOC": "5"}

    done = bench.alike(script, env=environment)

    assert done.own_err == b""


def test_warnings_as_errors(bench: Bench) -> None:
    done = bench.alike(bench.script("print('fine')"), env={"PYTHONWARNINGS": "error"})
    assert done.own_err == b""


def test_hooks_of_the_target_s_own(bench: Bench) -> None:
    """Tracing, profiling and auditing see nothing of the probe."""
    bench.alike(
        bench.script("""
            import sys, threading
            calls = []
            sys.settrace(lambda *_: None)
            sys.setprofile(None)
            threading.setprofile(lambda *_: calls.append(1))
            threading.settrace(None)
            thread = threading.Thread(target=len, args=("",))
            thread.start()
            thread.join()
            print(len(calls) > 0)
            sys.addaudithook(lambda name, args: name.startswith("socket") and print(name))
            """)
    )


def test_a_long_output_arrives_whole(bench: Bench) -> None:
    done = bench.alike(bench.script("for n in range(100_000): print(n)"))
    assert done.lines[-1] == "99999"


def test_a_closed_stdout_is_the_target_s_affair(bench: Bench) -> None:
    script = bench.script("for n in range(100_000): print(n)")
    for prefix in ([sys.executable], [*bench.command, "--headless"]):
        words = " ".join([*prefix, script])
        done = bench.start(["sh", "-c", f"{words} | head -n 1; exit 0"]).end()
        assert done.out == b"0\n"
        assert b"BrokenPipeError" in done.err


ANOTHER_INTERPRETER = """
try:
    import _interpreters
    create, run = _interpreters.create, _interpreters.exec
except ImportError:  # before 3.13
    import _xxsubinterpreters as _interpreters
    create, run = _interpreters.create, _interpreters.run_string
other = create()
run(other, "import tempfile; folder = tempfile.TemporaryDirectory()")
print("the last line")
"""


@pytest.mark.parametrize("run", range(4))  # on 3.11 each third one hung
def test_another_interpreter_at_the_end(bench: Bench, run: int) -> None:
    bench.alike(bench.script(ANOTHER_INTERPRETER, f"run{run}.py"))
