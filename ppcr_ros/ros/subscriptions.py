"""What the node listens to: the camera's topics, with the QoS that the camera offers."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any

from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, ReliabilityPolicy
from sensor_msgs.msg import CameraInfo, CompressedImage, Image

from ppcr_ros.camera.frame_converter import DEPTH_OFF, FrameConverter
from ppcr_ros.core.cameras import below
from ppcr_ros.core.config import NodeConfig
from ppcr_ros.health import finding_catalog as kinds
from ppcr_ros.health.findings import Level
from ppcr_ros.health.message_findings import InputFacts, input_findings
from ppcr_ros.health.topic_findings import TopicFacts
from ppcr_ros.ros import synchronisation
from ppcr_ros.ros.conversions import stamp_to_ns
from ppcr_ros.ros.graph import graph_facts, publishers_of
from ppcr_ros.ros.qos import camera_qos, wanted_durability, wanted_reliability
from ppcr_ros.service.requests import Snapshot

try:
    from rclpy.event_handler import SubscriptionEventCallbacks
except ImportError:  # Humble
    from rclpy.qos_event import SubscriptionEventCallbacks


class CameraSubscription:
    """A subscription that follows the publishers' QoS and can say why it is silent.

    Used on the executor's thread, except `facts`.

    Args:
        node: the node to subscribe with.
        message_type: the class of the messages.
        topic: its name before remapping.
        role: ``image``, ``depth`` or ``camera_info``.
        setting: ``node.image_reliability``.
        callback: takes each message.
        latched: whether a message that the publisher has kept is wanted: True for camera_info.
    """

    def __init__(
        self,
        node: Node,
        message_type: Any,
        topic: str,
        *,
        role: str,
        setting: str,
        callback: Callable[[Any], None],
        latched: bool = False,
    ) -> None:
        self._node, self._message_type, self._topic = node, message_type, topic
        self._role, self._setting, self._callback = role, setting, callback
        self._latched = latched
        self._type_name = f"sensor_msgs/msg/{message_type.__name__}"
        self.received = 0
        self.newest: Any = None
        """The newest message; None until one came."""
        self._heard_sec = time.monotonic()
        self.reliability = wanted_reliability(setting, [])
        self.durability = DurabilityPolicy.VOLATILE
        self._subscription = self._subscribe()
        # Kept, because `facts` may ask for it while the subscription is exchanged or destroyed.
        self.topic = str(self._subscription.topic_name)
        """The full name, as remapped."""
        self.follow_publishers()

    def follow_publishers(self) -> None:
        """Subscribe anew where another QoS suits the publishers better."""
        offered = [
            item.qos_profile
            for item in self._node.get_publishers_info_by_topic(self.topic)
            if item.topic_type == self._type_name
        ]
        reliability = wanted_reliability(
            self._setting, [qos.reliability for qos in offered], self.reliability
        )
        durability = self.durability
        if self._latched:
            durability = wanted_durability([qos.durability for qos in offered], durability)
        if (reliability, durability) == (self.reliability, self.durability):
            return
        self.reliability, self.durability = reliability, durability
        self._node.destroy_subscription(self._subscription)
        self._subscription = self._subscribe()
        self._node.get_logger().info(
            f"{self.topic}: subscribed as {reliability.name}, {durability.name} now."
        )

    def facts(self) -> TopicFacts:
        """The topic as the graph shows it at this moment; safe on any thread."""
        return TopicFacts(
            role=self._role,
            topic=self.topic,
            name=self._topic,
            message_type=self._type_name,
            reliability=ReliabilityPolicy(self.reliability).name,
            publishers=publishers_of(self._node, self.topic),
            received=self.received,
            quiet_sec=time.monotonic() - self._heard_sec,
        )

    def destroy(self) -> None:
        self._node.destroy_subscription(self._subscription)

    def _subscribe(self) -> Any:
        return self._node.create_subscription(
            self._message_type,
            self._topic,
            self._receive,
            camera_qos(self.reliability, self.durability),
            # The findings tell of a mismatch, once and with advice; rclpy's own would as well.
            event_callbacks=SubscriptionEventCallbacks(use_default_callbacks=False),
        )

    def _receive(self, message: Any) -> None:
        self.received += 1
        self.newest = message
        self._heard_sec = time.monotonic()
        self._callback(message)


class CameraInputs:
    """Turns camera messages into snapshots; its callbacks only stash.

    Args:
        node: the node to subscribe with: ``image`` or ``image/compressed``, ``camera_info`` and,
            with ``use_depth``, ``depth``.
        config: which of them, and how.
        offer: takes each new snapshot.
        camera: the name below which its topics lie; empty where there is one camera.
    """

    def __init__(
        self,
        node: Node,
        config: NodeConfig,
        offer: Callable[[Snapshot], None],
        camera: str = "",
    ) -> None:
        self._node, self._offer, self._camera = node, offer, camera
        self._info: CameraInfo | None = None
        self._synchroniser: synchronisation.DepthSynchroniser | None = None
        self._filters_missing = config.use_depth and not synchronisation.available()

        def subscribe(message_type: Any, topic: str, **options: Any) -> CameraSubscription:
            name, setting = below(camera, topic), config.image_reliability
            return CameraSubscription(node, message_type, name, setting=setting, **options)

        on_image: Callable[[Any], None] = self._stash
        if config.use_depth and not self._filters_missing:
            self._synchroniser = synchronisation.DepthSynchroniser(
                self._stash, queue_size=config.sync_queue_size, slop_sec=config.sync_slop_sec
            )
            on_image = self._synchroniser.add_image
        if config.use_compressed:
            image = subscribe(CompressedImage, "image/compressed", role="image", callback=on_image)
        else:
            image = subscribe(Image, "image", role="image", callback=on_image)
        info = subscribe(
            CameraInfo, "camera_info", role="camera_info", callback=self._stash_info, latched=True
        )
        self._subscriptions = {"image": image, "camera_info": info}
        self._converter = FrameConverter(
            self._no_depth(config),
            lambda: kinds.NO_CAMERA_INFO.found(info.topic).text,
            config.max_image_pixels,
        )
        if self._synchroniser is not None:
            self._subscriptions["depth"] = subscribe(
                Image, "depth", role="depth", callback=self._synchroniser.add_depth
            )

    def watch(self) -> None:
        """To be called once a second: follow the publishers."""
        for subscription in self._subscriptions.values():
            subscription.follow_publishers()

    def facts(self) -> InputFacts:
        """All that is known of the camera; safe on any thread."""
        parts = self._subscriptions
        newest = {role: part.newest for role, part in parts.items() if part.newest is not None}
        return InputFacts(
            topics={role: part.facts() for role, part in parts.items()},
            newest=newest,
            sync=None if self._synchroniser is None else self._synchroniser.facts(),
            filters_missing=self._filters_missing,
        )

    def explain(self) -> str:
        """Why no frame comes, in a few sentences; safe on any thread."""
        findings = input_findings(self.facts(), graph_facts(self._node), impatient=True)
        texts = (item.text for item in findings if item.level > Level.NOTE)
        return " ".join(text[:1].upper() + text[1:] for text in texts)

    @property
    def topics(self) -> list[str]:
        """The full names of the topics that are listened to."""
        return [subscription.topic for subscription in self._subscriptions.values()]

    def destroy(self) -> None:
        for subscription in self._subscriptions.values():
            subscription.destroy()

    def _no_depth(self, config: NodeConfig) -> str:
        """Why no image has depth; empty where it is to come."""
        if not config.use_depth:
            return DEPTH_OFF
        if self._filters_missing:
            return kinds.MESSAGE_FILTERS_MISSING.found("message_filters").text
        return ""

    def _stash_info(self, message: CameraInfo) -> None:
        self._info = message
        if self._synchroniser is not None:
            self._synchroniser.add_info(message)

    def _stash(self, image: Any, depth: Any = None, info: CameraInfo | None = None) -> None:
        info = info or self._info
        convert = partial(self._converter.convert, image, depth, info, time.monotonic())
        self._offer(
            Snapshot(
                convert=convert,
                stamp_ns=stamp_to_ns(image.header.stamp),
                frame_id=image.header.frame_id,
                sources={"image": image, "depth": depth, "camera_info": info},
                camera=self._camera,
            )
        )
