"""Points that a person clicks, such as RViz's Publish Point, as what a command points at.

A point in space is projected into the image that the command is carried out on. The transform is
looked up then, on the worker's thread; the callback only passes the message on.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from geometry_msgs.msg import PointStamped
from rclpy.duration import Duration
from rclpy.node import Node
from rclpy.time import Time

from ppcr_ros.core.errors import InvalidCommandError
from ppcr_ros.core.types import Array, Frame
from ppcr_ros.ros.qos import COMMAND_QOS
from ppcr_ros.ros.target_frames import transform_of
from ppcr_ros.service.worker import CommandWorker

_PATIENCE_SEC = 1.0
"""How long a transform is waited for: the first point begins to listen for them."""
_LEAST_DEPTH_M = 1e-3


class ClickedPoints:
    """Hears clicked points, and has what lies there segmented, or chosen where it was asked about.

    Args:
        node: hears the points, and the transforms where they are needed.
        topic: of `geometry_msgs/PointStamped`; empty for none.
        worker: the worker that takes orders now; None while the node is not active.
        camera: the camera in whose image a point is looked for, whatever frame it is in.
        buffer: of transforms, a ``tf2_ros.Buffer``; None to listen for them with the first point.
    """

    def __init__(
        self,
        node: Node,
        topic: str,
        worker: Callable[[], CommandWorker | None],
        camera: str,
        buffer: Any = None,
    ) -> None:
        self._node, self._worker, self._camera = node, worker, camera
        self._buffer = buffer
        self._subscription: Any = None
        if topic:
            self._subscription = node.create_subscription(
                PointStamped, topic, self._on_point, COMMAND_QOS
            )

    def _on_point(self, message: PointStamped) -> None:
        worker = self._worker()
        if worker is None:
            self._node.get_logger().warning(
                "a clicked point is not heard: the node is not active.", throttle_duration_sec=5.0
            )
            return
        worker.submit("", camera=self._camera, locate_point=partial(self._pixel_of, message))

    def _pixel_of(self, message: PointStamped, frame: Frame) -> tuple[float, float]:
        """Where the point lies in ``frame``, in its own pixels.

        Raises:
            InvalidCommandError: when there is no saying.
        """
        xyz = np.array([message.point.x, message.point.y, message.point.z])
        frame_id, optical = message.header.frame_id, frame.frame_id.lstrip("/")
        if not np.isfinite(xyz).all():
            raise InvalidCommandError(f"the clicked point is {xyz.tolist()}; expected numbers.")
        name = frame_id.lstrip("/")
        of_image = name in ("", optical, frame.image_frame_id.lstrip("/"))
        if of_image and xyz[2] == 0.0:  # on the image plane itself: a click in a picture
            return float(xyz[0]), float(xyz[1])
        if name and name != optical:
            xyz = self._moved(xyz, frame_id, frame.frame_id)
        return project(xyz, frame)

    def _moved(self, xyz_m: Array, source: str, target: str) -> Array:
        """A point of the frame ``source`` in the camera's."""
        try:
            found = self._transforms().lookup_transform(
                target, source, Time(), timeout=Duration(seconds=_PATIENCE_SEC)
            )
        except Exception as error:
            raise InvalidCommandError(
                f"the clicked point is in the frame {source!r}, and there is no transform to the "
                f"image's, {target!r}: {type(error).__name__}: {error}. Click in the image's own "
                "frame, or have both in TF."
            ) from error
        transform = transform_of(found)
        moved: Array = transform.rotation @ xyz_m + transform.translation_m
        return moved

    def _transforms(self) -> Any:
        """The buffer of transforms; listening begins with the first point that needs one.

        Raises:
            ImportError: when tf2_ros is not installed.
        """
        if self._buffer is None:
            tf2_ros = importlib.import_module("tf2_ros")
            self._buffer = tf2_ros.Buffer()
            self._listener = tf2_ros.TransformListener(self._buffer, self._node)
        return self._buffer


def project(xyz_m: Array, frame: Frame) -> tuple[float, float]:
    """The pixel that shows a point (3,) of the camera's optical frame, metres.

    Raises:
        InvalidCommandError: when it lies behind the camera or beside the raw image, or where the
            intrinsics are not known for sure.
    """
    if frame.camera_matrix is None:
        raise InvalidCommandError(
            "a clicked point in space cannot be found in the image without the camera's "
            "intrinsics. Remap camera_info to the topic of the colour camera."
        )
    if frame.projection_doubts:
        raise InvalidCommandError(
            "a clicked point in space cannot be found in the image for sure: "
            f"{frame.projection_doubts[0]}"
        )
    if xyz_m[2] < _LEAST_DEPTH_M:
        raise InvalidCommandError(
            f"the clicked point lies behind the camera, at z {xyz_m[2]:.3f} m of "
            f"{frame.frame_id!r}. Click what the camera sees."
        )
    lens = frame.rectification
    matrix = frame.camera_matrix if lens is None else lens.camera_matrix
    x, y, _ = matrix @ (xyz_m / xyz_m[2])
    if lens is None:
        return float(x), float(y)
    if (pixel := lens.raw_pixel_of(float(x), float(y))) is None:
        raise InvalidCommandError(
            f"the clicked point, at {np.round(xyz_m, 3).tolist()} m of {frame.frame_id!r}, lies "
            "outside the image. Click what the camera sees."
        )
    return pixel
