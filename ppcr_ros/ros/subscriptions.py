"""Subscriptions to the camera's topics, with the QoS that the camera offers."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, ReliabilityPolicy
from sensor_msgs.msg import CameraInfo, CompressedImage, Image

from ppcr_ros.camera.doubts import result_frame_id
from ppcr_ros.camera.frame_converter import DEPTH_OFF, Arrival, FrameConverter
from ppcr_ros.camera.replays import JUMP_NS, StampHistory
from ppcr_ros.camera.topics import (
    CAMERA_INFO_TYPE,
    COMPRESSED_TYPE,
    IMAGE_TYPE,
    Choice,
    chosen,
    depth_choices,
    image_choices,
)
from ppcr_ros.core.cameras import camera_topic
from ppcr_ros.core.config import Config
from ppcr_ros.health import finding_catalog as kinds
from ppcr_ros.health.findings import Level
from ppcr_ros.health.message_findings import InputFacts, input_findings
from ppcr_ros.health.topic_findings import TopicFacts, argument_of
from ppcr_ros.ros.conversions import stamp_to_ns
from ppcr_ros.ros.graph import ClockWatch, graph_facts, publishers_of
from ppcr_ros.ros.qos import camera_qos, wanted_durability, wanted_reliability
from ppcr_ros.ros.synchronisation import DepthSynchroniser, SimpleFilter
from ppcr_ros.service.requests import Snapshot

try:
    from rclpy.event_handler import SubscriptionEventCallbacks
except ImportError:  # Humble
    from rclpy.qos_event import SubscriptionEventCallbacks

_CLASSES = {IMAGE_TYPE: Image, COMPRESSED_TYPE: CompressedImage, CAMERA_INFO_TYPE: CameraInfo}
_LEAST_LOOK_SEC, _MOST_LOOK_SEC = 0.02, 0.1
"""How often it is looked whether an image has waited for its depth long enough."""
_ARRIVALS_KEPT = 1000
"""Of so many images it is known when they came: more than can wait for their depth."""
_TELL_BACK_SEC = 10.0
"""For how long it is told that stamps went back."""


class CameraSubscription:
    """A subscription that follows the publishers' QoS and transport and can say why it is silent.

    It hears nothing until `begin`, so that no message comes before there is a callback for it: the
    executor may run on another thread than the one that makes this. Used on the executor's thread
    from then on, except `facts`.

    Args:
        node: the node to subscribe with.
        choices: where the messages may come from, the preferred topic first.
        name: the topic's name before remapping.
        role: ``image``, ``depth`` or ``camera_info``.
        setting: ``node.image_reliability``.
        latched: whether a message that the publisher has kept is wanted: True for camera_info.
    """

    def __init__(
        self,
        node: Node,
        choices: Sequence[Choice],
        *,
        name: str,
        role: str,
        setting: str,
        latched: bool = False,
    ) -> None:
        self._node, self._choices, self._name = node, choices, name
        self._role, self._setting, self._latched = role, setting, latched
        self.output = SimpleFilter()
        """Signals each message."""
        self.received = 0
        self.newest: Any = None
        """The newest message; None until one came."""
        self._heard_sec = time.monotonic()
        self.reliability = wanted_reliability(setting, [])
        self.durability = DurabilityPolicy.VOLATILE
        # Kept, because `facts` may ask for it while the subscription is exchanged or destroyed.
        self.topic, self._type_name = choices[0]
        """The full name, as remapped."""
        self._subscription: Any = None

    def begin(self) -> None:
        """Subscribe."""
        self._subscription = self._subscribe()
        self.follow_publishers()

    def follow_publishers(self) -> None:
        """Subscribe anew where another topic, type or QoS suits the publishers better."""
        choice = chosen(self._choices, self._types_at, (self.topic, self._type_name))
        offered = [
            item.qos_profile
            for item in self._node.get_publishers_info_by_topic(choice[0])
            if item.topic_type == choice[1]
        ]
        reliability = wanted_reliability(
            self._setting, [qos.reliability for qos in offered], self.reliability
        )
        durability = self.durability
        if self._latched:
            durability = wanted_durability([qos.durability for qos in offered], durability)
        wanted = (*choice, reliability, durability)
        if wanted == (self.topic, self._type_name, self.reliability, self.durability):
            return
        if choice != (self.topic, self._type_name):
            self._heard_sec = time.monotonic()
        self.topic, self._type_name, self.reliability, self.durability = wanted
        self._node.destroy_subscription(self._subscription)
        self._subscription = self._subscribe()
        self._node.get_logger().info(
            f"{self.topic}: subscribed to {self._type_name} as {reliability.name}, "
            f"{durability.name} now."
        )

    def facts(self) -> TopicFacts:
        """The topic as the graph shows it at this moment; safe on any thread."""
        return TopicFacts(
            role=self._role,
            topic=self.topic,
            name=self._name,
            message_type=self._type_name,
            reliability=ReliabilityPolicy(self.reliability).name,
            publishers=publishers_of(self._node, self.topic),
            received=self.received,
            quiet_sec=time.monotonic() - self._heard_sec,
            wanted=self._choices[0][0],
        )

    def destroy(self) -> None:
        self._node.destroy_subscription(self._subscription)

    def _types_at(self, topic: str) -> list[str]:
        return [item.topic_type for item in self._node.get_publishers_info_by_topic(topic)]

    def _subscribe(self) -> Any:
        return self._node.create_subscription(
            _CLASSES[self._type_name],
            self.topic,
            self._receive,
            camera_qos(self.reliability, self.durability),
            # The findings tell of a mismatch, once and with advice; rclpy's own would as well.
            event_callbacks=SubscriptionEventCallbacks(use_default_callbacks=False),
        )

    def _receive(self, message: Any) -> None:
        self.received += 1
        self.newest = message
        self._heard_sec = time.monotonic()
        self.output.signalMessage(message)


class CameraInputs:
    """Turns camera messages into snapshots; its callbacks only stash.

    Args:
        node: the node to subscribe with: ``image`` or ``image/compressed``, ``camera_info`` and,
            with ``node.use_depth``, ``depth``.
        config: which of them, and how.
        offer: takes each new snapshot.
        camera: the name below which its topics lie; empty where there is one camera.
        on_back: called where the stamps of the images have gone back by more than a second.
    """

    def __init__(
        self,
        node: Node,
        config: Config,
        offer: Callable[[Snapshot], None],
        camera: str = "",
        on_back: Callable[[], None] = lambda: None,
    ) -> None:
        self._node, self._offer, self._camera = node, offer, camera
        self._on_back, self._stamps = on_back, StampHistory()
        self._arrivals: dict[int, Arrival] = {}
        """When the last images came, by their stamps."""
        self._back: tuple[float, float] = (0.0, float("-inf"))
        """How far the stamps last went back, seconds, and when that was."""
        self._options = config.camera
        self._clock = ClockWatch(node)
        self.camera_info: CameraInfo | None = None
        """The newest message; None until one came."""
        self._offered: tuple[Any, Any, Arrival] | None = None
        """The newest image, its depth and its arrival, while no camera_info has come."""
        self._synchroniser: DepthSynchroniser | None = None
        self._timer: Any = None
        subscribe = partial(self._subscribe, setting=config.node.image_reliability)
        self._image = subscribe("image", self._image_choices(config.node.use_compressed))
        self._image.output.registerCallback(self._note_arrival)
        info = subscribe("camera_info", self._info_choices(), latched=True)
        self._subscriptions = {"image": self._image, "camera_info": info}
        info.output.registerCallback(self.receive_info)
        if config.node.use_depth:
            self._pair(subscribe("depth", depth_choices(self._full_name("depth"))), info, config)
        else:
            self._image.output.registerCallback(self.receive)
        self._converter = FrameConverter(
            self._explain_no_depth,
            self._explain_no_info,
            config.camera,
            config.node.max_image_pixels,
            camera,
        )
        for subscription in self._subscriptions.values():
            subscription.begin()

    def watch(self) -> None:
        """To be called once a second: follow the publishers."""
        self._clock.look()
        for subscription in self._subscriptions.values():
            subscription.follow_publishers()

    def facts(self) -> InputFacts:
        """All that is known of the camera; safe on any thread."""
        parts = self._subscriptions
        newest = {role: part.newest for role, part in parts.items() if part.newest is not None}
        back_sec, since_sec = self._back
        return InputFacts(
            topics={role: part.facts() for role, part in parts.items()},
            newest=newest,
            sync=None if self._synchroniser is None else self._synchroniser.facts(),
            options=self._options,
            back_sec=back_sec if time.monotonic() - since_sec < _TELL_BACK_SEC else 0.0,
        )

    def explain(self) -> str:
        """Why no frame comes, in a few sentences; safe on any thread."""
        return self._explain(("image",))

    @property
    def topics(self) -> list[str]:
        """The full names of the topics that are listened to."""
        return [subscription.topic for subscription in self._subscriptions.values()]

    def destroy(self) -> None:
        if self._timer is not None:
            self._node.destroy_timer(self._timer)
        for subscription in self._subscriptions.values():
            subscription.destroy()

    def _subscribe(
        self, role: str, choices: Sequence[Choice], *, setting: str, latched: bool = False
    ) -> CameraSubscription:
        return CameraSubscription(
            self._node,
            choices,
            name=camera_topic(self._camera, role),
            role=role,
            setting=setting,
            latched=latched,
        )

    def _full_name(self, topic: str) -> str:
        return str(self._node.resolve_topic_name(camera_topic(self._camera, topic)))

    def _image_choices(self, prefer_compressed: bool) -> list[Choice]:
        name = camera_topic(self._camera, "image/compressed")
        compressed = str(self._node.resolve_topic_name(name))
        unmapped = str(self._node.resolve_topic_name(name, only_expand=True))
        return image_choices(
            self._full_name("image"),
            "" if compressed == unmapped else compressed,
            prefer_compressed=prefer_compressed,
        )

    def _info_choices(self) -> list[Choice]:
        return [(self._full_name("camera_info"), CAMERA_INFO_TYPE)]

    def _pair(self, depth: CameraSubscription, info: CameraSubscription, config: Config) -> None:
        wait_sec = config.camera.depth_wait_sec
        self._subscriptions["depth"] = depth
        self._synchroniser = DepthSynchroniser(
            queue_size=config.node.sync_queue_size,
            slop_sec=config.node.sync_slop_sec,
            wait_sec=wait_sec,
        )
        self._synchroniser.connectInput(self._image.output, depth.output, info.output)
        self._synchroniser.registerCallback(self.receive)
        self._timer = self._node.create_timer(
            min(max(wait_sec / 4.0, _LEAST_LOOK_SEC), _MOST_LOOK_SEC),
            self._synchroniser.look,
            clock=Clock(clock_type=ClockType.STEADY_TIME),
        )

    def _explain_no_depth(self) -> str:
        """Why an image came without depth."""
        if self._synchroniser is None:
            return DEPTH_OFF
        wait_sec = self._options.depth_wait_sec
        return (
            f"no depth came for the image within {wait_sec:g} s (camera.depth_wait_sec). "
            f"{self._explain(('depth', 'sync'))}"
        ).rstrip()

    def _explain_no_info(self) -> str:
        """Why there is no camera_info, whether or not one was waited for long enough."""
        topic, name = (
            self._subscriptions["camera_info"].topic,
            camera_topic(self._camera, "camera_info"),
        )
        argument = argument_of("camera_info", name, graph_facts(self._node), topic)
        return kinds.NO_CAMERA_INFO.found(topic, argument=argument).text

    def _explain(self, roles: Sequence[str]) -> str:
        graph = graph_facts(self._node, self._clock.stands_sec)
        findings = input_findings(self.facts(), graph, impatient=True, roles=roles)
        texts = (item.text for item in findings if item.level > Level.NOTE)
        return " ".join(text[:1].upper() + text[1:] for text in texts)

    def receive_info(self, message: CameraInfo) -> None:
        """Keep ``message`` for the images to come, and for one that waits for it."""
        self.camera_info = message
        if self._offered is not None:  # of a camera that takes a picture now and then
            (image, depth, arrival), self._offered = self._offered, None
            self._hand_in(image, depth, message, arrival)

    def receive(self, image: Any, depth: Any = None, info: CameraInfo | None = None) -> None:
        """Offer a snapshot of ``image``, with the depth and the camera_info that belong to it."""
        arrival = self._arrivals.get(stamp_to_ns(image.header.stamp)) or self._arrival_now(image)
        info = info or self.camera_info
        self._offered = (image, depth, arrival) if info is None and depth is not None else None
        self._hand_in(image, depth, info, arrival)

    def _arrival_now(self, image: Any) -> Arrival:
        now_ns = int(self._node.get_clock().now().nanoseconds)
        lag_sec = (now_ns - stamp_to_ns(image.header.stamp)) / 1e9 if now_ns else None
        return Arrival(time.monotonic(), lag_sec)

    def _note_arrival(self, image: Any) -> None:
        """Remember when ``image`` came, which may wait for its depth.

        See as well whether time has gone back: what was kept of the run before fits nothing then.
        """
        stamp_ns = stamp_to_ns(image.header.stamp)
        self._arrivals.pop(stamp_ns, None)
        self._arrivals[stamp_ns] = self._arrival_now(image)
        if len(self._arrivals) > _ARRIVALS_KEPT:
            del self._arrivals[next(iter(self._arrivals))]
        if not stamp_ns:  # it is no time, and has a finding of its own
            return
        if back_ns := self._stamps.back_ns(stamp_ns):
            self._stamps = StampHistory()
            self._back = (back_ns / 1e9, time.monotonic())
            if back_ns > JUMP_NS:
                self._on_back()
        self._stamps.add(stamp_ns)

    def _hand_in(self, image: Any, depth: Any, info: CameraInfo | None, arrival: Arrival) -> None:
        convert = partial(self._converter.convert, image, depth, info, arrival, self._image.topic)
        self._offer(
            Snapshot(
                convert=convert,
                stamp_ns=stamp_to_ns(image.header.stamp),
                frame_id=result_frame_id(image.header.frame_id, self._options, self._camera),
                sources={"image": image, "depth": depth, "camera_info": info},
                camera=self._camera,
                arrived_ns=arrival.arrived_ns,
                received_sec=arrival.received_sec,
            )
        )
