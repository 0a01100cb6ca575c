"""Outputs in the messages of other packages, each while somebody listens to it.

vision_msgs, moveit_msgs and tf2_ros are used where they are installed, and not missed elsewhere.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from functools import partial
from types import ModuleType
from typing import Any

import cv2
from geometry_msgs.msg import PoseStamped
from rclpy.lifecycle import LifecycleNode
from rclpy.qos import DurabilityPolicy, QoSProfile
from sensor_msgs.msg import CameraInfo, CompressedImage
from std_msgs.msg import Header

from ppcr_ros.core.grasp.grasp_target import GraspTarget
from ppcr_ros.core.live_config import ConfigSource
from ppcr_ros.core.types import Array, Frame, Instance, Result, Status
from ppcr_ros.msg import ResultSummary
from ppcr_ros.ros import summaries
from ppcr_ros.ros.qos import VIEW_QOS
from ppcr_ros.ros.target_frames import TargetFrame, as_transform, grasp_pose, object_pose

LABELS_QOS = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
_MASKED = (Status.OK, Status.LOW_CONFIDENCE)
_JPEG_QUALITY = 85
Placed = list[tuple[Instance, GraspTarget]]


def importable(name: str) -> ModuleType | None:
    """The module ``name`` of this package, where the messages that it fills are installed."""
    try:
        return importlib.import_module(f"ppcr_ros.ros.{name}")
    except ImportError:
        return None


class StandardOutputs:
    """Publishers of standard messages, beside those of `Outputs`.

    Args:
        node: to publish with.
        configuration: how, and in which frame.
    """

    def __init__(self, node: LifecycleNode, configuration: ConfigSource) -> None:
        self._node, self._configuration = node, configuration
        config = configuration.current
        self._frame = TargetFrame(node, config.node.target_frame)
        self._vision, self._moveit = importable("detections"), importable("moveit_messages")
        self._nouns: list[str] = []
        self._publishers: dict[str, Any] = {}
        self._create(ResultSummary, "summary")
        self._create(CameraInfo, "camera_info")
        self._create(CompressedImage, "overlay/compressed")
        self._create(PoseStamped, "object_pose")
        self._create(PoseStamped, "grasp_pose")
        if self._vision is not None:
            self._create(self._vision.Detection2DArray, "detections_2d")
            self._create(self._vision.Detection3DArray, "detections_3d")
            self._create(self._vision.LabelInfo, "label_info", LABELS_QOS)
        if self._moveit is not None:
            self._create(self._moveit.CollisionObject, "collision_object")
            self._create(self._moveit.Grasp, "grasp")
        self._broadcaster = self._make_broadcaster()

    def begin_anew(self) -> None:
        """Time has gone back: forget what was heard of the run before."""
        self._frame.forget()

    def result(self, result: Result, frame: Frame | None, overlay: Callable[[], Array]) -> None:
        """Publish what is listened to.

        Args:
            result: how a command ended.
            frame: the image that it is about; None where none came.
            overlay: draws the overlay (H, W, 3) uint8.
        """
        header = summaries.header_of(result)
        self._offer("summary", partial(summaries.summary_to_msg, result, header))
        if frame is None:
            return
        if result.segmentation is not None:
            self._offer("camera_info", partial(summaries.camera_info_of, frame, header))
        self._offer("overlay/compressed", lambda: _jpeg(overlay(), header))
        if result.status in (*_MASKED, Status.NOT_FOUND):
            self._detect(result, header)
        if result.status is not Status.CANCELLED:
            self._place(result, header)

    def cleared(self, header: Header) -> None:
        """Take the object out of the planning scene."""
        moveit = self._moveit
        if moveit is not None:
            self._offer("collision_object", lambda: moveit.no_collision_object(header))

    def destroy(self) -> None:
        """Take the publishers away."""
        self._frame.destroy()
        for publisher in self._publishers.values():
            self._node.destroy_lifecycle_publisher(publisher)
        self._publishers = {}

    def _detect(self, result: Result, header: Header) -> None:
        vision = self._vision
        if vision is None:
            return
        self._offer("detections_2d", lambda: vision.detections_2d(result, header))
        self._offer("detections_3d", lambda: self._detections_3d(vision, result, header))
        noun = vision.noun_of(result)
        if result.segmentation is not None and noun not in self._nouns:
            self._nouns.append(noun)
            labels = vision.label_info(self._nouns, result.score_floor, header)
            # Kept for whoever comes later, so that it is published without listeners, too.
            self._publishers["label_info"].publish(labels)

    def _detections_3d(self, vision: Any, result: Result, header: Header) -> Any:
        placed: Placed = []
        for instance in () if result.segmentation is None else result.segmentation.instances:
            target = instance.grasp or result.grasp
            found = None if target is None else self._frame.place(target, header)
            if found is not None:
                placed.append((instance, found[0]))
                there = found[1]
        if placed:
            return vision.detections_3d(result, placed, there)
        return None if result.segmentation is not None else vision.detections_3d(result, [], header)

    def _place(self, result: Result, header: Header) -> None:
        """Publish what says where the object is; that there is none, where it was not found."""
        topics = ("object_pose", "grasp_pose", "collision_object", "grasp")
        if self._broadcaster is None and not any(map(self._has_subscribers, topics)):
            return
        if result.status is not Status.OK:
            self.cleared(header)
            return
        found = None
        if result.grasp is not None and result.grasp.box is not None:
            found = self._frame.place(result.grasp, header)
        if found is None:  # it is there, and nobody knows where
            return
        target, there = found
        poses = {"object": object_pose(target, there), "grasp": grasp_pose(target, there)}
        for name, pose in poses.items():
            self._offer(f"{name}_pose", partial(_itself, pose))
        self._broadcast(poses)
        moveit = self._moveit
        if moveit is not None:
            noun = result.semantic.category if result.semantic is not None else ""
            score = 0.0 if result.segmentation is None else float(result.segmentation.score)
            self._offer("collision_object", lambda: moveit.collision_object(target, noun, there))
            self._offer("grasp", lambda: moveit.grasp(target, score, there))

    def _broadcast(self, poses: dict[str, PoseStamped | None]) -> None:
        if self._broadcaster is None:
            return
        name = self._node.get_name()
        transforms = [
            as_transform(pose, f"{name}_{part}") for part, pose in poses.items() if pose is not None
        ]
        if transforms:
            self._broadcaster.sendTransform(transforms)

    def _make_broadcaster(self) -> Any:
        if not self._configuration.current.node.broadcast_tf:
            return None
        try:
            return importlib.import_module("tf2_ros").TransformBroadcaster(self._node)
        except ImportError:
            self._node.get_logger().warning(
                "node.broadcast_tf is set, but the package tf2_ros is not installed: no frames are "
                "broadcast. Install ros-$ROS_DISTRO-tf2-ros."
            )
            return None

    def _create(self, message_type: Any, topic: str, qos: Any = VIEW_QOS) -> None:
        create = self._node.create_lifecycle_publisher
        self._publishers[topic] = create(message_type, f"~/{topic}", qos)

    def _has_subscribers(self, topic: str) -> bool:
        publisher = self._publishers.get(topic)
        return publisher is not None and publisher.get_subscription_count() > 0

    def _offer(self, topic: str, make: Callable[[], Any]) -> None:
        """Publish what ``make`` gives, where somebody listens and there is something to say."""
        if self._has_subscribers(topic):
            message = make()
            if message is not None:
                self._publishers[topic].publish(message)


def _itself(message: Any) -> Any:
    return message


def _jpeg(rgb: Array, header: Header) -> CompressedImage:
    done, data = cv2.imencode(
        ".jpg", cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY]
    )
    if not done:
        raise ValueError(f"OpenCV made no JPEG of an image of shape {rgb.shape}.")
    return CompressedImage(header=header, format="rgb8; jpeg compressed bgr8", data=data.tobytes())
