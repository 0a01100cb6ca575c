"""Stage 2, Spatial Grounding: where is it, and how far does it extend?"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from ppcr_ros.core.cancellation import CancelToken
from ppcr_ros.core.interfaces import Conversation, Dialect
from ppcr_ros.core.stages.asking import ask_until_read
from ppcr_ros.core.types import Frame, SemanticPrompt, SpatialPrompt


@dataclass(frozen=True)
class SpatialGrounding:
    """Conditioned on stage 1, the MLLM writes the Spatial Segmentation Prompt."""

    dialect: Dialect
    max_new_tokens: int
    repair_tries: int = 1

    def run(
        self,
        conversation: Conversation,
        semantic: SemanticPrompt,
        frame: Frame,
        cancel: CancelToken,
    ) -> SpatialPrompt:
        """Where in ``frame`` the target of ``semantic`` is, in the frame's own pixels.

        Raises:
            TargetNotFound: when the MLLM says that the object is not there.
            TargetAmbiguous: when it says that several objects fit.
            PromptParseError: when no answer could be read.
            Cancelled: when ``cancel`` was raised.
        """
        return ask_until_read(
            conversation,
            self.dialect.spatial_turn(semantic),
            read=partial(
                self.dialect.parse_spatial, width_px=frame.width_px, height_px=frame.height_px
            ),
            repair_turn=self.dialect.repair_turn,
            repair_tries=self.repair_tries,
            max_new_tokens=self.max_new_tokens,
            cancel=cancel,
        )
