"""Everyday talk holds the words of places and orders, and never becomes a part of the command."""

from __future__ import annotations

import re

import numpy as np
import pytest

from ppcr_lab.training.distractors import with_talk
from ppcr_lab.training.everyday import HELD_OUT, everyday

COMMAND = "the ball left of the mug"
TELLING = (
    "right", "left", "first", "second", "last", "next", "behind", "front", "back", "top", "over",
    "between", "bigger", "little", "one", "on", "in", "red", "blue", "can", "thing",
)  # fmt: skip


@pytest.fixture(scope="module")
def said() -> list[str]:
    rng = np.random.default_rng(0)
    return [everyday(rng) for _ in range(6000)]


def test_every_telling_word_is_heard_in_many_forms(said: list[str]) -> None:
    assert len(set(said)) > 2000
    for word in TELLING:
        forms = {text for text in said if re.search(rf"\b{word}\b", text)}
        assert len(forms) >= 8, word


def test_what_is_held_out_is_never_said(said: list[str]) -> None:
    assert len(HELD_OUT) >= 30
    assert not set(HELD_OUT) & set(said)


def test_no_gap_stays_open(said: list[str]) -> None:
    assert not [text for text in said if "{" in text]


def test_it_stands_beside_the_command_and_not_in_its_name() -> None:
    rng = np.random.default_rng(1)
    texts = [with_talk(COMMAND, rng) for _ in range(3000)]
    assert all(COMMAND in text for text in texts)
    bare = [with_talk("ball left of mug", rng) for _ in range(3000)]
    hanging = re.compile(r"\b(?:second|first|last|left|right|little|red) ball left", re.IGNORECASE)
    assert not [text for text in bare if hanging.search(text)]
    placed = re.compile(r"the mug (?:behind|between|in front of|on top of|next)\b", re.IGNORECASE)
    assert not [text for text in texts if placed.search(text)]


def test_what_the_fault_never_says_in_training_is_held_out() -> None:
    from ppcr_lab.robustness.faults import everyday_talk

    said = {form.replace("{}", "").strip(" ,") for form in everyday_talk.HELD_OUT}
    assert said <= set(HELD_OUT)
    assert len(everyday_talk.HEARD) + len(said) >= 30
