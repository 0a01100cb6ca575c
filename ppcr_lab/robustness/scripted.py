"""A pipeline that is real but for its two models: they answer at once, or as slowly as asked.

The dialect is that of Qwen3-VL, so that the quoting of commands and the reading of JSON are those
of a robot. The model answers with whatever was quoted to it as the category: the worst that a
command can make a model write.
"""

from __future__ import annotations

import json

from ppcr_lab.scripted_models import BoxSegmenter, KeywordMllm
from ppcr_ros.core.config import Config
from ppcr_ros.core.pipeline import PPCRPipeline
from ppcr_ros.models.mllm.qwen3_vl import FAMILY

_BEGIN, _END = "[COMMAND BEGINS]\n", "\n[COMMAND ENDS]"


def repeat_command(question: str) -> str:
    """The answer in JSON to a question of Qwen3-VL's family: the quoted command, and one box."""
    _, begun, rest = question.partition(_BEGIN)
    if not begun:
        return '{"location": "here", "extent": "whole", "bbox_2d": [250, 250, 500, 500]}'
    quoted = json.loads(rest.partition(_END)[0])
    return json.dumps(
        {"present": True, "category": quoted, "attributes": [quoted], "relations": []}
    )


def scripted_pipeline(config: Config, answer_sec: float = 0.0, slow_word: str = "") -> PPCRPipeline:
    """The pipeline of ``config`` on these models."""
    mllm = KeywordMllm(FAMILY, repeat_command, answer_sec, slow_word)
    return PPCRPipeline(mllm, BoxSegmenter(), config)
