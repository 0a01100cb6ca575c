"""Distractors around a training command, which change nothing about what it means."""

from __future__ import annotations

import numpy as np
import pytest

from ppcr_lab.robustness.faults.prompt_injection import INJECTIONS
from ppcr_lab.sim.scene import CATEGORIES, COLOURS, SIZES
from ppcr_lab.sim.vocabulary import CATEGORY_WORDS, COLOUR_WORDS, SIZE_WORDS, UNKNOWN_NOUNS
from ppcr_lab.training import distractors

COMMAND = "the second ball from the left"


@pytest.fixture(scope="module")
def said() -> list[str]:
    rng = np.random.default_rng(0)
    return [distractors.with_talk(COMMAND, rng) for _ in range(4000)]


def test_the_command_stays_in_one_piece_with_something_before_or_behind_it(said: list[str]) -> None:
    assert all(COMMAND in text and len(text) > len(COMMAND) + 2 for text in said)
    behind = sum(text.startswith(COMMAND) for text in said)
    before = sum(text.endswith(COMMAND) for text in said)
    assert min(behind, before) > 1000
    assert behind + before < len(said)  # some have it on both sides


def test_hardly_two_are_alike_and_a_seed_repeats_them(said: list[str]) -> None:
    assert len(set(said)) > 0.95 * len(said)
    rng = np.random.default_rng(0)
    assert [distractors.with_talk(COMMAND, rng) for _ in range(20)] == said[:20]


def test_chatter_has_no_word_that_tells_an_object_or_its_place() -> None:
    telling = {*CATEGORIES, *COLOURS, *SIZES, *UNKNOWN_NOUNS}
    for words in (CATEGORY_WORDS, COLOUR_WORDS, SIZE_WORDS):
        telling |= {word for spoken in words.values() for word in spoken}
    telling |= {"first", "second", "third", "fourth", "left", "right", "front", "back", "between"}
    telling |= {"one", "thing", "item", "object", "not", "on", "in", "of", "from", "where", "fits"}
    assert telling.isdisjoint(distractors.CHATTER)


def test_no_injection_that_is_tested_was_trained_on(said: list[str]) -> None:
    """But for answers in the model's own form, and pairs of keys and values."""
    tested = {
        part.strip(' .{}"').lower()
        for kind in ("instructions", "template tokens")
        for form in INJECTIONS[kind]
        for part in form.split("{}")
    }
    sentences = {part for part in tested if len(part.split()) > 2}
    assert len(sentences) >= 5
    trained = " | ".join(said).lower()
    assert not [part for part in sentences if part in trained]
