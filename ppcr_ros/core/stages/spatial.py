"""Stage 2, Spatial Grounding: where is it, and how far does it extend?"""

from __future__ import annotations

from functools import partial

from ppcr_ros.core.cancellation import CancelToken
from ppcr_ros.core.interfaces import Conversation, Dialect
from ppcr_ros.core.stages.asking import AnswerLimits, ask_until_read
from ppcr_ros.core.types import Frame, SemanticPrompt, SpatialPrompt


def ground(
    dialect: Dialect,
    conversation: Conversation,
    semantic: SemanticPrompt,
    frame: Frame,
    limits: AnswerLimits,
    cancel: CancelToken,
) -> SpatialPrompt:
    """Have the MLLM write the Spatial Segmentation Prompt, conditioned on stage 1's.

    Returns:
        Where in ``frame`` the target of ``semantic`` is, in the frame's own pixels.

    Raises:
        TargetNotFound: when the MLLM says that the object is not there.
        TargetAmbiguous: when it says that several objects fit.
        PromptParseError: when no answer could be read.
        Cancelled: when ``cancel`` was raised.
    """
    return ask_until_read(
        conversation,
        dialect.spatial_turn(semantic),
        read=partial(dialect.parse_spatial, width_px=frame.width_px, height_px=frame.height_px),
        repair_turn=dialect.repair_turn,
        limits=limits,
        cancel=cancel,
    )
