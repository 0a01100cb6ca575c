"""The node over real DDS, in this process, on scripted models behind the real pipeline."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="needs ROS 2 (rclpy)")
pytest.importorskip("ppcr_ros.msg", reason="needs the built messages (make build)")

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy, qos_profile_sensor_data
from sensor_msgs.msg import CameraInfo, Image, PointCloud2
from std_msgs.msg import Header
from visualization_msgs.msg import Marker, MarkerArray

from ppcr_lab import scripted_camera
from ppcr_ros.msg import ReferringSegmentation, SemanticPrompt, SpatialPrompt
from ppcr_ros.ros import conversions

RESULT, SEMANTIC, SPATIAL = "/ppcr/result", "/ppcr/semantic_prompt", "/ppcr/spatial_prompt"
RELIABLE = QoSProfile(depth=5, reliability=ReliabilityPolicy.RELIABLE)


def header(seconds: float) -> Header:
    return conversions.make_header(round(seconds * 1e9), "camera")


def camera_image(seconds: float = 1.5, width: int = 64, height: int = 48) -> Image:
    return scripted_camera.colour_image(header(seconds), width, height)


def depth_image(seconds: float = 1.5, width: int = 64, height: int = 48) -> Image:
    values = scripted_camera.depth_values(width, height)
    return scripted_camera.depth_image(header(seconds), values)


def camera_info(width: int = 64, height: int = 48, seconds: float = 0.0) -> CameraInfo:
    return scripted_camera.camera_info(header(seconds), width=width, height=height)


def test_from_image_and_command_to_every_output(bench: Any) -> None:
    bench.start()
    for message_type, topic in (
        (SemanticPrompt, SEMANTIC),
        (SpatialPrompt, SPATIAL),
        (ReferringSegmentation, RESULT),
        (Image, "/ppcr/mask"),
        (Image, "/ppcr/overlay"),
    ):
        bench.listen(message_type, topic)
    image = camera_image()
    bench.show(image)
    result = bench.answer("could you grab the red mug")
    (semantic,) = bench.wait(SEMANTIC)
    (spatial,) = bench.wait(SPATIAL)
    (mask,) = bench.wait("/ppcr/mask")
    (overlay,) = bench.wait("/ppcr/overlay")
    assert result.status == ReferringSegmentation.OK, result.message
    assert result.command == "could you grab the red mug"
    for message in (result, semantic, spatial, mask, overlay, result.mask):
        assert message.header == image.header
    assert result.command_id == semantic.command_id == spatial.command_id != ""
    assert result.semantic_prompt == semantic
    assert result.spatial_prompt == spatial
    assert mask == result.mask
    assert (mask.encoding, mask.width, mask.height) == ("mono8", 64, 48)
    assert set(mask.data) == {0, 255}
    region = result.box
    assert (region.x_offset, region.y_offset, region.width, region.height) == (16, 12, 16, 12)
    assert (overlay.encoding, len(overlay.data)) == ("rgb8", 64 * 48 * 3)
    assert result.mllm_model == "scripted-mllm"
    assert result.segmenter_model == "scripted-segmenter"
    assert result.total_seconds > 0


def test_prompts_are_published_while_the_run_goes_on(bench: Any) -> None:
    bench.start()
    bench.listen(SemanticPrompt, SEMANTIC)
    bench.listen(ReferringSegmentation, RESULT)
    bench.show(camera_image())
    segment = bench.scripted.segmenter.segment

    def after_the_prompt_is_heard(*arguments: Any) -> Any:
        bench.wait(SEMANTIC)
        assert bench.count(RESULT) == 0
        return segment(*arguments)

    bench.scripted.segmenter.segment = after_the_prompt_is_heard
    assert bench.answer().status == ReferringSegmentation.OK


def test_what_has_no_subscriber_is_not_drawn(
    bench: Any, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def fail(*arguments: Any) -> Any:
        raise AssertionError("drawn for nobody")

    monkeypatch.setattr("ppcr_ros.ros.publishers.draw_result", fail)
    monkeypatch.setattr("ppcr_ros.ros.rviz_views.object_markers", fail)
    monkeypatch.setattr("ppcr_ros.ros.rviz_views.points_message", fail)
    bench.begin()
    bench.show(camera_image())
    bench.answer()
    bench.answer("stop", 2)
    assert "drawn for nobody" not in capfd.readouterr().err


def test_a_new_command_cancels_the_running_one(bench: Any) -> None:
    bench.begin()
    bench.show(camera_image())
    bench.scripted.mllm.gate.clear()
    bench.say("the first mug")
    assert bench.scripted.mllm.asked.wait(180)
    first = bench.answer("the second mug")
    bench.scripted.mllm.gate.set()
    second = bench.wait(RESULT, 2)[1]
    assert first.status == ReferringSegmentation.CANCELLED
    assert "'the second mug'" in first.message
    assert second.status == ReferringSegmentation.OK
    assert first.command_id != second.command_id


def test_what_is_cleared_carries_the_last_frame_id(bench: Any) -> None:
    """RViz drops a cloud in no frame, and goes on showing the one before."""
    bench.begin()
    bench.listen(PointCloud2, "/ppcr/object_points")
    bench.show(camera_image())
    bench.answer()
    bench.say("stop")
    cloud = bench.wait("/ppcr/object_points")[-1]
    assert cloud.width == 0
    assert cloud.header.frame_id == camera_image().header.frame_id != ""


def test_stop_clears_the_target(bench: Any) -> None:
    bench.begin()
    bench.listen(MarkerArray, "/ppcr/markers")
    bench.listen(PointCloud2, "/ppcr/object_points")
    result = bench.answer("stop")
    assert result.status == ReferringSegmentation.CANCELLED
    assert "target was cleared" in result.message
    (cloud,) = bench.wait("/ppcr/object_points")
    assert cloud.width == 0
    (markers,) = bench.wait("/ppcr/markers")
    assert [marker.action for marker in markers.markers] == [Marker.DELETEALL]


def test_an_object_that_is_not_there_is_no_error_and_has_no_mask(bench: Any) -> None:
    bench.begin()
    bench.show(camera_image())
    result = bench.answer("the unicorn")
    assert result.status == ReferringSegmentation.NOT_FOUND
    assert not result.semantic_prompt.present
    assert result.mask.width == result.box.width == 0


def test_several_that_fit_are_told_with_what_was_understood_and_no_mask(bench: Any) -> None:
    bench.begin()
    bench.listen(SemanticPrompt, SEMANTIC)
    bench.listen(SpatialPrompt, SPATIAL)
    bench.listen(Image, "/ppcr/mask")
    bench.listen(Image, "/ppcr/overlay")
    bench.listen(DiagnosticArray, "/diagnostics")
    image = camera_image(time.time())
    bench.show(image)
    result = bench.answer("the red twins")
    (semantic,) = bench.wait(SEMANTIC)
    assert result.status == ReferringSegmentation.AMBIGUOUS
    assert "Say which" in result.message
    assert result.semantic_prompt == semantic
    assert (semantic.ambiguous, semantic.present) == (True, True)
    assert (semantic.category, semantic.header) == ("twins", image.header)
    assert result.mask.width == result.box.width == 0
    (overlay,) = bench.wait("/ppcr/overlay")
    assert bytes(overlay.data) != bytes(image.data)  # the corner says how it ended
    seen = bench.count("/diagnostics")
    status = bench.wait("/diagnostics", seen + 2)[-1].status[0]
    assert status.level == DiagnosticStatus.OK
    assert {item.key: item.value for item in status.values}["last status"] == "AMBIGUOUS"

    bench.show(image)  # the first one may be too old by now
    assert bench.answer(count=2).status == ReferringSegmentation.OK
    assert len(bench.wait(SPATIAL)) == len(bench.wait("/ppcr/mask")) == 1


def test_camera_info_alone_places_the_markers_in_the_cameras_frame(bench: Any) -> None:
    bench.start()
    bench.listen(MarkerArray, "/ppcr/markers")
    bench.inform(camera_info())
    bench.show(camera_image())
    bench.say("the red mug")
    (message,) = bench.wait("/ppcr/markers")
    assert len(message.markers) == 3
    assert message.markers[1].header.frame_id == "camera"


def test_camera_info_of_another_camera_costs_no_mask(bench: Any) -> None:
    bench.begin()
    bench.inform(camera_info(1280, 720))
    bench.show(camera_image())
    assert bench.answer().status == ReferringSegmentation.OK


def test_depth_gives_the_objects_points(bench: Any) -> None:
    bench.start(node__use_depth=True)
    bench.listen(PointCloud2, "/ppcr/object_points")
    bench.listen(MarkerArray, "/ppcr/markers")
    bench.inform(camera_info())
    bench.show(camera_image(1.52), depth=depth_image())
    bench.say("the red mug")
    (cloud,) = bench.wait("/ppcr/object_points")
    points = np.frombuffer(cloud.data, np.float32).reshape(-1, 4)
    assert len(points) == 16 * 12
    assert points[:, 2] == pytest.approx(np.full(len(points), 0.8))
    assert cloud.header == camera_image(1.52).header
    (markers,) = bench.wait("/ppcr/markers")
    assert len(markers.markers[1].points) == 24
    assert markers.markers[3].type == Marker.ARROW


@pytest.mark.parametrize("offered", [RELIABLE, qos_profile_sensor_data], ids=["reliable", "sensor"])
def test_images_arrive_whatever_the_camera_offers(bench: Any, offered: QoSProfile) -> None:
    bench.begin()
    bench.show(camera_image(), qos=offered)
    assert bench.answer().status == ReferringSegmentation.OK
    topics = bench.node.cameras[""].facts
    wanted = offered.reliability.name
    bench.until(lambda: topics().topics["image"].reliability == wanted, "the QoS to follow")
    bench.show(camera_image(2.5), qos=offered)


def test_a_camera_that_the_subscription_does_not_match_is_explained(
    bench: Any, capfd: pytest.CaptureFixture[str]
) -> None:
    bench.begin(node__image_reliability="reliable", node__frame_timeout_sec=0.5)
    camera = bench.probe.create_publisher(Image, "/image", qos_profile_sensor_data)
    bench.until(lambda: bench.probe.count_subscribers("/image") > 0, "discovery")
    bench.until(lambda: bench.node.count_publishers("/image") > 0, "discovery")
    camera.publish(camera_image())
    result = bench.answer()
    assert result.status == ReferringSegmentation.ERROR
    assert "Every publisher of /image offers BEST_EFFORT (/probe)" in result.message
    assert "Set node.image_reliability to auto or best_effort." in result.message
    bench.until(lambda: "offers BEST_EFFORT" in capfd.readouterr().err, "the log line")


def test_a_camera_on_another_topic_is_pointed_out(bench: Any) -> None:
    bench.begin(node__frame_timeout_sec=0.3)
    bench.probe.create_publisher(Image, "/camera/color/image_raw", 1)
    bench.until(lambda: bench.node.count_publishers("/camera/color/image_raw") > 0, "discovery")
    message = bench.answer().message
    assert "Nothing publishes /image" in message
    assert "image_topic:=/camera/color/image_raw" in message


def test_a_late_subscriber_gets_the_last_result_only_if_it_asks(bench: Any) -> None:
    bench.begin()
    bench.show(camera_image())
    result = bench.answer()
    late = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
    bench.listen(ReferringSegmentation, RESULT, late)
    assert bench.wait(RESULT) == [result]


def test_diagnostics_tell_the_state(bench: Any) -> None:
    bench.start(activate=False)
    bench.listen(DiagnosticArray, "/diagnostics")
    assert bench.wait("/diagnostics")[0].status[0].message == "unconfigured"
    assert bench.node.start()
    bench.listen(ReferringSegmentation, RESULT)
    bench.show(camera_image(time.time()))
    bench.answer()
    seen = bench.count("/diagnostics")
    status = bench.wait("/diagnostics", seen + 2)[-1].status[0]
    values = {item.key: item.value for item in status.values}
    assert status.level == DiagnosticStatus.OK
    assert status.name == "/ppcr: referring segmentation"
    assert values["last command"] == "the red mug"
    assert values["last status"] == "OK"
    assert values["frames received"] == "1"
    assert "total p95" in values


def test_models_that_do_not_load_are_told_and_the_node_can_be_configured_later(bench: Any) -> None:
    build, bench.scripted.build = bench.scripted.build, lambda config: 1 / 0
    node = bench.start(activate=False)
    bench.listen(DiagnosticArray, "/diagnostics")
    assert not node.start()
    seen = bench.count("/diagnostics")
    status = bench.wait("/diagnostics", seen + 2)[-1].status[0]
    assert status.level == DiagnosticStatus.ERROR
    assert "cannot be loaded; ZeroDivisionError('division by zero'). Mend that" in status.message
    values = {item.key: item.value for item in status.values}
    assert values["last error"] == "ZeroDivisionError('division by zero')"
    assert values["last error time"].startswith("20")
    bench.scripted.build = build
    assert node.start()


def test_why_nothing_comes_can_be_told_while_the_subscriptions_go(bench: Any) -> None:
    inputs = bench.start().cameras[""]
    assert inputs.topics == ["/image", "/camera_info"]
    inputs.destroy()
    assert "/image" in inputs.explain()
    assert inputs.topics == ["/image", "/camera_info"]


def test_the_life_cycle_goes_round(bench: Any) -> None:
    node = bench.begin()
    bench.show(camera_image())
    bench.scripted.mllm.gate.clear()
    bench.say("the red mug")
    assert bench.scripted.mllm.asked.wait(180)
    worker = node.worker
    assert worker is not None
    assert node.trigger_deactivate().name == "SUCCESS"
    assert worker.report().last.message == "the node was deactivated."
    bench.scripted.mllm.gate.set()
    bench.say("the green mug")
    assert node.trigger_cleanup().name == "SUCCESS"
    assert node.pipeline is None
    assert node.start()
    bench.show(camera_image())
    bench.say("the blue mug")
    bench.until(
        lambda: any(
            item.command == "the blue mug" and item.status == ReferringSegmentation.OK
            for item in bench.wait(RESULT, 0)
        ),
        "the result",
    )
    assert node.trigger_shutdown().name == "SUCCESS"
