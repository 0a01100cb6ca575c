"""Remedies that are followed to the letter: whoever does what the node says, is answered."""

from __future__ import annotations

import re
import time
from typing import Any

import pytest

pytest.importorskip("rclpy", reason="needs ROS 2 (rclpy)")
pytest.importorskip("ppcr_ros.msg", reason="needs the built messages (make build)")

from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from rclpy.qos import QoSProfile, ReliabilityPolicy
from std_msgs.msg import String

from ppcr_lab import scripted_camera
from ppcr_ros.health.finding_catalog import KINDS, QOS_RELIABILITY
from ppcr_ros.msg import ReferringSegmentation
from ppcr_ros.ros import conversions

PATIENT = {"node__max_image_age_sec": 600.0}
BEST_EFFORT = QoSProfile(depth=5, reliability=ReliabilityPolicy.BEST_EFFORT)
STEPS = {
    "configure": Transition.TRANSITION_CONFIGURE,
    "activate": Transition.TRANSITION_ACTIVATE,
}


def picture() -> Any:
    header = conversions.make_header(time.time_ns(), "camera_optical")
    return scripted_camera.colour_image(header, grey=90)


def test_no_remedy_names_a_node_that_may_have_another_name() -> None:
    assert [kind.code for kind in KINDS if "/ppcr" in kind.remedy] == []


def test_a_node_in_a_namespace_under_another_name_is_brought_to_life_as_it_says(bench: Any) -> None:
    rules = ["--ros-args", "-r", "__node:=finder", "-r", "__ns:=/left"]
    bench.start(activate=False, arguments=rules, **PATIENT)
    bench.listen(ReferringSegmentation, "/left/finder/result")
    bench.publish(String(data="the red mug"), "/left/finder/command")
    refused = bench.wait("/left/finder/result")[0]
    assert refused.status == ReferringSegmentation.ERROR
    found = re.search(r"ros2 lifecycle set (\S+) (\w+), then (\w+)", refused.message)
    assert found is not None, refused.message
    node, *steps = found.groups()
    assert steps == ["configure", "activate"]
    for step in steps:
        request = ChangeState.Request(transition=Transition(id=STEPS[step]))
        assert bench.ask(ChangeState, f"{node}/change_state", request).success
    bench.show(picture(), "/left/image")
    bench.publish(String(data="the red mug"), "/left/finder/command")
    results = bench.wait("/left/finder/result", 2)
    assert results[1].status == ReferringSegmentation.OK


@pytest.mark.parametrize("value", re.findall(r"auto|best_effort", QOS_RELIABILITY.remedy))
def test_the_reliability_that_is_advised_hears_the_camera(bench: Any, value: str) -> None:
    bench.begin(node__image_reliability=value, **PATIENT)
    bench.show(picture(), qos=BEST_EFFORT)
    assert bench.answer().status == ReferringSegmentation.OK
