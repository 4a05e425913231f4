"""Forks, new processes, descriptors: what a program does with them works under watch."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.e2e.conftest import Bench


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_multiprocessing(bench: Bench, method: str) -> None:
    done = bench.alike(
        bench.script(f"""
            import multiprocessing, os, sys

            def work(n):
                return n * n, [x for x in os.environ if "REFWATCH" in x], "probe" in str(sys.path)

            def put(queue):
                queue.put("from a child")

            if __name__ == "__main__":
                context = multiprocessing.get_context("{method}")
                with context.Pool(2) as pool:
                    print(pool.map(work, range(4)))
                queue = context.Queue()
                process = context.Process(target=put, args=(queue,))
                process.start()
                print(queue.get())
                process.join()
                print(process.exitcode)
            """)
    )
    assert "from a child" in done.lines


FORKS = """
    import os, sys, threading, warnings
    warnings.simplefilter("error")
    for n in range(20):
        pid = os.fork()
        if pid == 0:
            threads = threading.enumerate()
            assert [t.name for t in threads] == ["MainThread"], threads
            if alone:
                assert len(os.listdir("/proc/self/task")) == 1
                assert len(sys._current_frames()) == 1
            inner = os.fork()
            if inner:
                os.waitpid(inner, 0)
            os._exit(n)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == n
    print("20 forks")
    """


@pytest.mark.parametrize("alone", [True, False])
def test_fork_of_a_program_with_one_thread_does_not_warn(bench: Bench, *, alone: bool) -> None:
    """Since 3.12 a fork of a process with several threads does; the probe's is one too many. In a
    child that nobody watches there is none."""
    script = bench.script(FORKS.replace("if alone", f"if {alone}"))
    done = bench.watched(*(["--no-children"] if alone else []), script)
    assert (done.status, done.lines, done.own_err) == (0, ["20 forks"], b"")


def test_a_fork_leaves_the_filters_of_warnings_as_they_are(bench: Bench) -> None:
    bench.alike(
        bench.script("""
            import os, sys
            def fork():
                pid = os.fork()
                if pid == 0:
                    os._exit(len(sys.modules["_warnings"].filters))
                print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
            fork()  # before the module was imported
            import warnings
            fork()
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                fork()
                print(len(caught), warnings.filters)
            warnings.warn("said once")
            for _ in range(3):
                fork()
                warnings.warn_explicit("said once", UserWarning, "x.py", 1, registry={})
            print(warnings.filters)
            print("__warningregistry__" in fork.__globals__, sorted(globals()))
            """)
    )


@pytest.mark.skipif(sys.version_info < (3, 14), reason="context_aware_warnings")
def test_a_fork_under_the_filters_of_a_context(bench: Bench) -> None:
    script = bench.script("""
        import os, warnings
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("error")
            if os.fork() == 0:
                os._exit(0)
            os.wait()
        print(len(caught))
        """)
    bench.alike("-X", "context_aware_warnings=1", script)


def test_fork_in_a_thread(bench: Bench) -> None:
    bench.alike(
        bench.script("""
            import os, threading, warnings
            warnings.simplefilter("ignore")

            def fork():
                pid = os.fork()
                if pid == 0:
                    inner = os.fork()
                    if inner == 0:
                        os._exit(5)
                    os._exit(os.waitstatus_to_exitcode(os.waitpid(inner, 0)[1]) + 1)
                print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))

            thread = threading.Thread(target=fork)
            thread.start()
            thread.join()
            """)
    )


def test_a_forked_child_goes_on_alone(bench: Bench) -> None:
    """The child runs longer than its parent, with threads of its own, and ends in the usual way."""
    script = bench.script("""
        import atexit, os, sys, threading
        atexit.register(lambda: os.write(1, b"at exit of %s\\n" % who))
        read, write = os.pipe()
        who = b"parent"
        if os.fork() == 0:
            who = b"child"
            os.close(write)
            os.read(read, 1)  # until the parent has ended
            thread = threading.Thread(target=os.write, args=(1, b"a thread of the child\\n"))
            thread.start()
            thread.join()
            sys.exit(9)
        os.close(read)
        """)
    done = bench.alike(script)
    assert done.lines == ["at exit of parent", "a thread of the child", "at exit of child"]


def test_subprocesses(bench: Bench) -> None:
    bench.alike(
        bench.script("""
            import os, subprocess, sys
            show = "import os; print([n for n in map(int, os.listdir('/proc/self/fd')) if n < 250])"
            for close in (True, False):
                words = [sys.executable, "-c", show]
                done = subprocess.run(words, close_fds=close, capture_output=True)
                print(done.returncode, done.stdout, done.stderr)
            done = subprocess.run("exit 3", shell=True)
            print(done.returncode)
            print(subprocess.run(["false"], start_new_session=True).returncode)
            print(os.system("exit 4"), os.popen("echo popen").read())
            print(subprocess.run(["kill", "-9", "0"], start_new_session=True).returncode)
            """)
    )


def test_a_program_that_makes_itself_a_daemon(bench: Bench) -> None:
    """It closes every descriptor that it finds, the probe's too, and opens files of its own, some
    of which get the very numbers that the probe had: not one byte of ours may come into them."""
    done = bench.watched(
        bench.script("""
            import os, time
            os.closerange(3, 65536)
            numbers = []
            while not numbers or numbers[-1] < 320:
                numbers.append(os.open(f"file{len(numbers)}", os.O_RDWR | os.O_CREAT | os.O_TRUNC))
            for number in numbers:
                os.write(number, b"mine %d" % number)
            pairs = [os.pipe() for _ in range(5)]
            end = time.monotonic() + 1.5  # the daemon asks once a second
            while time.monotonic() < end:
                time.sleep(0.1)
            for n, number in enumerate(numbers):
                os.lseek(number, 0, 0)
                assert os.read(number, 1000) == b"mine %d" % number, number
                assert os.fstat(number).st_ino == os.stat(f"file{n}").st_ino
            for read, write in pairs:
                os.set_blocking(read, False)
                try:
                    print("in a pipe:", os.read(read, 100))
                except BlockingIOError:
                    pass
            if os.fork() == 0:
                os.setsid()
                print("the grandchild writes", flush=True)
                os._exit(0)
            os.wait()
            print("as it should be")
            """)
    )
    assert done.lines == ["the grandchild writes", "as it should be"]


def test_closed_standard_streams(bench: Bench) -> None:
    script = bench.script("""
        import os, sys
        free = os.open("/dev/null", os.O_RDONLY)
        open("seen", "a").write(f"{sys.stdin} {sys.stdout} {free}\\n")
        """)
    for prefix in (bench.command[:1], [*bench.command, "--headless"]):
        bench.start(["sh", "-c", f"{' '.join(prefix)} {script} <&- >&-"]).end()
    seen = (bench.folder / "seen").read_text().splitlines()
    assert len(seen) == 2
    assert seen[0] == seen[1]


def test_another_program_takes_its_place(bench: Bench) -> None:
    second = bench.script(
        "import os, sys; print(sys.argv, os.environ.get('SET')); sys.exit(6)", "b.py"
    )
    first = bench.script(f"""
        import os, sys
        print("first", os.getpid() > 0, flush=True)
        os.environ["SET"] = "1"
        os.execv(sys.executable, [sys.executable, "{second}", "--headless"])
        """)
    done = bench.alike(first)
    assert done.status == 6
    assert done.lines[1] == "['b.py', '--headless'] 1"


def test_a_program_that_is_no_python_takes_its_place(bench: Bench) -> None:
    done = bench.alike(bench.script("import os; os.execvp('sh', ['sh', '-c', 'echo sh; exit 11'])"))
    assert done.status == 11


def test_few_descriptors(bench: Bench) -> None:
    """``ulimit -n`` of the target's own, and a target that uses them all up."""
    bench.alike(
        bench.script("""
            import os, resource
            resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
            files = []
            try:
                while True:
                    files.append(os.open("/dev/null", os.O_RDONLY))
            except OSError as error:
                print(error.errno, files[0])
            os.closerange(files[0], 64)
            print(os.popen("echo fine").read())
            """)
    )
