"""P for rectified images and K with the lens for raw ones, on lenses of five kinds."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest

from ppcr_ros.camera.frames import image_to_frame
from ppcr_ros.camera.intrinsics import (
    CameraInfoError,
    baseline_of,
    camera_matrix,
    geometry_of,
    image_intrinsics,
)
from ppcr_ros.core.grasp.optical_points import object_points
from ppcr_ros.core.types import Array

SIZE = {"width_px": 640, "height_px": 480}
K = [520.0, 0.0, 318.0, 0.0, 522.0, 243.0, 0.0, 0.0, 1.0]
P = [410.0, 0.0, 325.0, 0.0, 0.0, 415.0, 238.0, 0.0, 0.0, 0.0, 1.0, 0.0]
LENSES = {
    "webcam": ("plumb_bob", [0.08, -0.2, 0.001, -0.0005, 0.0]),
    "barrel": ("plumb_bob", [-0.32, 0.11, 0.0, 0.0, -0.018]),
    "Orbbec's eight": ("plumb_bob", [0.08, -0.11, 0.0003, -0.0002, 0.045, 0.0, 0.0, 0.0]),
    "OAK's eight": ("rational_polynomial", [0.2, -0.5, 0.001, 0.0, 0.3, 0.2, -0.45, 0.28]),
    "RealSense's four": ("equidistant", [-0.02, 0.01, -0.004, 0.0005]),
    "melodic's fisheye": ("fisheye", [-0.02, 0.01, -0.004, 0.0005]),
    "Kannala and Brandt": ("Kannala Brandt4", [-0.02, 0.01, -0.004, 0.0005, 0.0, 0.0, 0.0, 0.0]),
    "Kalibr's four": ("radtan", [-0.2, 0.05, 0.001, -0.0005]),
    "a nameless one": ("", [0.08, -0.2, 0.001, -0.0005, 0.0]),
}


def matrix_of(values: list[float]) -> Array:
    return np.array(values).reshape(3, -1)[:, :3]


def test_of_a_rectified_image_the_intrinsics_are_p(camera_info: Callable[..., Any]) -> None:
    info = camera_info(k=K, p=P)
    assert camera_matrix(info, **SIZE) == pytest.approx(matrix_of(P))
    assert camera_matrix(info, **SIZE, raw=True) == pytest.approx(matrix_of(K))


@pytest.mark.parametrize("p", [[0.0] * 12, [float("nan")] * 12], ids=["zero", "nan"])
def test_where_a_driver_leaves_p_out_k_is_taken(
    camera_info: Callable[..., Any], p: list[float]
) -> None:
    assert camera_matrix(camera_info(k=K, p=p), **SIZE) == pytest.approx(matrix_of(K))


def test_p_alone_is_enough(camera_info: Callable[..., Any]) -> None:
    assert camera_matrix(camera_info(k=[0.0] * 9, p=P), **SIZE) == pytest.approx(matrix_of(P))
    found = image_intrinsics(camera_info(k=[0.0] * 9, p=P), **SIZE, geometry="raw")
    assert found is not None
    assert found.camera_matrix == pytest.approx(matrix_of(P))


def test_region_and_binning_hold_for_p(camera_info: Callable[..., Any]) -> None:
    roi = SimpleNamespace(x_offset=100, y_offset=40, width=640, height=480, do_rectify=False)
    info = camera_info(width=1280, height=960, k=K, p=P, roi=roi, binning_x=2, binning_y=2)
    found = camera_matrix(info, width_px=320, height_px=240)
    assert found is not None
    assert (found[0, 0], found[1, 1]) == (205.0, 207.5)
    assert (found[0, 2], found[1, 2]) == (112.5, 99.0)
    with pytest.raises(CameraInfoError, match="expected the same"):
        camera_matrix(info, **SIZE)


def test_a_camera_without_focal_length_is_not_calibrated(camera_info: Callable[..., Any]) -> None:
    assert camera_matrix(camera_info(k=[0.0] * 9, p=[0.0] * 12), **SIZE) is None
    assert image_intrinsics(camera_info(k=[0.0] * 9, p=[0.0] * 12), **SIZE) is None


@pytest.mark.parametrize(
    ("setting", "topic", "expected"),
    [
        ("auto", "/camera/camera/color/image_raw", "raw"),
        ("auto", "/camera/image_raw/compressed", "raw"),
        ("auto", "/cam/image_rect", "rectified"),
        ("auto", "/cam/image_rect_color", "rectified"),
        ("auto", "/camera/infra1/image_rect_raw", "rectified"),
        ("auto", "/zed/zed_node/rgb/image_rect_color", "rectified"),
        ("auto", "/zed/zed_node/rgb/color/rect/image", "rectified"),
        ("auto", "/zed/zed_node/rgb/color/raw/image", "raw"),
        ("auto", "/camera/color/image_undistorted", "rectified"),
        ("auto", "/director/camera/image", "auto"),
        ("auto", "/rgb", "auto"),
        ("auto", "", "auto"),
        ("raw", "/cam/image_rect", "raw"),
        ("rectified", "/camera/color/image_raw", "rectified"),
    ],
)
def test_the_topic_says_whether_an_image_is_rectified(
    setting: str, topic: str, expected: str
) -> None:
    assert geometry_of(setting, topic) == expected


def test_without_distortion_it_does_not_matter(camera_info: Callable[..., Any]) -> None:
    for geometry in ("auto", "raw", "rectified"):
        found = image_intrinsics(camera_info(), **SIZE, geometry=geometry)
        assert found is not None
        assert (found.rectification, found.doubt) == (None, "")


@pytest.mark.parametrize("name", LENSES)
def test_where_it_matters_and_nobody_says_it_is_doubted(
    camera_info: Callable[..., Any], name: str
) -> None:
    model, d = LENSES[name]
    info = camera_info(k=K, p=P, d=d, distortion_model=model)
    found = image_intrinsics(info, **SIZE, geometry="auto")
    assert found is not None
    assert "set camera.image_geometry to raw or rectified" in found.doubt
    assert found.camera_matrix == pytest.approx(matrix_of(P))


def seen_by(model: str, d: list[float], points_m: Array) -> Array:
    """Where the lens shows points (n, 3), pixels (n, 2), by OpenCV's own projection."""
    zero, points = np.zeros(3), points_m.reshape(-1, 1, 3)
    if model in ("equidistant", "fisheye", "Kannala Brandt4"):
        pixels, _ = cv2.fisheye.projectPoints(points, zero, zero, matrix_of(K), np.array(d[:4]))
    else:
        pixels, _ = cv2.projectPoints(points, zero, zero, matrix_of(K), np.array(d))
    return np.asarray(pixels).reshape(-1, 2)


@pytest.mark.parametrize("name", LENSES)
def test_a_raw_image_is_freed_of_its_lens(
    camera_info: Callable[..., Any], header: Callable[..., Any], name: str
) -> None:
    """A dot on a wall, where the lens shows it: its position comes back."""
    model, d = LENSES[name]
    info = camera_info(k=K, p=P, d=d, distortion_model=model)
    for point_m in ([-0.35, -0.2, 0.8], [0.0, 0.0, 0.8], [0.3, 0.22, 0.8]):
        x, y = seen_by(model, d, np.array([point_m]))[0]
        rgb = np.zeros((480, 640, 3), np.uint8)
        depth = np.full((480, 640), 800, "<u2")
        frame = image_to_frame(
            message(rgb, "rgb8", header()), message(depth, "16UC1", header()), info, geometry="raw"
        )
        mask = np.zeros((480, 640), bool)
        mask[round(y) - 3 : round(y) + 4, round(x) - 3 : round(x) + 4] = True
        assert frame.rectification is not None
        found = object_points(frame, mask)
        assert found is not None
        assert found[0].mean(axis=0) == pytest.approx(point_m, abs=0.002)


def message(pixels: Array, encoding: str, header: Any) -> Any:
    return SimpleNamespace(
        header=header,
        height=pixels.shape[0],
        width=pixels.shape[1],
        encoding=encoding,
        is_bigendian=0,
        step=pixels[0].nbytes,
        data=pixels.tobytes(),
    )


@pytest.mark.parametrize(
    ("model", "d"),
    [
        ("plumb_bob", [0.1, 0.2, 0.3]),
        ("equidistant", [0.1, 0.2]),
        ("plumb_bob", [float("nan")] * 5),
        ("equidistant", [-0.02, 0.01, 0.0, 0.0, -0.004, 0.0, 0.0, 0.0]),
        ("omni", [-0.02, 0.01, -0.003, 0.001]),
        ("double_sphere", [-0.2, 0.5, 0.0, 0.0]),
        ("division", [-0.1, 0.0, 0.0, 0.0, 0.0]),
        ("kinect2_special", [0.1] * 8),
        ("inverse_brown_conrady", [0.1, 0.0, 0.0, 0.0, 0.0]),
    ],
)
def test_a_lens_that_is_not_known_is_doubted(
    camera_info: Callable[..., Any], model: str, d: list[float]
) -> None:
    """By the number of its coefficients, by what they are, or by its name."""
    info = camera_info(k=K, p=P, d=d, distortion_model=model)
    found = image_intrinsics(info, **SIZE, geometry="raw")
    assert found is not None
    assert "no model that is known here" in found.doubt


def test_an_unknown_lens_that_bends_nothing_needs_no_model(camera_info: Callable[..., Any]) -> None:
    info = camera_info(k=K, p=P, d=[0.0] * 4, distortion_model="omni")
    found = image_intrinsics(info, **SIZE, geometry="raw")
    assert found is not None
    assert (found.rectification, found.doubt) == (None, "")


@pytest.mark.parametrize("d", [[], [0.0] * 4, LENSES["RealSense's four"][1]])
@pytest.mark.parametrize("model", ["equidistant", "plumb_bob"])
@pytest.mark.parametrize("geometry", ["raw", "rectified", "auto"])
def test_intrinsics_that_are_skewed_are_doubted(
    camera_info: Callable[..., Any], geometry: str, model: str, d: list[float]
) -> None:
    skewed, projection = list(K), list(P)
    skewed[1] = projection[1] = 3.0
    info = camera_info(k=skewed, p=projection, d=d, distortion_model=model)
    found = image_intrinsics(info, **SIZE, geometry=geometry)
    assert found is not None
    assert found.doubt


def test_what_opencv_cannot_reckon_with_is_told_of_the_camera_info(
    camera_info: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise cv2.error("unknown overload")

    monkeypatch.setattr(cv2, "getOptimalNewCameraMatrix", fail)
    info = camera_info(k=K, p=P, d=[0.071, -0.2, 0.001, -0.0005, 0.0])
    with pytest.raises(CameraInfoError, match="no lens that can be reckoned with"):
        image_intrinsics(info, **SIZE, geometry="raw")


@pytest.mark.parametrize("name", LENSES)
def test_a_point_in_space_is_where_the_raw_image_shows_it(
    camera_info: Callable[..., Any], name: str
) -> None:
    model, d = LENSES[name]
    info = camera_info(k=K, p=P, d=d, distortion_model=model)
    found = image_intrinsics(info, **SIZE, geometry="raw")
    assert found is not None
    lens = found.rectification
    assert lens is not None
    for point_m in ([-0.35, -0.2, 0.8], [0.013, 0.007, 0.8], [0.3, 0.22, 0.8]):
        x, y, _ = lens.camera_matrix @ (np.array(point_m) / point_m[2])
        shown = seen_by(model, d, np.array([point_m]))[0]
        assert lens.raw_pixel_of(x, y) == pytest.approx(tuple(shown), abs=0.8)
    for outside in ((-5.0, 20.0), (20.0, 479.5), (1e30, 0.0), (-1e30, 1e30)):
        assert lens.raw_pixel_of(*outside) is None


def test_a_lens_that_folds_the_image_is_doubted(camera_info: Callable[..., Any]) -> None:
    info = camera_info(k=K, p=P, d=[-3.0, 0.0, 0.0, 0.0, 0.0])
    found = image_intrinsics(info, **SIZE, geometry="raw")
    assert found is not None
    assert found.rectification is None
    assert "cannot be undone" in found.doubt


def test_only_p_places_what_is_bent_by_an_unknown_k(camera_info: Callable[..., Any]) -> None:
    nothing = [0.0] * 9
    plain = image_intrinsics(camera_info(k=nothing, p=P), **SIZE, geometry="raw")
    assert plain is not None
    assert (plain.camera_matrix[0, 0], plain.doubt) == (P[0], "")
    bent = camera_info(k=nothing, p=P, d=[0.1, 0.0, 0.0, 0.0, 0.0])
    found = image_intrinsics(bent, **SIZE, geometry="raw")
    assert found is not None
    assert "K is zero" in found.doubt
    cured = image_intrinsics(bent, **SIZE, geometry="rectified")
    assert cured is not None
    assert cured.doubt == ""


@pytest.mark.parametrize("geometry", ["rectified", "auto"])
def test_the_second_camera_of_a_stereo_pair_is_doubted(
    camera_info: Callable[..., Any], geometry: str
) -> None:
    second = list(camera_info().p)
    second[3] = -500.0 * 0.12
    info = camera_info(p=second)
    found = image_intrinsics(info, **SIZE, geometry=geometry)
    assert found is not None
    assert "0.120 m beside the first" in found.doubt
    for cure, options in ((camera_info(), geometry), (info, "raw")):
        found = image_intrinsics(cure, **SIZE, geometry=options)
        assert found is not None
        assert found.doubt == ""
    assert baseline_of(camera_info(p=[float("nan")] * 12)) == 0.0
