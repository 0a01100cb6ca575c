"""Spellings of a recogniser: fillers, lost articles, misspellings."""

from __future__ import annotations

import numpy as np
import pytest

from ppcr_lab.sim.speech import misheard, speak
from ppcr_lab.sim.vocabulary import FILLERS, HOMOPHONES, WRAPS


def rng(seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_an_unknown_phrasing_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="'german'; expected 'train', 'val' or 'test'"):
        speak("the ball", rng(0), "german")


def test_the_splits_share_no_wrapping() -> None:
    with_fillers = {f"{filler} {wrap}" for filler in FILLERS for wrap in WRAPS["train"]}
    assert not with_fillers & {*WRAPS["val"], *WRAPS["test"]}


def test_the_same_seed_says_the_same() -> None:
    assert speak("the red ball", rng(5), "train") == speak("the red ball", rng(5), "train")


def test_people_vary() -> None:
    spoken = [speak("the red ball", rng(seed), "train") for seed in range(300)]
    assert len(set(spoken)) > 150
    assert any(text[0].isupper() for text in spoken)
    assert any("the red ball" not in text.lower() for text in spoken)
    plain = sum("red ball" in text.lower() for text in spoken)
    assert plain > 250


def test_one_word_at_most_is_misheard() -> None:
    text = "give me the little yellow block please"
    words = text.split()
    changed = 0
    for seed in range(100):
        heard = misheard(text, rng(seed)).split()
        assert len(heard) == len(words)
        wrong = [(a, b) for a, b in zip(words, heard, strict=True) if a != b]
        assert len(wrong) <= 1
        changed += len(wrong)
        for said, written in wrong:
            assert written[0] == said[0]
            assert abs(len(written) - len(said)) <= 1
    assert changed > 70


def test_a_word_may_become_one_that_sounds_like_it() -> None:
    heard = {misheard("the red mug", rng(seed)) for seed in range(50)}
    assert f"the {HOMOPHONES['red']} mug" in heard


def test_no_colour_becomes_a_place() -> None:
    heard = {misheard("black", rng(seed)) for seed in range(200)}
    assert "blak" in heard
    assert "back" not in heard


def test_short_words_are_left_alone() -> None:
    assert misheard("a b cde", rng(0)) == "a b cde"
