"""The session's folder: ours alone, and gone when nobody holds it."""

from __future__ import annotations

import os
import socket
import stat
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from refwatch.daemon import session_dir
from refwatch.daemon.session_dir import SessionDirectory, SessionError, runtime_directory


def mode(path: Path | str) -> int:
    return stat.S_IMODE(os.lstat(path).st_mode)


def test_nobody_else_may_look_in(runtime: Path) -> None:
    before = os.umask(0)
    try:
        session = SessionDirectory.create("label")
        with session.listen(session.probe_path), session.listen(session.viewer_path):
            path = Path(session.path)
            assert path.parent == runtime / "refwatch"
            assert mode(path.parent) == 0o700
            assert mode(path) == 0o700
            files = {file.name: mode(file) for file in path.iterdir()}
    finally:
        os.umask(before)
    assert files == {"lock": 0o600, "probe.sock": 0o600, "viewer.sock": 0o600}


def test_a_folder_that_is_too_open_is_closed(runtime: Path) -> None:
    (runtime / "refwatch").mkdir()
    (runtime / "refwatch").chmod(0o777)

    assert mode(runtime_directory()) == 0o700


def test_a_link_is_not_followed(runtime: Path, tmp_path: Path) -> None:
    (runtime / "refwatch").symlink_to(tmp_path)

    with pytest.raises(SessionError, match="not a directory of yours"):
        runtime_directory()


def test_a_folder_of_another_user_is_refused(
    runtime: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (runtime / "refwatch").mkdir()
    monkeypatch.setattr(os, "getuid", lambda: os.geteuid() + 1)

    with pytest.raises(SessionError, match="not a directory of yours"):
        runtime_directory()


@pytest.mark.parametrize("base", ["/nowhere/at/all", "", "/tmp/" + "x" * 90])
def test_without_a_usable_runtime_directory(base: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", base)

    assert runtime_directory() == f"/tmp/refwatch-{os.getuid()}"


def test_names_of_any_kind_make_a_folder() -> None:
    for label in ("", "ü/../ x", "a" * 300, "..", "\udcff"):
        session = SessionDirectory.create(label)
        assert os.path.basename(session.path).isascii()
        assert len(session.viewer_path) <= session_dir.LONGEST_SOCKET_PATH
        session.listen(session.viewer_path).close()
        session.remove()
        assert not os.path.exists(session.path)
        session.unlock()


def test_one_that_is_held_stays() -> None:
    held = SessionDirectory.create("held")

    session_dir.remove_stale(os.path.dirname(held.path))
    assert os.path.exists(held.path)

    held.unlock()
    session_dir.remove_stale(os.path.dirname(held.path))
    assert not os.path.exists(held.path)


def test_the_hold_ends_with_the_last_process_that_has_it() -> None:
    """As with the daemon, which is a fork and shares it: a kill -9 ends it too."""
    session = SessionDirectory.create("held")
    assert session._lock is not None
    with subprocess.Popen(
        [sys.executable, "-S", "-c", "import sys; sys.stdin.read()"],
        stdin=subprocess.PIPE,
        pass_fds=[session._lock],
    ) as holder:
        session.remove_if_unused()  # lets go of this process's share
        session_dir.remove_stale(os.path.dirname(session.path))
        assert os.path.exists(session.path)
        holder.kill()
    session_dir.remove_stale(os.path.dirname(session.path))
    assert not os.path.exists(session.path)


def test_a_folder_left_by_a_process_of_the_same_number(runtime: Path) -> None:
    left = runtime / "refwatch" / f"{os.getpid()}-label"
    left.mkdir(parents=True)
    (left / "viewer.sock").touch()  # no lock: remove_stale does not know it

    session = SessionDirectory.create("label")

    assert session.path == str(left)
    with session.listen(session.viewer_path), socket.socket(socket.AF_UNIX) as peer:
        peer.connect(session.viewer_path)
    assert [path.name for path in left.iterdir() if path.suffix == ".sock~"] == []
    with pytest.raises(OSError, match=r".+"), socket.socket(socket.AF_UNIX) as peer:
        peer.connect(session.viewer_path)
    session.remove()
    session.unlock()


def test_sessions_that_start_at_once_leave_one_another_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each looks for folders that nobody holds, and may find one whose lock is not taken yet."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    begin = """
        from refwatch.daemon.session_dir import SessionDirectory
        for number in range(200):
            session = SessionDirectory.create(f"x{number}")
            session.listen(session.probe_path).close()
            session.remove_if_unused()
    """
    command = [sys.executable, "-c", textwrap.dedent(begin)]
    started = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(4)]
    assert [process.communicate(timeout=60)[1] for process in started] == [""] * 4
