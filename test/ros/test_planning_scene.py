"""Planning scene in the robot's frame: what is found is never taken out of it.

The packages tf2_ros and moveit_msgs are stood in for.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="needs ROS 2 (rclpy)")
pytest.importorskip("ppcr_ros.msg", reason="needs the built messages (make build)")

from geometry_msgs.msg import TransformStamped

from ppcr_ros.core.config import Config, NodeConfig
from ppcr_ros.core.grasp.grasp_target import GraspTarget, OrientedBox
from ppcr_ros.core.live_config import LiveConfig
from ppcr_ros.core.types import Frame, Result, Segmentation, Status
from ppcr_ros.ros import standard_outputs

MASK = np.pad(np.ones((10, 10), bool), 20)
FRAME = Frame(np.zeros((50, 50, 3), np.uint8), stamp_ns=5_000_000_000, frame_id="camera_optical")
BOX = OrientedBox(np.array([0.1, 0.2, 0.9]), np.eye(3), np.array([0.12, 0.05, 0.07]))
FOUND = Result(
    Status.OK,
    "the red mug",
    stamp_ns=FRAME.stamp_ns,
    frame_id=FRAME.frame_id,
    segmentation=Segmentation.from_mask(MASK, 0.9),
    grasp=GraspTarget(True, box=BOX, centroid_m=np.array([0.1, 0.2, 0.9])),
)
MISSING = replace(FOUND, status=Status.NOT_FOUND, segmentation=None, grasp=None)


class FakeBuffer:
    """A ``tf2_ros.Buffer`` that knows a transform once it was waited for, if then."""

    comes, connected = True, True

    def __init__(self) -> None:
        self.waits_sec: list[float] = []

    def can_transform(self, target: str, source: str, at: Any) -> bool:
        return self.connected

    def lookup_transform(self, target: str, source: str, at: Any, timeout: Any) -> Any:
        self.waits_sec.append(timeout.nanoseconds / 1e9)
        if not (timeout.nanoseconds and self.comes):
            raise LookupError("extrapolation into the future")
        found = TransformStamped()
        found.transform.rotation.w = 1.0
        return found


class FakeNode:
    """Keeps what is published for the planning scene, to which alone somebody listens."""

    def __init__(self) -> None:
        self.scene: list[tuple[str, str]] = []

    def create_lifecycle_publisher(self, kind: Any, topic: str, qos: Any) -> Any:
        listeners = int(topic == "~/collision_object")
        return SimpleNamespace(publish=self.scene.append, get_subscription_count=lambda: listeners)

    def get_logger(self) -> Any:
        return SimpleNamespace(warning=lambda text, **more: None)


class Planning:
    """Outputs whose poses are told in the robot's frame."""

    def __init__(self) -> None:
        self.node: Any = FakeNode()
        live = LiveConfig(Config(node=NodeConfig(target_frame="base_link")))
        self._outputs = standard_outputs.StandardOutputs(self.node, live)

    def tell(self, result: Result) -> list[tuple[str, str]]:
        """What the scene has heard once ``result`` is published."""
        self._outputs.result(result, FRAME, lambda: FRAME.rgb)
        return list(self.node.scene)


@pytest.fixture
def buffer(monkeypatch: pytest.MonkeyPatch) -> FakeBuffer:
    buffer = FakeBuffer()
    fake = SimpleNamespace(Buffer=lambda: buffer, TransformListener=lambda *_: None)
    monkeypatch.setitem(sys.modules, "tf2_ros", fake)
    moveit = SimpleNamespace(
        CollisionObject=object,
        Grasp=object,
        collision_object=lambda target, noun, header: ("ADD", header.frame_id),
        no_collision_object=lambda header: ("REMOVE", header.frame_id),
    )
    modules = {"moveit_messages": moveit}
    monkeypatch.setattr(standard_outputs, "importable", modules.get)
    return buffer


def test_a_transform_that_comes_late_is_waited_for(buffer: FakeBuffer) -> None:
    assert Planning().tell(FOUND) == [("ADD", "base_link")]
    assert buffer.waits_sec == [pytest.approx(0.1)]


def test_what_is_found_is_never_removed_for_want_of_a_transform(buffer: FakeBuffer) -> None:
    planning, buffer.comes = Planning(), False
    for _ in range(2):
        assert planning.tell(FOUND) == []
    assert buffer.waits_sec == [pytest.approx(0.1), 0.0], "once for each image"
    assert planning.tell(MISSING) == [("REMOVE", "camera_optical")]


def test_frames_that_are_not_connected_are_not_waited_for(buffer: FakeBuffer) -> None:
    buffer.connected = False
    assert Planning().tell(FOUND) == []
    assert buffer.waits_sec == [0.0]


def test_what_is_found_without_a_box_is_not_removed(buffer: FakeBuffer) -> None:
    planning = Planning()
    assert planning.tell(replace(FOUND, grasp=GraspTarget(False, reason="no depth."))) == []
    assert planning.tell(replace(FOUND, status=Status.CANCELLED)) == []
    for status in (Status.LOW_CONFIDENCE, Status.AMBIGUOUS, Status.ERROR):
        assert planning.tell(replace(FOUND, status=status))[-1] == ("REMOVE", "camera_optical")
