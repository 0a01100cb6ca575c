"""Motion of the target from one image to the next: sparse optical flow and a robust fit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ppcr_ros.core.tracking.windows import PixelWindow, tight_box
from ppcr_ros.core.types import Array

_LONGEST_SIDE_PX = 640
_MAX_FEATURES = 60
_FEATURE_QUALITY = 0.02
_FEATURE_DISTANCE_PX = 4
_WINDOW_PX = 15
_PYRAMID_LEVELS = 3
_MAX_RETURN_ERROR_PX = 1.0
_RANSAC_ERROR_PX = 1.5
_FEWEST_FOR_SIMILARITY = 6
_FEWEST_FOR_SHIFT = 3
_BLANK_DEVIATION = 2.0
_SCALE_BOUNDS = (0.8, 1.25)
"""From one image to the next nothing grows or shrinks more: such a fit is a wrong one."""


@dataclass(frozen=True)
class GreyImage:
    """A grey image that is small enough for optical flow.

    Attributes:
        pixels: (h, w) uint8.
        scale: its size as a share of the frame's, at most 1.
    """

    pixels: Array
    scale: float

    @classmethod
    def of(cls, rgb: Array) -> GreyImage:
        """``rgb`` (H, W, 3) uint8, made smaller where its longest side is above 640 pixels."""
        import cv2

        grey = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
        scale = min(1.0, _LONGEST_SIDE_PX / max(grey.shape))
        if scale < 1.0:
            size = max(1, round(grey.shape[1] * scale)), max(1, round(grey.shape[0] * scale))
            grey = cv2.resize(grey, size, interpolation=cv2.INTER_AREA)
        return cls(grey, scale)

    @property
    def blank(self) -> bool:
        """Whether it shows nothing: the camera is covered, or fails."""
        import cv2

        return float(cv2.meanStdDev(self.pixels)[1][0, 0]) < _BLANK_DEVIATION


@dataclass(frozen=True)
class Motion:
    """Motion of the target between two images.

    Attributes:
        matrix: (2, 3) float64, takes points x, y of the first frame to the second, in the frames'
            own pixels; a turn, a shift and a growth together.
        features: how many points could be looked for.
        share: 0..1, how many of them were found again and move alike; 0 where too few did, so that
            ``matrix`` leaves everything in its place.
    """

    matrix: Array
    features: int = 0
    share: float = 0.0

    @property
    def growth(self) -> float:
        """By how much areas grow."""
        return float(abs(np.linalg.det(self.matrix[:, :2])))


def still() -> Array:
    """The (2, 3) matrix that leaves everything in its place."""
    return np.eye(2, 3)


def chained(first: Array, then: Array) -> Array:
    """One (2, 3) matrix for ``first`` and ``then`` one after the other."""
    product: Array = then[:, :2] @ first
    product[:, 2] += then[:, 2]
    return product


def target_motion(before: GreyImage, now: GreyImage, inside: Array) -> Motion:
    """How what lies inside a mask has moved.

    Corners inside the mask are followed by pyramidal Lucas-Kanade there and back again; those
    that do not come back to where they began are dropped. To the rest a similarity is fitted by
    RANSAC; to a few, a shift.

    Args:
        before: the earlier image.
        now: the later image, of the same size.
        inside: (H, W) bool over the frame: where the earlier image shows the target.
    """
    import cv2

    found = _features(before, inside)
    if found is None:
        return Motion(still())
    options: dict[str, Any] = {"winSize": (_WINDOW_PX, _WINDOW_PX), "maxLevel": _PYRAMID_LEVELS}
    there, ok, _ = cv2.calcOpticalFlowPyrLK(before.pixels, now.pixels, found, None, **options)
    back, ok_back, _ = cv2.calcOpticalFlowPyrLK(now.pixels, before.pixels, there, None, **options)
    error_px = np.linalg.norm((found - back).reshape(-1, 2), axis=1)
    good = (ok.ravel() == 1) & (ok_back.ravel() == 1) & (error_px < _MAX_RETURN_ERROR_PX)
    start, end = found.reshape(-1, 2)[good], there.reshape(-1, 2)[good]
    fitted, inliers = _fit(start, end)
    if fitted is None:
        return Motion(still(), len(found))
    return Motion(_at_frame_scale(fitted, before.scale), len(found), inliers / len(found))


def moved_mask(mask: Array, matrix: Array) -> Array:
    """``mask`` (H, W) bool, moved by a (2, 3) matrix; what leaves the image is cut off."""
    import cv2

    moved: Array = np.zeros_like(mask)
    box = tight_box(mask)
    if box is None:
        return moved
    corners = np.array([[box[i], box[j]] for i in (0, 2) for j in (1, 3)])
    corners = corners @ matrix[:, :2].T + matrix[:, 2]
    around = np.concatenate([corners.min(axis=0), corners.max(axis=0)])
    window = PixelWindow.around(around, 2.0, mask.shape)
    if window.empty:
        return moved
    into = np.array(matrix, np.float64)
    into[:, 2] -= window.x1, window.y1
    size = window.x2 - window.x1, window.y2 - window.y1
    pixels = mask.astype(np.uint8) * np.uint8(255)
    moved[window.slices] = cv2.warpAffine(pixels, into, size, flags=cv2.INTER_LINEAR) > 127
    return moved


def _features(image: GreyImage, inside: Array) -> Array | None:
    import cv2

    height, width = image.pixels.shape
    small = inside.view(np.uint8)
    if small.shape != image.pixels.shape:
        small = cv2.resize(small, (width, height), interpolation=cv2.INTER_NEAREST)
    box = tight_box(small)
    if box is None:
        return None
    window = PixelWindow.around(box, 0.0, small.shape)
    corners = cv2.goodFeaturesToTrack(
        np.ascontiguousarray(image.pixels[window.slices]),
        _MAX_FEATURES,
        _FEATURE_QUALITY,
        _FEATURE_DISTANCE_PX,
        mask=np.ascontiguousarray(small[window.slices]),
    )
    if corners is None:
        return None
    found: Array = corners + np.array([window.x1, window.y1], np.float32)
    return found


def _fit(start: Array, end: Array) -> tuple[Array | None, int]:
    """The (2, 3) matrix that most of the points agree on, and how many do."""
    import cv2

    if len(start) >= _FEWEST_FOR_SIMILARITY:
        cv2.setRNGSeed(0)  # the same images give the same motion
        matrix, inliers = cv2.estimateAffinePartial2D(
            start, end, method=cv2.RANSAC, ransacReprojThreshold=_RANSAC_ERROR_PX
        )
        if matrix is not None:
            scale = float(np.sqrt(abs(np.linalg.det(matrix[:, :2]))))
            agreeing = int(inliers.sum())
            if _SCALE_BOUNDS[0] < scale < _SCALE_BOUNDS[1] and agreeing >= _FEWEST_FOR_SIMILARITY:
                return matrix, agreeing
    if len(start) >= _FEWEST_FOR_SHIFT:
        shifts = end - start
        middle = np.median(shifts, axis=0)
        agreeing = int((np.linalg.norm(shifts - middle, axis=1) < 2 * _RANSAC_ERROR_PX).sum())
        if agreeing >= _FEWEST_FOR_SHIFT:
            return np.array([[1.0, 0.0, middle[0]], [0.0, 1.0, middle[1]]]), agreeing
    return None, 0


def _at_frame_scale(matrix: Array, scale: float) -> Array:
    """``matrix`` of the small image's pixels in the frame's; integers are pixel centres in both."""
    at_frame = np.array(matrix, np.float64)
    centre = np.full(2, 0.5 / scale - 0.5)  # of the small image's pixel 0, in the frame
    at_frame[:, 2] = at_frame[:, 2] / scale + centre - at_frame[:, :2] @ centre
    return at_frame
