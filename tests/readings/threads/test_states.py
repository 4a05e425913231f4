"""The states and the letters they travel as."""

from __future__ import annotations

import random

from refwatch.readings.threads.states import (
    LETTERS,
    STATE_OF_LETTER,
    ThreadState,
    decode_runs,
    encode_runs,
)


def test_every_state_has_a_letter_of_its_own() -> None:
    assert set(LETTERS) == set(ThreadState)
    assert {STATE_OF_LETTER[letter]: letter for letter in STATE_OF_LETTER} == LETTERS


def test_runs_come_back_as_they_were() -> None:
    rng = random.Random(1)
    for _ in range(100):
        runs = [
            (rng.choice(list(ThreadState)), rng.randrange(10**7)) for _ in range(rng.randrange(50))
        ]
        assert decode_runs(encode_runs(runs)) == runs


def test_a_letter_of_a_later_version_is_other() -> None:
    assert decode_runs("h5z7") == [(ThreadState.GIL_HELD, 5), (ThreadState.OTHER, 7)]
