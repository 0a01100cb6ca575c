"""Guidance: prompts that a segmenter is shown."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ppcr_ros.core.guidance import Guidance
from ppcr_ros.core.types import SemanticPrompt, SpatialPrompt

STATES = np.ones((3, 8), np.float32)
SEMANTIC = SemanticPrompt("the mug", "mug", confidence=0.9, embedding=STATES)
SPATIAL = SpatialPrompt("there", np.array([4, 4, 12, 12], np.float32), embedding=STATES)
BARE = replace(SEMANTIC, embedding=None), replace(SPATIAL, embedding=None)


def test_both_prompts_are_shown_with_the_hidden_states_by_default() -> None:
    assert Guidance.PROGRESSIVE.shown(SEMANTIC, SPATIAL) == (SEMANTIC, SPATIAL)


def test_without_the_adapter_no_hidden_states_are_shown() -> None:
    semantic, spatial = Guidance.NO_ADAPTER.shown(SEMANTIC, SPATIAL)
    assert (semantic, spatial is not None) == (BARE[0], True)
    assert spatial is not None
    assert spatial.embedding is None
    assert spatial.box_xyxy_px is SPATIAL.box_xyxy_px


@pytest.mark.parametrize("guidance", [Guidance.SPATIAL_ONLY, Guidance.DIRECT])
def test_the_spatial_prompt_alone_is_shown_bare(guidance: Guidance) -> None:
    semantic, spatial = guidance.shown(SEMANTIC, SPATIAL)
    assert semantic is None
    assert spatial is not None
    assert spatial.embedding is None


def test_the_semantic_prompt_alone_is_shown_whole() -> None:
    assert Guidance.SEMANTIC_ONLY.shown(SEMANTIC, None) == (SEMANTIC, None)


@pytest.mark.parametrize(
    ("guidance", "unless_asked", "when_asked"),
    [
        (Guidance.PROGRESSIVE, False, True),
        (Guidance.NO_ADAPTER, True, True),
        (Guidance.SPATIAL_ONLY, False, False),
        (Guidance.SEMANTIC_ONLY, False, True),
        (Guidance.DIRECT, False, False),
    ],
)
def test_the_mllm_judges_the_masks_only_where_the_semantic_prompt_guides_them(
    guidance: Guidance, unless_asked: bool, when_asked: bool
) -> None:
    assert guidance.verifies(verify_with_mllm=False) is unless_asked
    assert guidance.verifies(verify_with_mllm=True) is when_asked
