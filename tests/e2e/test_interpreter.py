"""The Python that runs the target is the one that the user means."""

from __future__ import annotations

import os
import sys
import sysconfig
import venv
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.e2e.conftest import SUMMARY

import refwatch

if TYPE_CHECKING:
    from tests.e2e.conftest import Bench, Done

COMMAND = Path(__file__).parents[2] / "bin" / "refwatch"
VERSION = f"python{sys.version_info[0]}.{sys.version_info[1]}"
LIBRARY = f"lib/{VERSION}/site-packages"
SHOW = """
import os, sys
flags = sys.flags
print(os.path.basename(sys.prefix), sys.argv, flags.optimize, flags.dev_mode, sys.warnoptions)
"""


def ran(prefix: object, argv: list[str], optimize: int = 0, dev: bool = False) -> str:
    return f"{prefix} {argv} {optimize} {dev} {['default'] if dev else []}"


OWN = os.path.basename(sys.prefix)


@pytest.fixture
def project(bench: Bench) -> Path:
    """A virtual environment, with a module that no other has."""
    folder = bench.folder / "of a project"
    venv.create(folder, symlinks=True)
    bench.write(f"of a project/{LIBRARY}/only_here.py", SHOW)
    return folder


def active(project: Path) -> dict[str, str]:
    return {"VIRTUAL_ENV": str(project)}


def first_on_path(*folders: Path) -> dict[str, str]:
    return {"PATH": os.pathsep.join([*map(str, folders), os.environ.get("PATH", os.defpath)])}


@pytest.mark.parametrize("words", [["target.py", "-x"], ["-m", "only_here", "-x"], ["-", "-x"]])
@pytest.mark.parametrize("how", ["VIRTUAL_ENV", "PATH"])
def test_the_active_environment_s(bench: Bench, project: Path, how: str, words: list[str]) -> None:
    bench.script("import only_here")
    env = active(project) if how == "VIRTUAL_ENV" else first_on_path(project / "bin")

    done = bench.watched("-o", "snapshot.json", *words, env=env, stdin=b"import only_here")

    assert (done.status, done.own_err) == (0, b"")
    assert done.lines[0].startswith("of a project [")
    assert done.lines[0].endswith("'-x'] 0 False []")
    python = bench.read_snapshot().target.executable
    assert python == str(project / "bin" / "python")
    assert "of a project/bin/python" in done.summary.splitlines()[0]
    assert "did not begin" not in done.summary


def test_an_explicit_one_wins(bench: Bench, project: Path) -> None:
    script = bench.script(f"#!/no/such/python -I\n{SHOW}", "show")
    (bench.folder / script).chmod(0o755)
    python = ["--python", str(project / "bin" / "python3")]

    env = {"VIRTUAL_ENV": "/no/such/environment"}
    assert bench.watched(*python, "show", env=env).lines == [ran("of a project", ["show"])]
    done = bench.watched(*python, "python3.99", "-O", "show", env=env)
    assert done.lines == [ran("of a project", ["show"], 1)]


def test_an_environment_that_is_gone_is_not_active(bench: Bench) -> None:
    done = bench.watched(bench.script(SHOW), env={"VIRTUAL_ENV": "/no/such/environment"})
    assert done.lines == [ran(OWN, ["target.py"])]


def test_an_active_environment_that_cannot_be_used(bench: Bench, project: Path) -> None:
    python = project / "bin" / "python"
    python.unlink()
    for other in project.glob("bin/python3*"):
        other.unlink()
    done = bench.refwatch("-c", "print(1)", env=active(project))
    assert (done.status, done.out, done.err.count(b"\n")) == (2, b"", 1)
    assert f"{project} has no Python" in done.err.decode()

    bench.write("of a project/bin/python", "#!/bin/sh\necho PyPy 3 11\n").chmod(0o755)
    done = bench.refwatch("-c", "print(1)", env=active(project))
    assert (done.status, done.out, done.err.count(b"\n")) == (2, b"", 1)
    assert f"{python} is PyPy; refwatch watches CPython (--python EXE" in done.err.decode()


FOLDER = '"$(dirname -- "$(realpath -- "$0")")"'
FORMS = {
    "path": "#!PYTHON",
    "with options": "#!PYTHON -OO",
    "of pip": "#!/bin/sh\n'''exec' \"PYTHON\" \"$0\" \"$@\"\n' '''",
    "of uv": f"#!/bin/sh\n'''exec' {FOLDER}/'python' \"$0\" \"$@\"\n' '''",
}


@pytest.mark.parametrize("form", FORMS)
def test_that_of_a_script_s_first_line(bench: Bench, project: Path, form: str) -> None:
    project = project.rename(project.with_name("of-a-project"))  # a first line knows no blanks
    line = FORMS[form].replace("PYTHON", str(project / "bin" / "python"))
    command = bench.write("of-a-project/bin/serve", f"{line}\nimport only_here\n")
    command.chmod(0o755)
    optimize = 2 if "-OO" in line else 0

    done = bench.watched("of-a-project/bin/serve", "--port", "1")
    argv = ["of-a-project/bin/serve", "--port", "1"]
    assert done.lines == [ran("of-a-project", argv, optimize)]

    env = first_on_path(project / "bin")
    done = bench.watched("serve", "-x", env=env)
    assert done.lines == [ran("of-a-project", [str(command), "-x"], optimize)]
    other = bench.watched("serve", env={**env, **active(Path(sys.prefix))})
    assert other.lines == [ran("of-a-project", [str(command)], optimize)]


def test_env_python3_is_the_active_one(bench: Bench, project: Path) -> None:
    script = bench.script(f"#!/usr/bin/env python3\n{SHOW}")
    assert bench.watched(script).lines == [ran(OWN, [script])]
    assert bench.watched(script, env=active(project)).lines == [ran("of a project", [script])]


def test_a_command_of_the_active_environment_comes_first(bench: Bench, project: Path) -> None:
    for folder, text in (("bin", "1 / 0"), ("of a project/bin", SHOW)):
        bench.write(f"{folder}/check", f"#!/usr/bin/env python3\n{text}").chmod(0o755)
    env = {**first_on_path(bench.folder / "bin"), **active(project)}

    command = str(project / "bin" / "check")
    assert bench.watched("check", env=env).lines == [ran("of a project", [command])]
    bench.write("check", SHOW)  # a file is a script
    assert bench.watched("check", env=env).lines == [ran("of a project", ["check"])]


@pytest.mark.parametrize("name", ["python", "python3", VERSION, "of a project/bin/python"])
def test_python_itself(bench: Bench, project: Path, name: str) -> None:
    env = {} if "/" in name else active(project)
    bench.script(SHOW)
    (bench.folder / "python").mkdir()  # a folder of that name is no script

    words = [name, "-X", "dev", "-O", "target.py", "-O"]
    assert bench.watched(*words, env=env).lines == [
        ran("of a project", ["target.py", "-O"], 1, dev=True)
    ]
    assert bench.watched(name, "-Om", "only_here", env=env).lines[0].endswith(" 1 False []")
    assert bench.watched(name, "-", "x", stdin=SHOW.encode(), env=env).lines == [
        ran("of a project", ["-", "x"])
    ]


@pytest.mark.parametrize("words", [["target.py"], ["-m", "target"], ["-c", SHOW], ["-"]])
def test_options_of_python_are_passed_on(bench: Bench, words: list[str]) -> None:
    bench.script(SHOW)
    options = ["-X", "dev", "-OO", "-Werror", "-B", "-u"]
    plain = bench.plain(*options, *words, "-u", stdin=SHOW.encode())

    done = bench.watched(*options, *words, "-u", stdin=SHOW.encode())

    assert (done.status, done.lines, done.own_err) == (0, plain.lines, plain.err)
    assert "2 True" in done.lines[0]


def test_stdin_is_a_program(bench: Bench) -> None:
    done = bench.alike("-", "a", stdin=b"import sys\nprint(__name__, sys.argv)\nsys.exit(3)\n")
    assert (done.status, done.lines) == (3, ["__main__ ['-', 'a']"])
    assert "did not begin" not in done.summary


@pytest.mark.parametrize("words", [["target.py"], ["-m", "only_here"]])
def test_a_hint_where_another_has_the_module(bench: Bench, project: Path, words: list[str]) -> None:
    bench.script("import only_here")
    project.rename(project.with_name(".venv"))
    hint = f"{sys.executable} has no module 'only_here', "
    hint += (
        f"{bench.folder}/.venv/bin/python has it: refwatch --python {bench.folder}/.venv/bin/python"
    )

    done = bench.watched("-o", "snapshot.json", *words)

    assert b"No module named" in done.own_err
    assert (done.status, hint in done.summary) == (1, True), done.summary
    (said,) = [one.reason for one in bench.read_snapshot().limits if one.reading == "program"]
    assert hint in said


def test_a_hint_names_the_python_where_no_other_has_it(bench: Bench, project: Path) -> None:
    done = bench.watched("-c", "import no_such_module_at_all", env=active(project))
    assert f"{project}/bin/python has no module 'no_such_module_at_all'" in done.summary
    for code in ("import os.no_such", "raise ImportError('x')", "raise SystemExit(1)"):
        assert "program  " not in bench.watched("-c", code).summary


# The command, as it is installed


def install(bench: Bench, folder: str) -> Path:
    """refwatch with all that it needs, by reference."""
    library = f"{folder}/{LIBRARY}"
    places = [Path(refwatch.__file__).parents[1], sysconfig.get_path("purelib")]
    bench.write(f"{library}/all-of-it.pth", "".join(f"{place}\n" for place in places))
    bench.write(f"{library}/refwatch-0.1.0.dist-info/METADATA", "")
    command = bench.write(f"{folder}/bin/refwatch", COMMAND.read_text())
    command.chmod(0o755)
    return command


def base_python(bench: Bench) -> Path:
    """A folder for PATH with the interpreter from which the environments are made."""
    folder = bench.folder / "pythons"
    folder.mkdir()
    for name in (VERSION, "python3"):
        (folder / name).symlink_to(os.path.realpath(sys.executable))
    return folder


def show(bench: Bench, command: Path, env: dict[str, str]) -> Done:
    done = bench.start([command, "--headless", bench.script(SHOW)], env).end()
    assert SUMMARY.search(done.err), done
    assert done.status == 0
    return done


def test_in_an_environment_of_its_own(bench: Bench, project: Path) -> None:
    """As pipx and uv have it: called by a link, beside any other environment."""
    venv.create(bench.folder / "tool", symlinks=True)
    command = install(bench, "tool")
    link = bench.folder / "links" / "refwatch"
    link.parent.mkdir()
    link.symlink_to("../tool/bin/refwatch")
    path = first_on_path(base_python(bench))
    base = ran(os.path.basename(sys.base_prefix), ["target.py"])

    assert show(bench, link, {**path, **active(project)}).lines == [
        ran("of a project", ["target.py"])
    ]
    assert show(bench, link, first_on_path(project / "bin")).lines == [
        ran("of a project", ["target.py"])
    ]
    assert show(bench, link, path).lines == [base]
    assert show(bench, command, path).lines == [ran("tool", ["target.py"])]
    bench.write("tool/uv-receipt.toml", "")
    assert show(bench, command, first_on_path(command.parent, bench.folder / "pythons")).lines == [
        base
    ]


def test_beside_a_library_without_an_environment(bench: Bench, project: Path) -> None:
    """As pip --user, --prefix and a system's Python have it: the right version is looked for."""
    command = install(bench, "user base")
    bench.write("user base/lib/python3.2/site-packages/refwatch-0.0.1.dist-info/METADATA", "")
    os.utime(
        bench.folder / "user base/lib/python3.2/site-packages/refwatch-0.0.1.dist-info", (1, 1)
    )
    path = first_on_path(project / "bin", base_python(bench))

    assert show(bench, command, path).lines == [ran("of a project", ["target.py"])]
    env = {**first_on_path(bench.folder / "pythons"), "PYTHONNOUSERSITE": "1"}
    assert show(bench, command, env).lines == [
        ran(os.path.basename(sys.base_prefix), ["target.py"])
    ]


def test_its_python_is_gone(bench: Bench) -> None:
    command = bench.write("user/bin/refwatch", COMMAND.read_text())
    command.chmod(0o755)
    bench.write("user/lib/python3.2/site-packages/refwatch-0.1.0.dist-info/METADATA", "")
    done = bench.start([command, "-c", ""], {"PATH": "/usr/bin:/bin"}).end()
    assert done.status == 1
    assert done.err.count(b"\n") == 1
    assert b"python3.2, for which it was installed" in done.err
