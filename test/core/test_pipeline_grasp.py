"""The grasp target of a run: there wherever there is a mask."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from ppcr_lab.scripted_models import MaskSegmenter, ReplyMllm
from ppcr_ros.core.config import Config, GraspConfig, PipelineConfig
from ppcr_ros.core.pipeline import PPCRPipeline
from ppcr_ros.core.types import Frame, Result, Status

MATRIX = np.array([[50.0, 0.0, 8.0], [0.0, 50.0, 8.0], [0.0, 0.0, 1.0]])


def run(
    mllm: Any, segmenter: Any, frame: Frame, config: Config | None = None, command: str = "the mug"
) -> Result:
    with PPCRPipeline(mllm, segmenter, config) as pipeline:
        return pipeline.run(frame, command)


@pytest.fixture
def rgbd(frame: Frame) -> Frame:
    """The scripted mask, (4, 4) to (12, 12), far in front of a wall."""
    depth_m = np.full(frame.rgb.shape[:2], 2.0, np.float32)
    depth_m[4:12, 4:12] = 0.8
    return replace(frame, depth_m=depth_m, camera_matrix=MATRIX)


def test_with_depth_the_target_is_located(rgbd: Frame) -> None:
    grasp = run(ReplyMllm(), MaskSegmenter(), rgbd).grasp
    assert grasp is not None
    assert grasp.valid_depth_pixels == 64
    assert grasp.centroid_m == pytest.approx([-0.008, -0.008, 0.8], abs=0.005)


def test_without_depth_it_says_so(frame: Frame) -> None:
    result = run(ReplyMllm(), MaskSegmenter(), frame)
    assert result.status is Status.OK
    assert result.grasp is not None
    assert not result.grasp.graspable
    assert "no depth" in result.grasp.reason
    told = replace(frame, depth_problem="the depth camera is unplugged.")
    grasp = run(ReplyMllm(), MaskSegmenter(), told).grasp
    assert grasp is not None
    assert "unplugged" in grasp.reason


def test_without_a_mask_there_is_none(rgbd: Frame) -> None:
    assert run(ReplyMllm(), MaskSegmenter(), rgbd, command=" ").grasp is None


def test_low_confidence_is_located_and_not_graspable(rgbd: Frame) -> None:
    config = Config(pipeline=PipelineConfig(min_confidence=1.0))
    result = run(ReplyMllm(), MaskSegmenter(), rgbd, config)
    assert result.status is Status.LOW_CONFIDENCE
    assert result.grasp is not None
    assert "ended as LOW_CONFIDENCE" in result.grasp.reason
    assert result.grasp.box is not None


def test_the_age_counts_from_the_arrival(rgbd: Frame) -> None:
    config = Config(grasp=GraspConfig(max_age_sec=60.0))
    for seconds, stale in ((0.0, False), (100.0, True)):
        arrived = replace(rgbd, received_sec=time.monotonic() - seconds)
        grasp = run(ReplyMllm(), MaskSegmenter(), arrived, config).grasp
        assert grasp is not None
        assert ("stale image" in grasp.reason) == stale
