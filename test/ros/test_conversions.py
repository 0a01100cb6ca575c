"""Conversions between ROS messages and the core's types."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from PIL import Image as PillowImage

pytest.importorskip("rclpy", reason="needs ROS 2 (rclpy)")

from sensor_msgs.msg import CameraInfo, CompressedImage, Image, RegionOfInterest

from ppcr_ros.core.errors import InvalidFrameError
from ppcr_ros.core.evidence import Evidence
from ppcr_ros.core.grasp.grasp_target import GraspTarget
from ppcr_ros.core.types import (
    Candidate,
    ModelNames,
    Result,
    Segmentation,
    SemanticPrompt,
    SpatialPrompt,
    StageSeconds,
    Status,
)
from ppcr_ros.msg import GraspTarget as GraspTargetMsg
from ppcr_ros.msg import Instance, ReferringSegmentation
from ppcr_ros.ros import conversions

HEADER = conversions.make_header(12_000_000_034, "camera_color_optical_frame")


def colour_image(width: int = 8, height: int = 6) -> Image:
    rgb = np.arange(width * height * 3, dtype=np.uint8).reshape(height, width, 3)
    return conversions.rgb_to_image(rgb, HEADER)


def depth_image(width: int = 8, height: int = 6) -> Image:
    message = Image(header=HEADER, width=width, height=height, encoding="16UC1", step=2 * width)
    message.data.frombytes(np.full((height, width), 1500, "<u2").tobytes())
    return message


def camera_info(width: int = 8, height: int = 6) -> CameraInfo:
    return CameraInfo(width=width, height=height, k=[10.0, 0.0, 4.0, 0.0, 11.0, 3.0, 0.0, 0.0, 1.0])


@pytest.mark.parametrize(
    ("sec", "nanosec"),
    [(0, 0), (-1, 5), (2**31 - 1, 999_999_999), (2**31 - 1, 2**32 - 1), (-(2**31), 0)],
)
def test_any_stamp_of_a_driver_comes_back_within_the_message(sec: int, nanosec: int) -> None:
    message = colour_image()
    message.header = conversions.make_header(0, "")  # the other tests share theirs
    message.header.stamp.sec, message.header.stamp.nanosec = sec, nanosec
    stamp = conversions.make_header(conversions.image_to_frame(message).stamp_ns, "").stamp
    expected = min(sec * 10**9 + nanosec, 2**31 * 10**9 - 1)
    assert conversions.stamp_to_ns(stamp) == expected
    assert -(2**31) <= stamp.sec < 2**31
    assert 0 <= stamp.nanosec < 10**9


def test_an_image_and_its_frame_are_the_same() -> None:
    message = colour_image()
    frame = conversions.image_to_frame(message, depth_image(), camera_info())
    assert frame.stamp_ns == 12_000_000_034
    assert frame.frame_id == "camera_color_optical_frame"
    assert frame.rgb.ravel().tolist() == list(range(144))
    assert frame.depth_m is not None
    assert frame.depth_m == pytest.approx(np.full((6, 8), 1.5))
    assert frame.camera_matrix is not None
    assert frame.camera_matrix.tolist() == [[10, 0, 4], [0, 11, 3], [0, 0, 1]]
    again = conversions.rgb_to_image(
        frame.rgb, conversions.make_header(frame.stamp_ns, frame.frame_id)
    )
    assert again == message


def test_a_compressed_image_becomes_a_frame_with_its_header() -> None:
    buffer = io.BytesIO()
    PillowImage.new("RGB", (5, 4), (1, 2, 3)).save(buffer, "PNG")
    message = CompressedImage(header=HEADER, format="png", data=buffer.getvalue())
    frame = conversions.image_to_frame(message)
    assert frame.rgb.shape == (4, 5, 3)
    assert frame.rgb[0, 0].tolist() == [1, 2, 3]
    assert frame.frame_id == "camera_color_optical_frame"


def test_depth_of_another_size_is_refused() -> None:
    with pytest.raises(InvalidFrameError, match="is 4x3 pixels and the colour image 8x6"):
        conversions.image_to_frame(colour_image(), depth_image(4, 3))


def test_camera_info_of_another_camera_is_refused() -> None:
    with pytest.raises(conversions.CameraInfoError, match="describes 640x480 pixels"):
        conversions.image_to_frame(colour_image(), None, camera_info(640, 480))


def test_an_uncalibrated_camera_has_no_matrix() -> None:
    assert conversions.image_to_frame(colour_image(), None, CameraInfo()).camera_matrix is None


def test_a_driver_that_leaves_the_size_out_is_believed() -> None:
    matrix = conversions.camera_matrix(camera_info(0, 0), width_px=8, height_px=6)
    assert matrix is not None
    assert matrix[0, 0] == 10


def test_binning_and_region_of_interest_move_the_matrix() -> None:
    info = camera_info(40, 30)
    info.binning_x = info.binning_y = 2
    info.roi = RegionOfInterest(x_offset=2, y_offset=1, width=16, height=12)
    matrix = conversions.camera_matrix(info, width_px=8, height_px=6)
    assert matrix is not None
    assert matrix.tolist() == [[5, 0, 1], [0, 5.5, 1], [0, 0, 1]]


def test_a_mask_becomes_0_and_255() -> None:
    mask = np.zeros((3, 4), bool)
    mask[1, 2] = True
    message = conversions.mask_to_image(mask, HEADER)
    assert (message.width, message.height, message.encoding, message.step) == (4, 3, "mono8", 4)
    assert list(message.data) == [0] * 6 + [255] + [0] * 5
    assert message.header == HEADER


@pytest.mark.parametrize(
    ("box", "expected"),
    [
        ([2, 3, 7, 5], (2, 3, 5, 2)),
        ([2.6, 3.1, 6.2, 4.9], (2, 3, 5, 2)),
        ([-1.5, -0.2, 3, 4], (0, 0, 3, 4)),
    ],
)
def test_a_half_open_box_becomes_a_region(
    box: list[float], expected: tuple[int, int, int, int]
) -> None:
    region = conversions.box_to_region(np.array(box, np.float32))
    assert (region.x_offset, region.y_offset, region.width, region.height) == expected


def whole_result(status: Status = Status.OK) -> Result:
    mask = np.zeros((6, 8), bool)
    mask[2:5, 1:4] = True
    return Result(
        status,
        "the red mug",
        message="",
        command_id="abc",
        stamp_ns=12_000_000_034,
        frame_id="camera_color_optical_frame",
        semantic=SemanticPrompt(
            "a red mug left of the plate", "mug", ("red",), ("left of the plate",), 0.75
        ),
        spatial=SpatialPrompt(
            "box 1 2 4 5",
            np.array([1, 2, 4, 5], np.float32),
            np.array([[2, 3], [6, 1]], np.float32),
            np.array([1, 0], np.int32),
            0.5,
        ),
        segmentation=replace(Segmentation.from_mask(mask, 0.25), evidence=Evidence(0.75)),
        seconds=StageSeconds(1.0, 2.0, 3.0, 4.0, 5.0),
        models=ModelNames("an-mllm", "a-segmenter"),
    )


def test_a_whole_result_loses_nothing() -> None:
    message = conversions.result_to_msg(whole_result())
    assert message.status == ReferringSegmentation.OK
    assert (message.command, message.command_id) == ("the red mug", "abc")
    assert message.header == HEADER
    semantic, spatial = message.semantic_prompt, message.spatial_prompt
    assert (semantic.category, semantic.attributes, semantic.relations) == (
        "mug",
        ["red"],
        ["left of the plate"],
    )
    assert (semantic.text, semantic.confidence, semantic.present) == (
        "a red mug left of the plate",
        0.75,
        True,
    )
    assert spatial.box_xyxy_px.tolist() == [1, 2, 4, 5]
    assert list(spatial.points_xy_px) == [2, 3, 6, 1]
    assert list(spatial.point_labels) == [1, 0]
    assert semantic.command_id == spatial.command_id == "abc"
    assert semantic.header == spatial.header == message.mask.header == HEADER
    region = message.box
    assert (region.x_offset, region.y_offset, region.width, region.height) == (1, 2, 3, 3)
    assert np.frombuffer(message.mask.data, np.uint8).sum() == 9 * 255
    assert message.score == 0.25
    seconds = (
        message.semantic_seconds,
        message.spatial_seconds,
        message.encode_seconds,
        message.segmentation_seconds,
        message.total_seconds,
    )
    assert seconds == (1, 2, 3, 4, 5)
    assert (message.mllm_model, message.segmenter_model) == ("an-mllm", "a-segmenter")


def test_a_tracked_result_says_so_and_how_old_it_is() -> None:
    message = conversions.result_to_msg(Result(Status.OK, "x", tracked=True, age_sec=1.5))
    assert (message.tracked, message.age_seconds) == (True, 1.5)
    message = conversions.result_to_msg(Result(Status.OK, "x"))
    assert (message.tracked, message.age_seconds) == (False, 0.0)


def test_several_that_fit_keep_what_was_understood() -> None:
    semantic = SemanticPrompt("red mug: several", "mug", ("red",), ambiguous=True)
    result = Result(Status.AMBIGUOUS, "the red mug", "say which", semantic=semantic)
    message = conversions.result_to_msg(result)
    assert message.status == ReferringSegmentation.AMBIGUOUS
    assert message.message == "say which"
    assert message.semantic_prompt.ambiguous
    assert message.semantic_prompt.present
    assert len(message.mask.data) == 0


def test_a_failure_has_no_mask_and_no_box() -> None:
    message = conversions.result_to_msg(Result(Status.ERROR, "x", message="it broke"))
    assert message.status == ReferringSegmentation.ERROR
    assert message.message == "it broke"
    assert (message.mask.width, len(message.mask.data), message.box.width) == (0, 0, 0)


@pytest.mark.parametrize("status", Status)
def test_the_statuses_are_the_messages_constants(status: Status) -> None:
    assert getattr(ReferringSegmentation, status.name) == status.value
    assert conversions.result_to_msg(Result(status, "x")).status == status.value


def result_with_several() -> Result:
    """Two mugs, one over a part of the other, and a bowl to put them in."""
    first, second, bowl = (np.zeros((6, 8), bool) for _ in range(3))
    first[1:4, 1:4], second[2:5, 3:7], bowl[5:, :] = True, True, True
    mugs = [
        replace(Segmentation.from_mask(mask, score).instances[0], words=words)
        for mask, score, words in ((first, 0.9, "red mug"), (second, 0.5, "green mug"))
    ]
    destination = Segmentation.from_mask(bowl, 0.75).instances[0]
    refused = GraspTarget(False, "no depth: node.use_depth is off.")
    found = Segmentation.union((replace(mugs[0], grasp=refused), mugs[1]))
    whole = whole_result()
    assert whole.semantic is not None
    return replace(
        whole,
        segmentation=replace(found, destination=destination),
        semantic=replace(
            whole.semantic,
            quantity=None,
            part="handle",
            targets=("red mug", "green mug"),
            destination="bowl",
            destination_relation="in",
        ),
        spatial=SpatialPrompt(
            "two boxes",
            np.array([1, 1, 4, 4], np.float32),
            boxes_xyxy_px=np.array([[1, 1, 4, 4], [3, 2, 7, 5]], np.float32),
            destination_box_xyxy_px=np.array([0, 5, 8, 6], np.float32),
        ),
        say="I see two mugs.",
        not_found_probability=0.25,
        unfamiliarity=1.5,
    )


def ambiguous_result() -> Result:
    mask = np.zeros((6, 8), bool)
    mask[2:5, 1:4] = True
    candidates = (
        Candidate(1, np.array([1, 2, 4, 5], np.float32), mask, "mug on the left"),
        Candidate(2, np.array([5, 2, 7, 5], np.float32), None, "mug on the right"),
    )
    return Result(Status.AMBIGUOUS, "the mug", candidates=candidates, question="Which one?")


def test_each_of_several_objects_is_told_by_itself() -> None:
    message = conversions.result_to_msg(result_with_several())
    one, two = message.instances
    assert [(i.number, i.words, i.score) for i in (one, two)] == [
        (1, "red mug", np.float32(0.9)),
        (2, "green mug", 0.5),
    ]
    assert message.score == 0.5
    assert (two.box.x_offset, two.box.y_offset, two.box.width, two.box.height) == (3, 2, 4, 3)
    assert (two.mask.width, two.mask.height, len(two.mask.data)) == (4, 3, 12)
    assert one.grasp.reason.startswith("no depth")
    ids = np.frombuffer(message.instance_ids.data, np.uint8).reshape(6, 8)
    assert ids[3, 3] == 1, "the surer one has what both claim"
    assert ((ids > 0) == (np.frombuffer(message.mask.data, np.uint8).reshape(6, 8) > 0)).all()
    assert message.destination.number == 1
    assert message.destination.box.y_offset == 5
    assert list(message.spatial_prompt.boxes_xyxy_px) == [1, 1, 4, 4, 3, 2, 7, 5]
    assert list(message.spatial_prompt.destination_box_xyxy_px) == [0, 5, 8, 6]
    semantic = message.semantic_prompt
    assert (semantic.part, semantic.quantity, semantic.destination) == ("handle", 0, "bowl")
    assert message.say == "I see two mugs."
    assert message.not_found_probability == 0.25
    assert message.unfamiliarity == 1.5
    assert message.expected_mask_iou == -1.0, "no evidence was kept"


def test_one_object_is_one_instance_and_needs_no_image_of_numbers() -> None:
    message = conversions.result_to_msg(whole_result())
    (only,) = message.instances
    assert (only.number, only.box) == (1, message.box)
    assert message.instance_ids.width == 0
    assert message.destination.number == 0
    assert message.not_found_probability == -1.0
    assert message.unfamiliarity == -1.0
    assert message.expected_mask_iou == 0.75


def test_what_several_fit_is_numbered() -> None:
    message = conversions.result_to_msg(ambiguous_result())
    left, right = message.candidates
    assert (left.number, left.words, left.mask.width) == (1, "mug on the left", 3)
    assert (right.number, right.box.x_offset, right.mask.width) == (2, 5, 0)
    assert message.question == "Which one?"


@pytest.mark.parametrize("make", [whole_result, result_with_several, ambiguous_result])
def test_a_recorded_result_comes_back(make: Callable[[], Result]) -> None:
    pytest.importorskip("rosbags", reason="needs rosbags (pip install rosbags)")
    from ppcr_ros.replay.compare import differences
    from ppcr_ros.replay.messages import result_message, result_of

    assert differences(make(), result_of(result_message(make()))) == []


@pytest.mark.parametrize("found", [True, False])
def test_without_ros_the_same_message_is_written(found: bool) -> None:
    pytest.importorskip("rosbags", reason="needs rosbags (pip install rosbags)")
    from rclpy.serialization import deserialize_message

    from ppcr_ros.replay.definitions import RESULT_TYPE, typestore
    from ppcr_ros.replay.messages import result_message

    result = whole_result() if found else Result(Status.NOT_FOUND, "x", message="no such thing")
    if found:
        refused = GraspTarget(False, "no depth: node.use_depth is off.")
        result = replace(result, grasp=refused, tracked=True, age_sec=0.5)
    expected = conversions.result_to_msg(result)
    raw = bytes(typestore().serialize_cdr(result_message(result), RESULT_TYPE))
    written = deserialize_message(raw, ReferringSegmentation)
    for name in expected.get_fields_and_field_types():
        if name != "grasp":  # of which only the reason is written
            ours, theirs = getattr(expected, name), getattr(written, name)
            for message in (ours, theirs):
                _without_grasp(message)
            assert theirs == ours, name
    assert not written.grasp.graspable
    assert written.grasp.reason == (expected.grasp.reason if found else "")


def _without_grasp(value: Any) -> None:
    """Take the grasps out of instances, of which only the reason is written."""
    for message in value if isinstance(value, list) else [value]:
        if isinstance(message, Instance):
            message.grasp = GraspTargetMsg()


def test_an_answer_is_no_empty_line() -> None:
    said = conversions.result_to_msg(Result(Status.OK, "x", say="I see the red mug."))
    assert said.message == said.say == "I see the red mug."
    failed = conversions.result_to_msg(Result(Status.ERROR, "x", message="why", say="Sorry."))
    assert (failed.message, failed.say) == ("why", "Sorry.")
