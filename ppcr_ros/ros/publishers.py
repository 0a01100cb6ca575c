"""What the node says: prompts as each stage ends, results, and pictures for those who look on."""

from __future__ import annotations

from typing import Any

from rclpy.lifecycle import LifecycleNode
from sensor_msgs.msg import Image, PointCloud2
from visualization_msgs.msg import MarkerArray

from ppcr_ros.core.config import NodeConfig
from ppcr_ros.core.types import Frame, Result, SemanticPrompt, SpatialPrompt, StageOutput, Status
from ppcr_ros.drawing import draw_result
from ppcr_ros.msg import ReferringSegmentation
from ppcr_ros.msg import SemanticPrompt as SemanticPromptMsg
from ppcr_ros.msg import SpatialPrompt as SpatialPromptMsg
from ppcr_ros.ros import conversions, views
from ppcr_ros.ros.qos import ANSWER_QOS, VIEW_QOS


class Outputs:
    """The node's publishers; an `Outlet` of the worker.

    Prompts and results are always published. Mask, overlay, markers and points are neither drawn
    nor published while nobody subscribes to them.
    """

    def __init__(self, node: LifecycleNode, config: NodeConfig) -> None:
        self._node, self._config = node, config

        def create(message_type: Any, topic: str, qos: Any) -> Any:
            return node.create_lifecycle_publisher(message_type, f"~/{topic}", qos)

        self._semantic = create(SemanticPromptMsg, "semantic_prompt", ANSWER_QOS)
        self._spatial = create(SpatialPromptMsg, "spatial_prompt", ANSWER_QOS)
        self._result = create(ReferringSegmentation, "result", ANSWER_QOS)
        self._mask = create(Image, "mask", VIEW_QOS)
        self._overlay = create(Image, "overlay", VIEW_QOS)
        self._markers = create(MarkerArray, "markers", VIEW_QOS)
        self._points = create(PointCloud2, "object_points", VIEW_QOS)

    def configure(self, config: NodeConfig) -> None:
        """Take over the options that may change at run time."""
        self._config = config

    def stage(self, output: StageOutput, frame: Frame, command_id: str) -> None:
        """Publish a prompt as soon as its stage has ended."""
        header = conversions.make_header(frame.stamp_ns, frame.frame_id)
        if isinstance(output, SemanticPrompt):
            self._semantic.publish(conversions.semantic_to_msg(output, header, command_id))
        elif isinstance(output, SpatialPrompt):
            self._spatial.publish(conversions.spatial_to_msg(output, header, command_id))

    def result(self, result: Result, frame: Frame | None) -> None:
        """Publish how a command ended, and what is looked at of mask, overlay, markers, points."""
        self._log(result)
        self._result.publish(conversions.result_to_msg(result))
        if frame is None:
            if result.status is not Status.CANCELLED:
                self.cleared()
            return
        header = conversions.make_header(result.stamp_ns, result.frame_id)
        mask = None if result.segmentation is None else result.segmentation.mask
        if mask is not None and self._mask.get_subscription_count():
            self._mask.publish(conversions.mask_to_image(mask, header))
        if self._overlay.get_subscription_count():
            drawn = draw_result(frame.rgb, result, self._config.overlay_alpha)
            self._overlay.publish(conversions.rgb_to_image(drawn, header))
        if self._markers.get_subscription_count():
            markers = views.object_markers(result, frame, header)
            if markers is not None:
                self._markers.publish(markers)
        if self._points.get_subscription_count():
            none = views.no_points(header)
            points = none if mask is None else views.points_message(frame, mask, header)
            if points is not None:
                self._points.publish(points)

    def cleared(self) -> None:
        """Take the markers and the points away."""
        header = conversions.make_header(0, "")
        self._markers.publish(views.clear_markers(header))
        if self._points.get_subscription_count():
            self._points.publish(views.no_points(header))

    def destroy(self) -> None:
        for publisher in (
            self._semantic,
            self._spatial,
            self._result,
            self._mask,
            self._overlay,
            self._markers,
            self._points,
        ):
            self._node.destroy_lifecycle_publisher(publisher)

    def _log(self, result: Result) -> None:
        if result.tracked and result.status is Status.OK:  # many a second
            return
        line = f"{result.command!r:.80}: {result.status.name} in {result.seconds.total:.2f} s"
        if result.segmentation is not None:
            line += f", score {result.segmentation.score:.2f}"
        self._node.get_logger().info(f"{line}. {result.message:.500}".rstrip())
