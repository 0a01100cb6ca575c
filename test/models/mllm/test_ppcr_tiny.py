"""The embedded model's dialect: what it is asked and how its answers are read."""

from __future__ import annotations

import numpy as np
import pytest

from ppcr_ros.core.errors import PromptParseError
from ppcr_ros.core.interfaces import Answer
from ppcr_ros.models.mllm.ppcr_tiny import (
    FAMILY,
    LOC_BINS,
    loc_token,
    region_of,
    semantic_answer,
)


def answer(*tokens: str, probabilities: tuple[float, ...] | None = None) -> Answer:
    return Answer(
        text="".join(tokens),
        tokens=tokens,
        probabilities=np.array(probabilities or (0.9,) * len(tokens), np.float32),
    )


def box_answer(*bins: int) -> Answer:
    return answer("front", " left", *(loc_token(index) for index in bins))


def test_a_plain_phrase_names_what_was_found() -> None:
    prompt = FAMILY.parse_semantic(answer(semantic_answer("green object", "", "small green ball")))
    assert (prompt.category, prompt.attributes) == ("ball", ("small", "green"))
    assert prompt.relations == ()
    assert prompt.present


@pytest.mark.parametrize(
    ("phrase", "relation"),
    [
        ("ball", "second from left"),
        ("object", "left of large red cube"),
        ("red ball", "in front of small blue capsule"),
        ("large object", "nearest to small white cylinder"),
        ("cube", "behind large black ball"),
    ],
)
def test_a_relation_is_told_from_the_phrase(phrase: str, relation: str) -> None:
    prompt = FAMILY.parse_semantic(answer(semantic_answer(phrase, relation, "small green ball")))
    assert prompt.relations == (relation,)
    assert prompt.category == "ball"


def test_absent_is_an_outcome_and_keeps_what_was_asked() -> None:
    prompt = FAMILY.parse_semantic(answer(semantic_answer("large red cube", "", None)))
    assert not prompt.present
    assert (prompt.category, prompt.attributes) == ("cube", ("large", "red"))


def test_confidence_is_of_the_words_not_of_the_colon() -> None:
    tokens = ("ball", ":", " small")
    prompt = FAMILY.parse_semantic(answer(*tokens, probabilities=(0.5, 1e-4, 0.5)))
    assert prompt.confidence == pytest.approx(0.5)


@pytest.mark.parametrize("text", ["", ":", "ball", "ball:", ": ball", "no colon here"])
def test_other_semantic_answers_are_no_prompt(text: str) -> None:
    with pytest.raises(PromptParseError, match="expected 'PHRASE: READING'"):
        FAMILY.parse_semantic(answer(text))


@pytest.mark.parametrize(("width_px", "height_px"), [(640, 480), (1920, 300), (97, 801)])
def test_location_bins_become_the_frames_pixels(width_px: int, height_px: int) -> None:
    prompt = FAMILY.parse_spatial(
        box_answer(31, 63, 95, 127), width_px=width_px, height_px=height_px
    )
    expected = np.array([31.5, 63.5, 95.5, 127.5]) / LOC_BINS
    expected *= (width_px, height_px, width_px, height_px)
    np.testing.assert_allclose(prompt.box_xyxy_px, expected, rtol=1e-6)
    assert prompt.text == "front left"


@pytest.mark.parametrize("bins", [(), (1, 2, 3), (1, 2, 3, 4, 5), (1, 2, 3, 900)])
def test_four_bins_are_expected(bins: tuple[int, ...]) -> None:
    with pytest.raises(PromptParseError, match="expected 4"):
        FAMILY.parse_spatial(box_answer(*bins), width_px=640, height_px=480)


@pytest.mark.parametrize("bins", [(50, 10, 20, 60), (10, 60, 50, 20), (10, 10, 10, 20)])
def test_reversed_corners_are_refused(bins: tuple[int, ...]) -> None:
    with pytest.raises(PromptParseError, match="expected x1 < x2"):
        FAMILY.parse_spatial(box_answer(*bins), width_px=640, height_px=480)


def test_a_place_counts_its_neighbouring_bins() -> None:
    assert loc_token(0) in FAMILY.neighbour_tokens(loc_token(2))
    assert FAMILY.neighbour_tokens(loc_token(0))[0] == loc_token(0)
    assert FAMILY.neighbour_tokens("ball") == ("ball",)


def test_regions_are_named_by_thirds() -> None:
    assert region_of(0.1, 0.1) == "back left"
    assert region_of(0.5, 0.5) == "middle centre"
    assert region_of(1.0, 1.0) == "front right"
