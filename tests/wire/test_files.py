"""A file is written whole or not at all."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from refwatch.wire.files import ExportError, Output, check_writable, write_atomically


@pytest.mark.parametrize("name", ["", "missing/s.json", "a" * 300, "nul\0"])
def test_a_place_that_cannot_be_written_is_refused(tmp_path: Path, name: str) -> None:
    for attempt in (check_writable, lambda path: write_atomically(path, b"x")):
        with pytest.raises(ExportError, match="cannot write") as error:
            attempt(tmp_path / name)
        assert "\n" not in str(error.value)
    assert os.listdir(tmp_path) == []


def test_checking_leaves_nothing_behind(tmp_path: Path) -> None:
    check_writable(tmp_path / "s.json")
    assert os.listdir(tmp_path) == []
    (tmp_path / "s.json").write_bytes(b"old")
    check_writable(tmp_path / "s.json")
    assert (tmp_path / "s.json").read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["s.json"]


def test_a_name_without_a_folder_means_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    check_writable("s.json")
    write_atomically("s.json", b"data")
    assert (tmp_path / "s.json").read_bytes() == b"data"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_protected_file_and_a_protected_folder_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "s.json"
    path.write_bytes(b"old")
    path.chmod(0o444)
    with pytest.raises(ExportError, match="permission denied"):
        check_writable(path)
    tmp_path.chmod(0o555)
    with pytest.raises(ExportError, match="Permission denied"):
        check_writable(tmp_path / "new.json")
    tmp_path.chmod(0o755)


def test_it_replaces_in_one_step_and_has_the_usual_mode(tmp_path: Path) -> None:
    path = tmp_path / "s.json"
    path.write_bytes(b"old")
    os.link(path, tmp_path / "other name")
    write_atomically(path, b"new")
    assert path.read_bytes() == b"new"
    assert (tmp_path / "other name").read_bytes() == b"old"
    (tmp_path / "plain").write_bytes(b"")
    assert stat.S_IMODE(path.stat().st_mode) == stat.S_IMODE((tmp_path / "plain").stat().st_mode)


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "real")
    write_atomically(tmp_path / "link", b"data")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_bytes() == b"data"


@pytest.mark.parametrize("device", ["/dev/null", "/dev/full"])
def test_a_device_is_written_to_and_never_replaced(device: str) -> None:
    if not Path(device).is_char_device():
        pytest.skip(f"no {device} here")
    check_writable(device)
    if device == "/dev/full":
        with pytest.raises(ExportError, match="No space left"):
            write_atomically(device, b"x")
    else:
        write_atomically(device, b"x")
    assert Path(device).is_char_device()


def test_a_disk_that_is_full_leaves_the_old_file_and_no_other(tmp_path: Path) -> None:
    script = """
        import resource, signal, sys
        from refwatch.wire.files import ExportError, write_atomically
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
        try:
            write_atomically(sys.argv[1], bytes(5000))
        except ExportError as error:
            print(error)
    """
    path = tmp_path / "s.json"
    path.write_bytes(b"old")
    command = [sys.executable, "-W", "error", "-c", textwrap.dedent(script), str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert (done.stdout.count("\n"), done.stderr) == (1, "")
    assert done.stdout.startswith("cannot write")
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["s.json"]


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    """Nobody reads it, or not all that it is to take."""
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ExportError, match="nobody reads from it"):
        write_atomically(tmp_path / "pipe", b"data")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    write_atomically(tmp_path / "pipe", b"data")
    assert os.read(reader, 10) == b"data"
    with pytest.raises(ExportError, match="does not keep up"):
        write_atomically(tmp_path / "pipe", bytes(1 << 20))
    os.close(reader)


def test_what_goes_to_an_open_file_comes_behind_what_is_there(tmp_path: Path) -> None:
    with open(tmp_path / "theirs", "wb", buffering=0) as theirs:
        os.set_inheritable(theirs.fileno(), True)
        output = Output(f"/dev/fd/{theirs.fileno()}")
        output.write(b"data")
        theirs.write(b"before ")
        assert not output.on_terminal
        output.deliver()
    assert (tmp_path / "theirs").read_bytes() == b"before data"


def test_only_the_unfinished_files_of_one_process_are_removed(tmp_path: Path) -> None:
    for name in (".refwatch-77-ab.tmp", ".refwatch-7-ab.tmp", ".refwatch-77-ab"):
        (tmp_path / name).touch()
    Output(str(tmp_path / "s.json")).remove_unfinished(77)
    assert sorted(os.listdir(tmp_path)) == [".refwatch-7-ab.tmp", ".refwatch-77-ab"]
