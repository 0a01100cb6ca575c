"""Results in the messages of others, each where its package is installed and somebody listens."""

from __future__ import annotations

import itertools
import time
from typing import Any

import cv2
import numpy as np
import pytest

pytest.importorskip("rclpy", reason="needs ROS 2 (rclpy)")
pytest.importorskip("ppcr_ros.msg", reason="needs the built messages (make build)")

from geometry_msgs.msg import PoseStamped, TransformStamped
from sensor_msgs.msg import CameraInfo, CompressedImage

from ppcr_lab import scripted_camera
from ppcr_lab.scripted_models import scripted_calibration
from ppcr_ros.core.mask_runs import mask_of
from ppcr_ros.msg import ReferringSegmentation, ResultSummary
from ppcr_ros.ros import conversions, standard_outputs, target_frames

FRESH = {"grasp__max_age_sec": 3600.0}
NEEDS_VISION = "needs the messages of the package vision_msgs"
NEEDS_MOVEIT = "needs the messages of the package moveit_msgs"
NEEDS_TF2 = "needs the Python package tf2_ros"


def see(bench: Any) -> Any:
    """Show an image with depth and camera_info; gives its header."""
    at = conversions.make_header(time.time_ns(), "camera_optical")
    image, depth = scripted_camera.colour_image(at), scripted_camera.depth_image(at)
    bench.node.cameras[""].receive(image, depth, scripted_camera.camera_info(at))
    return at


@pytest.fixture
def listening(bench: Any) -> Any:
    """The active node, and someone who hears its results."""
    bench.begin(**FRESH)
    return bench


def test_the_summary_is_the_result_without_pictures(listening: Any) -> None:
    listening.listen(ResultSummary, "/ppcr/summary")
    at = see(listening)
    result = listening.answer()
    (summary,) = listening.wait("/ppcr/summary")
    assert summary.header == at
    for name in ("command", "command_id", "status", "message", "say", "score", "box", "grasp"):
        assert getattr(summary, name) == getattr(result, name), name
    assert summary.category == "mug"
    mask = mask_of(np.array(summary.mask_runs), summary.mask_width, summary.mask_height)
    sent = np.frombuffer(result.mask.data, np.uint8).reshape(48, 64) == 255
    assert np.array_equal(mask, sent)
    listening.answer("the unicorn", 2)
    missing = listening.wait("/ppcr/summary", 2)[-1]
    assert (missing.status, len(missing.mask_runs)) == (ReferringSegmentation.NOT_FOUND, 0)


def test_the_overlay_is_there_as_a_jpeg_and_the_mask_has_its_camera(listening: Any) -> None:
    listening.listen(CompressedImage, "/ppcr/overlay/compressed")
    listening.listen(CameraInfo, "/ppcr/camera_info")
    at = see(listening)
    listening.answer()
    (overlay,) = listening.wait("/ppcr/overlay/compressed")
    picture = cv2.imdecode(np.frombuffer(overlay.data, np.uint8), cv2.IMREAD_COLOR)
    assert (picture.shape, overlay.header) == ((48, 64, 3), at)
    assert "jpeg" in overlay.format
    (info,) = listening.wait("/ppcr/camera_info")
    assert (info.width, info.height, info.header) == (64, 48, at)
    assert list(info.k) == [60.0, 0, 32, 0, 60, 24, 0, 0, 1]
    assert list(info.p) == [60.0, 0, 32, 0, 0, 60, 24, 0, 0, 0, 1, 0]


def test_poses_are_told_in_the_cameras_frame_where_no_other_is_chosen(listening: Any) -> None:
    listening.listen(PoseStamped, "/ppcr/object_pose")
    listening.listen(PoseStamped, "/ppcr/grasp_pose")
    at = see(listening)
    result = listening.answer()
    (found,) = listening.wait("/ppcr/object_pose")
    assert found == result.grasp.pose
    (grasp,) = listening.wait("/ppcr/grasp_pose")
    assert grasp.header == at
    assert grasp.pose.position == result.grasp.centroid
    listening.answer("the unicorn", 2)
    assert listening.count("/ppcr/object_pose") == 1


def test_nothing_is_made_for_nobody(listening: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: Any) -> None:
        pytest.fail("made for nobody")

    for name in ("summary_to_msg", "camera_info_of"):
        monkeypatch.setattr(standard_outputs.summaries, name, never)
    monkeypatch.setattr(standard_outputs, "object_pose", never)
    see(listening)
    assert listening.answer().status == ReferringSegmentation.OK


def test_detections_are_those_of_the_result(listening: Any) -> None:
    vision = pytest.importorskip("vision_msgs.msg", reason=NEEDS_VISION)
    listening.listen(vision.Detection2DArray, "/ppcr/detections_2d")
    listening.listen(vision.Detection3DArray, "/ppcr/detections_3d")
    at = see(listening)
    result = listening.answer()
    (flat,) = listening.wait("/ppcr/detections_2d")
    (detection,) = flat.detections
    centre = detection.bbox.center.position
    assert (centre.x, centre.y, detection.bbox.size_x, detection.bbox.size_y) == (24, 18, 16, 12)
    (hypothesis,) = detection.results
    assert hypothesis.hypothesis.class_id == "mug"
    assert hypothesis.hypothesis.score == pytest.approx(result.score)
    assert (flat.header, detection.header, detection.id) == (at, at, result.command_id)
    (solid,) = listening.wait("/ppcr/detections_3d")
    (detection,) = solid.detections
    assert detection.bbox.center == result.grasp.pose.pose
    assert detection.bbox.size == result.grasp.size
    assert detection.results[0].pose.pose == result.grasp.pose.pose


def test_what_is_not_there_is_an_empty_array_and_a_failure_is_none(listening: Any) -> None:
    vision = pytest.importorskip("vision_msgs.msg", reason=NEEDS_VISION)
    listening.listen(vision.Detection2DArray, "/ppcr/detections_2d")
    listening.listen(ResultSummary, "/ppcr/summary")
    see(listening)
    listening.answer("the unicorn")
    assert listening.wait("/ppcr/detections_2d")[0].detections == []
    listening.answer("the red mug explode", 2)
    listening.answer("the twins", 3)
    listening.wait("/ppcr/summary", 3)
    assert listening.count("/ppcr/detections_2d") == 1


@pytest.mark.parametrize(
    ("calibration", "floor"),
    [(None, 0.25), (scripted_calibration(2.0), 0.5)],
    ids=["a mean", "a probability"],
)
def test_whoever_comes_later_learns_the_labels(bench: Any, calibration: Any, floor: float) -> None:
    vision = pytest.importorskip("vision_msgs.msg", reason=NEEDS_VISION)
    bench.scripted.calibration = calibration
    bench.begin(pipeline__min_confidence=0.25, **FRESH)
    see(bench)
    bench.answer()
    bench.answer("the red ball", 2)
    bench.listen(vision.LabelInfo, "/ppcr/label_info", standard_outputs.LABELS_QOS)
    info = bench.wait("/ppcr/label_info")[-1]
    assert [(item.class_id, item.class_name) for item in info.class_map] == [
        (0, "mug"),
        (1, "ball"),
    ]
    assert info.threshold == floor, "below which a detection is not to be acted upon"


def test_moveit_gets_the_object_and_the_grasp(listening: Any) -> None:
    moveit = pytest.importorskip("moveit_msgs.msg", reason=NEEDS_MOVEIT)
    listening.listen(moveit.CollisionObject, "/ppcr/collision_object")
    listening.listen(moveit.Grasp, "/ppcr/grasp")
    at = see(listening)
    result = listening.answer()
    (solid,) = listening.wait("/ppcr/collision_object")
    assert (solid.header, solid.operation) == (at, moveit.CollisionObject.ADD)
    assert solid.pose == result.grasp.pose.pose
    size = result.grasp.size
    assert list(solid.primitives[0].dimensions) == [size.x, size.y, size.z]
    (grasp,) = listening.wait("/ppcr/grasp")
    assert grasp.grasp_pose.pose.position == result.grasp.centroid
    assert grasp.pre_grasp_approach.direction.vector == result.grasp.approach
    assert grasp.allowed_touch_objects == [solid.id]
    listening.answer("the unicorn", 2)
    gone = listening.wait("/ppcr/collision_object", 2)[-1]
    assert (gone.id, gone.operation) == (solid.id, moveit.CollisionObject.REMOVE)
    assert listening.count("/ppcr/grasp") == 1


def base_over_the_camera(at: Any, parent: str = "base_link") -> TransformStamped:
    """A camera 1 m above the base that looks straight down."""
    message = TransformStamped(header=at, child_frame_id="camera_optical")
    message.header.frame_id = parent
    message.transform.translation.z = 1.0
    message.transform.rotation.x = 1.0
    message.transform.rotation.w = 0.0
    return message


def test_poses_are_told_in_the_frame_that_is_chosen(bench: Any) -> None:
    tf2_ros = pytest.importorskip("tf2_ros", reason=NEEDS_TF2)
    bench.begin(node__target_frame="base_link", node__broadcast_tf=True, **FRESH)
    bench.listen(PoseStamped, "/ppcr/object_pose")
    buffer = tf2_ros.Buffer()
    listener = tf2_ros.TransformListener(buffer, bench.probe)
    broadcaster = tf2_ros.StaticTransformBroadcaster(bench.probe)
    broadcaster.sendTransform(
        base_over_the_camera(conversions.make_header(time.time_ns(), "camera_optical"))
    )
    see(bench)
    counts = itertools.count(1)
    results: list[Any] = []

    def told_in_the_frame() -> bool:  # once the node has heard of the transform
        results.append(bench.answer(count=next(counts)))
        return bool(bench.count("/ppcr/object_pose"))

    bench.until(told_in_the_frame, "a pose in the chosen frame")
    result, found = results[-1], bench.wait("/ppcr/object_pose")[-1]
    assert found.header.frame_id == "base_link"
    assert found.header.stamp == result.header.stamp
    in_camera = result.grasp.pose.pose.position
    assert found.pose.position.x == pytest.approx(in_camera.x)
    assert found.pose.position.y == pytest.approx(-in_camera.y)
    assert found.pose.position.z == pytest.approx(1.0 - in_camera.z)
    frames = ("ppcr_object", "ppcr_grasp")
    bench.until(
        lambda: all(
            buffer.can_transform("base_link", name, target_frames.Time()) for name in frames
        ),
        "the frames of object and grasp",
    )
    there = buffer.lookup_transform("base_link", "ppcr_object", target_frames.Time())
    assert there.transform.translation.z == pytest.approx(found.pose.position.z)
    listener.unregister()


@pytest.mark.parametrize("installed", [True, False])
def test_without_a_transform_no_pose_is_told(
    bench: Any,
    installed: bool,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    if installed:
        pytest.importorskip("tf2_ros", reason=NEEDS_TF2)
    else:

        def missing(name: str) -> Any:
            raise ImportError(name)

        monkeypatch.setattr(target_frames.importlib, "import_module", missing)
    bench.begin(node__target_frame="map", **FRESH)
    bench.listen(PoseStamped, "/ppcr/object_pose")
    bench.listen(ResultSummary, "/ppcr/summary")
    see(bench)
    assert bench.answer().grasp.pose.header.frame_id == "camera_optical"
    bench.wait("/ppcr/summary")
    assert bench.count("/ppcr/object_pose") == 0
    said = capfd.readouterr().err
    assert (
        "no transform from 'camera_optical'" if installed else "tf2_ros is not installed"
    ) in said
