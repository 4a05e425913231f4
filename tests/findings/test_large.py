"""The sentence about the largest object."""

from __future__ import annotations

from tests.stand_ins import process_state

from refwatch.findings.large import large_sentence
from refwatch.session import events as ev
from refwatch.wire.event import MAIN
from refwatch.wire.heap_values import ChainLink, Largest

MB = 1 << 20
CHAIN = [ChainLink(type="dict", edge="global index"), ChainLink(type="module", name="__main__")]


def said(*found: Largest, rss: int = 1000, width: int = 110, until: float = 1.0) -> str:
    process = process_state()
    process.measured(
        ev.ProcessMeasured(
            at=until, process=MAIN, rss=rss * MB, peak_rss=rss * MB, user_s=0.0, system_s=0.0
        )
    )
    process.references.taken_census(
        ev.CensusTaken(
            at=1.0, process=MAIN, number=1, took_s=0.1, objects=9, types=[], largest=[*found]
        )
    )
    return large_sentence(process, width)


def large(mib: int, filled: float | None, kind: str = "dict") -> Largest:
    return Largest(type=kind, size=mib * MB, filled=filled, chain=CHAIN)


def test_an_empty_table_is_told_before_a_larger_object() -> None:
    hollow = (
        "a dict of 80.0 MiB is <1 % full: global index of module __main__; a copy of it is small"
    )
    assert said(large(80, 0.001)) == hollow
    assert said(large(90, 0.9), large(80, 0.001)) == hollow
    assert said(large(90, 0.9, "list"), large(80, 0.5)).startswith("a list of 90.0 MiB is 90 % ")


def test_what_is_not_known_is_not_said() -> None:
    assert said(large(80, None, "bytes")) == (
        "a bytes of 80.0 MiB: global index of module __main__"
    )
    unheld = Largest(type="bytes", size=80 * MB, filled=None, chain=[])
    assert said(unheld) == "a bytes of 80.0 MiB: who holds it is not known"


def test_that_it_was_so_some_time_ago_is_said() -> None:
    """A census of a busy machine takes long, and the table may have been filled meanwhile."""
    held = "global index of module __main__"
    assert said(large(40, 0.72), until=31.2) == f"a dict of 40.0 MiB was 72 % full 30 s ago: {held}"
    assert said(large(80, None, "bytes"), until=31.2) == f"a bytes of 80.0 MiB 30 s ago: {held}"
    assert " is 72 % full: " in said(large(40, 0.72), until=11.0)


def test_small_objects_are_not_told() -> None:
    assert said() == ""
    assert said(large(20, 0.0)) == ""
    assert said(large(20, 0.0), rss=90) != ""
    assert said(large(31, 0.0)) == ""
    assert said(large(32, 0.0)) != ""


def test_the_sentence_is_safe_and_has_an_end() -> None:
    links = [ChainLink(type="x\x1b" * 90, edge="attribute y" * 90)] * 9
    sentence = said(Largest(type="x\x1b" * 90, size=80 * MB, filled=0.0, chain=links))
    assert sentence.isprintable()
    assert len(sentence) < 200
