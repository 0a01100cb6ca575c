"""Shared by the tests of remedies: a camera that streams, and a node that is started anew."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

RESULT, DIAGNOSTICS, OPTICAL = "/ppcr/result", "/diagnostics", "camera_optical"
_LOOKS = 60
_PATIENT = {"grasp__max_age_sec": 3600.0, "node__max_image_age_sec": 600.0}

Make = Callable[[Any], Any]
"""A message with this header."""


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Silence is told of sooner than on a robot."""
    from ppcr_ros.health import topic_findings

    monkeypatch.setattr(topic_findings, "SILENCE_SEC", 1.5)


def _framed(header: Any, frame_id: str | None, later_ns: int = 0) -> Any:
    from ppcr_ros.ros import conversions

    stamp_ns = conversions.stamp_to_ns(header.stamp) + later_ns
    return conversions.make_header(stamp_ns, header.frame_id if frame_id is None else frame_id)


class Messages:
    """What cameras send: each makes messages of a header, whose frame may be another."""

    def colour(
        self, frame_id: str | None = None, encoding: str = "rgb8", stamp_sec: int | None = None
    ) -> Make:
        from ppcr_lab import scripted_camera

        def make(header: Any) -> Any:
            header = _framed(header, frame_id)
            if stamp_sec is not None:
                header.stamp.sec, header.stamp.nanosec = stamp_sec, 0
            image = scripted_camera.colour_image(header, grey=90)
            image.encoding = encoding
            return image

        return make

    def packed(self, format_name: str) -> Make:
        import cv2
        from sensor_msgs.msg import CompressedImage

        data = cv2.imencode(".jpg", np.full((48, 64, 3), 90, np.uint8))[1].tobytes()
        return lambda header: CompressedImage(header=header, format=format_name, data=data)

    def depth(
        self,
        frame_id: str | None = None,
        size: tuple[int, int] = (48, 64),
        later_sec: float = 0.0,
    ) -> Make:
        from ppcr_lab import scripted_camera

        values = scripted_camera.depth_values(width=size[1], height=size[0])
        later_ns = round(later_sec * 1e9)
        return lambda header: scripted_camera.depth_image(
            _framed(header, frame_id, later_ns), values
        )

    def info(self, frame_id: str | None = None, **fields: Any) -> Make:
        from ppcr_lab import scripted_camera

        return lambda header: scripted_camera.camera_info(_framed(header, frame_id), **fields)

    def good(self, frame_id: str | None = None, **others: Make) -> dict[str, Make]:
        """Colour, depth and camera_info of one frame; ``others`` in the place of some of them."""
        sent = {
            "/image": self.colour(frame_id),
            "/depth": self.depth(frame_id),
            "/camera_info": self.info(frame_id),
        }
        return sent | {f"/{name}": make for name, make in others.items()}

    def renamed(self, topic: str, new: str, wrong: Make | None = None) -> dict[str, Make]:
        """All is `good`, but that ``topic`` is called ``new``, and ``wrong`` is in its place."""
        sent = self.good()
        sent[new] = sent.pop(topic)
        return sent if wrong is None else {**sent, topic: wrong}


class Robot:
    """A node, and a camera beside it that streams what ``sends`` makes of each moment.

    Attributes:
        sends: by topic.
        lag: by how many others a message of depth is held back.
        every: by topic, every how many-th moment it is sent; each where it is not in here.
    """

    def __init__(self, bench: Any) -> None:
        self.bench, self.lag = bench, 0
        self.sends: dict[str, Make] = {}
        self.every: dict[str, int] = {}
        self._headers: list[Any] = []
        self._publishers: dict[str, Any] = {}
        bench.probe.create_timer(0.1, self._tick)

    def _tick(self) -> None:
        from ppcr_ros.ros import conversions

        now_ns = self.bench.probe.get_clock().now().nanoseconds
        self._headers.append(conversions.make_header(now_ns, OPTICAL))
        for topic, make in list(self.sends.items()):
            lag = self.lag if "depth" in topic else 0
            if len(self._headers) % self.every.get(topic, 1) or len(self._headers) <= lag:
                continue
            message = make(_framed(self._headers[-1 - lag], None))
            self.advertise(topic, type(message)).publish(message)

    def advertise(self, topic: str, message_type: Any) -> Any:
        """The publisher of a topic."""
        if topic not in self._publishers:
            self._publishers[topic] = self.bench.probe.create_publisher(message_type, topic, 10)
        return self._publishers[topic]

    def start(self, *rules: str, **values: Any) -> None:
        """Start the node, anew where there is one, with these remappings and parameters."""
        from diagnostic_msgs.msg import DiagnosticArray

        from ppcr_ros.msg import ReferringSegmentation

        arguments = ["--ros-args", *(part for rule in rules for part in ("-r", rule))]
        first = self.bench.node is None
        if not first:
            self.bench.node.close()
            self.bench.executor.remove_node(self.bench.node)
            self.bench.node.destroy_node()
        values = {"node__use_depth": True} | _PATIENT | values
        node = self.bench.start(arguments=arguments, **values)
        topics = {RESULT: ReferringSegmentation, DIAGNOSTICS: DiagnosticArray}
        for topic, message_type in topics.items():
            if first:
                self.bench.listen(message_type, topic)
        self.bench.until(lambda: all(map(node.count_subscribers, topics)), "discovery")

    def findings(self) -> list[str]:
        """Those of the next look."""
        count = self.bench.count(DIAGNOSTICS)
        values = self.bench.wait(DIAGNOSTICS, count + 1)[-1].status[0].values
        return [item.value for item in values if item.key.startswith("finding")]

    def told(self, kind: Any) -> str:
        """The text of a finding of ``kind``, once it is told."""
        for _ in range(_LOOKS):
            for text in self.findings():
                if _beginning(kind).match(text):
                    return text
        raise AssertionError(f"{kind.code} is not told: {self.findings()}")

    def ended(self, kind: Any) -> None:
        """Wait until no finding of ``kind`` is told any more."""
        for _ in range(_LOOKS):
            if not any(_beginning(kind).match(text) for text in self.findings()):
                return
        raise AssertionError(f"{kind.code} is told still: {self.findings()}")

    def costs_no_mask(self) -> None:
        """A command is answered with a mask, of which it is told why it is not to be grasped."""
        result = self.bench.answer(count=self.bench.count(RESULT) + 1)
        assert result.status == result.OK, result.message
        assert not result.grasp.graspable
        assert result.grasp.reason

    def mended(self, kind: Any, *, graspable: bool = True) -> None:
        """The finding ends, and then a command is answered and what it finds may be grasped."""
        self.ended(kind)
        for _ in range(20):  # the camera may have to be found first
            result = self.bench.answer(count=self.bench.count(RESULT) + 1)
            if result.status == result.OK and (result.grasp.graspable or not graspable):
                return
        raise AssertionError(f"{result.message} {result.grasp.reason}")


def _beginning(kind: Any) -> re.Pattern[str]:
    """What every finding of ``kind`` begins with."""
    return re.compile(re.sub(r"\\\{.*?\\\}", ".*?", re.escape(kind.what)), re.DOTALL)


@pytest.fixture
def messages() -> Messages:
    return Messages()


@pytest.fixture
def robot(bench: Any) -> Robot:
    return Robot(bench)
