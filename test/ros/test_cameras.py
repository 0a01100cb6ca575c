"""Several cameras on one node, over real DDS, on scripted models behind the real pipeline."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("rclpy", reason="needs ROS 2 (rclpy)")
pytest.importorskip("ppcr_ros.msg", reason="needs the built messages (make build)")

from diagnostic_msgs.msg import DiagnosticArray
from rclpy.action import ActionClient
from sensor_msgs.msg import Image
from std_msgs.msg import Header, String

from ppcr_lab import scripted_camera
from ppcr_ros.action import SegmentReferring
from ppcr_ros.msg import ReferringSegmentation
from ppcr_ros.replay.bag import our_bags
from ppcr_ros.replay.bag_reader import read_bag
from ppcr_ros.ros import conversions

RESULT = "/ppcr/result"
TWO = {"node__cameras": "front, wrist", "node__max_image_age_sec": 120.0}


def picture(frame_id: str, value: int = 0, stamp_ns: int = 1_500_000_000) -> Image:
    return scripted_camera.colour_image(conversions.make_header(stamp_ns, frame_id), grey=value)


def show(bench: Any) -> None:
    """An image of each camera, which differ in their pixels."""
    bench.show(picture("front_optical", 10), "/front/image")
    bench.show(picture("wrist_optical", 20), "/wrist/image")


def say(bench: Any, command: str, camera: str = "") -> None:
    bench.publish(String(data=command), f"/ppcr/{camera}/command" if camera else "/ppcr/command")


def searched(bench: Any) -> list[tuple[str, int]]:
    """The frame_id and the value of each image that the MLLM has seen."""
    return [(frame.frame_id, int(frame.rgb[0, 0, 0])) for frame in bench.scripted.mllm.frames]


def test_each_command_is_answered_from_its_camera_by_the_same_models(bench: Any) -> None:
    bench.begin(**TWO)
    show(bench)
    for count, (command, camera) in enumerate(
        (("the red mug", "wrist"), ("the red cup", "front"), ("the red can", "")), 1
    ):
        say(bench, command, camera)
        bench.wait(RESULT, count)
    results = bench.wait(RESULT, 3)
    assert [(item.command, item.header.frame_id) for item in results] == [
        ("the red mug", "wrist_optical"),
        ("the red cup", "front_optical"),
        ("the red can", "front_optical"),
    ]
    assert {item.status for item in results} == {ReferringSegmentation.OK}
    assert searched(bench) == [("wrist_optical", 20), ("front_optical", 10), ("front_optical", 10)]
    assert len(bench.scripted.configs) == 1  # the models were made once


def test_the_topics_lie_below_the_names_and_can_be_remapped(bench: Any) -> None:
    rules = ["-r", "wrist/image:=/arm/color", "-r", "~/wrist/command:=/arm/say"]
    node = bench.start(arguments=["--ros-args", *rules], **TWO)
    assert list(node.cameras) == ["front", "wrist"]
    assert node.cameras["front"].topics == ["/front/image", "/front/camera_info"]
    assert node.cameras["wrist"].topics == ["/arm/color", "/wrist/camera_info"]
    bench.listen(ReferringSegmentation, RESULT)
    bench.show(picture("wrist_optical", 20), "/arm/color")
    bench.publish(String(data="the red mug"), "/arm/say")
    assert bench.wait(RESULT)[0].header.frame_id == "wrist_optical"
    assert bench.probe.count_subscribers("/image") == 0


def test_one_camera_has_the_topics_that_it_always_had(bench: Any) -> None:
    node = bench.start()
    name = node.get_name(), node.get_namespace()
    topics = {topic for topic, _ in node.get_subscriber_names_and_types_by_node(*name)}
    assert {"/image", "/camera_info", "/ppcr/command"} <= topics
    assert [topic for topic in topics if topic.endswith("command")] == ["/ppcr/command"]
    assert len(node.segment_servers) == 1


def test_a_command_for_another_camera_waits_for_the_running_one(bench: Any) -> None:
    bench.begin(**TWO)
    show(bench)
    bench.scripted.mllm.gate.clear()
    say(bench, "the red mug", "front")
    assert bench.scripted.mllm.asked.wait(180)
    say(bench, "the red cup", "wrist")
    bench.until(lambda: bench.node.worker.report().waiting == 1, "the second command")
    bench.scripted.mllm.gate.set()
    results = bench.wait(RESULT, 2)
    assert [(item.command, item.status) for item in results] == [
        ("the red mug", ReferringSegmentation.OK),
        ("the red cup", ReferringSegmentation.OK),
    ]


def test_the_action_of_a_camera_searches_its_image(bench: Any) -> None:
    bench.start(**TWO)
    show(bench)
    client = ActionClient(bench.probe, SegmentReferring, "/ppcr/wrist/segment")
    bench.until(client.server_is_ready, "the action server")
    sent = client.send_goal_async(SegmentReferring.Goal(command="the red mug"))
    bench.until(sent.done, "the answer to the goal")
    ended = sent.result().get_result_async()
    bench.until(ended.done, "the result")
    assert ended.result().result.result.header.frame_id == "wrist_optical"
    stop = client.send_goal_async(SegmentReferring.Goal(command="stop"))
    bench.until(stop.done, "the answer to the goal")
    ended = stop.result().get_result_async()
    bench.until(ended.done, "the result")
    assert ended.result().status == 4, "stop was carried out: the goal has succeeded"
    task = bench.executor.create_task(client.destroy)
    bench.until(task.done, "the client to go")


def test_depth_is_paired_with_the_image_of_its_camera(bench: Any) -> None:
    node = bench.start(node__use_depth=True, **TWO)
    assert node.cameras["wrist"].topics == ["/wrist/image", "/wrist/camera_info", "/wrist/depth"]
    assert all(camera.facts().sync is not None for camera in node.cameras.values())
    colour, depth = picture("wrist_optical", 20), picture("wrist_optical", 20)
    depth.encoding, depth.step = "16UC1", depth.width * 2
    depth.data = depth.data[: depth.height * depth.step]
    bench.show(colour, "/wrist/image", depth=depth, depth_topic="/wrist/depth")
    pairs = {name: camera.facts().sync.pairs for name, camera in node.cameras.items()}
    assert pairs == {"front": 0, "wrist": 1}


def test_each_camera_has_its_own_intrinsics(bench: Any) -> None:
    bench.begin(**TWO)
    inputs = bench.node.cameras
    for name, focal in (("front", 60.0), ("wrist", 90.0)):
        info = scripted_camera.camera_info(Header(), focal_px=focal)
        bench.publish(info, f"/{name}/camera_info")
        bench.until(lambda n=name: inputs[n].camera_info is not None, "the camera_info")
    show(bench)
    for count, name in enumerate(("front", "wrist"), 1):
        say(bench, "the red mug", name)
        bench.wait(RESULT, count)
    focals = [frame.camera_matrix[0, 0] for frame in bench.scripted.mllm.frames]
    assert focals == [60.0, 90.0]


def test_a_camera_that_sends_nothing_is_named_with_what_to_do(bench: Any) -> None:
    bench.begin(node__frame_timeout_sec=0.3, **TWO)
    bench.show(picture("front_optical"), "/front/image")
    for topic in ("/arm/color/image_raw", "/cam/wrist/image_raw"):
        bench.probe.create_publisher(Image, topic, 1)
        bench.until(lambda name=topic: bench.node.count_publishers(name) > 0, "discovery")
    say(bench, "the red mug", "wrist")
    (result,) = bench.wait(RESULT)
    assert result.status == ReferringSegmentation.ERROR
    assert result.message.startswith("camera wrist: no image to search within")
    assert "Nothing publishes /wrist/image" in result.message
    assert "-r wrist/image:=/cam/wrist/image_raw (ros2 run)" in result.message
    assert "/front/camera_info" not in result.message


def test_commands_before_the_node_is_active_are_answered_on_every_topic(bench: Any) -> None:
    bench.begin(activate=False, **TWO)
    say(bench, "the red mug", "wrist")
    assert "the node is unconfigured (not active for" in bench.wait(RESULT)[0].message


def test_diagnostics_tell_of_each_camera(bench: Any) -> None:
    bench.start(**TWO)
    bench.listen(DiagnosticArray, "/diagnostics")
    now_ns = time.time_ns()
    bench.show(picture("same_optical", stamp_ns=now_ns), "/front/image")
    bench.show(picture("same_optical", stamp_ns=now_ns), "/wrist/image")
    seen = bench.count("/diagnostics")
    camera = bench.wait("/diagnostics", seen + 3)[-1].status[1]
    values = {item.key: item.value for item in camera.values}
    assert values["front: image topic"] == "/front/image"
    assert values["wrist: image topic"] == "/wrist/image"
    assert values["wrist: image received"].startswith("1, ")
    assert values["wrist: frame_id"] == "same_optical"
    assert "the images of the cameras front and wrist carry the same frame_id" in camera.message


def test_the_life_cycle_goes_round_with_several_cameras(bench: Any) -> None:
    node = bench.start(**TWO)
    assert node.trigger_deactivate().name == "SUCCESS"
    assert node.cameras == {}
    assert node.trigger_activate().name == "SUCCESS"
    bench.listen(ReferringSegmentation, RESULT)
    show(bench)
    say(bench, "the red mug", "wrist")
    assert bench.wait(RESULT)[0].header.frame_id == "wrist_optical"


def test_a_bag_has_the_topics_of_its_camera(bench: Any, tmp_path: Path) -> None:
    pytest.importorskip("rosbags", reason="needs rosbags (pip install rosbags)")
    bench.begin(record__folder=str(tmp_path), **TWO)
    show(bench)
    topics = {}
    for count, camera in enumerate(("wrist", ""), 1):
        say(bench, f"the red mug {count}", camera)
        bench.wait(RESULT, count)
        bench.until(lambda n=count: len(our_bags(tmp_path)) == n, "the bag")
    for bag in our_bags(tmp_path):
        (found,) = read_bag(bag)
        topics[found.command] = found.info.topics["image"], found.info.topics["command"]
    assert topics == {
        "the red mug 1": ("/wrist/image", "/ppcr/wrist/command"),
        "the red mug 2": ("/front/image", "/ppcr/command"),
    }
