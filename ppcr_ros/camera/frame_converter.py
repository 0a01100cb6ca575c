"""Frames of the camera's messages: what is wrong with depth or camera_info costs no mask."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from ppcr_ros.camera.doubts import (
    geometry_doubts,
    projection_doubts,
    result_frame_id,
    scaling_doubts,
)
from ppcr_ros.camera.encodings import MAX_PIXELS
from ppcr_ros.camera.frames import CameraInfoError, DepthError, image_to_frame
from ppcr_ros.camera.intrinsics import geometry_of
from ppcr_ros.core.camera_config import CameraConfig
from ppcr_ros.core.types import Frame

DEPTH_OFF = (
    "no depth: node.use_depth is off. Set it and remap depth and camera_info for a grasp target."
)
CLOCK_STANDS = (
    "the node's clock stands at 0 (use_sim_time is set, and nothing comes on /clock), so that "
    "nobody knows how old the image is."
)


@dataclass(frozen=True)
class Arrival:
    """Time at which an image came.

    Attributes:
        received_sec: by ``time.monotonic()``.
        lag_sec: how far its stamp lay behind the node's clock; None where that clock stands at 0.
        arrived_ns: the same as ``received_sec``, nanoseconds since the epoch.
    """

    received_sec: float
    lag_sec: float | None
    arrived_ns: int = field(default_factory=time.time_ns)


@dataclass(frozen=True)
class FrameConverter:
    """Makes frames, and says in them why there is no depth or no camera matrix, or what is doubted.

    A mask needs neither: a frame goes on without what is unusable. The node's findings tell of the
    same faults in the log.

    Attributes:
        explain_no_depth: why an image came without depth, in one line.
        explain_no_info: why no camera_info has come, in one line.
        options: how the messages are understood.
        max_pixels: a larger image is refused.
        camera: the camera's name; empty where there is one.
    """

    explain_no_depth: Callable[[], str]
    explain_no_info: Callable[[], str]
    options: CameraConfig = field(default_factory=CameraConfig)
    max_pixels: int = MAX_PIXELS
    camera: str = ""

    def convert(
        self, image: Any, depth: Any, info: Any, arrival: Arrival, topic: str = ""
    ) -> Frame:
        """The frame of an image and what of ``depth`` and ``info`` can be used.

        Args:
            image: a colour image, raw or compressed.
            depth: its depth; or None.
            info: its camera_info; or None.
            arrival: when the image came.
            topic: whence the image came: its name says whether it is rectified.

        Raises:
            InvalidFrameError: when the colour image is unusable.
        """
        to_frame = partial(
            image_to_frame,
            max_pixels=self.max_pixels,
            geometry=geometry_of(self.options.image_geometry, topic),
            depth_unit_m=self.options.depth_unit_m,
        )
        problem = self.explain_no_depth() if depth is None else ""
        try:
            frame = to_frame(image, depth, info)
        except CameraInfoError as error:
            problem = problem or f"camera_info does not fit: {error}"
            frame = _without(to_frame, image, depth, None)
        except DepthError as error:
            problem = f"the depth cannot be used: {error}"
            frame = _without(to_frame, image, None, info)
        if not problem and frame.camera_matrix is None:
            problem = self._no_intrinsics(info)
        of_scale = scaling_doubts(info, self.options)
        doubts = [*geometry_doubts(image, depth, info, self.options), *of_scale]
        of_pixels = [*projection_doubts(image, info, self.options), *of_scale]
        if arrival.lag_sec is None:
            doubts.append(CLOCK_STANDS)
        return replace(
            frame,
            frame_id=result_frame_id(frame.frame_id, self.options, self.camera),
            received_sec=arrival.received_sec,
            stamp_lag_sec=arrival.lag_sec,
            depth_problem=problem,
            geometry_doubts=(*frame.geometry_doubts, *doubts),
            projection_doubts=(*frame.projection_doubts, *of_pixels),
            image_frame_id=frame.frame_id,
        )

    def _no_intrinsics(self, info: Any) -> str:
        if info is None:
            why = self.explain_no_info()
            return f"no camera_info has come, so that depth gives no position: {why}"
        return (
            f"camera_info has no focal length (K is {[float(value) for value in info.k]}): the "
            "camera is not calibrated. Calibrate it (camera_calibration) and let the driver load "
            "the file (camera_info_url)."
        )


def _without(to_frame: Callable[..., Frame], image: Any, depth: Any, info: Any) -> Frame:
    """A frame without what was found unusable, nor the other where that is no better."""
    try:
        return to_frame(image, depth, info)
    except (CameraInfoError, DepthError):
        return to_frame(image)
