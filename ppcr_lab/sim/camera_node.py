"""The node ``camera``: a tabletop camera that publishes recorded frames, or renders them.

Publishes ``~/image_raw`` (rgb8), ``~/camera_info`` and ``~/depth/image_raw`` (16UC1, millimetres)
with the QoS of sensor data (reliable where ``reliability`` says so), and ``~/scene_shown``
(std_msgs/Header): the stamp of each image and, in ``frame_id``, the name of the scene on it.
``~/scene`` (std_msgs/Int32) chooses the scene.
"""

from __future__ import annotations

import sys
from array import array
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import rclpy
from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor
from rclpy.exceptions import ParameterException
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rclpy.utilities import try_shutdown
from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import Header, Int32

from ppcr_lab.sim.recording import RecordedView, load_recording
from ppcr_lab.sim.view_sources import open_views
from ppcr_ros.core.errors import ConfigError, PPCRError
from ppcr_ros.core.types import Array
from ppcr_ros.ros.parameters import warn_of_unknown, widen_overrides

_QOS_DEPTH = 5
_RELIABILITIES = {
    "best_effort": ReliabilityPolicy.BEST_EFFORT,
    "reliable": ReliabilityPolicy.RELIABLE,
}
_HELP = """\
usage: ros2 run ppcr_ros camera_node [--ros-args OPTION ...]

The node /camera: frames of a tabletop, recorded or rendered, as a camera with depth sends them.

  -p scene:=3          the scene shown first; /camera/scene (std_msgs/Int32) shows another
  -p cycle_sec:=5.0    shows the next scene after so long
  -p rate_hz:=10.0     frames each second
  -p live:=true        renders with MuJoCo; moving:=true moves objects and camera as well
  -p reliability:=reliable

ros2 param describe /camera NAME explains each parameter."""


class CameraNode(Node):
    """Publishes one scene of a recording at a fixed rate, until another one is asked for.

    Args:
        options: passed on to ``rclpy.node.Node`` (``context``, ``parameter_overrides``, ...).

    Raises:
        ConfigError: when ``reliability`` is neither best_effort nor reliable.
        RecordingError: when the recording cannot be read.
        RuntimeError: when ``live`` or ``moving`` is set and MuJoCo or OpenGL is missing.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__("camera", **options)
        self._declared: list[str] = []
        self._frame_id: str = self._declare(
            "frame_id", "camera_color_optical_frame", "optical frame"
        )
        path = self._declare("recording", "", "folder of the recording; the shipped one if empty")
        live = self._declare("live", False, "render with MuJoCo, the objects swaying slowly")
        moving = self._declare("moving", False, "render with MuJoCo, objects and camera in motion")
        rate_hz = self._declare("rate_hz", 10.0, "frames each second", bounds=(0.1, 60.0))
        cycle_sec = self._declare(
            "cycle_sec", 0.0, "show the next scene after so long; 0 to stay", bounds=(0.0, 3600.0)
        )
        reliability = self._declare(
            "reliability", "best_effort", f"QoS of the images: {' or '.join(_RELIABILITIES)}"
        )
        if reliability not in _RELIABILITIES:
            raise ConfigError(
                f"reliability is {reliability!r}; expected {' or '.join(_RELIABILITIES)}."
            )
        self._recording = load_recording(path)
        last = len(self._recording.scenes) - 1
        self._number: int = self._declare(
            "scene", 0, "number of the scene shown first", bounds=(0, last)
        )
        warn_of_unknown(self, self._declared)
        self._views = open_views(self._recording, live=live, moving=moving)
        self._view: RecordedView | None = None

        qos = QoSProfile(depth=_QOS_DEPTH, reliability=_RELIABILITIES[reliability])
        self._image_pub = self.create_publisher(Image, "~/image_raw", qos)
        self._depth_pub = self.create_publisher(Image, "~/depth/image_raw", qos)
        self._info_pub = self.create_publisher(CameraInfo, "~/camera_info", qos)
        self._shown_pub = self.create_publisher(Header, "~/scene_shown", QoSProfile(depth=20))
        self.create_subscription(Int32, "~/scene", self._on_scene, QoSProfile(depth=10))
        self.create_timer(1.0 / rate_hz, self._publish)
        if cycle_sec:
            self.create_timer(cycle_sec, self._next_scene)
        source = "rendered in motion" if moving else "rendered live" if live else "recorded"
        self.get_logger().info(
            f"camera: {last + 1} scenes, {source}, {rate_hz:g} frames/s, showing {self._name()}"
        )

    def destroy_node(self) -> None:
        """Free the renderer as well."""
        self._views.close()
        super().destroy_node()

    def _declare(
        self, name: str, default: Any, description: str, bounds: tuple[Any, Any] | None = None
    ) -> Any:
        descriptor = ParameterDescriptor(description=description, read_only=True)
        if bounds and isinstance(default, float):
            descriptor.floating_point_range = [
                FloatingPointRange(from_value=bounds[0], to_value=bounds[1])
            ]
        elif bounds:
            descriptor.integer_range = [
                IntegerRange(from_value=bounds[0], to_value=bounds[1], step=1)
            ]
        if isinstance(default, float):
            widen_overrides(self, [name])
        self._declared.append(name)
        return self.declare_parameter(name, default, descriptor).value

    def _name(self) -> str:
        return self._recording.scenes[self._number].name

    def _on_scene(self, message: Int32) -> None:
        count = len(self._recording.scenes)
        if not 0 <= message.data < count:
            self.get_logger().error(
                f"scene {message.data} was asked for; expected 0 to {count - 1}. "
                f"Still showing {self._number}, {self._name()}."
            )
            return
        self._number = message.data

    def _next_scene(self) -> None:
        self._number = (self._number + 1) % len(self._recording.scenes)

    def _publish(self) -> None:
        now = self.get_clock().now()
        view = self._views.view(self._number, now.nanoseconds)
        if view is not self._view:  # a recorded view stays the same one
            self._image = image_message(view.rgb, "rgb8")
            self._depth = image_message(view.depth_mm, "16UC1")
            self._info = camera_info_message(view)
            self._view = view
        header = Header(stamp=now.to_msg(), frame_id=self._frame_id)
        self._image.header = self._depth.header = self._info.header = header
        self._info_pub.publish(self._info)
        self._depth_pub.publish(self._depth)
        self._image_pub.publish(self._image)
        self._shown_pub.publish(Header(stamp=header.stamp, frame_id=self._name()))


def image_message(pixels: Array, encoding: str) -> Image:
    """``pixels`` (H, W) or (H, W, 3) as a message without a header."""
    height, width = pixels.shape[:2]
    little = pixels.astype(pixels.dtype.newbyteorder("<"), copy=False)
    return Image(
        height=height,
        width=width,
        encoding=encoding,
        is_bigendian=0,
        step=pixels[0].nbytes,
        data=array("B", little.tobytes()),  # rclpy checks any other sequence byte by byte
    )


def camera_info_message(view: RecordedView) -> CameraInfo:
    """The pinhole camera of ``view``, without distortion and without a header."""
    height, width = view.rgb.shape[:2]
    matrix = view.camera_matrix
    return CameraInfo(
        height=height,
        width=width,
        distortion_model="plumb_bob",
        d=[0.0] * 5,
        k=matrix.ravel().tolist(),
        r=[1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0],
        p=[float(value) for row in matrix for value in (*row, 0.0)],
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the node until it is interrupted; returns the exit status."""
    if {"-h", "--help"} & set(sys.argv[1:] if arguments is None else arguments):
        print(_HELP)
        return 0
    rclpy.init(args=None if arguments is None else list(arguments))
    node: CameraNode | None = None
    try:
        node = CameraNode()
        rclpy.spin(node)
    except (KeyboardInterrupt, ExternalShutdownException):
        pass
    except (PPCRError, ParameterException, RuntimeError) as error:
        print(f"camera: {error}", file=sys.stderr)
        return 1
    finally:
        with suppress(KeyboardInterrupt):  # launch and the terminal may both interrupt
            if node is not None:
                node.destroy_node()
            try_shutdown()
    return 0


if __name__ == "__main__":
    sys.exit(main())
