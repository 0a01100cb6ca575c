"""A pipeline that is real but for its two models: they answer at once, or as slowly as asked.

The dialect is that of Qwen3-VL, so that the quoting of commands and the reading of JSON are those
of a robot. The model says back, as the category, whatever was quoted to it: the worst that a
command can make a model say.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import Any

import numpy as np

from ppcr_ros.core.cancellation import CancelToken
from ppcr_ros.core.config import Config
from ppcr_ros.core.errors import SegmentationError
from ppcr_ros.core.interfaces import Answer, Dialect, Turn
from ppcr_ros.core.pipeline import PPCRPipeline
from ppcr_ros.core.types import Array, Frame, MaskCandidates, SemanticPrompt, SpatialPrompt
from ppcr_ros.models.mllm.qwen3_vl import FAMILY

_BEGIN, _END = "[COMMAND BEGINS]\n", "\n[COMMAND ENDS]"
_POLL_SEC = 0.005


@dataclass
class EchoMllm:
    """An MLLM, and its conversation, that names what it was told and finds it in the same place.

    Attributes:
        answer_sec: how long an answer takes; a cancellation ends it at once.
        slow_word: only turns that hold it take so long; all, where it is empty.
    """

    answer_sec: float = 0.0
    slow_word: str = ""
    name: str = "echo"
    dialect: Dialect = FAMILY

    def open(self, frame: Frame) -> EchoMllm:
        return self

    def read_image(self) -> None:
        """There is nothing to read."""

    def ask(self, turn: Turn, *, max_new_tokens: int, cancel: CancelToken) -> Answer:
        end = time.monotonic() + (self.answer_sec if self.slow_word in turn.text else 0.0)
        while (left_sec := end - time.monotonic()) > 0:
            cancel.raise_if_cancelled()
            time.sleep(min(_POLL_SEC, left_sec))
        cancel.raise_if_cancelled()
        text = _echo(turn.text)
        return Answer(text=text, tokens=(text,), probabilities=np.full(1, 0.9, np.float32))

    def yes_probability(self, turn: Turn, *, cancel: CancelToken) -> float:
        return 1.0


def _echo(text: str) -> str:
    _, begun, rest = text.partition(_BEGIN)
    if not begun:
        return '{"location": "here", "extent": "whole", "bbox_2d": [250, 250, 500, 500]}'
    said = json.loads(rest.partition(_END)[0])
    return json.dumps({"present": True, "category": said, "attributes": [said], "relations": []})


@dataclass
class BoxSegmenter:
    """A segmenter that fills the box."""

    name: str = "box-filler"

    def encode(self, frame: Frame) -> tuple[int, int]:
        return frame.height_px, frame.width_px

    def segment(
        self, encoded: Any, semantic: SemanticPrompt | None, spatial: SpatialPrompt | None
    ) -> MaskCandidates:
        if spatial is None:
            raise SegmentationError(f"{self.name} needs a box.")
        masks: Array = np.zeros((1, *encoded), np.bool_)
        left, top = np.floor(spatial.box_xyxy_px[:2]).astype(int)
        right, bottom = np.ceil(spatial.box_xyxy_px[2:]).astype(int)
        masks[0, top:bottom, left:right] = True
        return MaskCandidates(masks, np.array([0.9], np.float32))


def scripted_pipeline(config: Config, answer_sec: float = 0.0, slow_word: str = "") -> PPCRPipeline:
    """The pipeline of ``config`` on these models."""
    return PPCRPipeline(EchoMllm(answer_sec, slow_word), BoxSegmenter(), config)
