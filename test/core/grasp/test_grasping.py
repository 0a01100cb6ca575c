"""The grasp target of things of known size, whose depth is worked out by formula."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest

from ppcr_ros.core.config import GraspConfig
from ppcr_ros.core.grasp.grasp_target import GraspTarget
from ppcr_ros.core.grasp.grasping import grasp_target
from ppcr_ros.core.grasp.mask_cleaning import grown
from ppcr_ros.core.types import Array, Status

WIDTH_PX, HEIGHT_PX = 320, 240
MATRIX = np.array([[300.0, 0.0, 159.5], [0.0, 300.0, 119.5], [0.0, 0.0, 1.0]])
EYE_M = np.array([0.0, -0.5, 0.5])
TABLE_R_CAMERA = np.array([[1, 0, 0], [0, -(0.5**0.5), 0.5**0.5], [0, -(0.5**0.5), -(0.5**0.5)]])
"""The camera looks at the table's origin from the front and above, at 45 degrees."""
UP = TABLE_R_CAMERA.T @ [0.0, 0.0, 1.0]


@dataclass(frozen=True)
class Seen:
    """Depth (H, W) and the mask of the thing."""

    depth_m: Array
    mask: Array

    def target(self, **changes: object) -> GraspTarget:
        given: dict[str, object] = {"score": 0.9, "status": Status.OK} | changes
        depth_m = given.pop("depth_m", self.depth_m)
        mask = given.pop("mask", self.mask)
        return grasp_target(mask, depth_m, given.pop("matrix", MATRIX), **given)  # type: ignore[arg-type]


def rays() -> Array:
    """(H, W, 3) directions in the table's frame, one metre along the optical axis."""
    columns, rows = np.meshgrid(np.arange(WIDTH_PX), np.arange(HEIGHT_PX))
    camera = np.stack([(columns - 159.5) / 300.0, (rows - 119.5) / 300.0, np.ones(rows.shape)], -1)
    return camera @ TABLE_R_CAMERA.T


def seen(thing_m: Array, table_height_m: float = 0.0) -> Seen:
    """A thing by its distances (inf where there is none), before the table."""
    table_m = (table_height_m - EYE_M[2]) / rays()[..., 2]
    mask = thing_m < table_m
    return Seen(np.where(mask, thing_m, table_m).astype(np.float32), mask)


def block(size_m: tuple[float, float, float], yaw_deg: float = 0.0, lifted_m: float = 0.0) -> Array:
    """Distances to a box that stands on the table's origin, turned about z."""
    cos, sin = np.cos(np.radians(yaw_deg)), np.sin(np.radians(yaw_deg))
    own = np.array([[cos, sin, 0], [-sin, cos, 0], [0, 0, 1.0]])
    half = np.array(size_m) / 2.0
    start = own @ (EYE_M - [0.0, 0.0, half[2] + lifted_m])
    along = rays() @ own.T
    along = np.where(np.abs(along) < 1e-12, 1e-12, along)
    one, other = (-half - start) / along, (half - start) / along
    near, far = np.minimum(one, other).max(axis=-1), np.maximum(one, other).min(axis=-1)
    return np.where(near < far, near, np.inf)


def ball(radius_m: float) -> Array:
    """Distances to a ball that lies on the table's origin."""
    start, along = EYE_M - [0.0, 0.0, radius_m], rays()
    a, b = (along**2).sum(-1), along @ start
    root = b**2 - a * (start @ start - radius_m**2)
    return np.where(root > 0, (-b - np.sqrt(np.maximum(root, 0))) / a, np.inf)


def in_camera(point_m: tuple[float, float, float]) -> Array:
    return TABLE_R_CAMERA.T @ (np.array(point_m) - EYE_M)


@pytest.mark.parametrize("yaw_deg", [0.0, 20.0, 65.0, 90.0, 130.0])
def test_a_block_has_its_size_its_place_and_its_turn(yaw_deg: float) -> None:
    target = seen(block((0.12, 0.05, 0.06), yaw_deg)).target()
    assert target.graspable, target.reason
    assert target.on_support
    box = target.box
    assert box is not None
    assert box.size_m == pytest.approx([0.12, 0.05, 0.06], abs=0.005)
    assert target.width_m == box.size_m[1]
    assert box.centre_m == pytest.approx(in_camera((0, 0, 0.03)), abs=0.005)
    assert target.centroid_m == pytest.approx(in_camera((0, 0, 0.03)), abs=0.006)
    x, y, z = box.camera_r_box.T
    assert z == pytest.approx(UP, abs=0.02)
    assert np.cross(x, y) == pytest.approx(z, abs=1e-6)
    own = TABLE_R_CAMERA.T @ [np.cos(np.radians(yaw_deg)), np.sin(np.radians(yaw_deg)), 0.0]
    assert abs(x @ own) > np.cos(np.radians(4.0))
    assert target.approach == pytest.approx(-z)
    assert target.valid_depth_pixels > 1000


def test_the_long_axis_does_not_jump_where_a_thing_lies_across() -> None:
    axes = []
    for yaw_deg in (-4.0, -1.0, 1.0, 4.0):
        box = seen(block((0.14, 0.05, 0.05), yaw_deg)).target().box
        assert box is not None
        axes.append(box.camera_r_box[:, 0])
    assert all(axes[0] @ other > 0.9 for other in axes[1:])
    assert axes[0][0] < 0  # to the left of the camera


@pytest.mark.parametrize("scale", [1, 4], ids=["small image", "large image"])
def test_a_camera_that_looks_straight_down_sees_the_block_too(scale: int) -> None:
    matrix = MATRIX * scale
    matrix[2, 2] = 1.0
    depth_m = np.full((240 * scale, 320 * scale), 0.6, np.float32)
    half_px = np.rint(np.array([0.05, 0.03]) * 300 * scale / 0.55).astype(int)
    across = slice(160 * scale - half_px[0], 160 * scale + half_px[0])
    down = slice(120 * scale - half_px[1], 120 * scale + half_px[1])
    depth_m[down, across] = 0.55
    target = grasp_target(depth_m < 0.58, depth_m, matrix, score=0.9, status=Status.OK)
    assert target.box is not None
    assert target.on_support
    assert target.box.size_m == pytest.approx([0.10, 0.06, 0.05], abs=0.005)
    assert target.box.centre_m == pytest.approx([0.0, 0.0, 0.575], abs=0.004)
    assert target.approach == pytest.approx([0.0, 0.0, 1.0], abs=0.01)
    assert abs(target.box.camera_r_box[0, 0]) > 0.99  # the long side lies across the image


def test_of_a_ball_the_hidden_side_is_filled_in() -> None:
    scene = seen(ball(0.04))
    visible = scene.target(depth_m=np.where(scene.mask, scene.depth_m, 0).astype(np.float32))
    target = scene.target()
    assert target.box is not None
    assert visible.box is not None
    assert not visible.on_support
    assert target.box.size_m == pytest.approx([0.08, 0.08, 0.08], abs=0.008)
    assert target.box.centre_m == pytest.approx(in_camera((0, 0, 0.04)), abs=0.006)
    assert min(visible.box.size_m) < 0.05


def test_where_the_sides_are_equal_the_gripper_closes_across_the_line_of_sight() -> None:
    for thing in (ball(0.04), block((0.06, 0.06, 0.06)), block((0.06, 0.06, 0.06), 90.0)):
        box = seen(thing).target().box
        assert box is not None
        assert abs(box.camera_r_box[0, 1]) > 0.98


def test_noise_and_a_mask_that_reaches_over_the_table_change_little() -> None:
    scene = seen(block((0.10, 0.06, 0.07), 30.0))
    rng = np.random.default_rng(0)
    noisy = scene.depth_m + rng.normal(0, 0.001, scene.depth_m.shape).astype(np.float32)
    noisy[rng.random(noisy.shape) < 0.1] = np.nan
    noisy[rng.random(noisy.shape) < 0.1] = 0.0
    target = scene.target(mask=grown(scene.mask, 3), depth_m=noisy)
    assert target.box is not None
    assert target.box.size_m == pytest.approx([0.10, 0.06, 0.07], abs=0.010)
    assert target.box.centre_m == pytest.approx(in_camera((0, 0, 0.035)), abs=0.008)


def test_a_wall_far_behind_does_not_count() -> None:
    scene = seen(block((0.08, 0.06, 0.07)))
    mask, depth_m = grown(scene.mask, 6), scene.depth_m.copy()
    depth_m[mask & ~scene.mask] = 1.9
    target = scene.target(mask=mask, depth_m=depth_m)
    assert target.box is not None
    assert target.box.size_m == pytest.approx([0.08, 0.06, 0.07], abs=0.008)


@pytest.mark.parametrize("turn", [np.s_[::-1, ::-1], np.s_[:, ::-1]], ids=["rotated", "mirrored"])
def test_depth_that_is_turned_against_the_colour_image_is_no_base_for_a_grasp(turn: Any) -> None:
    scene = seen(np.roll(block((0.08, 0.06, 0.07)), 25, axis=1))
    turned = np.ascontiguousarray(scene.depth_m[turn])
    for depth_m in (turned, np.roll(scene.depth_m, 20, axis=1)):
        target = scene.target(depth_m=depth_m)
        assert not target.graspable
        assert "depth is not registered to the colour image" in target.reason
    assert scene.target().graspable


def test_what_hangs_in_the_air_has_the_box_of_its_visible_points() -> None:
    scene = seen(block((0.10, 0.05, 0.02), lifted_m=0.25), table_height_m=-0.1)
    target = scene.target()
    assert not target.on_support
    assert target.graspable, target.reason
    assert target.box is not None
    z = target.box.camera_r_box[:, 2]
    assert z @ target.box.centre_m < 0  # towards the camera
    assert target.approach == pytest.approx(-z)
    assert target.box.size_m[0] == pytest.approx(0.10, abs=0.01)


def test_the_same_picture_gives_the_same_target() -> None:
    scene = seen(block((0.10, 0.06, 0.07), 30.0))
    first, second = scene.target().box, scene.target().box
    assert first is not None
    assert second is not None
    assert (first.centre_m == second.centre_m).all()
    assert (first.camera_r_box == second.camera_r_box).all()


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"depth_m": None}, "no depth belongs to the image. Set node.use_depth"),
        ({"matrix": None}, "no camera_info belongs to the image"),
        ({"matrix": None, "depth_problem": "the cable is out"}, "the cable is out"),
        ({"status": Status.LOW_CONFIDENCE, "score": 0.1}, "ended as LOW_CONFIDENCE, score 0.10"),
        ({"score": 0.4}, "score 0.40 is below grasp.min_score 0.50"),
        ({"age_sec": 7.25}, "it was taken 7.2 s ago, and grasp.max_age_sec is 5"),
        ({"options": GraspConfig(max_gripper_width_m=0.04)}, "grasp.max_gripper_width_m is 0.04"),
        ({"options": GraspConfig(min_valid_depth_pixels=10**6)}, "too little depth: "),
        ({"options": GraspConfig(border_margin_px=100)}, "touches the image border"),
        ({"depth_m": np.zeros((HEIGHT_PX, WIDTH_PX), np.float32)}, "too little depth: 0 of"),
        ({"depth_m": np.full((HEIGHT_PX, WIDTH_PX), np.inf, np.float32)}, "too little depth: 0"),
    ],
)
def test_what_speaks_against_a_grasp_is_told(changes: dict[str, object], reason: str) -> None:
    scene = seen(block((0.10, 0.06, 0.07)))
    target = scene.target(**changes)
    assert not target.graspable
    assert reason in target.reason


def test_what_no_gripper_can_hold_may_be_a_near_thing_in_another_unit() -> None:
    """A thing of 3 cm at 0.15 m, in units of 0.1 mm: it looks like one of 0.33 m at 1.7 m."""
    scene = seen(block((0.12, 0.12, 0.1)))
    depth_m = (2.8 * scene.depth_m).astype(np.float32)
    target = scene.target(depth_m=depth_m)
    assert not target.graspable
    assert "grasp.max_gripper_width_m is 0.3" in target.reason
    assert "camera.depth_unit_m (0.0001 for 0.1 mm)" in target.reason
    assert scene.target(depth_m=depth_m, options=GraspConfig(max_gripper_width_m=0.0)).graspable


def scattered(depth_m: Array, share: float) -> Array:
    """``depth_m`` with errors of ``share`` of the distance, each pixel by itself."""
    errors = np.random.default_rng(2).normal(0.0, share, depth_m.shape)
    return (depth_m * (1.0 + errors)).astype(np.float32)


@pytest.mark.parametrize(
    ("thing_m", "middle_m"),
    [(block((0.10, 0.06, 0.07)), (0.0, 0.0, 0.035)), (ball(0.05), (0.0, 0.0, 0.05))],
    ids=["block", "ball"],
)
def test_noise_does_not_draw_the_middle_to_the_camera(
    thing_m: Array, middle_m: tuple[float, float, float]
) -> None:
    scene = seen(thing_m)
    target = scene.target(depth_m=scattered(scene.depth_m, 0.012))
    assert target.graspable
    assert target.centroid_m is not None
    off_m = target.centroid_m - in_camera(middle_m)
    assert np.linalg.norm(off_m) < 0.01


def test_depth_that_scatters_too_much_is_not_graspable_but_located() -> None:
    scene = seen(block((0.10, 0.06, 0.07)))
    target = scene.target(depth_m=scattered(scene.depth_m, 0.03))
    assert not target.graspable
    assert "noisy depth: it scatters by 0.0" in target.reason
    assert "grasp.max_depth_noise_m is 0.01. Move the camera closer" in target.reason
    assert target.box is not None
    depth_m = scattered(scene.depth_m, 0.012)
    assert scene.target(depth_m=depth_m).graspable
    strict = scene.target(depth_m=depth_m, options=GraspConfig(max_depth_noise_m=0.005))
    assert "noisy depth" in strict.reason


def test_a_mask_at_the_border_is_not_grasped_but_located() -> None:
    scene = seen(block((0.9, 0.06, 0.07)))
    target = scene.target()
    assert not target.graspable
    assert "touches the image border" in target.reason
    assert target.box is not None
    assert scene.target(options=GraspConfig(border_margin_px=0)).graspable


def test_all_reasons_are_told_together() -> None:
    target = seen(block((0.10, 0.06, 0.07))).target(score=0.1, age_sec=60.0)
    assert "grasp.min_score" in target.reason
    assert "grasp.max_age_sec" in target.reason
    assert target.box is not None


def test_a_thing_as_flat_as_the_table_has_no_box() -> None:
    scene = seen(block((0.10, 0.06, 0.0005)))
    mask = np.zeros_like(scene.mask)
    mask[100:130, 130:190] = True
    target = scene.target(mask=mask)
    assert not target.graspable
    assert "lies in the plane of the table" in target.reason


@pytest.mark.parametrize("seed", range(30))
def test_no_depth_however_wild_makes_it_fail(seed: int) -> None:
    rng = np.random.default_rng(seed)
    depth_m = rng.choice([0.0, np.nan, np.inf, -1.0, 1e-6, 0.5, 1.0, 60.0], (40, 50)).astype("f4")
    if seed % 3 == 0:
        depth_m = np.full((40, 50), rng.choice([0.3, 1.0, 1e-6]), np.float32)
    mask = np.zeros((40, 50), bool)
    top, left = rng.integers(0, 30, 2)
    mask[top : top + rng.integers(1, 30), left : left + rng.integers(1, 30)] = True
    target = grasp_target(mask, depth_m, MATRIX, score=0.9, status=Status.OK)
    assert target.graspable or target.reason
    if target.box is not None:
        assert np.isfinite(target.centroid_m).all()


def test_depth_of_another_size_is_a_mistake() -> None:
    scene = seen(block((0.10, 0.06, 0.07)))
    with pytest.raises(ValueError, match="expected the same"):
        replace(scene, depth_m=scene.depth_m[:-1]).target()


@pytest.mark.parametrize(
    ("unit_m", "says"),
    [
        (0.001, "looks like millimetres in a 32FC1 image"),
        (0.01, "looks like centimetres in a 32FC1 image"),
        (0.0001, "looks like tenths of a millimetre in a 32FC1 image"),
    ],
)
def test_floats_in_another_unit_are_told_with_the_number_to_set(unit_m: float, says: str) -> None:
    scene = seen(block((0.10, 0.06, 0.07)))
    target = scene.target(depth_m=(scene.depth_m / unit_m).astype(np.float32))
    assert not target.graspable
    assert says in target.reason
    assert f"set camera.depth_unit_m to {unit_m:g}." in target.reason
