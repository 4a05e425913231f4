"""Where the resident memory of a real program is, as its hidden copy finds out."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.e2e.references import WAIT, Watching, watching

from refwatch.findings.memory_growth import memory_sentence
from refwatch.readings.allocations.state import parts_of
from refwatch.readings.allocations.types import MemorySplit
from refwatch.readings.objects.state import References
from refwatch.wire.commands import TakeCensus

if TYPE_CHECKING:
    from tests.e2e.conftest import Argument, Bench

MB = 1 << 20
SCENARIOS = Path(__file__).resolve().parents[2] / "scenarios"
CC = shutil.which("cc") or shutil.which("gcc")
GLIBC = Path("/lib64/ld-linux-x86-64.so.2")
COUNT = ["--alloc", "off"]
"""Nobody stands in front of the allocators."""


def split_of(session: Watching) -> MemorySplit:
    """One of now."""
    session.settle()
    since = session.state.now
    session.ask(TakeCensus())

    def there(_: References) -> bool:
        main = session.state.main
        found = main.allocations.split_s if main is not None else None
        return found is not None and found > since

    session.wait(there, "the split of the memory")
    assert session.state.main is not None
    split = session.state.main.allocations.split
    assert split is not None
    assert sum(parts_of(split)) == split.rss
    return split


def known(part: int | None) -> int:
    assert part is not None
    return part


@pytest.mark.parametrize("mode", ["off", "burst", "exact"])
def test_each_kind_of_memory_is_where_it_belongs(bench: Bench, mode: str) -> None:
    """60 MB of small objects, 80 MB of large ones, and 40 MB mapped; then the large ones go, but
    for some that lie between."""
    script = bench.script(
        WAIT
        + """
import mmap
def done():
    print("done", flush=True)
    wait()
done()
small = [(number, None, None) for number in range(600_000)]
done()
size = 4000
large = [b"x" * size for _ in range(20_000)]
done()
mapped = mmap.mmap(-1, 40 << 20, flags=mmap.MAP_PRIVATE)
for page in range(0, len(mapped), 4096):
    mapped[page] = 1
done()
large[:] = large[::50]
done()
"""
    )
    splits = []
    with watching(bench, "--alloc", mode, script) as session:
        for number in range(5):
            if number:
                session.go()
            assert session.running.line() == "done"
            splits.append(split_of(session))
        session.go()
        session.end()
    start, small, large, mapped, gone = splits
    assert known(small.python_used) - known(start.python_used) > 35 * MB
    assert known(small.arenas) > known(start.arenas) + 35
    assert 70 * MB < known(large.c_used) - known(small.c_used) < 110 * MB
    assert known(large.python_used) - known(small.python_used) < 5 * MB
    assert 35 * MB < mapped.other - large.other < 45 * MB
    assert known(gone.c_free) - known(mapped.c_free) > 60 * MB
    assert known(gone.c_used) < known(mapped.c_used) - 60 * MB
    assert start.files > 2 * MB


def limits_of(bench: Bench) -> dict[str, str]:
    return {limit.reading: limit.reason for limit in bench.read_snapshot().limits}


def test_without_pymalloc_its_parts_are_unknown_and_the_reason_is_said(bench: Bench) -> None:
    script = bench.script(WAIT + "wait()")
    with watching(bench, script) as session:
        assert split_of(session).python_used is not None
        session.go()
        session.end()
    assert "memory split" not in limits_of(bench)
    environment = {"PYTHONMALLOC": "malloc"}
    bench.environment.update(environment)
    with watching(bench, script) as session:
        split = split_of(session)
        session.go()
        session.end()
    assert (split.python_used, split.python_free, split.arenas) == (None, None, None)
    assert known(split.c_used) > 2 * MB
    assert "pymalloc" in limits_of(bench)["memory split"]


def test_tracing_of_the_target_s_own_is_no_hindrance(bench: Bench) -> None:
    bench.environment["PYTHONTRACEMALLOC"] = "3"
    script = bench.script(WAIT + "import tracemalloc\nwait()\nprint(tracemalloc.is_tracing())")
    with watching(bench, script) as session:
        assert known(split_of(session).python_used) > MB // 2
        session.go()
        done, _ = session.end()
    assert done.lines == ["True"]


def test_without_a_census_there_is_no_split_and_the_reason_is_said(bench: Bench) -> None:
    snapshot = bench.snapshot("--census", "off", bench.script("import time\ntime.sleep(0.5)"))
    assert snapshot.processes[0].memory_split is None
    assert "memory split" in limits_of(bench)
    inside = bench.script("import time\ntime.sleep(2)", "inside.py")
    snapshot = bench.snapshot("--census", "inside", inside)
    assert snapshot.processes[0].memory_split is None
    assert limits_of(bench)["memory split"].startswith("the census was taken in the target")


def preloaded(bench: Bench, code: str) -> None:
    """Have the target load this before the C library."""
    if CC is None or not GLIBC.exists():
        pytest.skip("there is no C compiler here, or no glibc")
    source = bench.write("other.c", code)
    library = bench.folder / "other.so"
    subprocess.run([CC, "-shared", "-fPIC", "-o", str(library), str(source)], check=True)
    bench.environment["LD_PRELOAD"] = str(library)


MALLOC = """
    #include <stddef.h>
    #include <string.h>
    #include <sys/mman.h>
    static char *next, *end;
    void *malloc(size_t size) {
        size_t whole = (size + 31) & ~(size_t)15;
        if (end - next < (ptrdiff_t)whole) {
            size_t chunk = whole + (1 << 20);
            next = mmap(0, chunk, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
            end = next + chunk;
        }
        char *block = next;
        next += whole;
        *(size_t *)block = size;
        return block + 16;
    }
    void free(void *block) {}
    void *calloc(size_t count, size_t size) { return malloc(count * size); }
    void *realloc(void *block, size_t size) {
        void *new = malloc(size);
        if (block) {
            size_t old = *(size_t *)((char *)block - 16);
            memcpy(new, block, old < size ? old : size);
        }
        return new;
    }
"""
"""One that gives, and takes nothing back."""


def test_another_malloc_is_not_believed(bench: Bench) -> None:
    preloaded(bench, MALLOC)
    with watching(bench, *COUNT, bench.script(WAIT + "wait()")) as session:
        split = split_of(session)
        session.go()
        session.end()
    assert (split.c_used, split.c_free) == (None, None)
    assert known(split.python_used) > MB
    assert "another malloc" in limits_of(bench)["memory split"]


def test_an_allocator_that_never_answers_holds_nothing_up(bench: Bench) -> None:
    """As one would whose lock another thread held when the copy was made."""
    preloaded(bench, "int pause(void);\nvoid mallinfo2(void) { for (;;) pause(); }\n")
    words: list[Argument] = [*COUNT, bench.script(WAIT + "wait()")]
    with watching(bench, *words) as session:
        session.censuses(2)
        split = split_of(session)
        assert session.references.failure is None
        session.go()
        session.end()
    assert known(split.python_used) > MB
    assert split.c_used is None
    assert "did not answer" in limits_of(bench)["memory split"]


def test_fragmentation_leads_to_a_sentence_about_it(bench: Bench) -> None:
    with watching(bench, str(SCENARIOS / "fragmentation.py"), "--seconds", "120") as session:

        def said(_: References) -> bool:
            main = session.state.main
            return main is not None and bool(memory_sentence(main.allocations, main))

        session.wait(said, "a sentence about memory")
        main = session.state.main
        assert main is not None
        sentence = memory_sentence(main.allocations, main)
        session.running.process.terminate()
        session.running.end()
    assert (
        "resident are free but not returned to the system: fragmentation of the C heap" in sentence
    )
    assert "and of Python's arenas" in sentence
