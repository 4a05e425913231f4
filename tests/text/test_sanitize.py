"""Text from the target on its way to a terminal and into JSON."""

from __future__ import annotations

import json
import random
import sys

import pytest

from refwatch.text.sanitize import encodable, printable, shorten, shorten_path

ODD = "a/\\ é日\x00\x1b\x7f\x85\x9b\xa0\xad\u200b\u202e\u2066\ufeff\udc80\udcff\ue000\U000e0001"


def noise(length: int, seed: int) -> str:
    dice = random.Random(seed)
    return "".join(
        dice.choice(ODD) if dice.random() < 0.5 else chr(dice.randrange(sys.maxunicode + 1))
        for _ in range(length)
    )


@pytest.mark.parametrize("seed", range(20))
def test_whatever_comes_is_printable_and_fits(seed: int) -> None:
    text = noise(50, seed)
    assert printable(text).isprintable()
    assert printable(printable(text)) == printable(text)
    for width in (1, 2, 7, 1000):
        assert shorten(text, width).isprintable()
        assert len(shorten(text, width)) <= width
        assert shorten_path(text, width).isprintable()
        assert len(shorten_path(text, width)) <= width
    assert shorten(text, 1000) == shorten_path(text, 1000) == printable(text)


def test_characters_that_look_alike_stay_apart() -> None:
    assert len({printable(f"run{char}.py") for char in ODD}) == len(ODD)
    assert printable("re\u202eport\x1b.py") == "re\\u202eport\\x1b.py"
    assert printable("日本 é \\") == "日本 é \\"


def test_what_is_cut_keeps_its_beginning_or_its_end() -> None:
    assert shorten("package.module", 8) == "package…"
    assert shorten_path("/srv/app/load.py", 9) == "…/load.py"
    assert shorten("load.py", 7) == shorten_path("load.py", 7) == "load.py"


@pytest.mark.parametrize("seed", range(20))
def test_whatever_comes_can_be_encoded(seed: int) -> None:
    value = {noise(9, seed): [noise(30, seed + 1), 1, None, {"x": noise(3, seed + 2)}]}
    data = json.dumps(encodable(value), ensure_ascii=False).encode()
    assert json.loads(data).keys() == {str(encodable(key)) for key in value}


def test_what_is_text_is_encoded_as_it_is() -> None:
    assert encodable("é日\x1b\udcff") == "é日\x1b\\udcff"
    assert encodable(["a", 1, 2.5, None, True]) == ("a", 1, 2.5, None, True)
