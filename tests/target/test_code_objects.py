"""Location tables decoded by us against what the interpreter itself says of the same code."""

from __future__ import annotations

import argparse
import ast
import asyncio.base_events
import dataclasses
import json.decoder
import typing
from collections.abc import Iterator
from types import CodeType, ModuleType

import pytest

from refwatch.target.code_objects import decode_linetable

MODULES = [argparse, ast, asyncio.base_events, dataclasses, json.decoder, typing]


def codes_of(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from codes_of(constant)


def line_at(starts: list[int], lines: list[int], offset: int) -> int:
    return next(
        line
        for start, end, line in zip(starts, starts[1:], lines, strict=False)
        if start <= offset < end
    )


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__)
def test_every_line_is_the_interpreters(module: ModuleType) -> None:
    assert module.__file__
    with open(module.__file__, encoding="utf-8") as file:
        top = compile(file.read(), module.__file__, "exec")
    seen = 0
    for code in codes_of(top):
        starts, lines = decode_linetable(code.co_linetable, code.co_firstlineno)
        assert starts[-1] == len(code.co_code)
        for begin, end, line in code.co_lines():
            if line is None:
                continue
            seen += 1
            for offset in range(begin, end, 2):
                assert line_at(starts, lines, offset) == line, (code, offset)
    assert seen > 100


def test_a_table_of_noise_ends() -> None:
    for table in (b"", b"\xff" * 50, bytes(range(256)), b"\xe8" + b"\x40" * 10, b"\xe8"):
        starts, lines = decode_linetable(table, 1)
        assert len(starts) == len(lines) + 1
