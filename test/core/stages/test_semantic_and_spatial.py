"""Stages 1 and 2 on a scripted conversation."""

from __future__ import annotations

from typing import Any

import pytest

from ppcr_lab.scripted_models import ReplyMllm
from ppcr_ros.core.cancellation import CancelToken
from ppcr_ros.core.errors import PromptParseError, TargetNotFound
from ppcr_ros.core.stages.asking import AnswerLimits
from ppcr_ros.core.stages.semantic import understand
from ppcr_ros.core.stages.spatial import ground
from ppcr_ros.core.types import Frame, SemanticPrompt


def test_semantic_asks_for_the_command_within_its_token_limit(frame: Frame) -> None:
    mllm = ReplyMllm(["small red mug"])
    limits = AnswerLimits(17)
    prompt = understand(mllm.dialect, mllm.open(frame), "the mug", limits, CancelToken())
    assert (prompt.category, prompt.attributes) == ("mug", ("small", "red"))
    assert mllm.turns == [("what? the mug", 17)]


def test_spatial_is_conditioned_on_the_semantic_prompt(frame: Frame) -> None:
    mllm = ReplyMllm(["1 2 9 8"])
    mug, limits = SemanticPrompt("", "mug"), AnswerLimits(21)
    prompt = ground(mllm.dialect, mllm.open(frame), mug, frame, limits, CancelToken())
    assert prompt.box_xyxy_px.tolist() == [1, 2, 9, 8]
    assert mllm.turns == [("where? mug", 21)]


def test_spatial_hands_the_frames_size_to_the_parser(frame: Frame) -> None:
    mllm = ReplyMllm(["1 2 9 8"])
    sizes: list[tuple[int, int]] = []
    parse = mllm.dialect.parse_spatial

    def spy(answer: Any, *, width_px: int, height_px: int) -> Any:
        sizes.append((width_px, height_px))
        return parse(answer, width_px=width_px, height_px=height_px)

    mllm.dialect.parse_spatial = spy
    mug, limits = SemanticPrompt("", "mug"), AnswerLimits(9)
    ground(mllm.dialect, mllm.open(frame), mug, frame, limits, CancelToken())
    assert sizes == [(32, 24)]


def test_spatial_not_found_and_unreadable(frame: Frame) -> None:
    mug = SemanticPrompt("", "mug")
    absent, vague = ReplyMllm(["none"]), ReplyMllm(["left", "left", "left"])
    with pytest.raises(TargetNotFound):
        ground(absent.dialect, absent.open(frame), mug, frame, AnswerLimits(9), CancelToken())
    with pytest.raises(PromptParseError):
        ground(vague.dialect, vague.open(frame), mug, frame, AnswerLimits(9, 2), CancelToken())
    assert len(vague.turns) == 3
