from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="needs ROS 2 (rclpy)")
pytest.importorskip("cv_bridge", reason="needs cv_bridge")

from visualization_msgs.msg import Marker

from ppcr_ros.core.types import Array, Frame, Result, Segmentation, SemanticPrompt, Status
from ppcr_ros.ros.conversions import make_header
from ppcr_ros.ros.geometry import backproject, extent_m, object_points
from ppcr_ros.ros.views import clear_markers, no_points, object_markers, points_message

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


def test_the_extent_leaves_out_stray_points() -> None:
    points_m = np.random.default_rng(0).uniform(-0.1, 0.1, (1000, 3)).astype(np.float32)
    points_m[:5, 2] = 3.0
    low, high = extent_m(points_m)
    assert high[2] < 0.11
    assert low[0] == pytest.approx(-0.1, abs=0.01)


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


def test_with_depth_the_box_stands_in_space() -> None:
    message = object_markers(result(), frame(), HEADER)
    assert message is not None
    clear, box, text = message.markers
    assert clear.action == Marker.DELETEALL
    assert (box.type, len(box.points)) == (Marker.LINE_LIST, 24)
    assert {point.z for point in box.points} == {1.0}
    assert min(point.x for point in box.points) == pytest.approx(-0.12, abs=0.005)
    assert (text.type, text.text) == (Marker.TEXT_VIEW_FACING, "red mug 0.90")
    assert text.pose.position.y < min(point.y for point in box.points)
    assert all(marker.header == HEADER for marker in message.markers)


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
