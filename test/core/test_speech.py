"""Sentences on results that no model of a few lines brings about."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ppcr_ros.core.speech import sentence, words_on_loss
from ppcr_ros.core.types import Result, Segmentation, SemanticPrompt, Status

RED_MUG = SemanticPrompt("the red mug", "mug", ("red",))


def found(*names: str, semantic: SemanticPrompt = RED_MUG) -> Result:
    mask = np.ones((4, 4), np.bool_)
    one = Segmentation.from_mask(mask, 0.9).instances[0]
    every = Segmentation.union(tuple(replace(one, words=name) for name in names))
    return Result(Status.OK, "a command", semantic=semantic, segmentation=every)


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (("red mug", "blue ball"), "I see the red mug and the blue ball."),
        (("mug", "mug", "blue ball"), "I see 3 of them: the mug and the blue ball."),
        (("mug", "mug"), "I see 2 of them: red mug."),
        (("", "blue ball"), "I see 2 of them: red mug."),
        (("blue ball",), "I see the blue ball."),
        (("",), "I see the red mug and blue ball."),
    ],
)
def test_what_was_found_is_said_by_its_names(names: tuple[str, ...], said: str) -> None:
    semantic = RED_MUG
    if len(names) == 1:
        semantic = replace(RED_MUG, targets=("red mug", "blue ball"))
    assert sentence(found(*names, semantic=semantic)) == said


@pytest.mark.parametrize("status", [Status.OK, Status.LOW_CONFIDENCE])
def test_of_what_is_followed_only_the_loss_is_said(status: Status) -> None:
    followed = replace(found(""), status=status, tracked=True)
    assert sentence(followed) == ""
    assert words_on_loss(followed) == "I have lost the red mug."
    small = words_on_loss(followed, too_small=True)
    assert small == "I cannot follow the red mug, for it is too small."
