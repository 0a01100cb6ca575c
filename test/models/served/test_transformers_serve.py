"""The whole pipeline through ``transformers serve``, which serves the embedded MLLM on loopback."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from ppcr_lab.sim.recording import load_recording
from ppcr_ros.core.cancellation import CancelToken
from ppcr_ros.core.config import Config, MllmConfig
from ppcr_ros.core.errors import Cancelled
from ppcr_ros.core.interfaces import Turn
from ppcr_ros.core.pipeline import PPCRPipeline
from ppcr_ros.core.types import Frame, Status
from ppcr_ros.models import factory
from ppcr_ros.models.mllm.tiny_understanding import LOC_BINS

pytestmark = pytest.mark.slow


def served_config(server: Any) -> Config:
    mllm = MllmConfig(
        family="served",
        served_family="ppcr_tiny",
        endpoint=server.endpoint,
        model=server.model,
        first_token_timeout_sec=300.0,
        answer_timeout_sec=300.0,
    )
    return replace(Config(), mllm=mllm)


@pytest.fixture(scope="module")
def pipelines(transformers_server: Any) -> Iterator[tuple[PPCRPipeline, PPCRPipeline]]:
    """The served one and the one in this process, in the server's number format."""
    served = factory.build_pipeline(served_config(transformers_server))
    exact = replace(Config().mllm, dtype="float32")
    here = factory.build_pipeline(replace(Config(), mllm=exact))
    yield served, here
    served.close()
    here.close()


def scenes() -> list[tuple[Frame, Any, Any]]:
    return [
        (Frame(rgb=scene.view.rgb), command, scene.view)
        for scene in load_recording(None).scenes
        for command in scene.commands
        if not command.reply
    ]


@pytest.mark.parametrize("number", range(11))
def test_a_demo_command_is_answered_as_in_this_process(
    number: int, pipelines: tuple[PPCRPipeline, PPCRPipeline]
) -> None:
    served, here = pipelines
    frame, command, view = scenes()[number]
    found, expected = (pipeline.run(frame, command.text) for pipeline in (served, here))
    assert found.status is expected.status, found.message
    assert found.semantic is not None
    assert expected.semantic is not None
    assert found.semantic.text == expected.semantic.text
    if expected.spatial is not None:
        assert found.spatial is not None
        # The server tells no probabilities, by which a box would lie between two bins.
        apart = np.abs(found.spatial.box_xyxy_px - expected.spatial.box_xyxy_px)
        assert (apart <= 1.5 * np.tile([frame.width_px, frame.height_px], 2) / LOC_BINS).all()
    if command.target is None:
        assert found.status in (Status.NOT_FOUND, Status.AMBIGUOUS)
        return
    assert found.segmentation is not None
    mask, truth = found.segmentation.mask, view.mask_of(command.target)
    assert (mask & truth).sum() / (mask | truth).sum() > 0.5


def test_an_image_that_is_read_ahead_changes_no_answer(
    pipelines: tuple[PPCRPipeline, PPCRPipeline],
) -> None:
    served, _ = pipelines
    frame, command, _ = scenes()[0]
    plain = served.run(frame, command.text)
    ahead = served.read(frame)
    assert served.run(ahead, command.text).semantic == plain.semantic


def test_an_answer_that_is_cancelled_frees_the_engine(
    pipelines: tuple[PPCRPipeline, PPCRPipeline],
) -> None:
    served, _ = pipelines
    frame, command, _ = scenes()[0]
    cancel = CancelToken()
    conversation = served.mllm.open(frame)
    threading.Timer(0.05, cancel.cancel).start()
    with pytest.raises(Cancelled):
        conversation.ask(Turn(command.text), max_new_tokens=500, cancel=cancel)
    assert served.run(frame, command.text).semantic is not None


def test_an_engine_that_is_killed_and_started_again(
    transformers_server: Any, pipelines: tuple[PPCRPipeline, PPCRPipeline]
) -> None:
    served, _ = pipelines
    frame, command, _ = scenes()[0]
    transformers_server.kill()
    down = served.run(frame, command.text)
    assert (down.status, down.mllm_unavailable) == (Status.ERROR, True)
    assert transformers_server.endpoint in down.message
    transformers_server.start()
    assert served.run(frame, command.text).semantic is not None
