"""Publishers of the node: prompts as each stage ends, results, and pictures for people."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any

from rclpy.duration import Duration
from rclpy.lifecycle import LifecycleNode
from sensor_msgs.msg import Image, PointCloud2
from visualization_msgs.msg import MarkerArray

from ppcr_ros.core.live_config import ConfigSource
from ppcr_ros.core.types import (
    Array,
    Frame,
    Result,
    SemanticPrompt,
    SpatialPrompt,
    StageOutput,
    Status,
)
from ppcr_ros.drawing import draw_result
from ppcr_ros.msg import ReferringSegmentation
from ppcr_ros.msg import SemanticPrompt as SemanticPromptMsg
from ppcr_ros.msg import SpatialPrompt as SpatialPromptMsg
from ppcr_ros.ros import conversions, rviz_views
from ppcr_ros.ros.qos import ANSWER_QOS, VIEW_QOS
from ppcr_ros.ros.standard_outputs import StandardOutputs

_FAREWELL = Duration(seconds=2)
"""How long a listener that does not answer, such as a dead one, may hold the end up."""


class Outputs:
    """The node's publishers; an `Outlet` of the worker.

    Prompts and results are always published. Mask, overlay, markers and points are neither drawn
    nor published while nobody subscribes to them.

    Args:
        node: to publish with.
        configuration: how.
        on_message: handed each prompt and result: its role, topic and message.
    """

    def __init__(
        self,
        node: LifecycleNode,
        configuration: ConfigSource,
        on_message: Callable[[str, str, Any], None] = lambda role, topic, message: None,
    ) -> None:
        self._node, self._configuration = node, configuration
        self._on_message = on_message
        self._frame_id = ""
        """Of the last result that had an image."""

        def create(message_type: Any, topic: str, qos: Any) -> Any:
            return node.create_lifecycle_publisher(message_type, f"~/{topic}", qos)

        self._semantic = create(SemanticPromptMsg, "semantic_prompt", ANSWER_QOS)
        self._spatial = create(SpatialPromptMsg, "spatial_prompt", ANSWER_QOS)
        self._result = create(ReferringSegmentation, "result", ANSWER_QOS)
        self._mask = create(Image, "mask", VIEW_QOS)
        self._overlay = create(Image, "overlay", VIEW_QOS)
        self._markers = create(MarkerArray, "markers", VIEW_QOS)
        self._points = create(PointCloud2, "object_points", VIEW_QOS)
        self._standard = StandardOutputs(node, configuration)

    def begin_anew(self) -> None:
        """Time has gone back: forget what was heard of the run before."""
        self._standard.begin_anew()

    def stage(self, output: StageOutput, frame: Frame, command_id: str) -> None:
        """Publish a prompt as soon as its stage has ended."""
        header = conversions.make_header(frame.stamp_ns, frame.frame_id)
        if isinstance(output, SemanticPrompt):
            semantic = conversions.semantic_to_msg(output, header, command_id)
            self._publish("semantic_prompt", self._semantic, semantic)
        elif isinstance(output, SpatialPrompt):
            spatial = conversions.spatial_to_msg(output, header, command_id)
            self._publish("spatial_prompt", self._spatial, spatial)

    def result(self, result: Result, frame: Frame | None) -> None:
        """Publish how a command ended, and what is looked at of mask, overlay, markers, points."""
        self._log(result)
        try:
            message = conversions.result_to_msg(result)
        except Exception as error:  # whoever waits for the result must get one
            self._publish(
                "result",
                self._result,
                conversions.result_to_msg(_without_products(result, error)),
            )
            raise
        self._publish("result", self._result, message)
        overlay = cache(lambda: self._draw(result, frame))
        self._standard.result(result, frame, overlay)
        if frame is None:
            if result.status is not Status.CANCELLED:
                self.cleared()
            return
        header = conversions.make_header(result.stamp_ns, result.frame_id)
        self._frame_id = result.frame_id
        mask = None if result.segmentation is None else result.segmentation.mask
        if mask is not None and self._mask.get_subscription_count():
            self._mask.publish(conversions.mask_to_image(mask, header))
        if self._overlay.get_subscription_count():
            self._overlay.publish(conversions.rgb_to_image(overlay(), header))
        if self._markers.get_subscription_count():
            markers = rviz_views.object_markers(result, frame, header)
            if markers is not None:
                self._markers.publish(markers)
        if self._points.get_subscription_count():
            none = rviz_views.no_points(header)
            points = none if mask is None else rviz_views.points_message(frame, mask, header)
            if points is not None:
                self._points.publish(points)

    def cleared(self) -> None:
        """Take the markers and the points away; in a frame that RViz knows, or it keeps them."""
        header = conversions.make_header(0, self._frame_id)
        self._markers.publish(rviz_views.clear_markers(header))
        if self._points.get_subscription_count():
            self._points.publish(rviz_views.no_points(header))
        self._standard.cleared(header)

    def destroy(self) -> None:
        """Take the publishers away, once the last result has arrived with those who listen."""
        if self._node.context.ok():
            self._result.wait_for_all_acked(_FAREWELL)
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
        self._standard.destroy()

    def _draw(self, result: Result, frame: Frame | None) -> Array:
        if frame is None:
            raise ValueError("there is no image to draw on.")
        return draw_result(frame.rgb, result, self._configuration.current.node.overlay_alpha)

    def _publish(self, role: str, publisher: Any, message: Any) -> None:
        self._on_message(role, publisher.topic_name, message)
        publisher.publish(message)

    def _log(self, result: Result) -> None:
        if result.tracked and result.status is Status.OK:  # many a second
            return
        line = f"{result.command!r:.80}: {result.status.name} in {result.seconds.total:.2f} s"
        if result.segmentation is not None:
            line += f", score {result.segmentation.score:.2f}"
        self._node.get_logger().info(f"{line}. {result.message:.500}".rstrip())


def _without_products(result: Result, error: Exception) -> Result:
    """What can be said of a result that cannot be made a message."""
    return replace(
        result,
        status=Status.ERROR,
        message=f"the result cannot be sent: {type(error).__name__}: {error}",
        semantic=None,
        spatial=None,
        segmentation=None,
    )
