"""The options of Python's own command line, as its ``config_parse_cmdline`` reads them."""

from __future__ import annotations

from refwatch.cli.errors import USAGE, give_up

FLAGS = frozenset("bBdiOPqRsuvx")
WITH_VALUE = frozenset("WX")
SHUT_OUT = frozenset("EIS")
"""With these Python takes nothing from PYTHONPATH, or loads no sitecustomize."""
TARGETS = frozenset("cm")
PYCS = "--check-hash-based-pycs"


def split_options(words: list[str]) -> tuple[list[str], list[str]]:
    """Python's options, and what is behind them: ``-m MODULE ..``, ``-c CODE ..``, a script,
    nothing. What is no option of Python's ends them, too."""
    index = 0
    while index < len(words):
        word = words[index]
        taken, target = _option(word)
        if not taken:
            break
        if target:  # -um MODULE
            before = ["-" + word[1:target]] if target > 1 else []
            return words[:index] + before, ["-" + word[target:], *words[index + 1 :]]
        index += taken
    return words[:index], words[index:]


def _option(word: str) -> tuple[int, int]:
    """How many words this option takes, 0 for what is none; and where in it ``c`` or ``m`` is, 0
    where they are not."""
    if word.startswith(PYCS):
        return (2 if word == PYCS else 1), 0
    if not word.startswith("-") or word.startswith("--") or word == "-":
        return 0, 0
    for place, letter in enumerate(word[1:], 1):
        if letter in TARGETS:
            return 1, place
        if letter in WITH_VALUE:
            return (1 if word[place + 1 :] else 2), 0
        if letter not in FLAGS | SHUT_OUT:
            return 0, 0
    return 1, 0


def refuse_shut_out(options: list[str], where: str, instead: str = "") -> None:
    """Give up on an option with which refwatch sees nothing. ``instead``: what can be done."""
    skip = False
    for word in options:
        letters = "" if skip or word.startswith("--") else word[1:]
        skip = not skip and (word == PYCS or letters[-1:] in WITH_VALUE)
        for letter in letters:
            if letter in WITH_VALUE:
                break
            if letter in SHUT_OUT:
                give_up(
                    f"{where}-{letter} shuts out refwatch, which comes in by PYTHONPATH and "
                    f"sitecustomize{instead}",
                    USAGE,
                )
