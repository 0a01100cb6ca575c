"""Topics of config/ppcr.rviz, against what the running node and the demo's camera publish."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

pytest.importorskip("rclpy", reason="needs ROS 2 (rclpy)")
pytest.importorskip("ppcr_ros.msg", reason="needs the built messages (make build)")

from rclpy.parameter import Parameter
from rclpy.qos import (
    DurabilityPolicy,
    HistoryPolicy,
    LivelinessPolicy,
    QoSCompatibility,
    QoSProfile,
    ReliabilityPolicy,
    qos_check_compatible,
)

from ppcr_lab.sim.camera_node import CameraNode

VIEW = yaml.safe_load(
    (Path(__file__).resolve().parents[2] / "config" / "ppcr.rviz").read_text(encoding="utf-8")
)["Visualization Manager"]
TYPES = {
    "rviz_default_plugins/Image": "sensor_msgs/msg/Image",
    "rviz_default_plugins/MarkerArray": "visualization_msgs/msg/MarkerArray",
    "rviz_default_plugins/PointCloud2": "sensor_msgs/msg/PointCloud2",
}
DISPLAYS = {item["Name"]: item for item in VIEW["Displays"] if "Topic" in item}


def asked_for(topic: dict[str, Any]) -> QoSProfile:
    """The QoS that RViz subscribes with."""
    return QoSProfile(
        depth=topic["Depth"],
        history=HistoryPolicy[topic["History Policy"].upper().replace(" ", "_")],
        reliability=ReliabilityPolicy[topic["Reliability Policy"].upper().replace(" ", "_")],
        durability=DurabilityPolicy[topic["Durability Policy"].upper().replace(" ", "_")],
        liveliness=LivelinessPolicy.AUTOMATIC,
    )


@pytest.fixture
def published(bench: Any) -> Any:
    """All publishers of a topic, with the node active and the demo's camera beside it."""
    bench.start(node__use_depth=True)
    camera = CameraNode(
        context=bench.context,
        parameter_overrides=[Parameter("reliability", value="reliable")],
    )
    bench.executor.add_node(camera)
    yield bench.probe.get_publishers_info_by_topic
    bench.stop_spinning()
    camera.destroy_node()


def test_every_display_gets_its_topic(bench: Any, published: Any) -> None:
    assert set(DISPLAYS) == {"Overlay", "Mask", "Camera", "Object markers", "Object points"}
    for name, display in DISPLAYS.items():
        topic = display["Topic"]
        bench.until(lambda at=topic["Value"]: published(at) != [], f"{name}: {topic['Value']}")
        (info,) = published(topic["Value"])
        assert info.topic_type == TYPES[display["Class"]], name
        fits, why = qos_check_compatible(info.qos_profile, asked_for(topic))
        assert fits == QoSCompatibility.OK, f"{name}: {why}"


def test_the_fixed_frame_is_the_cameras(published: Any, bench: Any) -> None:
    from sensor_msgs.msg import Image

    bench.listen(Image, "/camera/image_raw")
    image = bench.wait("/camera/image_raw")[0]
    assert VIEW["Global Options"]["Fixed Frame"] == image.header.frame_id
