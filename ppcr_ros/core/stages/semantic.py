"""Stage 1, Semantic Understanding: what is the target?"""

from __future__ import annotations

from ppcr_ros.core.cancellation import CancelToken
from ppcr_ros.core.interfaces import Conversation, Dialect
from ppcr_ros.core.stages.asking import AnswerLimits, ask_until_read
from ppcr_ros.core.types import SemanticPrompt


def understand(
    dialect: Dialect,
    conversation: Conversation,
    command: str,
    limits: AnswerLimits,
    cancel: CancelToken,
) -> SemanticPrompt:
    """Have the MLLM write the Semantic Segmentation Prompt: the key semantic cues of the target.

    Args:
        dialect: how the MLLM is asked and read.
        conversation: about the frame.
        command: cleaned.
        limits: of the answer.
        cancel: ends it between two tokens.

    Raises:
        PromptParseError: when no answer could be read.
        Cancelled: when ``cancel`` was raised.
    """
    return ask_until_read(
        conversation,
        dialect.semantic_turn(command),
        read=dialect.parse_semantic,
        repair_turn=dialect.repair_turn,
        limits=limits,
        cancel=cancel,
    )
