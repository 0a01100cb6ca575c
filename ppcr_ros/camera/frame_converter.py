"""Frames of the camera's messages: what is wrong with depth or camera_info costs no mask."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from ppcr_ros.camera.encodings import MAX_PIXELS
from ppcr_ros.camera.frames import CameraInfoError, DepthError, image_to_frame
from ppcr_ros.core.types import Frame

DEPTH_OFF = (
    "no depth: node.use_depth is off. Set it and remap depth and camera_info for a grasp target."
)


class FrameConverter:
    """Makes frames, and says in them why there is no depth or no camera matrix.

    A mask needs neither: a frame goes on without what is unusable. The node's findings tell of the
    same faults in the log.

    Args:
        no_depth: why no image has depth; empty where depth is to come.
        explain_no_info: why no camera_info has come, in one line.
        max_pixels: a larger image is refused.
    """

    def __init__(
        self,
        no_depth: str,
        explain_no_info: Callable[[], str],
        max_pixels: int = MAX_PIXELS,
    ) -> None:
        self._no_depth, self._explain_no_info = no_depth, explain_no_info
        self._to_frame = partial(image_to_frame, max_pixels=max_pixels)

    def convert(self, image: Any, depth: Any, info: Any, received_sec: float) -> Frame:
        """The frame of an image and what of ``depth`` and ``info`` can be used.

        Raises:
            InvalidFrameError: when the colour image is unusable.
        """
        problem = self._no_depth if depth is None else ""
        try:
            frame = self._to_frame(image, depth, info)
        except CameraInfoError as error:
            problem = problem or f"camera_info does not fit: {error}"
            frame = self._without(image, depth, None)
        except DepthError as error:
            problem = f"the depth cannot be used: {error}"
            frame = self._without(image, None, info)
        if not problem and frame.camera_matrix is None:
            problem = self._no_intrinsics(info)
        return replace(frame, received_sec=received_sec, depth_problem=problem)

    def _without(self, image: Any, depth: Any, info: Any) -> Frame:
        """A frame without what was found unusable, nor the other where that is no better."""
        try:
            return self._to_frame(image, depth, info)
        except (CameraInfoError, DepthError):
            return self._to_frame(image)

    def _no_intrinsics(self, info: Any) -> str:
        if info is None:
            why = self._explain_no_info()
            return f"no camera_info has come, so that depth gives no position: {why}"
        return (
            f"camera_info has no focal length (K is {[float(value) for value in info.k]}): the "
            "camera is not calibrated. Calibrate it (camera_calibration) and let the driver load "
            "the file (camera_info_url)."
        )
