"""The other views: header, Overview, one thread."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from tests.simulate import PID, Simulation
from tests.tui.driving import state_of
from tests.tui.test_spans import HOSTILE

from refwatch.session import events as ev
from refwatch.session.state import State
from refwatch.tui.panels.overview.lines import (
    draw_busiest,
    draw_cpu,
    draw_events,
    draw_first,
    draw_gauge,
    draw_memory,
    draw_verdict,
)
from refwatch.tui.panels.overview.view import view_overview
from refwatch.tui.panels.threads.detail_view import draw_hot, draw_stack, view_detail
from refwatch.tui.source import source_line
from refwatch.tui.subject import Subject
from refwatch.tui.views.header import draw_header, fmt_target, view_header
from refwatch.tui.views.styled_text import Line, width_of
from refwatch.wire.event import MAIN


def text(lines: tuple[Line, ...]) -> str:
    return "\n".join("".join(text for text, _ in line) for line in lines)


def header(state: State, width: int = 100, *, gone: bool = False, replay: str | None = None) -> str:
    return text(draw_header(view_header(Subject(state), gone=gone, replay=replay), width, 2))


@pytest.fixture(scope="module")
def state() -> State:
    return state_of(Simulation(4.0).events())


def test_header_before_anything_has_happened() -> None:
    assert "starting …" in header(State())


def test_header_when_the_daemon_is_gone_before_anything_has_happened() -> None:
    shown = header(State(), gone=True)
    assert "daemon gone" in shown
    assert "starting" not in shown


def test_header_says_what_it_watches(state: State) -> None:
    shown = header(state)
    for fact in ("threads_cpu.py --threads 4", "pid 4242", "Python 3.12.7", "1000 samples/s",
                 "● running", "4.00 s", "probe 10.4 ms, daemon 4 % of a core"):  # fmt: skip
        assert fact in shown


@pytest.mark.parametrize(
    ("width", "said"),
    [
        (120, " /home/me/project/.venv/bin/python app.py "),
        (60, " …ject/.venv/bin/python app.py "),
        (40, " python a… "),
    ],
)
def test_header_says_which_python_it_is(width: int, said: str) -> None:
    python = "/home/me/project/.venv/bin/python"
    state = state_of(
        [
            ev.TargetStarted(
                at=0.0,
                process=MAIN,
                pid=PID,
                argv=[python, "app.py"],
                executable=python,
                cwd="/",
                started_at="now",
                refwatch="0",
            )
        ],
    )
    lines = draw_header(view_header(Subject(state), gone=False, replay=None), width, 2)
    assert said in " " + "".join(text for text, _ in lines[0]) + " "


@pytest.mark.parametrize(
    ("code", "said"), [(0, "✓ finished, exit 0"), (1, "✕ finished, exit 1"), (137, "by SIGKILL")]
)
def test_header_says_how_it_ended(code: int, said: str) -> None:
    state = state_of(Simulation(1.0, ends=True, exit_code=code).events())
    assert said in header(state, gone=True)


def test_header_says_that_the_daemon_is_gone(state: State) -> None:
    assert "✕ daemon gone" in header(state, gone=True)
    assert "recording ends here" in header(state, gone=True, replay="recording")


@pytest.mark.parametrize("width", [20, 40, 80, 200])
def test_header_fits(state: State, width: int) -> None:
    for line in draw_header(view_header(Subject(state), gone=False, replay=None), width, 2):
        assert width_of(line) <= max(width, 40)


def test_a_hostile_command_line_is_shown_safely() -> None:
    shown = fmt_target(["/x/a b.py", "\x1b[2J", "[/b]", "日本"])
    assert shown.isprintable()
    assert "[/b]" in shown


def test_overview_of_nothing() -> None:
    view = view_overview(Subject(State()))
    assert view.held is None
    assert "no target" in text(draw_verdict(view.verdict, 80, 3))
    assert "no thread yet" in text(draw_busiest(view, 60, 5))
    assert "no reading yet" in text(draw_memory(view.memory, 60, 8))


def test_the_worst_trouble_is_the_overviews_first_line(state: State) -> None:
    verdict = view_overview(Subject(state)).verdict
    assert draw_first(("", verdict), 80, 3) == draw_verdict(verdict, 80, 3)
    lines = text(draw_first(("leak: app.Entry grows by 40/s", verdict), 100, 3)).splitlines()
    assert lines[0] == "▌ leak: app.Entry grows by 40/s"
    assert "GIL held" in lines[1]
    assert len(lines) == 3


def test_overview_says_it_first(state: State) -> None:
    view = view_overview(Subject(state))
    assert "GIL" in text(draw_verdict(view.verdict, 100, 3)).splitlines()[0]
    assert view.held is not None
    assert view.held.value in {"100 %", "99 %"}
    assert view.waiting is not None
    assert view.waiting.value == "3.0"
    assert view.handoffs is not None
    assert 150 < float(view.handoffs.value) < 220
    assert view.memory.more.startswith("GC 40 / 4 / 1")


@pytest.mark.parametrize(("width", "height"), [(10, 2), (24, 2), (38, 3), (60, 12), (150, 30)])
def test_overview_fits_any_box(state: State, width: int, height: int) -> None:
    view = view_overview(Subject(state))
    assert view.held is not None
    drawn = [
        draw_verdict(view.verdict, width, height),
        draw_gauge(view.held, width, height),
        draw_memory(view.memory, width, height),
        draw_cpu(view.cpu, width, height),
        draw_events(view, width, height),
    ]
    for lines in drawn:
        assert len(lines) <= height
        assert all(width_of(line) <= max(width, 20) for line in lines)


def test_limits_stand_before_events() -> None:
    events = [
        *Simulation(1.0).events(),
        ev.ReadingLimited(at=1.0, process=MAIN, reading="gil", reason="not [/b] permitted\x1b"),
    ]
    view = view_overview(Subject(state_of(events)))
    first = text(draw_events(view, 60, 10)).splitlines()[0]
    assert first == "not read gil: not [/b] permitted\\x1b"


def test_without_a_gil_there_are_no_gauges() -> None:
    events: list[ev.Event] = [
        ev.TargetStarted(
            at=0.0,
            process=MAIN,
            pid=PID,
            argv=["x.py"],
            executable="py",
            cwd="/",
            started_at="now",
            refwatch="0",
        ),
        ev.InterpreterFound(
            at=0.1,
            process=MAIN,
            python="3.14.0t",
            free_threaded=True,
            gil=False,
            switch_interval_s=0.005,
        ),
    ]
    view = view_overview(Subject(state_of(events)))
    assert view.held is None
    assert "without a GIL" in view.no_gil


def test_detail_names_the_lines(state: State) -> None:
    subject = Subject(state)
    view = view_detail(subject, 10, lambda file, number: f"source of {Path(file).name}:{number}")
    assert view is not None
    hot = text(draw_hot(view, 100))
    assert hot.index("Waits for the GIL") < hot.index("Holds the GIL")
    assert "source of threads_cpu.py:21" in hot
    assert "▶ crunch" in text(draw_stack(view, 100))
    assert view_detail(Subject(state), 555, source_line) is None


def test_a_deep_stack_says_what_was_left_out_of_its_middle(state: State) -> None:
    view = view_detail(Subject(state), 10, lambda _file, _number: "")
    assert view is not None
    deep = replace(view, stack=view.stack[:1] * 200, left_out=703)
    drawn = [text((line,)) for line in draw_stack(deep, 100)]
    assert drawn.index("  … 703 frames left out …") == 100
    assert len(drawn) == 201


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_functions_and_sources(name: str) -> None:
    events = [
        *Simulation(1.0).events(),
        ev.LineSeen(at=1.0, process=MAIN, line=1, file=name, number=3, function=name),
    ]
    view = view_detail(Subject(state_of(events)), 10, lambda _file, _number: name)
    assert view is not None
    assert all(t.isprintable() for line in draw_hot(view, 80) for t, _ in line)
    assert all(t.isprintable() for line in draw_stack(view, 80) for t, _ in line)


def test_source_lines(tmp_path: Path) -> None:
    file = tmp_path / "x.py"
    file.write_text("one\n  two\n")
    assert source_line(str(file), 2) == "two"
    assert source_line(str(file), 0) == source_line(str(file), 9) == ""
    file.write_text("uno\ndos tres\n")
    assert source_line(str(file), 2) == "dos tres"


def test_sources_that_are_none(tmp_path: Path) -> None:
    import os

    pipe, big, noise = tmp_path / "pipe", tmp_path / "big.py", tmp_path / "noise.py"
    os.mkfifo(pipe)
    big.write_text("x\n" * (1 << 20))
    noise.write_bytes(b"# coding: no-such\n\xff\xfe\n")
    files = [
        str(pipe),
        str(big),
        str(noise),
        str(tmp_path),
        "<string>",
        "/no/such",
        "/a\0b",
        "r.py",
    ]
    assert [source_line(file, 1) for file in files] == [""] * len(files)
