"""Exception tables, held against what the library's own decoder says of the same code."""

from __future__ import annotations

import argparse
import ast
import dis
import inspect
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from types import CodeType, ModuleType

import pytest

from refwatch.target.exception_table import decode_handlers, depth_at


def codes(module: ModuleType) -> Iterator[CodeType]:
    todo = [compile(inspect.getsource(module), module.__name__, "exec")]
    while todo:
        code = todo.pop()
        yield code
        todo += [const for const in code.co_consts if isinstance(const, CodeType)]


MODULES = [argparse, ast, dis, inspect, subprocess, tempfile, threading]


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__)
def test_handlers_are_those_of_the_library(module: ModuleType) -> None:
    compared = 0
    for code in codes(module):
        theirs = dis._parse_exception_table(code)  # type: ignore[attr-defined]
        ours = decode_handlers(code.co_exceptiontable)
        assert [tuple(each) for each in ours] == [(e.start, e.end, e.depth) for e in theirs]
        compared += len(ours)
    assert compared > 5


def test_depth_is_that_of_the_handler_around() -> None:
    handlers = decode_handlers(
        bytes([0x80 | 3, 4, 10, 2 << 1 | 1]) + bytes([0x80 | 0x40 | 1, 2, 6, 20, 0])
    )
    assert [depth_at(handlers, offset) for offset in (0, 4, 6, 12, 14)] == [0, 0, 2, 2, 0]
    assert depth_at(handlers, 2 * 66) == 0
    assert handlers[1].start == 2 * 66


def test_what_is_cut_off_is_none() -> None:
    assert decode_handlers(bytes([0x80 | 3, 4])) == []
    assert decode_handlers(b"") == []
