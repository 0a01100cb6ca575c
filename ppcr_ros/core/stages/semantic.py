"""Stage 1, Semantic Understanding: what is the target?"""

from __future__ import annotations

from dataclasses import dataclass

from ppcr_ros.core.cancellation import CancelToken
from ppcr_ros.core.interfaces import Conversation, Dialect
from ppcr_ros.core.stages.asking import ask_until_read
from ppcr_ros.core.types import SemanticPrompt


@dataclass(frozen=True)
class SemanticUnderstanding:
    """The MLLM writes the Semantic Segmentation Prompt: the key semantic cues of the target."""

    dialect: Dialect
    max_new_tokens: int
    repair_tries: int = 1

    def run(self, conversation: Conversation, command: str, cancel: CancelToken) -> SemanticPrompt:
        """What ``command`` (cleaned) names in the conversation's frame.

        Raises:
            PromptParseError: when no answer could be read.
            Cancelled: when ``cancel`` was raised.
        """
        return ask_until_read(
            conversation,
            self.dialect.semantic_turn(command),
            read=self.dialect.parse_semantic,
            repair_turn=self.dialect.repair_turn,
            repair_tries=self.repair_tries,
            max_new_tokens=self.max_new_tokens,
            cancel=cancel,
        )
