"""Talk beside a command, and what is left of it for ppcr-tiny."""

from __future__ import annotations

import numpy as np
import pytest

from ppcr_lab.training.everyday import everyday
from ppcr_ros.models.mllm.ppcr_tiny import PpcrTiny
from ppcr_ros.models.mllm.tiny_talk import telling_clauses

TALK = (
    "second attempt",
    "first of all",
    "right away",
    "just a second",
    "it is now or next week",
    "feeling blue again",
    "left at noon",
    "the bigger the better",
    "one small step at a time",
)
TELLING = """
the mug, the second from the left
the mug, on the left
the mug, on the far right please
the mug, leftmost
the mug, closest to you
the mug, the small one
the mug, blue
the mug, dark blue please
the mug, the first
the mug, not the chipped one
the mug, left of the bowl
the mug, between the stapler and the phone
the mug, next to my keys
counting from the left, the second of the mugs
of all the balls, the second from the left
second from the left, the mug
the stapler, on top shelf
um, the mug, please
""".strip().splitlines()


@pytest.mark.parametrize("said", TALK)
@pytest.mark.parametrize("command", ["the red mug", "the second ball from the left"])
def test_talk_with_the_models_words_is_left_out(said: str, command: str) -> None:
    assert telling_clauses(f"{command}, {said}") == command
    assert telling_clauses(f"{said}, {command}") == command


@pytest.mark.parametrize("command", TELLING)
def test_what_may_tell_an_object_stays(command: str) -> None:
    assert telling_clauses(command) == command


def test_of_the_talk_that_is_heard_in_training_most_is_left_out() -> None:
    """What stays holds no word of the model's, or a name, or what may be a place."""
    rng = np.random.default_rng(0)
    said = [everyday(rng) for _ in range(500)]
    left_out = [telling_clauses(f"the red mug, {talk}") == "the red mug" for talk in said]
    assert np.mean(left_out) > 0.7


def test_the_model_is_asked_without_it() -> None:
    family = PpcrTiny()
    assert family.semantic_turn("The red mug, second attempt").text == "The red mug"
    assert family.direct_turn("second attempt, the red mug").text == "the red mug where at once"
