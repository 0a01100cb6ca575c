"""Findings of the node on a real graph: each thing once, with what to do."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

pytest.importorskip("rclpy", reason="needs ROS 2 (rclpy)")
pytest.importorskip("ppcr_ros.msg", reason="needs the built messages (make build)")

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rclpy.qos import (
    DurabilityPolicy,
    QoSProfile,
    ReliabilityPolicy,
    qos_profile_sensor_data,
)
from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import Header, String
from visualization_msgs.msg import MarkerArray

from ppcr_lab import scripted_camera
from ppcr_ros.health import topic_findings
from ppcr_ros.msg import ReferringSegmentation
from ppcr_ros.ros import conversions

RESULT, DIAGNOSTICS = "/ppcr/result", "/diagnostics"
LATCHED = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
BEST_EFFORT = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Silence is told of sooner than on a robot."""
    monkeypatch.setattr(topic_findings, "SILENCE_SEC", 1.0)


def image(bench: Any, frame_id: str = "camera", encoding: str = "rgb8") -> Image:
    """A picture of this moment."""
    header = conversions.make_header(bench.probe.get_clock().now().nanoseconds, frame_id)
    message = scripted_camera.colour_image(header)
    message.encoding = encoding
    return message


def info(focal_px: float = 60.0) -> CameraInfo:
    return scripted_camera.camera_info(Header(), focal_px=focal_px)


def whole(bench: Any) -> DiagnosticStatus:
    """The newest status of the whole node."""
    return bench.wait(DIAGNOSTICS)[-1].status[0]


def findings(bench: Any) -> dict[str, str]:
    return {item.key: item.value for item in whole(bench).values if item.key.startswith("finding ")}


def until_told(bench: Any, *fragments: str) -> str:
    """Wait until one finding in ``/diagnostics`` holds all ``fragments``, and return it."""

    def told() -> str:
        texts = findings(bench).values()
        return next((text for text in texts if all(part in text for part in fragments)), "")

    bench.until(lambda: bool(told()), f"a finding with {fragments}: {findings(bench)}")
    return told()


def until_not_told(bench: Any, fragment: str) -> None:
    bench.until(
        lambda: not any(fragment in text for text in findings(bench).values()),
        f"the end of {fragment!r}",
    )


@pytest.fixture
def started(bench: Any) -> Callable[..., Any]:
    def start(**parameters: Any) -> Any:
        bench.start(**parameters)
        bench.listen(DiagnosticArray, DIAGNOSTICS)
        return bench

    return start


@pytest.fixture
def driver(ros_domain: int) -> Iterator[Any]:
    """A node of another participant: one alone cannot have two types on one topic."""
    import rclpy

    context = rclpy.Context()
    rclpy.init(context=context, domain_id=ros_domain)
    node = rclpy.create_node("driver", context=context)
    yield node
    node.destroy_node()
    context.try_shutdown()


def test_no_publisher_is_told_with_the_topic_to_take_and_ends_when_one_comes(
    started: Callable[..., Any],
) -> None:
    bench = started()
    other = bench.probe.create_publisher(Image, "/camera/color/image_raw", 1)
    text = until_told(bench, "nothing publishes /image", "image_topic:=/camera/color/image_raw")
    assert whole(bench).level == DiagnosticStatus.WARN
    assert text.startswith("nothing publishes /image; the node waits there for")
    bench.probe.destroy_publisher(other)
    bench.show(image(bench))
    until_not_told(bench, "nothing publishes /image")


def test_a_qos_that_never_matches_is_told_at_once_and_only_once(
    started: Callable[..., Any], capfd: pytest.CaptureFixture[str]
) -> None:
    bench = started(node__image_reliability="reliable")
    bench.probe.create_publisher(Image, "/image", qos_profile_sensor_data)
    until_told(bench, "every publisher of /image offers BEST_EFFORT (/probe)")
    assert whole(bench).level == DiagnosticStatus.ERROR
    seen = bench.count(DIAGNOSTICS)
    bench.wait(DIAGNOSTICS, seen + 3)
    log = capfd.readouterr().err
    assert log.count("offers BEST_EFFORT") == 1, log
    assert "No messages will be received" not in log  # rclpy's own words for it


def test_publishers_that_change_are_followed(started: Callable[..., Any]) -> None:
    bench = started()

    def subscribed_as(name: str) -> bool:
        return str(bench.node.cameras[""].facts().topics["image"].reliability) == name

    first = bench.probe.create_publisher(Image, "/image", 1)
    bench.until(lambda: subscribed_as("RELIABLE"), "reliable")
    second = bench.probe.create_publisher(Image, "/image", qos_profile_sensor_data)
    bench.until(lambda: subscribed_as("BEST_EFFORT"), "both")
    bench.probe.destroy_publisher(second)
    bench.until(lambda: subscribed_as("RELIABLE"), "the first alone")
    before = bench.frames()
    bench.until(lambda: first.get_subscription_count() > 0, "the new subscription")
    first.publish(image(bench))
    bench.until(lambda: bench.frames() > before, "an image")


def test_camera_info_that_was_published_once_before_is_taken(bench: Any) -> None:
    early = bench.probe.create_publisher(CameraInfo, "/camera_info", LATCHED)
    early.publish(info())
    bench.start()
    bench.until(lambda: bench.node.cameras[""].camera_info is not None, "the kept camera_info")


def test_what_comes_as_soon_as_it_is_subscribed_is_taken(
    bench: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    node, kept, picture = bench.start(activate=False), info(), image(bench)
    subscribe = node.create_subscription

    def subscribe_and_receive(
        kind: Any, topic: str, callback: Any, *more: Any, **named: Any
    ) -> Any:
        """As where the executor, on its own thread, is faster than the node."""
        subscription = subscribe(kind, topic, callback, *more, **named)
        if topic in ("/image", "/camera_info"):
            callback(kept if kind is CameraInfo else picture)
        return subscription

    monkeypatch.setattr(node, "create_subscription", subscribe_and_receive)
    assert node.start()
    assert bench.node.cameras[""].camera_info is kept
    assert bench.frames() == 1


def test_missing_camera_info_is_a_note_and_zero_intrinsics_too(
    started: Callable[..., Any],
) -> None:
    bench = started()
    bench.show(image(bench))
    until_told(bench, "no camera_info comes on /camera_info", "camera_info_topic:=")
    bench.publish(info(focal_px=0.0), "/camera_info")
    until_told(bench, "the focal length in K and P of /camera_info is zero")
    until_not_told(bench, "no camera_info comes")
    bench.show(image(bench))
    until_not_told(bench, "no message came on /image")  # a warning would hide what is asked here
    assert {key.split()[-1] for key in findings(bench)} <= {"(NOTE)", "(WARN)"}


def test_many_bad_frames_are_told_of_once(
    started: Callable[..., Any], capfd: pytest.CaptureFixture[str]
) -> None:
    bench = started()
    camera = bench.probe.create_publisher(Image, "/image", 5)

    def stream() -> None:
        camera.publish(image(bench, frame_id="", encoding="nv24"))

    bench.probe.create_timer(0.02, stream)
    until_told(bench, "the image's encoding is 'nv24'", "Set the driver to rgb8 or bgr8")
    until_told(bench, "the frame_id of the images on /image is empty")
    bench.until(lambda: bench.frames() >= 100, "a hundred frames")
    seen = bench.count(DIAGNOSTICS)
    bench.wait(DIAGNOSTICS, seen + 3)
    log = capfd.readouterr().err
    assert log.count("'nv24'") == 1, log
    assert log.count("frame_id of the images") == 1, log
    assert log.count("no camera_info comes") <= 1, log
    assert len(log.splitlines()) < 20, log


def test_old_stamps_are_told(started: Callable[..., Any]) -> None:
    bench = started()
    old = image(bench)
    old.header.stamp.sec -= 3600
    bench.show(old)
    until_told(bench, "the stamps on /image lie 60 min behind this node's clock", "use_sim_time")


def test_simulated_time_without_a_clock_is_told(
    started: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ppcr_ros.ros.health.DISCOVERY_SEC", 0.0)
    bench = started(use_sim_time=True)
    until_told(bench, "no time has come on /clock", "play the bag with --clock")


def test_a_speaker_who_is_never_heard_is_told(started: Callable[..., Any]) -> None:
    bench = started()
    bench.probe.create_publisher(String, "/ppcr/command", BEST_EFFORT)
    until_told(bench, "/probe publishes /ppcr/command as BEST_EFFORT")
    assert whole(bench).level == DiagnosticStatus.ERROR


def test_a_viewer_that_asks_for_more_than_is_offered_is_told(started: Callable[..., Any]) -> None:
    bench = started()
    bench.probe.create_subscription(MarkerArray, "/ppcr/markers", lambda message: None, LATCHED)
    until_told(bench, "/probe subscribes to /ppcr/markers as RELIABLE, TRANSIENT_LOCAL")


def test_depth_that_is_not_aligned_is_told(started: Callable[..., Any]) -> None:
    bench = started(node__use_depth=True)
    header = image(bench, frame_id="camera_depth").header
    depth = scripted_camera.depth_image(header, scripted_camera.depth_values(width=80))
    bench.publish(depth, "/depth")
    bench.publish(image(bench), "/image")
    until_told(bench, "the depth image on /depth is 80x48 pixels and the colour image 64x48")
    until_told(bench, "in the frame camera_depth and the colour image in camera")


def test_a_command_while_the_models_load_is_answered_at_once(bench: Any) -> None:
    loading, go_on = threading.Event(), threading.Event()
    build = bench.scripted.build

    def slowly(config: Any) -> Any:
        loading.set()
        assert go_on.wait(180)
        return build(config)

    bench.scripted.build = slowly
    node = bench.begin(activate=False)
    starter = threading.Thread(target=node.start)
    starter.start()
    try:
        assert loading.wait(180)
        refused = bench.answer()
        assert refused.status == ReferringSegmentation.ERROR
        assert refused.command == "the red mug"
        assert "the node is configuring: loading the models" in refused.message
        assert "Say it again once the node is active" in refused.message
    finally:
        go_on.set()
        starter.join()
    bench.show(image(bench))
    assert bench.answer(count=2).status == ReferringSegmentation.OK
    # Who comes later and asks for the last answers gets none of the refusals.
    bench.listen(ReferringSegmentation, RESULT, QoSProfile(depth=10, durability=LATCHED.durability))
    assert [item.status for item in bench.wait(RESULT)] == [ReferringSegmentation.OK]


def test_commands_after_deactivation_are_answered_too(bench: Any) -> None:
    node = bench.begin()
    assert node.trigger_deactivate().name == "SUCCESS"
    bench.until(lambda: bench.probe.count_publishers(RESULT) == 2, "the refusing publisher")
    refused = bench.answer()
    assert "the node is inactive" in refused.message
    assert node.trigger_activate().name == "SUCCESS"
    bench.show(image(bench))
    assert bench.answer(count=2).status == ReferringSegmentation.OK


def test_models_and_memory_are_shown(started: Callable[..., Any]) -> None:
    bench = started()
    bench.scripted.segmenter.placement = "cuda:0 bfloat16"
    bench.show(image(bench))
    seen = bench.count(DIAGNOSTICS)
    statuses = bench.wait(DIAGNOSTICS, seen + 2)[-1].status
    names = [item.name for item in statuses]
    assert names == ["/ppcr: referring segmentation", "/ppcr: camera", "/ppcr: models"]
    camera, models = ({item.key: item.value for item in part.values} for part in statuses[1:])
    assert camera["image topic"] == "/image"
    assert camera["image publishers"] == "/probe"
    assert camera["image format"] == "64x48 rgb8"
    assert statuses[1].hardware_id == camera["frame_id"] == "camera"
    assert models["mllm"] == "scripted-mllm"
    assert models["segmenter device"] == "cuda:0 bfloat16"
    assert float(models["memory of the process"].split()[0]) > 0


def test_memory_that_is_too_short_is_told_before_the_models_load(
    bench: Any, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("ppcr_ros.health.model_findings.available_bytes", lambda: 1_000_000)
    build, bench.scripted.build = bench.scripted.build, lambda config: 1 / 0
    node = bench.start(activate=False)
    bench.listen(DiagnosticArray, DIAGNOSTICS)
    assert not node.start()
    until_told(bench, "of this machine's memory and 1.0 MB are free")
    until_told(bench, "the models cannot be loaded; ZeroDivisionError")
    log = capfd.readouterr().err
    assert log.count("of this machine's memory and") == 1
    assert log.count("ZeroDivisionError") == 1
    bench.scripted.build = build
    assert node.start()
    until_not_told(bench, "memory and")  # it was enough after all
    assert whole(bench).level != DiagnosticStatus.ERROR


def test_a_look_at_the_models_that_fails_keeps_nothing_from_starting(
    bench: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ppcr_ros.ros.health.look_at_models", lambda config: 1 / 0)
    bench.start()
    assert bench.node.phase == "active"
