"""Guidance of the mask: PPCR itself, and the ways to leave a part of it out.

The ways beside `PROGRESSIVE` are there to be compared with it, by ``ppcr eval --ablate``.
"""

from __future__ import annotations

from dataclasses import replace
from enum import Enum

from ppcr_ros.core.types import SemanticPrompt, SpatialPrompt

GuidingPrompts = tuple[SemanticPrompt | None, SpatialPrompt | None]


class Guidance(str, Enum):
    """Prompts that guide stage 3."""

    PROGRESSIVE = "progressive"
    """Both prompts jointly: box, name and place, and the hidden states through a prompt adapter,
    as far as the segmenter takes them."""
    NO_ADAPTER = "no_adapter"
    """Both prompts without their hidden states; the MLLM judges the masks by the semantic one."""
    SPATIAL_ONLY = "spatial_only"
    """Both are written; the segmenter is shown the box and points alone."""
    SEMANTIC_ONLY = "semantic_only"
    """Stage 2 is left out: the segmenter works from the semantic prompt alone."""
    DIRECT = "direct"
    """Stage 1 is left out: the MLLM is asked for the box straight from the command."""

    def shown(
        self, semantic: SemanticPrompt | None, spatial: SpatialPrompt | None
    ) -> GuidingPrompts:
        """What the segmenter is shown of the prompts; hidden states are for the adapter."""
        if self in (Guidance.PROGRESSIVE, Guidance.SEMANTIC_ONLY):
            return semantic, spatial
        spatial = None if spatial is None else replace(spatial, embedding=None)
        if self is Guidance.NO_ADAPTER and semantic is not None:
            return replace(semantic, embedding=None), spatial
        return None, spatial

    def verifies(self, verify_with_mllm: bool) -> bool:
        """Whether the MLLM judges the masks by the semantic prompt, given the option of that name.

        Where the semantic prompt must not guide the mask, it does not do so by this way either.
        """
        if self is Guidance.NO_ADAPTER:
            return True
        return verify_with_mllm and self not in (Guidance.SPATIAL_ONLY, Guidance.DIRECT)
