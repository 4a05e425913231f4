"""``e`` and ``y``: what is under the cursor, in all panels."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.simulate import Simulation, pool
from tests.simulate_allocations import with_allocations
from tests.simulate_references import with_references
from tests.tui.driving import Driven, FakeFeed, driven, frame, session, steady, until

from refwatch.session import events as ev
from refwatch.session.events import Event
from refwatch.tui.app import RefwatchApp
from refwatch.tui.panels.allocations.detail import AllocationScreen
from refwatch.tui.panels.objects.heap import HeapScreen
from refwatch.tui.panels.output.panel import named_last
from refwatch.tui.panels.threads.detail import ThreadScreen
from refwatch.tui.panels.time.detail import PlaceScreen
from refwatch.tui.views.pointed import Pointed, at, object_at
from refwatch.tui.widgets.icicle import Icicle


async def press(app: RefwatchApp, pilot: Driven, *keys: str) -> None:
    """Press keys as who sees the screen does: once all is drawn."""
    await steady(app, pilot)
    await pilot.press(*keys)


async def copied(app: RefwatchApp, pilot: Driven) -> str:
    """What ``y`` copies."""
    app._clipboard = ""
    await press(app, pilot, "y")
    await until(pilot, lambda: app.clipboard)
    return app.clipboard


async def test_overview_points_at_the_verdicts_place() -> None:
    async with driven(session(6.0), size=(120, 40)) as (app, pilot):
        assert "/threads_cpu.py:2" in await copied(app, pilot)


async def test_time_points_at_the_hottest_line_of_a_function() -> None:
    async with driven(session(), size=(120, 40)) as (app, pilot):
        await press(app, pilot, "2", "slash", *"crunch", "enter")
        await until(pilot, lambda: "1 of" in frame(app))
        place = await copied(app, pilot)
        assert place == "/home/app/threads_cpu.py:21"
        await until(pilot, lambda: "Copied threads_cpu.py:21" in frame(app))
        await press(app, pilot, "escape", "i")
        await until(pilot, lambda: isinstance(app.focused, Icicle))
        await steady(app, pilot)
        await press(app, pilot, "down", "down")
        assert ".py:" in await copied(app, pilot)


async def test_the_source_has_a_cursor_and_so_have_callers_and_callees() -> None:
    async with driven(session(), size=(120, 40)) as (app, pilot):
        await press(app, pilot, "2", "slash", *"crunch", "enter", "enter")
        await until(pilot, lambda: isinstance(app.screen, PlaceScreen))
        await until(pilot, lambda: "cannot be read here" in frame(app))
        assert "/threads_cpu.py:2" in await copied(app, pilot)
        await press(app, pilot, "tab")
        caller = await copied(app, pilot)
        assert "threads_cpu" not in caller
        await press(app, pilot, "enter")
        await until(pilot, lambda: "esc ← run" in frame(app))
        await press(app, pilot, "escape")
        await until(pilot, lambda: "esc ← crunch" in frame(app))
        await press(app, pilot, "escape")
        await until(pilot, lambda: not isinstance(app.screen, PlaceScreen))


async def test_the_sources_heading_stays(tmp_path: Path) -> None:
    source = tmp_path / "threads_cpu.py"
    source.write_text("".join(f"line({number})\n" for number in range(1, 60)))
    feed = FakeFeed(leading_to(source, "threads_cpu.py"))
    async with driven(feed, size=(80, 24)) as (app, pilot):
        await press(app, pilot, "2", "slash", *"crunch", "enter", "enter")
        await until(pilot, lambda: "line(21)" in frame(app))
        assert "Self     Total" in frame(app)
        await press(app, pilot, "end")
        await until(pilot, lambda: "line(42)" in frame(app))
        assert "Self     Total" in frame(app)
        assert await copied(app, pilot) == f"{source}:42"
        row = next(y for y, line in enumerate(frame(app).splitlines()) if "line(40)" in line)
        await pilot.click(offset=(40, row))
        assert await copied(app, pilot) == f"{source}:40"


async def test_threads_point_at_the_innermost_line() -> None:
    async with driven(session(), size=(120, 40)) as (app, pilot):
        await press(app, pilot, "3", "down", "down", "down")
        assert "/threads_cpu.py:2" in await copied(app, pilot)
        await press(app, pilot, "enter")
        await until(pilot, lambda: isinstance(app.screen, ThreadScreen))
        await until(pilot, lambda: "Holds the GIL" in frame(app))
        assert ".py:" in await copied(app, pilot)
        await press(app, pilot, "tab")
        first = await copied(app, pilot)
        await press(app, pilot, "down")
        assert await copied(app, pilot) != first


async def test_allocations_point_at_lines_files_and_frames() -> None:
    async with driven(FakeFeed(with_allocations(Simulation(12.0))), size=(120, 40)) as (app, pilot):
        await press(app, pilot, "7")
        line = await copied(app, pilot)
        assert line.startswith("/")
        assert line.rpartition(":")[2].isdigit()
        await press(app, pilot, "v")
        assert (await copied(app, pilot)).endswith(".py")
        await press(app, pilot, "i")
        await until(pilot, lambda: isinstance(app.focused, Icicle))
        await steady(app, pilot)
        await press(app, pilot, "down")
        assert ".py:" in await copied(app, pilot)
        await press(app, pilot, "escape", "enter")
        await until(pilot, lambda: isinstance(app.screen, AllocationScreen))
        await press(app, pilot, "down")
        assert ".py:" in await copied(app, pilot)
        await press(app, pilot, "tab")
        assert ".py:" in await copied(app, pilot)


async def test_objects_without_a_line_are_copied_by_name() -> None:
    events = list(with_references(Simulation(14.3)))
    async with driven(FakeFeed(events), size=(120, 40)) as (app, pilot):
        await press(app, pilot, "5", "down")
        assert await copied(app, pilot)
        await press(app, pilot, "e")
        await until(pilot, lambda: "No source line is known of" in frame(app))
        await press(app, pilot, "6", "end")
        assert await copied(app, pilot)
        await press(app, pilot, "h")
        await until(pilot, lambda: isinstance(app.screen, HeapScreen))
        assert "0x" in await copied(app, pilot)


async def test_a_process_points_at_its_line() -> None:
    async with driven(FakeFeed(pool()), size=(120, 40)) as (app, pilot):
        await press(app, pilot, "8", "down")
        assert ".py:" in await copied(app, pilot)


async def test_the_output_points_at_the_last_place_that_it_names() -> None:
    feed = session()
    text = 'Traceback:\n  File "/a/b.py", line 3, in f\n  File "shop.py", line 7, in g\nError\n'
    feed.push(ev.OutputWritten(at=3.1, data=text.replace("\n", "\r\n")))
    async with driven(feed, size=(120, 40)) as (app, pilot):
        await press(app, pilot, "4")
        await until(pilot, lambda: "Error" in frame(app))
        assert (await copied(app, pilot)).endswith("/shop.py:7")


async def test_where_nothing_is_under_the_cursor() -> None:
    async with driven(FakeFeed(), size=(120, 40)) as (app, pilot):
        await press(app, pilot, "7", "y")
        await until(pilot, lambda: "There is nothing under the cursor." in frame(app))
        await press(app, pilot, "e")
        await until(pilot, lambda: frame(app).count("There is nothing under the cursor.") == 2)


def test_places_in_a_text() -> None:
    assert named_last("x.py:3: error\n./a/y.py:12:1: E501", "/w") == Pointed("/w/./a/y.py", 12)
    assert named_last("nothing", "/w") is None
    assert named_last('  File "<string>", line 1', "/w") == Pointed("<string>", 1)


def test_what_is_copied_and_said() -> None:
    assert at("a.py", 3, "/w") == Pointed("/w/a.py", 3)
    assert at("<string>", 3, "/w") == Pointed("<string>", 3)
    assert at("?", 0, "/w") is None
    assert Pointed("/w/a.py", 3).copied == "/w/a.py:3"
    assert Pointed("/w/a.py", 3).said == "a.py:3"
    assert Pointed("/w/a.py").copied == "/w/a.py"
    assert "\n" not in Pointed("/w/a\nrm -rf.py", 3).copied
    assert object_at("frame f (/w/a.py:9)", "frame", "0x1") == Pointed("/w/a.py", 9)
    assert object_at("dict, 3 items", "dict", "0x1") == Pointed(text="dict, 3 items 0x1")


# -- editing ---------------------------------------------------------------------------------------


def leading_to(file: Path, name: str) -> list[Event]:
    """A session whose files lie where these are."""
    events = list(Simulation(3.0).events())
    return [
        ev.LineSeen(
            at=each.at, process=each.process, line=each.line, number=each.number,
            file=str(file) if each.file.endswith(name) else each.file, function=each.function,
        )
        if isinstance(each, ev.LineSeen)
        else each
        for each in events
    ]  # fmt: skip


@pytest.fixture(name="editor")
def _editor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An editor with a window that writes down its arguments; ``$STATUS`` is how it ends."""
    program = tmp_path / "subl"
    program.write_text(
        f"#!{sys.executable}\nimport os, sys\n"
        f"open({str(tmp_path / 'new')!r}, 'w').write(sys.argv[1])\n"
        f"os.rename({str(tmp_path / 'new')!r}, {str(tmp_path / 'opened')!r})\n"
        "sys.exit(int(os.environ.get('STATUS', 0)))\n"
    )
    program.chmod(0o755)
    monkeypatch.delenv("VISUAL", raising=False)
    monkeypatch.setenv("EDITOR", str(program))
    return tmp_path / "opened"


async def test_an_editor_with_a_window_is_started_beside(editor: Path, tmp_path: Path) -> None:
    source = tmp_path / "threads_cpu.py"
    source.write_text("\n" * 40)
    feed = FakeFeed(leading_to(source, "threads_cpu.py"))
    async with driven(feed, size=(120, 40)) as (app, pilot):
        await press(app, pilot, "3", "down", "down", "down", "e")
        await until(pilot, lambda: "subl: threads_cpu.py:24" in frame(app))
        await until(pilot, editor.exists)
        assert editor.read_text() == f"{source}:24"


@pytest.mark.usefixtures("editor")
async def test_an_editor_that_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = tmp_path / "threads_cpu.py"
    source.write_text("\n" * 40)
    feed = FakeFeed(leading_to(source, "threads_cpu.py"))
    async with driven(feed, size=(120, 40)) as (app, pilot):
        monkeypatch.setenv("STATUS", "5")
        await press(app, pilot, "3", "down", "down", "down", "e")
        await until(pilot, lambda: "subl ended with exit status 5." in frame(app))
        monkeypatch.setenv("EDITOR", "vimm")
        await press(app, pilot, "e")
        await until(pilot, lambda: "The editor vimm was not found" in frame(app))
        source.unlink()
        await press(app, pilot, "e")
        await until(pilot, lambda: "threads_cpu.py is not here" in frame(app))
        broken = tmp_path / "broken"
        broken.write_bytes(b"\x7fELF nothing")
        broken.chmod(0o755)
        source.write_text("")
        monkeypatch.setenv("EDITOR", f"{broken}")

        @contextmanager
        def suspended() -> Iterator[None]:
            yield

        monkeypatch.setattr(app, "suspend", suspended)
        await press(app, pilot, "e")
        await until(pilot, lambda: "broken could not be started" in frame(app))


async def test_an_editor_in_the_terminal_gets_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, seen = tmp_path / "threads_cpu.py", tmp_path / "seen"
    source.write_text("\n" * 40)
    program = tmp_path / "vim"
    program.write_text(f"#!/bin/sh\necho \"$1 $2\" > '{seen}.new'; mv '{seen}.new' '{seen}'\n")
    program.chmod(0o755)
    monkeypatch.setenv("VISUAL", os.fspath(program))
    feed = FakeFeed(leading_to(source, "threads_cpu.py"))
    async with driven(feed, size=(120, 40)) as (app, pilot):
        suspensions: list[str] = []

        @contextmanager
        def suspended() -> Iterator[None]:
            suspensions.append("suspended")
            yield
            suspensions.append("resumed")

        monkeypatch.setattr(app, "suspend", suspended)
        await press(app, pilot, "3", "down", "down", "down", "e")
        await until(pilot, lambda: suspensions == ["suspended", "resumed"])
        assert seen.read_text().split() == ["+24", str(source)]


async def test_a_terminal_that_cannot_be_given_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "threads_cpu.py"
    source.write_text("")
    monkeypatch.setenv("VISUAL", "true")
    feed = FakeFeed(leading_to(source, "threads_cpu.py"))
    async with driven(feed, size=(120, 40)) as (app, pilot):
        await press(app, pilot, "3", "down", "down", "down", "e")
        await until(pilot, lambda: "true cannot have this terminal." in frame(app))
