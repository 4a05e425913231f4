"""The strips: runs of states become cells that tell the truth at every zoom."""

from __future__ import annotations

from refwatch.readings.threads.state_timeline import Run, StateTimeline
from refwatch.readings.threads.states import ThreadState, encode_runs
from refwatch.tui.views.styled_text import StyledText
from refwatch.tui.views.timeline import StripCells, Window, window

HELD, WAIT, SLEEP = ThreadState.GIL_HELD, ThreadState.GIL_WAIT, ThreadState.SLEEP


class Fixed:
    """Runs that do not move on."""

    def __init__(self, runs: list[Run]) -> None:
        self._runs = runs

    def runs(self, start: float, end: float) -> list[Run]:
        return [run for run in self._runs if run[1] > start and run[0] < end]


def cells_of(
    runs: list[Run], cell_s: float, count: int, *, letters: bool = False
) -> list[StyledText]:
    return StripCells().styled(Fixed(runs), Window(cell_s, count, count), letters)


def test_one_state_is_one_span() -> None:
    assert cells_of([(0.0, 1.0, HELD)], 0.1, 10) == [("█" * 10, "fill-gil_held")]


def test_two_states_side_by_side_in_a_cell() -> None:
    runs = [(0.0, 0.05, HELD), (0.05, 0.1, WAIT)]
    assert cells_of(runs, 0.1, 1) == [("▌", "fill-gil_held/fill-gil_wait")]


def test_turns_faster_than_a_cell_are_a_bar_of_their_share() -> None:
    runs = [
        piece
        for n in range(10)
        for piece in ((n * 0.02, n * 0.02 + 0.005, HELD), (n * 0.02 + 0.005, n * 0.02 + 0.02, WAIT))
    ]
    runs = [run for run in runs if run[1] <= 0.2 + 1e-9]
    ((text, style),) = cells_of(runs, 0.1, 2)
    assert style in {"fill-gil_held/fill-gil_wait", "fill-gil_wait"}
    assert set(text) <= set("▂█")


def test_shares_of_a_bar_are_right() -> None:
    runs = [(n * 0.01, n * 0.01 + 0.005, HELD) for n in range(10)]
    runs += [(n * 0.01 + 0.005, n * 0.01 + 0.01, WAIT) for n in range(10)]
    assert cells_of(sorted(runs), 0.1, 1) == [("▄", "fill-gil_held/fill-gil_wait")]


def test_unknown_time_is_blank_and_letters_stand_without_colour() -> None:
    assert cells_of([(0.1, 0.2, SLEEP)], 0.1, 3, letters=True) == [
        (" ", ""), ("s", "sleep"), (" ", ""),
    ]  # fmt: skip


def test_a_cell_once_drawn_stays() -> None:
    """A strip scrolls by whole cells: the same time looks the same from frame to frame."""
    strip = StateTimeline()
    cells = StripCells()
    seen: dict[int, str] = {}
    for number in range(1, 60):
        end = number * 0.1
        strip.add(end, encode_runs([(HELD, 7_000), (WAIT, 23_000), (HELD, 9_000), (WAIT, 61_000)]))
        shown = window(end, 3, 40)
        text = "".join(text for text, _ in cells.styled(strip, shown, glyphs=False))
        assert len(text) == 40
        for offset, char in enumerate(text):
            index = shown.last - shown.count + offset
            if index >= 0:
                assert seen.setdefault(index, char) == char
    assert len(cells.cells) < 500


def test_the_window_is_aligned_to_whole_cells() -> None:
    assert window(1.0, 0, 10) == Window(0.002, 500, 10)
    assert window(1.0009, 0, 10).last == 500
    assert window(1.0021, 0, 10).last == 501


def test_late_data_fills_what_was_blank() -> None:
    strip, cells = StateTimeline(), StripCells()
    shown = Window(0.1, 10, 10)
    assert cells.styled(strip, shown, glyphs=False) == [(" " * 10, "")]
    strip.add(1.0, encode_runs([(HELD, 1_000_000)]))
    assert cells.styled(strip, shown, glyphs=False) == [("█" * 10, "fill-gil_held")]
