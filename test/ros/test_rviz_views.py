"""Markers and points of a result for RViz."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="needs ROS 2 (rclpy)")

from visualization_msgs.msg import Marker

from ppcr_ros.core.grasp.grasp_target import GraspTarget, OrientedBox
from ppcr_ros.core.grasp.optical_points import backproject, object_points
from ppcr_ros.core.types import (
    Array,
    Candidate,
    Frame,
    Result,
    Segmentation,
    SemanticPrompt,
    Status,
)
from ppcr_ros.ros.conversions import make_header
from ppcr_ros.ros.rviz_views import clear_markers, no_points, object_markers, points_message

HEADER = make_header(1_500_000_000, "camera")
MATRIX = np.array([[100.0, 0, 32], [0, 100, 24], [0, 0, 1]])


def frame(*, depth: bool = True, matrix: bool = True) -> Frame:
    depth_m = np.full((48, 64), 2.0, np.float32)
    depth_m[10:20, 20:30] = 1.0
    depth_m[10, 20], depth_m[10, 21] = np.nan, 0.0
    rgb = np.zeros((48, 64, 3), np.uint8)
    rgb[10:20, 20:30] = (200, 100, 50)
    return Frame(rgb, depth_m=depth_m if depth else None, camera_matrix=MATRIX if matrix else None)


def mask() -> Array:
    made = np.zeros((48, 64), bool)
    made[10:20, 20:30] = True
    return made


def result(status: Status = Status.OK) -> Result:
    return Result(
        status,
        "x",
        semantic=SemanticPrompt("a red mug", "mug", ("red",)),
        segmentation=Segmentation.from_mask(mask(), 0.9),
    )


def grasp() -> GraspTarget:
    """0.1 x 0.06 x 0.08 m, upright before a level camera: z of the box is -y of the camera."""
    rotation = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]])
    box = OrientedBox(np.array([0.0, 0.0, 0.8]), rotation, np.array([0.1, 0.06, 0.08]))
    return GraspTarget(True, box=box, centroid_m=box.centre_m, approach=-rotation[:, 2])


def test_backprojection_undoes_the_projection() -> None:
    pixels = np.array([[32.0, 24.0], [42.0, 24.0], [32.0, 4.0]])
    points = backproject(pixels, np.array([2.0, 2.0, 1.0]), MATRIX)
    assert points == pytest.approx(np.array([[0, 0, 2], [0.2, 0, 2], [0, -0.2, 1]]))


def test_the_points_are_those_of_the_mask_whose_depth_is_known() -> None:
    found = object_points(frame(), mask())
    assert found is not None
    points_m, rgb = found
    assert points_m.shape == rgb.shape == (98, 3)
    assert (points_m[:, 2] == 1.0).all()
    assert points_m[:, 0].min() == pytest.approx((20 - 32) / 100)
    assert (rgb == (200, 100, 50)).all()


@pytest.mark.parametrize("lacking", ["depth", "matrix"])
def test_without_depth_or_intrinsics_there_are_no_points(lacking: str) -> None:
    assert object_points(frame(**{lacking: False}), mask()) is None
    assert points_message(frame(**{lacking: False}), mask(), HEADER) is None


def test_the_cloud_can_be_read_back() -> None:
    message = points_message(frame(), mask(), HEADER)
    assert message is not None
    assert (message.width, message.height, message.header) == (98, 1, HEADER)
    assert [field.name for field in message.fields] == ["x", "y", "z", "rgb"]
    cloud = np.frombuffer(message.data, np.float32).reshape(-1, 4)
    assert (cloud[:, 2] == 1.0).all()
    packed = cloud[:, 3].copy().view(np.uint32)
    assert set(packed.tolist()) == {200 << 16 | 100 << 8 | 50}
    assert message.row_step == len(message.data)


def test_a_cloud_without_points_takes_the_old_one_away() -> None:
    message = no_points(HEADER)
    assert (message.width, message.height, len(message.data)) == (0, 1, 0)
    assert message.header.frame_id == "camera"


def test_with_a_grasp_target_its_box_stands_in_space_and_an_arrow_comes_to_it() -> None:
    message = object_markers(replace(result(), grasp=grasp()), frame(), HEADER)
    assert message is not None
    clear, box, text, arrow = message.markers
    assert clear.action == Marker.DELETEALL
    assert (box.type, len(box.points)) == (Marker.LINE_LIST, 24)
    corners = {(round(p.x, 3), round(p.y, 3), round(p.z, 3)) for p in box.points}
    assert len(corners) == 8
    assert (0.05, -0.04, 0.77) in corners
    lengths = [
        ((a.x - b.x) ** 2 + (a.y - b.y) ** 2 + (a.z - b.z) ** 2) ** 0.5
        for a, b in zip(box.points[::2], box.points[1::2], strict=True)
    ]
    assert sorted(lengths) == pytest.approx([0.06] * 4 + [0.08] * 4 + [0.1] * 4)
    assert (text.type, text.text) == (Marker.TEXT_VIEW_FACING, "red mug 0.90\n60 mm wide")
    assert text.pose.position.y < -0.04
    tail, tip = arrow.points
    assert arrow.type == Marker.ARROW
    assert (tip.x, tip.y, tip.z) == pytest.approx((0.0, -0.04, 0.8))
    assert tail.y < tip.y  # it comes from above
    assert all(marker.header == HEADER for marker in message.markers)
    assert [marker.id for marker in message.markers] == [0, 0, 1, 2]


def test_what_is_not_graspable_is_said_and_has_another_colour() -> None:
    good, bad = (
        object_markers(replace(result(), grasp=item), frame(), HEADER)
        for item in (grasp(), replace(grasp(), graspable=False, reason="too wide"))
    )
    assert good is not None
    assert bad is not None
    assert bad.markers[2].text.endswith("\nnot graspable")
    assert good.markers[1].color != bad.markers[1].color


def test_without_depth_the_box_lies_on_the_image_plane() -> None:
    message = object_markers(result(), frame(depth=False), HEADER)
    assert message is not None
    box = message.markers[1]
    assert {point.z for point in box.points} == {1.0}
    assert len(box.points) == 8
    assert max(point.x for point in box.points) == pytest.approx((30 - 32) / 100)


def test_without_intrinsics_nothing_can_be_placed() -> None:
    assert object_markers(result(), frame(matrix=False), HEADER) is None


@pytest.mark.parametrize("status", [Status.NOT_FOUND, Status.AMBIGUOUS])
def test_where_nothing_was_found_the_old_markers_go(status: Status) -> None:
    message = object_markers(Result(status, "x"), frame(), HEADER)
    assert message == clear_markers(HEADER)


def test_a_doubtful_object_has_another_colour() -> None:
    sure, doubtful = (
        object_markers(result(status), frame(), HEADER)
        for status in (Status.OK, Status.LOW_CONFIDENCE)
    )
    assert sure is not None
    assert doubtful is not None
    assert sure.markers[1].color != doubtful.markers[1].color


def test_each_of_several_objects_and_the_destination_has_its_markers() -> None:
    other = np.zeros((48, 64), bool)
    other[30:40, 40:60] = True
    parts = [Segmentation.from_mask(item, 0.9).instances[0] for item in (mask(), other)]
    red, bowl = replace(parts[0], words="red mug", grasp=grasp()), replace(parts[1], words="bowl")
    found = replace(Segmentation.union((red, replace(parts[1], words="ball"))), destination=bowl)
    shown = object_markers(replace(result(), segmentation=found), frame(), HEADER)
    assert shown is not None
    ids = [marker.id for marker in shown.markers[1:]]
    assert len(set(ids)) == len(ids)
    texts = [marker.text for marker in shown.markers if marker.type == Marker.TEXT_VIEW_FACING]
    assert texts == ["1 red mug 0.90\n60 mm wide", "2 ball 0.90", "to: bowl"]


def test_what_several_fit_is_numbered_on_the_image_plane() -> None:
    candidates = tuple(
        Candidate(number, np.array([4, 4, 9, 9], np.float32), None, words)
        for number, words in ((1, "red mug"), (2, "green mug"))
    )
    asked = replace(result(Status.AMBIGUOUS), segmentation=None, candidates=candidates)
    shown = object_markers(asked, frame(depth=False), HEADER)
    assert shown is not None
    texts = [marker.text for marker in shown.markers if marker.type == Marker.TEXT_VIEW_FACING]
    assert texts == ["1: red mug", "2: green mug"]
    assert object_markers(asked, frame(depth=False, matrix=False), HEADER) is None
