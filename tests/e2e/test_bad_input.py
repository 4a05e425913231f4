"""What cannot work is refused in one clear line, before anything has happened."""

from __future__ import annotations

import os
import shutil
import stat
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.e2e.conftest import Bench, Done

MARK = "open('it-has-run', 'w').close()\n"


def refused(bench: Bench, done: Done, *words: str) -> None:
    """One line, a status, and nothing was started or written."""
    lines = done.err.decode().splitlines()
    assert len(lines) == 1, done
    assert lines[0].startswith("refwatch: ")
    assert all(word in lines[0] for word in words), lines
    assert done.status in (1, 2)
    assert done.out == b""
    assert not (bench.folder / "it-has-run").exists()


@pytest.fixture
def files(bench: Bench) -> Path:
    """Good and bad things to name on a command line."""
    bench.write("good.py", MARK)
    bench.write("broken.py", MARK + "def f(:\n")
    bench.write("noise.bin", "").write_bytes(bytes(range(256)) * 40)
    bench.write("latin.py", "").write_bytes(b"x = '\xe4'\n")
    bench.write("coded.py", "# coding: no-such-coding\n" + MARK)
    bench.write("indented.py", MARK + "if 1:\n    pass\n  pass\n")
    bench.write("imports.py", "import broken\n")
    bench.write("exits.py", "raise SystemExit(2)\n")
    bench.write("package/__init__.py", "")
    bench.write("empty_folder/keep.txt", "")
    bench.write("a_file", "")
    bench.write("too_old", "#!/bin/sh\necho CPython 3 10\n").chmod(0o755)
    bench.write("other_kind", "#!/bin/sh\necho PyPy 3 11\n").chmod(0o755)
    bench.write("talker", "#!/bin/sh\necho hello\n").chmod(0o755)
    bench.write("of_itself", f"#!{sys.executable} -sE\n" + MARK)
    bench.write("of_none", "#!/no/such/python3\n" + MARK).chmod(0o755)
    bench.write("python3.99", "#!/bin/sh\necho CPython 3 10\n").chmod(0o755)
    bench.write("of_old", f"#!{bench.folder}/python3.99\n" + MARK).chmod(0o755)
    return bench.folder


NOTHING = "Python found nothing to run"
TARGETS = {
    "missing.py": NOTHING,
    "empty_folder": NOTHING,
    "-m package": NOTHING,
    "-m no_such_module": NOTHING,
    "noise.bin": "SyntaxError: ",
    "broken.py": "broken.py, line 2)",
    "-m broken": "broken.py, line 2)",
    "latin.py": "SyntaxError: ",
    "coded.py": "no-such-coding",
    "indented.py": "IndentationError: ",
    "-c f(": "<string>, line 1)",
    "a_file/inside.py": NOTHING,
    "x" * 300: NOTHING,
    "li\nes.py": NOTHING,
    "imports.py": None,
    "exits.py": None,
}
"""What is run, and what the snapshot says of it; None where the program has begun."""


@pytest.mark.usefixtures("files")
@pytest.mark.parametrize("target", TARGETS)
def test_a_target_that_cannot_run_is_python_s_to_refuse(bench: Bench, target: str) -> None:
    words = target.split(" ")

    plain = bench.plain(*words)
    done = bench.watched("-o", "out.json", *words)

    assert (done.status, done.out, done.own_err) == (plain.status, plain.out, plain.err)
    assert done.status != 0
    snapshot = bench.read_snapshot("out.json")
    said = [one.reason for one in snapshot.limits if one.reading == "program"]
    expected = TARGETS[target]
    assert len(said) == (expected is not None)
    assert all(one.startswith("it did not begin: ") and str(expected) in one for one in said)
    assert snapshot.target.exit_code == done.status
    assert not (bench.folder / "it-has-run").exists()


OPTIONS = {
    "--no-such-option good.py": ["--no-such-option"],
    "--rate 0 good.py": ["rate"],
    "--rate abc good.py": ["rate", "abc"],
    "--rate nan good.py": ["rate"],
    "--duration -1 good.py": ["duration"],
    "--duration 0 good.py": ["duration"],
    "--duration nan good.py": ["duration"],
    "--duration": ["duration"],
    "--alloc sometimes good.py": ["--alloc", "sometimes"],
    "--alloc": ["--alloc"],
    "--frames 0 good.py": ["--frames", "0"],
    "--frames 65536 good.py": ["--frames", "65536", "65535"],
    "--frames few good.py": ["--frames", "few", "whole number"],
    "--frames 1.5 good.py": ["--frames", "1.5", "whole number"],
    "--frames": ["--frames"],
    "--alloc-budget 0 good.py": ["--alloc-budget", "0"],
    "--alloc-budget 101 good.py": ["--alloc-budget", "101", "100"],
    "--alloc-budget nan good.py": ["--alloc-budget", "nan"],
    "--alloc-budget -- good.py": ["--alloc-budget"],
    "--headless": ["target"],
    "-X dev -E good.py": ["-E", "sitecustomize"],
    "python -uI good.py": ["python -I", "sitecustomize"],
    "-k good.py": ["-k"],
    "--headless ls": ["/ls", "no Python script", "machine program"],
    "./talker": ["./talker", "no Python script", "/bin/sh"],
    "./of_itself": ["./of_itself", "-E", "--python"],
    "./of_none": ["./of_none", "/no/such/python3", "not there"],
    "./of_old": ["3.10", "3.11", "--python"],
    "./python3.99": ["3.10", "3.11", "--python"],
    "-m": ["-m"],
    "-c": ["-c"],
    "-o no/such/folder/out.json good.py": ["no/such/folder"],
    "-o empty_folder good.py": ["empty_folder", "directory"],
    "-o a_file/out.json good.py": ["a_file"],
    "--record no/such/folder/r good.py": ["no/such/folder"],
    "--record empty_folder good.py": ["empty_folder", "irectory"],
    "--python no-such-python good.py": ["no-such-python"],
    "--python ./a_file good.py": ["a_file"],
    "--python /bin/ls good.py": ["/bin/ls", "Python interpreter"],
    "--python ./talker good.py": ["talker", "Python interpreter"],
    "--python ./too_old good.py": ["3.10", "3.11"],
    "--python ./other_kind good.py": ["PyPy", "CPython"],
    "doctor --python ./too_old": ["3.10"],
    "doctor --nothing": ["--nothing"],
    "replay": ["FILE"],
    "replay missing": ["missing"],
    "replay noise.bin": ["noise.bin"],
    "replay empty_folder": ["empty_folder"],
    "replay a_file": ["a_file"],
    "replay good.py": ["good.py"],
    "compare": ["two FILEs", "compare --help"],
    "compare a_file": ["two FILEs"],
    "compare --jsn a_file a_file": ["--jsn", "--json"],
    "compare missing missing": ["missing", "No such file"],
    "compare noise.bin noise.bin": ["noise.bin", "not JSON"],
    "compare empty_folder empty_folder": ["empty_folder", "directory"],
    "compare good.py good.py": ["good.py", "not JSON"],
}


@pytest.mark.usefixtures("files")
@pytest.mark.parametrize("line", OPTIONS)
def test_an_option(bench: Bench, line: str) -> None:
    before = sorted(path.name for path in bench.folder.rglob("*"))

    refused(bench, bench.refwatch(*line.split()), *OPTIONS[line])

    assert sorted(path.name for path in bench.folder.rglob("*")) == before


@pytest.mark.usefixtures("files")
@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
@pytest.mark.parametrize("option", ["-o", "--record"])
def test_a_folder_that_is_read_only(bench: Bench, option: str) -> None:
    (bench.folder / "empty_folder").chmod(stat.S_IRUSR | stat.S_IXUSR)
    refused(bench, bench.refwatch(option, "empty_folder/out", "good.py"), "empty_folder")


@pytest.mark.usefixtures("files")
@pytest.mark.skipif(os.geteuid() != 0, reason="needs a file system that nobody may write to")
@pytest.mark.parametrize("option", ["-o", "--record"])
def test_a_place_where_nobody_may_write(bench: Bench, option: str) -> None:
    refused(bench, bench.refwatch(option, "/proc/refwatch-out", "good.py"), "/proc")


@pytest.mark.usefixtures("files")
def test_a_python_that_is_really_too_old(bench: Bench) -> None:
    found = [shutil.which(name) for name in ("python3.10", "python3.9", "python3.8", "python2.7")]
    found += map(str, Path.home().glob(".pyenv/versions/3.[6-9]*/bin/python"))
    for old in [path for path in found if path][:2]:
        done = bench.refwatch("--headless", "--python", old, "good.py")
        if b"does not answer" not in done.err:  # a shim of pyenv's for a version that is not chosen
            refused(bench, done, old, "needs 3.11")


def test_an_exception_at_import_is_the_target_s_own(bench: Bench) -> None:
    bench.write("library.py", "def load():\n    import no_such_module\nload()\n")

    done = bench.alike(bench.script("import library\n"))

    assert done.status == 1
    assert b"ModuleNotFoundError" in done.own_err
    assert b"refwatch" not in done.own_err


@pytest.mark.parametrize("words", [["-m", "no_such_module"], ["-m", "no.such"], ["-c", "1 +"]])
def test_what_the_interpreter_itself_refuses(bench: Bench, words: list[str]) -> None:
    assert bench.alike(*words).status == 1


def test_an_output_that_is_refused_later_is_told(bench: Bench) -> None:
    """The folder was there at the start: the target removes it."""
    (bench.folder / "place").mkdir()
    script = bench.script("import os; os.rmdir('place'); raise SystemExit(3)")

    done = bench.refwatch("--headless", "-o", "place/out.json", script)

    assert done.status == 3
    assert b"place/out.json" in done.err
    assert b"Traceback" not in done.err


def test_an_older_snapshot_is_replaced_only_by_a_whole_one(bench: Bench) -> None:
    older = bench.write("snapshot.json", "older")
    older.chmod(0o600)

    bench.refwatch("--headless", "-o", "snapshot.json", "-m")
    assert older.read_text() == "older"
    bench.snapshot("-c", "pass")


@pytest.mark.parametrize("kind", ["foreign file", "closed folder"])
def test_a_runtime_directory_that_cannot_be_used(bench: Bench, kind: str) -> None:
    if kind == "foreign file":
        (bench.runtime / "refwatch").symlink_to("/etc")
        done = bench.refwatch("--headless", "-c", "print(1)")
        refused(bench, done, "refwatch")
        (bench.runtime / "refwatch").unlink()
    else:  # none is given: the usual place is taken instead
        done = bench.refwatch(
            "--headless", "-c", "print(1)", env={"XDG_RUNTIME_DIR": str(bench.runtime / "none")}
        )
        assert done.out == b"1\n"


def test_a_python_in_another_place(bench: Bench) -> None:
    """A link, a name found by PATH, a relative name."""
    (bench.folder / "bin").mkdir()
    wrapper = bench.write("bin/mypython", f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    wrapper.chmod(0o755)
    path = {"PATH": f"{bench.folder}/bin:{os.environ['PATH']}"}
    for name in ("mypython", "bin/mypython", str(wrapper)):
        done = bench.refwatch("--headless", "--python", name, "-c", "print('ran')", env=path)
        assert (done.status, done.out) == (0, b"ran\n"), name
