"""Chains of references as one tree from the roots down."""

from __future__ import annotations

import pytest
from tests.simulate import Simulation
from tests.simulate_references import with_references
from tests.tui.driving import state_of
from tests.tui.test_spans import HOSTILE

from refwatch.tui.panels.objects.chain_tree import LIKE_LEAVES, chain_lines, chain_rows
from refwatch.tui.views.chains import chain_line, fmt_link
from refwatch.tui.views.styled_text import width_of
from refwatch.wire.event import MAIN
from refwatch.wire.heap_values import ChainLink

MODULE = ChainLink(type="module", name="app", address="0x1")
CACHE = ChainLink(type="app.Cache", edge="global cache", address="0x2")
ITEMS = ChainLink(type="dict", edge="attribute items", address="0x3")


def instance(number: int) -> list[ChainLink]:
    link = ChainLink(type="app.Session", edge=f"value of key {number}", address=hex(0x100 + number))
    return [link, ITEMS, CACHE, MODULE]


def drawn(chains: list[list[ChainLink]], width: int = 76) -> list[str]:
    return ["".join(text for text, _ in each.line) for each in chain_lines(chains, width)]


def test_a_chain_reads_from_its_root_to_the_instance() -> None:
    assert drawn([instance(1)]) == [
        "◉ module app".ljust(76),
        "└ global cache  app.Cache",
        "  └ attribute items  dict",
        "    └ value of key 1  app.Session  0x101",
    ]


def test_chains_share_their_beginning() -> None:
    other = [
        ChainLink(type="app.Session", edge="item 0", address="0x200"),
        ChainLink(type="list", edge="attribute recent", address="0x4"),
        CACHE,
        MODULE,
    ]
    assert [line.rstrip() for line in drawn([instance(1), other])] == [
        "◉ module app",
        "└ global cache  app.Cache",
        "  ├ attribute items  dict",
        "  │ └ value of key 1  app.Session  0x101",
        "  └ attribute recent  list",
        "    └ item 0  app.Session  0x200",
    ]


def test_instances_that_are_alike_are_counted() -> None:
    lines = drawn([instance(number) for number in range(9)])
    assert sum("app.Session  0x" in line for line in lines) == LIKE_LEAVES
    assert lines[-1].strip() == f"└ … {9 - LIKE_LEAVES} more app.Session"


def test_the_root_of_most_chains_comes_first_and_says_its_share() -> None:
    frame = [ChainLink(type="app.Session", edge="local session", address="0x300"),
             ChainLink(type="frame", name="main, app.py:12")]  # fmt: skip
    rows = chain_rows([frame, instance(1), instance(2)])
    assert [(row.what, row.chains) for row in rows if row.root] == [
        ("module app", 2),
        ("frame main, app.py:12", 1),
    ]
    assert drawn([frame, instance(1), instance(2)])[0].endswith("2 of 3 chains")


def test_what_has_no_root_has_another_sign() -> None:
    lines = drawn(
        [
            [
                ChainLink(type="app.Node", edge="attribute next", address="0x1"),
                ChainLink(type="app.Node"),
            ]
        ]
    )
    assert lines[0].startswith("◌ app.Node")
    assert not any("◉" in line for line in lines)


def test_nothing_to_draw() -> None:
    assert drawn([]) == []
    assert drawn([[]]) == []


@pytest.mark.parametrize("width", [12, 30, 60])
def test_any_depth_fits(width: int) -> None:
    deep = [ChainLink(type="app.Node", edge="attribute next", address=hex(n)) for n in range(60)]
    for each in chain_lines([[*deep, MODULE]], width):
        assert width_of(each.line) <= width
    last = drawn([[*deep, MODULE]], 60)[-1]
    assert "attribute next  app.Node" in last


def test_names_that_say_their_type_themselves() -> None:
    assert fmt_link(ChainLink(type="module", name="module app")) == "module app"
    assert fmt_link(ChainLink(type="frame", name="main")) == "frame main"
    assert fmt_link(ChainLink(type="list")) == "list"


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names(name: str) -> None:
    chain = [ChainLink(type=name, edge=name, address=name), ChainLink(type=name, name=name)]
    for each in chain_lines([chain], 40):
        assert width_of(each.line) <= 40
        assert all(text.isprintable() for text, _ in each.line)


def test_chains_as_they_are_found() -> None:
    state = state_of(with_references(Simulation(9.0)))
    found = state.processes[MAIN].references.chains["app", "Session"]
    lines = drawn(found.chains)
    assert lines[0].startswith("◉ module __main__")
    assert any("global sessions  list" in line for line in lines)


def test_the_folders_of_a_frames_file_give_way_first() -> None:
    where = "call (/srv/venv/lib/site-packages/plug/run.py:147)"
    chain = [
        ChainLink(type="app.Report", edge="index 57"),
        ChainLink(type="list", edge="attribute stats"),
        ChainLink(type="app.Reporter", edge="local self"),
        ChainLink(type="frame", name=where),
    ]
    held = "← index 57 ← attribute stats ← local self ← frame"
    for width, shown in ((120, f"{held} {where}"), (76, f"{held} call (run.py:147)")):
        assert "".join(text for text, _ in chain_line(chain, width)) == shown
