"""What the node listens to: the camera's topics, with the QoS that the camera offers."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any

from rclpy.node import Node
from rclpy.qos import ReliabilityPolicy, qos_policy_name_from_kind
from sensor_msgs.msg import CameraInfo, CompressedImage, Image

from ppcr_ros.core.config import NodeConfig
from ppcr_ros.core.types import Frame
from ppcr_ros.ros import synchronisation
from ppcr_ros.ros.conversions import CameraInfoError, image_to_frame, stamp_to_ns
from ppcr_ros.ros.qos import Publisher, camera_qos, explain_silence, wanted_reliability
from ppcr_ros.ros.worker import Snapshot

try:
    from rclpy.event_handler import SubscriptionEventCallbacks, UnsupportedEventTypeError
except ImportError:  # Humble
    from rclpy.qos_event import SubscriptionEventCallbacks, UnsupportedEventTypeError

SILENCE_SEC = 5.0
"""A camera topic that is quiet for so long is warned of."""
REMIND_SEC = 30.0
"""How long until the same warning may come again."""


class CameraSubscription:
    """A subscription that follows the publishers' reliability and can say why it is silent.

    Used on the executor's thread, except `explain`.
    """

    def __init__(
        self,
        node: Node,
        message_type: Any,
        topic: str,
        setting: str,
        callback: Callable[[Any], None],
    ) -> None:
        self._node, self._message_type, self._topic = node, message_type, topic
        self._setting, self._callback = setting, callback
        self._type_name = f"sensor_msgs/msg/{message_type.__name__}"
        self.received = 0
        self._heard_sec = time.monotonic()
        self._warned_sec = float("-inf")
        self.reliability = wanted_reliability(setting, [])
        self._subscription = self._subscribe()
        # Kept, because `explain` may ask for it while the subscription is exchanged or destroyed.
        self.topic = str(self._subscription.topic_name)
        """The full name, as remapped."""
        self.follow_publishers()

    def follow_publishers(self) -> None:
        """Subscribe anew where another reliability suits the publishers better."""
        offered = [item.reliability for item in self._publishers()]
        wanted = wanted_reliability(self._setting, offered, self.reliability)
        if wanted != self.reliability:
            self.reliability = wanted
            self._node.destroy_subscription(self._subscription)
            self._subscription = self._subscribe()
            self._node.get_logger().info(f"{self.topic}: subscribed as {wanted.name} now.")

    def warn_if_silent(self) -> None:
        """Log why nothing arrives, where nothing does; not more often than `REMIND_SEC`."""
        now = time.monotonic()
        if self.silent and now - self._warned_sec >= REMIND_SEC:
            self._warned_sec = now
            quiet_sec = now - self._heard_sec
            self._node.get_logger().warning(f"no message for {quiet_sec:.0f} s: {self.explain()}")

    @property
    def silent(self) -> bool:
        return time.monotonic() - self._heard_sec >= SILENCE_SEC

    def explain(self) -> str:
        """Why nothing may arrive, in one line."""
        similar = [
            name
            for name, types in self._node.get_topic_names_and_types()
            if self._type_name in types and name != self.topic
        ]
        return explain_silence(
            topic=self.topic,
            message_type=self._type_name,
            requested=self.reliability,
            publishers=self._publishers(),
            similar_topics=sorted(similar),
        )

    def destroy(self) -> None:
        self._node.destroy_subscription(self._subscription)

    def _subscribe(self) -> Any:
        create = partial(
            self._node.create_subscription,
            self._message_type,
            self._topic,
            self._receive,
            camera_qos(self.reliability),
        )
        events = SubscriptionEventCallbacks(incompatible_qos=self._on_incompatible_qos)
        try:
            return create(event_callbacks=events)
        except UnsupportedEventTypeError:  # not every middleware tells
            return create()

    def _receive(self, message: Any) -> None:
        self.received += 1
        self._heard_sec = time.monotonic()
        self._callback(message)

    def _publishers(self) -> list[Publisher]:
        return [
            Publisher(
                node=f"{info.node_namespace.rstrip('/')}/{info.node_name}",
                message_type=info.topic_type,
                reliability=ReliabilityPolicy(info.qos_profile.reliability),
            )
            for info in self._node.get_publishers_info_by_topic(self.topic)
        ]

    def _on_incompatible_qos(self, event: Any) -> None:
        policy = qos_policy_name_from_kind(event.last_policy_kind)
        self._node.get_logger().warning(
            f"{self.topic}: a publisher's QoS does not match in {policy}, so none of its messages "
            f"will come. {self.explain()}"
        )


class CameraInputs:
    """Turns camera messages into snapshots; its callbacks only stash.

    Args:
        node: the node to subscribe with: ``image`` or ``image/compressed``, ``camera_info`` and,
            with ``use_depth``, ``depth``.
        config: which of them, and how.
        offer: takes each new snapshot.
    """

    def __init__(self, node: Node, config: NodeConfig, offer: Callable[[Snapshot], None]) -> None:
        self._node, self._offer = node, offer
        self._to_frame = partial(
            image_to_frame, max_pixels=int(config.max_image_megapixels * 1_000_000)
        )
        self._info: CameraInfo | None = None
        self._misfit_told = False
        self._synchroniser: synchronisation.DepthSynchroniser | None = None
        subscribe = partial(CameraSubscription, node, setting=config.image_reliability)
        on_image: Callable[[Any], None] = self._stash
        if config.use_depth and not synchronisation.available():
            node.get_logger().warning(synchronisation.MISSING_ADVICE)
        elif config.use_depth:
            self._synchroniser = synchronisation.DepthSynchroniser(
                self._stash, queue_size=config.sync_queue_size, slop_sec=config.sync_slop_sec
            )
            on_image = self._synchroniser.add_image
        if config.use_compressed:
            image = subscribe(CompressedImage, "image/compressed", callback=on_image)
        else:
            image = subscribe(Image, "image", callback=on_image)
        info = subscribe(CameraInfo, "camera_info", callback=self._stash_info)
        self._subscriptions, self._needed = [image, info], [image]
        if self._synchroniser is not None:
            depth = subscribe(Image, "depth", callback=self._synchroniser.add_depth)
            self._subscriptions.append(depth)
            self._needed += [depth, info]

    def watch(self) -> None:
        """To be called once a second: follow the publishers, and warn of silent topics."""
        for subscription in self._subscriptions:
            subscription.follow_publishers()
        for subscription in self._needed:
            subscription.warn_if_silent()

    def explain(self) -> str:
        """Why no frame comes, in a few sentences; safe on any thread."""
        silent = [item for item in self._needed if not item.received or item.silent]
        reasons = [item.explain() for item in silent]
        if self._synchroniser is not None:
            reasons.append(self._synchroniser.explain())
        return " ".join(reason for reason in reasons if reason)

    def silence(self) -> str:
        """Like `explain`, but empty while images arrive."""
        return self.explain() if any(item.silent for item in self._needed) else ""

    @property
    def topics(self) -> list[str]:
        """The full names of the topics that are listened to."""
        return [subscription.topic for subscription in self._subscriptions]

    def destroy(self) -> None:
        for subscription in self._subscriptions:
            subscription.destroy()

    def _stash_info(self, message: CameraInfo) -> None:
        self._info = message

    def _stash(self, image: Any, depth: Any = None) -> None:
        self._offer(
            Snapshot(
                convert=partial(self._convert, image, depth, self._info),
                stamp_ns=stamp_to_ns(image.header.stamp),
                frame_id=image.header.frame_id,
            )
        )

    def _convert(self, image: Any, depth: Any, info: CameraInfo | None) -> Frame:
        try:
            return self._to_frame(image, depth, info)
        except CameraInfoError as error:
            if depth is not None:
                raise
            if not self._misfit_told:  # a mask needs no camera_info, so go on without it
                self._misfit_told = True
                self._node.get_logger().warning(f"going on without camera_info: {error}")
            return self._to_frame(image)
