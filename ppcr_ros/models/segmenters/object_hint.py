"""The object of a box as stage 1 sees it: its name, and where it was seen."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ppcr_ros.core.types import Array, SemanticPrompt
from ppcr_ros.models.segmenters.region import Region

_FARTHEST_SIDES = 1.0
"""A point farther than so many sides from a box's middle is of something else than the box."""


@dataclass(frozen=True)
class ObjectHint:
    """Words and place that stage 1 gives for the one object of a box.

    Attributes:
        words: what it is called: ``small red-white mug``; may be empty.
        point_xy_px: (2,) float32, the middle of what is seen of it, in pixels; or None.
    """

    words: str = ""
    point_xy_px: Array | None = None

    @classmethod
    def of(
        cls, semantic: SemanticPrompt | None, box_xyxy_px: Array | None, size_px: tuple[int, int]
    ) -> ObjectHint:
        """What ``semantic`` says of the object of ``box_xyxy_px`` (4,); or of its one target.

        Where several were seen it is the one that lies nearest to the box. A point far from the
        box is left out: the stages speak of different things then.

        Args:
            semantic: stage 1's product; or None.
            box_xyxy_px: the spatial prompt's box, in the frame's pixels; or None.
            size_px: (height, width) of the frame.
        """
        if semantic is None:
            return cls()
        if not semantic.seen:
            return cls(semantic.phrase)
        scale = np.array([size_px[1], size_px[0]], np.float32)
        points = [
            np.array([seen.x_share, seen.y_share], np.float32) * scale for seen in semantic.seen
        ]
        if box_xyxy_px is None:
            return cls(semantic.seen[-1].words, points[-1])
        middle = (box_xyxy_px[:2] + box_xyxy_px[2:]) / 2.0
        away = [
            float(np.abs((point - middle) / (box_xyxy_px[2:] - box_xyxy_px[:2])).max())
            for point in points
        ]
        one = len(points) - 1
        if semantic.ambiguous or semantic.several:
            one = int(np.argmin(away))
        if away[one] > _FARTHEST_SIDES:
            return cls(semantic.phrase)
        return cls(semantic.seen[one].words, points[one])

    def surroundings(self, box_xyxy_px: Array) -> Array:
        """A box (4,) float32 that holds ``box_xyxy_px`` and one of its size around the point."""
        if self.point_xy_px is None:
            return box_xyxy_px
        half = (box_xyxy_px[2:] - box_xyxy_px[:2]) / 2.0
        low = np.minimum(box_xyxy_px[:2], self.point_xy_px - half)
        high = np.maximum(box_xyxy_px[2:], self.point_xy_px + half)
        around: Array = np.concatenate([low, high]).astype(np.float32)
        return around

    def seen_in(self, region: Region) -> ObjectHint:
        """The same in the pixels of a region; a point outside it is left out."""
        if self.point_xy_px is None:
            return self
        point = region.to_region(self.point_xy_px)
        inside = bool(((point >= 0) & (point < (region.width_px, region.height_px))).all())
        return ObjectHint(self.words, point if inside else None)

    def scaled(self, scale_xy: Array) -> ObjectHint:
        """The same with its point times ``scale_xy`` (2,)."""
        if self.point_xy_px is None:
            return self
        return ObjectHint(self.words, np.asarray(self.point_xy_px * scale_xy, np.float32))


NO_HINT = ObjectHint()
"""Nothing was said."""
