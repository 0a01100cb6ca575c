"""Direct grounding, the baseline without a semantic stage: where is what the command names?"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from ppcr_ros.core.cancellation import CancelToken
from ppcr_ros.core.errors import ConfigError
from ppcr_ros.core.interfaces import Conversation, Dialect
from ppcr_ros.core.stages.asking import ask_until_read
from ppcr_ros.core.types import Frame, SpatialPrompt


@dataclass(frozen=True)
class DirectGrounding:
    """The MLLM writes the Spatial Segmentation Prompt straight from the command."""

    dialect: Dialect
    max_new_tokens: int
    repair_tries: int = 1
    mllm_name: str = "the MLLM"

    def run(
        self, conversation: Conversation, command: str, frame: Frame, cancel: CancelToken
    ) -> SpatialPrompt:
        """Where in ``frame`` the target of ``command`` (cleaned) is, in the frame's own pixels.

        Raises:
            ConfigError: when the model family has no such question.
            TargetNotFound: when the MLLM says that the object is not there.
            TargetAmbiguous: when it says that several objects fit.
            PromptParseError: when no answer could be read.
            Cancelled: when ``cancel`` was raised.
        """
        turn = self.dialect.direct_turn(command)
        if turn is None:
            raise ConfigError(
                f"pipeline.guidance is 'direct', and {self.mllm_name} cannot be asked for a box "
                f"without a semantic prompt: its dialect, {type(self.dialect).__name__}, has no "
                "such question. Set pipeline.guidance to 'progressive'."
            )
        return ask_until_read(
            conversation,
            turn,
            read=partial(
                self.dialect.parse_spatial, width_px=frame.width_px, height_px=frame.height_px
            ),
            repair_turn=self.dialect.repair_turn,
            repair_tries=self.repair_tries,
            max_new_tokens=self.max_new_tokens,
            cancel=cancel,
        )
