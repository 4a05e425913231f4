"""Which commands start a Python that would run the probe, and what they are called with."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from tests.probe.test_calibration import run

from refwatch.probe.arming import executable

needs_x86 = pytest.mark.skipif(
    sys.platform != "linux" or ("x86_64" not in sys.version and not Path("/lib64").exists()),
    reason="functions are redirected on x86-64 only",
)


def python(name: Path, text: str = "") -> bytes:
    """An executable file of this name."""
    name.write_text(text)
    name.chmod(0o755)
    return bytes(name)


def starts(words: list[bytes], *files: bytes, path: bytes = b"") -> bool:
    status = Path(sys.executable).stat()
    return executable.starts_python([*files], words, path, (status.st_dev, status.st_ino))


OWN = sys.executable.encode()


@pytest.mark.parametrize(
    "options",
    ["x.py", "", "-c pass -I", "-m app -S", "-W ignore x.py", "-Wignore x.py", "-X dev -u x.py",
     "-", "-- x.py", "-uc pass", "--check-hash-based-pycs always x.py", "-X I x.py"],
)  # fmt: skip
def test_options_with_which_it_does(options: str) -> None:
    assert starts([b"python", *options.encode().split()], OWN)


@pytest.mark.parametrize("options", ["-I x.py", "-E x.py", "-S x.py", "-sEc pass", "-W x -I y"])
def test_options_with_which_it_does_not(options: str) -> None:
    assert not starts([b"python", *options.encode().split()], OWN)


def test_names_that_tell_a_version(tmp_path: Path) -> None:
    for name, is_new in (("python3.12", True), ("python3.10", False), ("python3.14", True)):
        assert starts([b"x"], python(tmp_path / name)) == is_new
    for name in ("python3", "python", "python2.7", "pypy3.11", "python3.x", "perl"):
        assert not starts([b"x"], python(tmp_path / name))
    (tmp_path / "linked").symlink_to("python3.12")
    (tmp_path / "twice").symlink_to(tmp_path / "linked")
    assert starts([b"x"], bytes(tmp_path / "twice"))
    (tmp_path / "round").symlink_to(tmp_path / "round")
    assert not starts([b"x"], bytes(tmp_path / "round"))


def test_the_first_file_that_exists_counts(tmp_path: Path) -> None:
    other = python(tmp_path / "other")
    assert starts([b"x"], bytes(tmp_path / "none"), OWN, other)
    assert not starts([b"x"], other, OWN)
    assert not starts([b"x"], bytes(tmp_path / "none"))
    assert not starts([b"x"])


def test_helpers_of_the_library_are_left_alone() -> None:
    words = [b"python", b"-c", b"from multiprocessing.resource_tracker import main;main(4)"]
    assert not starts(words, OWN)


REDIRECT = """
import os, sys
from _refwatch_probe.own_memory import Memory
from _refwatch_probe.arming.redirect import NoRedirect, Redirect
memory = Memory()
redirect = Redirect(memory)
seen = []
def prepare(given):
    seen.append(given)
    return answers.pop(0) if answers else None
answers = []
"""


@needs_x86
def test_a_redirected_function_is_the_same_object_and_does_the_same() -> None:
    out = run(f"""{REDIRECT}
import posix
before = (posix.access, repr(posix.access), posix.access.__text_signature__)
redirect.add("access", posix.access, prepare)
redirect.begin()
print((posix.access, repr(posix.access), posix.access.__text_signature__) == before)
print(posix.access("/", os.F_OK), posix.access("/nowhere", mode=os.F_OK), seen)
for wrong in ((), ("/", "x"), (5, 5, 5)):
    try:
        posix.access(*wrong)
    except TypeError as error:
        print(error)
answers.append(("/nowhere", os.F_OK))
print(posix.access("/", os.F_OK), posix.access("/", os.F_OK))
redirect.end()
seen.clear()
print(posix.access("/", os.F_OK), seen)
""")
    plain = run("""
import posix
for wrong in ((), ("/", "x"), (5, 5, 5)):
    try:
        posix.access(*wrong)
    except TypeError as error:
        print(error)
""")
    lines = out.splitlines()
    assert lines[0] == "True"
    assert lines[1] == "True False [('/', 0), ('/nowhere',)]"
    assert lines[2:5] == plain.splitlines()
    assert lines[5:] == ["False True", "True []"]


@needs_x86
def test_what_is_given_is_released() -> None:
    """Ten thousand calls with other arguments leave no reference, and no object."""
    out = run(f"""{REDIRECT}
import posix
class Path(str): pass
one, other = Path("/"), Path("/nowhere")
redirect.add("access", posix.access, lambda given: (other, *given[1:]))
redirect.begin()
before = sys.getrefcount(one), sys.getrefcount(other)
print(any(posix.access(one, os.F_OK) for _ in range(10_000)))
redirect.end()
print(before == (sys.getrefcount(one), sys.getrefcount(other)))
""")
    assert out.split() == ["False", "True"]


@needs_x86
def test_a_signal_handler_that_raises_meanwhile_is_heard() -> None:
    """Also where it runs while the arguments are looked at."""
    out = run(f"""{REDIRECT}
import posix, signal, time
def handler(*_):
    raise TimeoutError
signal.signal(signal.SIGUSR1, handler)
def slow(given):
    os.kill(os.getpid(), signal.SIGUSR1)
    for _ in range(1000): pass
redirect.add("access", posix.access, slow)
redirect.begin()
try:
    print(posix.access("/", os.F_OK))
    for _ in range(1000): pass
except TimeoutError:
    print("heard")
redirect.end()
""")
    assert out.split()[-1] == "heard"
