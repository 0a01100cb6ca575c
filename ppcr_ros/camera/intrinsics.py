"""Intrinsics of the image at hand, from camera_info. Imports no ROS.

A rectified image's intrinsics are P, a raw one's are K together with the lens's distortion D
(``sensor_msgs/CameraInfo``). Which of them holds is not in the message: the topic's name says it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import cv2
import numpy as np

from ppcr_ros.core.camera_config import AUTO, RAW, RECTIFIED
from ppcr_ros.core.errors import InvalidFrameError
from ppcr_ros.core.types import Array, Rectification

NEGLIGIBLE_PX = 0.5
"""A lens that moves no pixel farther is none."""
_DOUBTFUL_PX = 2.0
"""Where raw and rectified differ by more, it must be known which of them the image is."""
_FISHEYES = ("equidistant", "fisheye", "kannala_brandt", "kannala_brandt4")
"""What the model of Kannala and Brandt is called: by REP 104, and elsewhere."""
_PINHOLES = ("", "plumb_bob", "rational_polynomial", "thin_prism", "radtan", "brown_conrady")
"""What OpenCV's model of a lens is called; a driver that names none means this one."""
_LEAST_BASELINE_M = 0.002
"""A second camera that lies nearer to the first is the first."""
_DISTORTION_LENGTHS = (4, 5, 8, 12, 14)
"""How many coefficients OpenCV's model of a lens takes, by whichever of its names."""
_SAYS_RECTIFIED = re.compile(r"(?:^|[/_])(?:rect|rectified|undistorted|undist)(?:[/_]|$)")
_SAYS_RAW = re.compile(r"(?:^|[/_])raw(?:[/_]|$)")
_GRID = 9
_PRECISELY = (cv2.TERM_CRITERIA_MAX_ITER | cv2.TERM_CRITERIA_EPS, 60, 1e-7)


def undistort_precisely(points_px: Array, matrix: Array, coefficients: Array) -> Array:
    """Pixels of a raw image as the rays they are seen on, to a tenth of a millionth.

    OpenCV's own five rounds are too few at the edge of a wide lens; how more are asked for changed
    its name from OpenCV 4 to 5.

    Args:
        points_px: (n, 1, 2) float64.
        matrix: K, (3, 3) float64.
        coefficients: D, (4 to 14,) float64.

    Returns:
        x and y at a distance of 1, (n, 1, 2) float64.
    """
    opencv: Any = cv2  # what it is called in one version, the types of the other do not know
    if hasattr(opencv, "undistortPointsIter"):
        rays = opencv.undistortPointsIter(points_px, matrix, coefficients, None, None, _PRECISELY)
    else:
        rays = opencv.undistortPoints(points_px, matrix, coefficients, criteria=_PRECISELY)
    return np.asarray(rays, np.float64)


class CameraInfoError(InvalidFrameError):
    """The camera_info cannot be that of the image, or is no camera's."""


@dataclass(frozen=True)
class Intrinsics:
    """Directions in which the pixels of one image look.

    Attributes:
        camera_matrix: (3, 3) float64, in pixels; of a raw image it leaves the lens out.
        rectification: what frees a raw image of its lens; None where nothing needs to.
        doubt: why these may be the wrong ones, in a sentence; empty where they are not.
    """

    camera_matrix: Array
    rectification: Rectification | None = None
    doubt: str = ""


def geometry_of(setting: str, topic: str) -> str:
    """``rectified``, ``raw``, or ``auto`` where neither the setting nor the topic's name says.

    Args:
        setting: ``camera.image_geometry``.
        topic: the full name of the image's topic; empty where there is none.
    """
    if setting != AUTO:
        return setting
    name = topic.lower()
    if _SAYS_RECTIFIED.search(name):
        return RECTIFIED
    return RAW if _SAYS_RAW.search(name) else AUTO


def camera_matrix(info: Any, *, width_px: int, height_px: int, raw: bool = False) -> Array | None:
    """The intrinsics (3, 3) float64, in pixels, of an image of the given size.

    P where the image is rectified, and K where it is not, or where a driver leaves P zero; with
    binning and the region of interest taken into account.

    Returns:
        None where the camera is not calibrated (the focal length is 0).

    Raises:
        CameraInfoError: when ``info`` describes an image of another size; a driver that leaves
            the size 0 is believed.
    """
    projection: Array = np.array(info.p, np.float64).reshape(3, 4)[:, :3]
    matrix: Array = np.array(info.k, np.float64).reshape(3, 3)
    if not raw and usable(projection):
        matrix = projection
    if not usable(matrix):
        return None
    roi, scale = info.roi, np.array([max(info.binning_x, 1), max(info.binning_y, 1)], np.float64)
    window = np.array([roi.width or info.width, roi.height or info.height])
    if window.any() and (window // scale).tolist() != [width_px, height_px]:
        raise CameraInfoError(
            f"camera_info describes {info.width}x{info.height} pixels (binning {info.binning_x}, "
            f"region {roi.width}x{roi.height}) and the image has {width_px}x{height_px}; expected "
            "the same. Remap camera_info to the topic of this image's camera."
        )
    matrix = matrix.copy()
    matrix[0, 2] -= roi.x_offset
    matrix[1, 2] -= roi.y_offset
    matrix[:2] /= scale[:, None]
    return matrix


def usable(matrix: Array) -> bool:
    """Whether a matrix (3, 3) has focal lengths above 0 and no NaN."""
    return bool(np.isfinite(matrix).all() and matrix[0, 0] > 0 and matrix[1, 1] > 0)


def image_intrinsics(
    info: Any, *, width_px: int, height_px: int, geometry: str = RECTIFIED
) -> Intrinsics | None:
    """The intrinsics of an image of the given size; None where the camera is not calibrated.

    Args:
        info: a ``sensor_msgs/CameraInfo``.
        width_px: of the image.
        height_px: of the image.
        geometry: as of `geometry_of`; ``auto`` takes the image to be rectified, and doubts it where
            that matters.

    Raises:
        CameraInfoError: when ``info`` describes an image of another size, or no lens that OpenCV
            can reckon with.
    """
    try:
        found = _intrinsics(info, width_px, height_px, geometry)
    except cv2.error as error:
        raise CameraInfoError(
            f"K {[float(value) for value in info.k]} and the distortion "
            f"{[float(value) for value in info.d]} are no lens that can be reckoned with. "
            "Calibrate the camera again."
        ) from error
    if found is not None and not found.doubt:
        matrix = found.camera_matrix
        if _apart_px(matrix, _Lens("", ()), matrix, width_px, height_px) > NEGLIGIBLE_PX:
            skewed = (
                f"camera_info's intrinsics {matrix.tolist()} are skewed, which is left out of what "
                "is worked out from them: calibrate the camera again, a fisheye with its skew "
                "fixed (camera_calibration's --fisheye-fix-skew)."
            )
            return Intrinsics(matrix, doubt=skewed)
    return found


def _intrinsics(info: Any, width_px: int, height_px: int, geometry: str) -> Intrinsics | None:
    projected = camera_matrix(info, width_px=width_px, height_px=height_px)
    raw = camera_matrix(info, width_px=width_px, height_px=height_px, raw=True)
    if projected is None:
        return None
    lens = _Lens(str(info.distortion_model), tuple(float(value) for value in info.d))
    if geometry == RECTIFIED or (raw is None and not lens.bends):
        return Intrinsics(projected, doubt=_second_camera(info))
    if raw is None:
        return Intrinsics(
            projected,
            doubt="camera_info's K is zero and its lens has distortion, so that only the rectified "
            "image can be placed in space: name that one (image_rect), or set "
            "camera.image_geometry to rectified where this is it.",
        )
    if geometry == RAW:
        return _of_raw_image(raw, lens, width_px, height_px)
    apart_px = _apart_px(raw, lens, projected, width_px, height_px)
    if apart_px <= _DOUBTFUL_PX:
        return Intrinsics(projected, doubt=_second_camera(info))
    if not lens.is_known:
        return Intrinsics(projected, doubt=_unknown_model(lens, "where the image is raw"))
    return Intrinsics(
        projected,
        doubt=f"camera_info describes a lens that moves pixels by up to {apart_px:.0f}, and the "
        "image topic's name does not say whether they are as the lens shows them (image_raw) or "
        "rectified (image_rect): set camera.image_geometry to raw or rectified.",
    )


def baseline_of(info: Any) -> float:
    """How far the second camera of a stereo pair lies beside the first, metres; 0 of a first one.

    From P, whose Tx or Ty is not 0 then.
    """
    shift, focal = np.array(info.p, np.float64).reshape(3, 4)[:2, 3], float(info.p[0])
    if not (focal > 0 and np.isfinite(shift).all()):
        return 0.0
    baseline_m = float(np.abs(shift).max() / focal)
    return baseline_m if baseline_m > _LEAST_BASELINE_M else 0.0


def _second_camera(info: Any) -> str:
    baseline_m = baseline_of(info)
    if not baseline_m:
        return ""
    return (
        f"camera_info's P is that of the second camera of a stereo pair, {baseline_m:.3f} m beside "
        "the first, in whose frame poses would lie so far off. Name the first camera's image and "
        "camera_info, with depth registered to it; where the image carries a frame of its own, set "
        "camera.image_geometry to raw, and K is taken."
    )


def _unknown_model(lens: _Lens, why: str) -> str:
    return (
        f"camera_info's distortion ({lens.model!r:.40}, {len(lens.coefficients)} coefficients"
        f"{'' if np.isfinite(lens.coefficients).all() else ', some no numbers'}) is no model that "
        f"is known here, {why} and cannot be freed of it: use the rectified image, and set "
        "camera.image_geometry to rectified."
    )


@dataclass(frozen=True)
class _Lens:
    """A distortion as camera_info gives it: the model's name and its coefficients."""

    model: str
    coefficients: tuple[float, ...]

    @property
    def is_fisheye(self) -> bool:
        return self._name in _FISHEYES

    @property
    def bends(self) -> bool:
        """Whether there is any distortion, as far as it says."""
        return bool(np.any(np.array(self.coefficients) != 0))

    @property
    def is_known(self) -> bool:
        values = self.coefficients
        if not any(values):
            return True
        if not np.isfinite(values).all():
            return False
        if self.is_fisheye:  # it has four; more are in an order that nobody has said
            return len(values) >= 4 and not any(values[4:])
        return self._name in _PINHOLES and len(values) in _DISTORTION_LENGTHS

    @property
    def _name(self) -> str:
        return re.sub(r"[\s-]+", "_", self.model.strip().lower())

    def seen_along(self, pixels_xy: Array, matrix: Array) -> Array:
        """(n, 2) x / z and y / z of the rays of raw pixels (n, 2)."""
        points = np.ascontiguousarray(pixels_xy, np.float64).reshape(-1, 1, 2)
        values = np.array(self.coefficients, np.float64)
        if not values.any():
            rays = (points - matrix[:2, 2]) / np.array([matrix[0, 0], matrix[1, 1]])
        elif self.is_fisheye:
            rays = cv2.fisheye.undistortPoints(points, matrix, values[:4])
        else:
            rays = undistort_precisely(points, matrix, values)
        return np.asarray(rays, np.float64).reshape(-1, 2)

    def folds(self, pixels_xy: Array, matrix: Array) -> bool:
        """Whether some raw pixels (n, 2) are not where the lens shows the rays they are seen on."""
        rays = self.seen_along(pixels_xy, matrix)
        points = np.column_stack([rays, np.ones(len(rays))]).reshape(-1, 1, 3)
        values, zero = np.array(self.coefficients, np.float64), np.zeros(3)
        if self.is_fisheye:
            shown, _ = cv2.fisheye.projectPoints(points, zero, zero, matrix, values[:4])
        else:
            shown, _ = cv2.projectPoints(points, zero, zero, matrix, values)
        apart = np.linalg.norm(np.asarray(shown).reshape(-1, 2) - pixels_xy, axis=1)
        return not bool((apart < NEGLIGIBLE_PX).all())


def _grid(width_px: int, height_px: int) -> Array:
    """(n, 2) float64 pixels all over an image, its corners included."""
    columns, rows = np.meshgrid(
        np.linspace(0, width_px - 1, _GRID), np.linspace(0, height_px - 1, _GRID)
    )
    return np.stack([columns.ravel(), rows.ravel()], axis=1)


def _apart_px(raw: Array, lens: _Lens, projected: Array, width_px: int, height_px: int) -> float:
    """How far a pixel lies from itself, at most, where it is read as raw and as rectified."""
    if not lens.is_known:
        return float("inf")
    pixels = _grid(width_px, height_px)
    seen = lens.seen_along(pixels, raw) @ projected[:2, :2].T + projected[:2, 2]
    apart = np.linalg.norm(seen - pixels, axis=1)
    return float(apart.max()) if np.isfinite(apart).all() else float("inf")


def _of_raw_image(raw: Array, lens: _Lens, width_px: int, height_px: int) -> Intrinsics:
    if not lens.is_known:
        return Intrinsics(raw, doubt=_unknown_model(lens, "so that the raw image is bent"))
    if not lens.bends or _apart_px(raw, lens, raw, width_px, height_px) <= NEGLIGIBLE_PX:
        return Intrinsics(raw)
    rectification = _rectification(lens, tuple(raw.ravel().tolist()), width_px, height_px)
    if rectification is None:
        return Intrinsics(
            raw,
            doubt="camera_info's distortion cannot be undone for the whole image: use the "
            "rectified image, or calibrate the camera again.",
        )
    return Intrinsics(raw, rectification)


@lru_cache(maxsize=8)
def _rectification(
    lens: _Lens, raw: tuple[float, ...], width_px: int, height_px: int
) -> Rectification | None:
    """All of the raw image on a rectified one of its size; None for a lens that folds it over."""
    matrix, size = np.array(raw).reshape(3, 3), (width_px, height_px)
    if lens.folds(_grid(width_px, height_px), matrix):
        return None
    values = np.array(lens.coefficients, np.float64)
    if lens.is_fisheye:
        values = values[:4]
        wanted = cv2.fisheye.estimateNewCameraMatrixForUndistortRectify(
            matrix, values, size, np.eye(3), balance=1.0
        )
        maps = cv2.fisheye.initUndistortRectifyMap(
            matrix, values, np.eye(3), wanted, size, cv2.CV_32FC1
        )
    else:
        wanted, _ = cv2.getOptimalNewCameraMatrix(matrix, values, size, 1.0)
        maps = cv2.initUndistortRectifyMap(matrix, values, None, wanted, size, cv2.CV_32FC1)
    share = wanted[0, 0] / matrix[0, 0]
    if not (usable(wanted) and 0.2 < share < 2.0):
        return None
    source = np.stack([np.rint(item) for item in maps], axis=-1)
    outside = (source < 0) | (source >= np.array(size))
    source[outside.any(axis=-1) | ~np.isfinite(source).all(axis=-1)] = -1
    return Rectification(source.astype(np.int16), np.asarray(wanted, np.float64))
