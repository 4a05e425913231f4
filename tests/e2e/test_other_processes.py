"""What is read of one process is not told as another's."""

from __future__ import annotations

import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from tests.e2e.conftest import REFWATCH

from refwatch.export.schema_types import Snapshot

if TYPE_CHECKING:
    from tests.e2e.conftest import Bench

CHILD = """
import refwatch, sys, time
class Thing: pass
things = [Thing() for _ in range(1000)]
refwatch.mark("by the child")
end = time.monotonic() + 2.5  # the daemon waits two seconds for the target's own probe
while time.monotonic() < end: time.sleep(0.01)
print("done")
"""
WRAPPERS = {
    "a wrapper that stays": ('"{python}" "$@"\n', "child.py"),
    "a target that ignores the environment": ('exec "{python}" -I "$@"\n', "parent.py"),
}


@pytest.mark.parametrize("wrapper", WRAPPERS)
def test_another_python_is_not_told_as_the_target(bench: Bench, wrapper: str) -> None:
    text, script = WRAPPERS[wrapper]
    bench.write("wrapper", "#!/bin/sh\n" + text.format(python=sys.executable)).chmod(0o755)
    bench.script(CHILD, "child.py")
    bench.script(
        "import subprocess, sys\nsubprocess.run([sys.executable, 'child.py'])", "parent.py"
    )

    snapshot = bench.snapshot("--python", "./wrapper", script)

    (process,) = snapshot.processes
    assert [one.name for one in process.classes if one.name == "Thing"] == []
    assert process.watched == []
    assert process.census is None
    assert snapshot.marks == []
    assert snapshot.target.python is None
    assert len(process.threads) == 1
    reason = reasons(snapshot)["interpreter"]
    assert f"({process.pid})" in reason
    assert "which is not watched" in reason


def test_a_wrapper_may_start_another_python_before_the_target(bench: Bench) -> None:
    text = f'#!/bin/sh\n"{sys.executable}" -c pass\nexec "{sys.executable}" "$@"\n'
    bench.write("wrapper", text).chmod(0o755)

    snapshot = bench.snapshot("--python", "./wrapper", bench.script(CHILD))

    assert "interpreter" not in reasons(snapshot)
    assert [one.instances for one in snapshot.processes[0].classes if one.name == "Thing"] == [1000]


def test_processes_of_another_pid_namespace_are_not_read(bench: Bench) -> None:
    unshare = shutil.which("unshare")
    apart = [unshare or "", "--pid", "--fork", "--kill-child"]
    if (
        unshare is None
        or subprocess.run([*apart, "true"], capture_output=True, check=False).returncode
    ):
        pytest.skip("no pid namespace may be made here")
    script = bench.script(CHILD)
    done = bench.start([*apart, *REFWATCH, "--headless", "-o", "snapshot.json", script]).end()

    snapshot = bench.read_snapshot()
    (process,) = snapshot.processes
    assert (done.status, done.lines) == (0, ["done"])
    assert all(
        "another pid namespace" in reasons(snapshot)[reading]
        for reading in ("outside reading", "memory", "memory.uss")
    )
    assert process.memory.rss is None
    assert len(process.threads) == 1


def reasons(snapshot: Snapshot) -> dict[str, str]:
    return {one.reading: one.reason for one in snapshot.limits}
