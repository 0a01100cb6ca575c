"""A phrase's place, as stages 1 and 2 have written of it, and the boxes of all that stage 1 saw."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ppcr_ros.core.interfaces import Conversation
from ppcr_ros.core.types import Instance, Seen, SemanticPrompt, SpatialPrompt

_SAME_PLACE_SHARE = 0.06
"""A box whose middle is so near the point at which an object was seen, in shares, is its box."""


@dataclass(frozen=True)
class LocatedPhrase:
    """One phrase's place.

    Attributes:
        semantic: what stage 1 has written of it; None where that is left out.
        spatial: what stage 2 has written of it; None likewise.
        conversation: in which both were written.
        category: the kind of object where stage 1 was left out, as another look has it; or "".
        seen: objects that stage 1 has pointed at, where several are asked for and it named them.
    """

    semantic: SemanticPrompt | None
    spatial: SpatialPrompt | None
    conversation: Conversation
    category: str = ""
    seen: tuple[Instance, ...] = ()


def spatial_of(instances: Sequence[Instance], text: str, confidence: float) -> SpatialPrompt:
    """The spatial prompt of objects that were found otherwise than by one answer of stage 2."""
    boxes = np.stack([item.box_xyxy_px for item in instances])
    return SpatialPrompt(
        text,
        boxes[0],
        confidence=confidence,
        boxes_xyxy_px=boxes,
        box_words=tuple(item.words for item in instances),
    )


def boxes_of_seen(
    spatial: SpatialPrompt, seen: tuple[Seen, ...], size_px: tuple[int, int]
) -> SpatialPrompt | None:
    """Of stage 2's boxes those of what stage 1 has seen, with its words; None where one has none.

    What stage 2 alone tells of is left out.

    Args:
        spatial: stage 2's product.
        seen: what stage 1 has pointed at.
        size_px: width and height of the frame.
    """
    middles = (spatial.boxes_xyxy_px[:, :2] + spatial.boxes_xyxy_px[:, 2:]) / 2.0 / size_px
    chosen: dict[int, str] = {}
    for item in seen:
        apart = np.abs(middles - (item.x_share, item.y_share)).max(axis=1)
        if apart.min() <= _SAME_PLACE_SHARE:
            chosen.setdefault(int(apart.argmin()), item.words)
    if len(chosen) < len(seen):
        return None
    boxes = spatial.boxes_xyxy_px[list(chosen)]
    return replace(
        spatial, box_xyxy_px=boxes[0], boxes_xyxy_px=boxes, box_words=tuple(chosen.values())
    )
