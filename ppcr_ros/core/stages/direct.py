"""Direct grounding, without stage 1: where is what the command names?"""

from __future__ import annotations

from functools import partial

from ppcr_ros.core.cancellation import CancelToken
from ppcr_ros.core.errors import ConfigError
from ppcr_ros.core.interfaces import Conversation, Dialect
from ppcr_ros.core.stages.asking import AnswerLimits, ask_until_read
from ppcr_ros.core.types import Frame, SpatialPrompt


def ground_directly(
    dialect: Dialect,
    conversation: Conversation,
    command: str,
    frame: Frame,
    limits: AnswerLimits,
    cancel: CancelToken,
    *,
    every: bool = False,
    mllm_name: str = "the MLLM",
) -> SpatialPrompt:
    """Have the MLLM write the Spatial Segmentation Prompt straight from the command.

    Returns:
        Where in ``frame`` the target of ``command`` (cleaned) is, in the frame's own pixels; with
        ``every``, where each object is that it fits.

    Raises:
        ConfigError: when the model family has no such question.
        TargetNotFound: when the MLLM says that the object is not there.
        TargetAmbiguous: when it says that several objects fit.
        PromptParseError: when no answer could be read.
        Cancelled: when ``cancel`` was raised.
    """
    turn = dialect.direct_all_turn(command) if every else dialect.direct_turn(command)
    if turn is None:
        raise ConfigError(
            f"pipeline.guidance is 'direct', and {mllm_name} cannot be asked for a box without a "
            f"semantic prompt: its dialect, {type(dialect).__name__}, has no such question. Set "
            "pipeline.guidance to 'progressive'."
        )
    return ask_until_read(
        conversation,
        turn,
        read=partial(dialect.parse_spatial, width_px=frame.width_px, height_px=frame.height_px),
        repair_turn=dialect.repair_turn,
        limits=limits,
        cancel=cancel,
    )
