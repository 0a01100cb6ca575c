"""Orders and spatial relations of things on the table, with margins.

What is too close to call has no answer, so that every command that is drawn is true beyond doubt.
"""

from __future__ import annotations

import numpy as np

from ppcr_lab.sim.geometry import visible_boxes_px
from ppcr_lab.sim.scene import Scene
from ppcr_ros.core.types import Array

RELATIONS = (
    "left of",
    "right of",
    "in front of",
    "behind",
    "nearest to",
    "between",
    "on",
    "inside",
)
SIDES = ("left", "right", "front", "back")
HOLDERS = {"on": ("plate", "tray"), "inside": ("bowl",)}
"""What something can be on or inside."""

_MIN_SHARE_OF_IMAGE = 0.0008
"""Objects of which less is seen are neither targets nor anchors."""
_MIN_GAP_OF_WIDTH = 0.03
_MIN_GAP_M = 0.03
_BETWEEN = (0.22, 0.78)
_BETWEEN_UNCLEAR = (0.08, 0.92)
_BETWEEN_WIDTH, _BETWEEN_WIDTH_UNCLEAR = 0.22, 0.45


class TableLayout:
    """Places of a scene's objects, for the person who stands at the camera.

    Args:
        scene: the scene.
        instance: (H, W) int8, which object each pixel shows, -1 for none.

    Attributes:
        seen: the objects of which enough is seen to speak of them.
    """

    def __init__(self, scene: Scene, instance: Array) -> None:
        count = len(scene.objects)
        self._objects = scene.objects
        boxes = visible_boxes_px(instance, count)
        pixels = [int((instance == index).sum()) for index in range(count)]
        self.seen = [
            index for index in range(count) if pixels[index] >= _MIN_SHARE_OF_IMAGE * instance.size
        ]
        width = instance.shape[1]
        centres = [(b[0] + b[2]) / 2 / width if b is not None else np.nan for b in boxes]
        forward = np.subtract(scene.camera.look_at_m, scene.camera.position_m)[:2]
        self._x = np.array(centres, np.float64)
        self._position_m = np.array([item.position_m[:2] for item in scene.objects])
        self._away_m = self._position_m @ (forward / np.linalg.norm(forward))
        self._from_camera_m = np.linalg.norm(
            self._position_m - np.array(scene.camera.position_m[:2]), axis=1
        )
        self._radius_m = np.array([max(item.half_extent_m[:2]) for item in scene.objects])

    def in_order(self, group: list[int], side: str) -> list[int] | None:
        """``group`` counted from ``side``; None where two are too close to call."""
        orders = []
        for key, gap in self._axes(side in ("left", "right")):
            order = sorted(group, key=key.__getitem__, reverse=side in ("right", "back"))
            if len(order) > 1 and np.abs(np.diff(key[order])).min() < gap:
                return None
            orders.append(order)
        return orders[0] if all(order == orders[0] for order in orders) else None

    def from_left(self, group: list[int]) -> list[int]:
        """``group`` by the middles of the boxes in the image, however close they are."""
        return sorted(group, key=self._x.__getitem__)

    def holders(self, relation: str, *, empty: bool) -> list[int]:
        """Seen objects that something can be ``on`` or ``inside``; without ``empty``, that is."""
        used = {item.support for item in self._objects}
        return [
            index
            for index in self.seen
            if self._objects[index].category in HOLDERS[relation] and (empty or index in used)
        ]

    def related(
        self, relation: str, anchors: tuple[int, ...], candidates: list[int]
    ) -> list[int] | None:
        """The candidates that stand so to the anchors; None where that is too close to call."""
        if relation in HOLDERS:
            return [i for i in candidates if self._objects[i].support == anchors[0]]
        if any(self._touches(index, anchor) for index in candidates for anchor in anchors):
            return None
        if relation == "nearest to":
            return self._nearest(anchors[0], candidates)
        if relation == "between":
            return self._between(anchors, candidates)
        sign = -1.0 if relation in ("left of", "in front of") else 1.0
        found = []
        for key, gap in self._axes(relation in ("left of", "right of")):
            offset = sign * (key[candidates] - key[anchors[0]])
            if np.any(np.abs(offset) < gap):
                return None
            found.append([i for i, ahead in zip(candidates, offset, strict=True) if ahead > 0])
        return found[0] if all(some == found[0] for some in found) else None

    def _axes(self, sideways: bool) -> list[tuple[Array, float]]:
        """What is compared, per object, and the least difference that counts.

        What is in front is so both along the view and by its distance from the camera, since it
        may be called closer, too.
        """
        if sideways:
            return [(self._x, _MIN_GAP_OF_WIDTH)]
        return [(self._away_m, _MIN_GAP_M), (self._from_camera_m, _MIN_GAP_M)]

    def _touches(self, one: int, other: int) -> bool:
        return self._objects[one].support == other or self._objects[other].support == one

    def _nearest(self, anchor: int, candidates: list[int]) -> list[int] | None:
        if len(candidates) < 2:
            return None
        middles = np.linalg.norm(self._position_m - self._position_m[anchor], axis=1)
        nearest = set()
        for distance in (middles, middles - self._radius_m):  # to its middle, and to its edge
            first, second = sorted(candidates, key=distance.__getitem__)[:2]
            if distance[second] - distance[first] < _MIN_GAP_M:
                return None
            nearest.add(first)
        return list(nearest) if len(nearest) == 1 else None

    def _between(self, anchors: tuple[int, ...], candidates: list[int]) -> list[int] | None:
        start, end = self._position_m[list(anchors)]
        along = end - start
        length = float(np.linalg.norm(along))
        if length == 0.0:  # one stands in the middle of the other
            return None
        found = []
        for index in candidates:
            offset = self._position_m[index] - start
            share = float(offset @ along) / length**2
            aside = abs(float(along[0] * offset[1] - along[1] * offset[0])) / length**2
            if _inside(share, _BETWEEN) and aside < _BETWEEN_WIDTH:
                found.append(index)
            elif _inside(share, _BETWEEN_UNCLEAR) and aside < _BETWEEN_WIDTH_UNCLEAR:
                return None
        return found


def _inside(value: float, bounds: tuple[float, float]) -> bool:
    return bounds[0] < value < bounds[1]
