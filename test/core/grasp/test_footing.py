"""Grasp targets where more than one plane is around, or not all of the object is seen.

Depth is worked out by formula. What is called graspable must be right; the rest says why it is not.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache

import numpy as np
import pytest

from ppcr_ros.core.grasp.grasp_target import GraspTarget
from ppcr_ros.core.grasp.grasping import grasp_target
from ppcr_ros.core.grasp.mask_cleaning import grown, shrunk, window_sum
from ppcr_ros.core.types import Array, Status

WIDTH_PX, HEIGHT_PX, FOCAL_PX = 480, 400, 500.0
MATRIX = np.array([[FOCAL_PX, 0.0, 239.5], [0.0, FOCAL_PX, 199.5], [0.0, 0.0, 1.0]])
Meets = Callable[[Array, Array], Array]
"""Distances (n,), inf where nothing is met, of lines from a point (3,) along directions (n, 3)."""


def box(middle: tuple[float, float, float], size: tuple[float, float, float]) -> Meets:
    def meets(start: Array, along: Array) -> Array:
        along = np.where(np.abs(along) < 1e-12, 1e-12, along)
        half = np.array(size) / 2.0
        one, other = (np.array(middle) + sign * half - start for sign in (-1.0, 1.0))
        near = np.minimum(one / along, other / along).max(axis=1)
        far = np.maximum(one / along, other / along).min(axis=1)
        return np.where((near < far) & (near > 0), near, np.inf)

    return meets


def can(middle: tuple[float, float, float], radius: float, height: float) -> Meets:
    def meets(start: Array, along: Array) -> Array:
        start = start - np.array(middle)
        along = np.where(np.abs(along) < 1e-12, 1e-12, along)
        a, b = (along[:, :2] ** 2).sum(1), along[:, :2] @ start[:2]
        inner = b**2 - a * (start[:2] @ start[:2] - radius**2)
        root = np.sqrt(np.maximum(inner, 0.0))
        ends = [(side * height / 2.0 - start[2]) / along[:, 2] for side in (-1.0, 1.0)]
        near = np.maximum((-b - root) / a, np.minimum(*ends))
        far = np.minimum((-b + root) / a, np.maximum(*ends))
        return np.where((inner > 0) & (near < far) & (near > 0), near, np.inf)

    return meets


def ball(middle: tuple[float, float, float], radius: float) -> Meets:
    def meets(start: Array, along: Array) -> Array:
        start = start - np.array(middle)
        a, b = (along**2).sum(1), along @ start
        inner = b**2 - a * (start @ start - radius**2)
        near = (-b - np.sqrt(np.maximum(inner, 0.0))) / a
        return np.where(inner > 0, near, np.inf)

    return meets


def dish(bottom: float, radius: float, height: float) -> Meets:
    """A bowl without a foot, as thin as paper: its rim hangs over what it stands on."""
    bend = (height - bottom) / radius**2

    def meets(start: Array, along: Array) -> Array:
        a = np.maximum(bend * (along[:, :2] ** 2).sum(1), 1e-12)
        b = bend * (along[:, :2] @ start[:2]) - along[:, 2] / 2.0
        inner = b**2 - a * (bottom + bend * (start[:2] @ start[:2]) - start[2])
        root = np.sqrt(np.maximum(inner, 0.0))
        found = np.full(len(along), np.inf)
        for at in ((-b + root) / a, (-b - root) / a):
            place = start[:2] + at[:, None] * along[:, :2]
            on_it = (inner > 0) & (at > 0) & ((place**2).sum(1) <= radius**2)
            found = np.where(on_it, at, found)
        return found

    return meets


def level(height: float = 0.0) -> Meets:
    return lambda start, along: (height - start[2]) / np.where(along[:, 2] < 0, along[:, 2], -1e-9)


def wall(distance: float) -> Meets:
    return lambda start, along: (distance - start[1]) / np.where(along[:, 1] > 0, along[:, 1], 1e-9)


@dataclass(frozen=True)
class Scene:
    """A thing of known middle and size (sorted sides) among others, seen from ``eye``."""

    thing: Meets
    middle: tuple[float, float, float]
    size: tuple[float, float, float]
    others: tuple[Meets, ...] = ()
    eye: tuple[float, float, float] = (0.0, -0.6, 0.5)
    ground: Meets = field(default_factory=level)

    @cache  # noqa: B019
    def view(self) -> tuple[Array, Array, Array, Array]:
        """Depth, mask, and the camera's rotation and place in the world."""
        ahead = np.array(self.middle) - self.eye
        ahead /= np.linalg.norm(ahead)
        right = np.cross(ahead, [0.0, 0.0, 1.0])
        right /= np.linalg.norm(right)
        world_r_camera = np.stack([right, np.cross(ahead, right), ahead], axis=1)
        columns, rows = np.meshgrid(np.arange(WIDTH_PX), np.arange(HEIGHT_PX))
        pixels = np.stack([columns, rows, np.ones(rows.shape)], axis=-1).reshape(-1, 3)
        along = pixels @ np.linalg.inv(MATRIX).T @ world_r_camera.T
        eye = np.array(self.eye)
        all_m = np.stack([meets(eye, along) for meets in (self.thing, self.ground, *self.others)])
        mask = (all_m.argmin(axis=0) == 0).reshape(rows.shape)
        depth_m = all_m.min(axis=0).reshape(rows.shape)
        noise = np.random.default_rng(0).normal(0.0, 0.0015, depth_m.shape) * depth_m**2
        depth_m = np.where(depth_m < 5.0, np.round(depth_m + noise, 3), 0.0)
        return depth_m.astype(np.float32), mask, world_r_camera, eye

    def target(self, known: Callable[[Array], Array] | None = None) -> GraspTarget:
        """Of depth that is kept where ``known`` (of the mask) says."""
        depth_m, mask, *_ = self.view()
        if known is not None:
            depth_m = np.where(mask & ~known(mask), np.float32(0.0), depth_m)
        return grasp_target(mask, depth_m, MATRIX, score=0.9, status=Status.OK)

    def check(self, target: GraspTarget, within_m: float = 0.01) -> None:
        _, _, world_r_camera, eye = self.view()
        assert target.graspable, target.reason
        assert target.box is not None
        middle = world_r_camera @ target.box.centre_m + eye
        assert middle == pytest.approx(self.middle, abs=within_m)
        assert sorted(target.box.size_m) == pytest.approx(sorted(self.size), abs=0.014)


CAN = (can((0.0, 0.0, 0.06), 0.033, 0.12), (0.0, 0.0, 0.06), (0.066, 0.066, 0.12))
BOTTLE = (can((0.0, 0.0, 0.125), 0.035, 0.25), (0.0, 0.0, 0.125), (0.07, 0.07, 0.25))
CARTON = (box((0.0, 0.0, 0.1), (0.07, 0.05, 0.2)), (0.0, 0.0, 0.1), (0.07, 0.05, 0.2))
BALL = (ball((0.0, 0.0, 0.05), 0.05), (0.0, 0.0, 0.05), (0.1, 0.1, 0.1))
BLOCK = (box((0.0, 0.0, 0.05), (0.12, 0.08, 0.1)), (0.0, 0.0, 0.05), (0.12, 0.08, 0.1))


@pytest.mark.parametrize(("radius", "height"), [(0.09, 0.025), (0.06, 0.06)], ids=["plate", "cup"])
def test_what_has_a_rim_over_its_foot_stands_all_the_same(radius: float, height: float) -> None:
    thing = dish(0.005, radius, height)
    scene = Scene(thing, (0.0, 0.0, height / 2.0), (2 * radius, 2 * radius, height))
    target = scene.target()
    scene.check(target)
    assert target.on_support


@pytest.mark.parametrize("camera_height", [0.3, 0.4, 0.6])
@pytest.mark.parametrize("distance", [0.06, 0.09, 0.12])
@pytest.mark.parametrize(
    "thing", [CAN, BOTTLE, CARTON, BALL], ids=["can", "bottle", "carton", "ball"]
)
def test_a_wall_behind_is_not_what_an_object_stands_on(
    thing: tuple[Meets, tuple[float, float, float], tuple[float, float, float]],
    distance: float,
    camera_height: float,
) -> None:
    scene = Scene(*thing, others=(wall(distance),), eye=(0.1, -0.6, camera_height))
    target = scene.target()
    if thing is CARTON and camera_height == 0.3:
        assert "only its front is seen" in target.reason
    else:
        scene.check(target)


def test_what_the_camera_sees_from_the_front_alone_is_not_measured() -> None:
    """The table is seen edge-on: the wall is not taken in its place."""
    scene = Scene(*CARTON, others=(wall(0.1),), eye=(0.0, -0.6, 0.03))
    target = scene.target()
    assert not target.graspable
    assert "no plane was found that the object stands on" in target.reason


@pytest.mark.parametrize("side", [0.05, 0.07, 0.09], ids=["narrower", "as wide", "wider"])
def test_what_stands_on_something_narrow_is_not_measured_down_to_the_table(side: float) -> None:
    thing = can((0.0, 0.0, 0.15), 0.033, 0.1)
    scene = Scene(
        thing, (0.0, 0.0, 0.15), (0.066, 0.066, 0.1), (box((0.0, 0.0, 0.05), (side, side, 0.1)),)
    )
    target = scene.target()
    assert not target.graspable
    assert not target.on_support
    assert "is not what it stands on" in target.reason


@pytest.mark.parametrize("side", [0.13, 0.2])
def test_what_stands_on_a_wide_block_is_measured_from_its_top(side: float) -> None:
    thing = can((0.0, 0.0, 0.15), 0.033, 0.1)
    scene = Scene(
        thing, (0.0, 0.0, 0.15), (0.066, 0.066, 0.1), (box((0.0, 0.0, 0.05), (side, side, 0.1)),)
    )
    scene.check(scene.target())


@pytest.mark.parametrize("lifted", [0.05, 0.1])
def test_a_box_that_is_held_up_is_measured_from_its_own_foot(lifted: float) -> None:
    middle = (0.0, 0.0, 0.05 + lifted)
    scene = Scene(box(middle, (0.06, 0.04, 0.1)), middle, (0.06, 0.04, 0.1))
    target = scene.target()
    scene.check(target)
    assert not target.on_support


def test_of_a_ball_that_is_held_up_nobody_knows_how_far_it_reaches_down() -> None:
    scene = Scene(ball((0.0, 0.0, 0.14), 0.04), (0.0, 0.0, 0.14), (0.08, 0.08, 0.08))
    assert "is not what it stands on" in scene.target().reason


@pytest.mark.parametrize("thing", [BALL, BLOCK], ids=["ball", "block"])
@pytest.mark.parametrize("across", [-0.06, -0.04, -0.02])
def test_what_is_hidden_on_one_side_is_not_graspable(
    thing: tuple[Meets, tuple[float, float, float], tuple[float, float, float]], across: float
) -> None:
    scene = Scene(*thing, others=(box((across, -0.12, 0.1), (0.08, 0.03, 0.2)),))
    target = scene.target()
    assert not target.graspable
    assert "border on something nearer" in target.reason or "depth shows no" in target.reason


def test_what_stands_low_before_an_object_does_not_hide_its_sides() -> None:
    for height in (0.03, 0.05, 0.07):
        scene = Scene(*CARTON, others=(box((0.0, -0.1, height / 2.0), (0.3, 0.03, height)),))
        scene.check(scene.target())


CUP = (dish(0.005, 0.04, 0.11), (0.0, 0.0, 0.055), (0.08, 0.08, 0.11))


@pytest.mark.parametrize("gap", [0.001, 0.004])
@pytest.mark.parametrize("thing", [CAN, CARTON, CUP], ids=["can", "carton", "cup"])
def test_what_touches_a_wall_does_not_reach_through_it(
    thing: tuple[Meets, tuple[float, float, float], tuple[float, float, float]], gap: float
) -> None:
    """Nor is a box or a can measured from it."""
    distance = gap + (0.025 if thing is CARTON else thing[2][1] / 2.0)
    scene = Scene(*thing, others=(wall(distance),), eye=(0.1, -0.6, 0.45))
    target = scene.target()
    _, _, world_r_camera, _ = scene.view()
    if target.graspable:
        scene.check(target, within_m=0.015)
    if thing is CUP:  # round, and measured from the wall at times
        return
    assert target.approach is not None
    assert world_r_camera @ target.approach == pytest.approx([0.0, 0.0, -1.0], abs=0.1)
    assert target.graspable


@pytest.mark.parametrize("camera_height", [0.25, 0.35, 0.45, 0.55])
@pytest.mark.parametrize(("radius", "height"), [(0.07, 0.05), (0.08, 0.06), (0.09, 0.044)])
def test_of_a_thin_bowl_the_middle_is_found(
    radius: float, height: float, camera_height: float
) -> None:
    thing = dish(0.003, radius, height)
    scene = Scene(
        thing,
        (0.0, 0.0, height / 2.0),
        (2 * radius, 2 * radius, height),
        eye=(0.0, -0.5, camera_height),
    )
    target = scene.target()
    if (radius, height, camera_height) == (0.08, 0.06, 0.55):  # 17 mm off, and refused for it
        assert not target.graspable
        assert "nobody knows how deep it is" in target.reason
    else:
        scene.check(target, within_m=0.015)


def test_a_lying_can_is_no_box() -> None:
    upright = can((0.0, 0.0, 0.0), 0.036, 0.18)

    def lying(start: Array, along: Array) -> Array:
        turn = np.array([[-0.6, 0.8, 0.0], [0.0, 0.0, 1.0], [0.8, 0.6, 0.0]])
        return upright(turn @ (start - [0.0, 0.0, 0.036]), along @ turn.T)

    scene = Scene(lying, (0.0, 0.0, 0.036), (0.18, 0.072, 0.072), eye=(0.0, -0.45, 0.4))
    target = scene.target()
    if target.graspable:
        scene.check(target, within_m=0.015)


@pytest.mark.parametrize("kept", [(0.0, 0.5), (0.5, 1.0), (0.0, 0.7)])
@pytest.mark.parametrize("axis", [0, 1], ids=["rows", "columns"])
@pytest.mark.parametrize("thing", [BLOCK, BOTTLE, BALL], ids=["block", "bottle", "ball"])
def test_a_mask_of_a_part_alone_is_told_by_depth_that_goes_on(
    thing: tuple[Meets, tuple[float, float, float], tuple[float, float, float]],
    axis: int,
    kept: tuple[float, float],
) -> None:
    depth_m, mask, *_ = Scene(*thing).view()
    cut = mask & part(*kept, axis)(mask)
    target = grasp_target(cut, depth_m, MATRIX, score=0.9, status=Status.OK)
    assert not target.graspable


@pytest.mark.parametrize(
    "thing", [CAN, BOTTLE, BLOCK, BALL], ids=["can", "bottle", "block", "ball"]
)
@pytest.mark.parametrize("shows", ["all", "the lower half", "the right half"])
def test_of_what_is_clear_depth_shows_what_lies_behind(
    thing: tuple[Meets, tuple[float, float, float], tuple[float, float, float]], shows: str
) -> None:
    scene = Scene(*thing)
    depth_m, mask, *_ = scene.view()
    behind_m, *_ = Scene(lambda start, along: np.full(len(along), np.inf), *thing[1:]).view()
    halves = {"the lower half": part(0.5, 1.0, 0), "the right half": part(0.5, 1.0, 1)}
    clear = mask & halves[shows](mask) if shows in halves else mask
    depth_m = np.where(clear, behind_m, depth_m)
    target = grasp_target(mask, depth_m, MATRIX, score=0.9, status=Status.OK)
    assert not target.graspable


@pytest.mark.parametrize(
    "thing", [CAN, BOTTLE, CARTON, BALL], ids=["can", "bottle", "carton", "ball"]
)
@pytest.mark.parametrize("larger_px", [0, 3])
def test_edges_that_a_camera_blurs_draw_no_box_to_the_background(
    thing: tuple[Meets, tuple[float, float, float], tuple[float, float, float]], larger_px: int
) -> None:
    scene = Scene(*thing)
    depth_m, mask, *_ = scene.view()
    ones = np.ones(depth_m.shape, np.float32)
    mixed = window_sum(depth_m, 2) / window_sum(ones, 2)
    at_edge = grown(mask, 2) & ~shrunk(mask, 2)
    depth_m = np.where(at_edge, mixed, depth_m).astype(np.float32)
    target = grasp_target(grown(mask, larger_px), depth_m, MATRIX, score=0.9, status=Status.OK)
    if target.graspable:
        scene.check(target, within_m=0.015)
    assert target.graspable or larger_px or thing is BALL  # whose foot is blurred


def part(low: float, high: float, axis: int) -> Callable[[Array], Array]:
    """The pixels between two shares of a mask's extent along an axis of the image."""

    def known(mask: Array) -> Array:
        places = np.indices(mask.shape)[axis]
        own = places[mask]
        share: Array = (places - own.min()) / (own.max() - own.min())
        return (share >= low) & (share <= high)

    return known


@pytest.mark.parametrize(
    "known",
    [part(0.5, 0.8, 0), part(0.0, 0.15, 0), part(0.67, 1.0, 1)],
    ids=["label", "cap", "right third"],
)
def test_where_depth_shows_a_part_of_the_mask_alone_the_object_is_larger(
    known: Callable[[Array], Array],
) -> None:
    target = Scene(*BOTTLE).target(known)
    assert not target.graspable


def test_depth_with_holes_is_enough() -> None:
    holes = np.random.default_rng(1).random((HEIGHT_PX, WIDTH_PX)) < 0.3
    scene = Scene(*CARTON)
    scene.check(scene.target(lambda mask: ~holes))


@pytest.mark.parametrize("thing", [CAN, CARTON, BLOCK], ids=["can", "carton", "block"])
def test_from_straight_above_the_table_is_found(
    thing: tuple[Meets, tuple[float, float, float], tuple[float, float, float]],
) -> None:
    if thing is CARTON:
        thing = (box((0.0, 0.0, 0.05), (0.06, 0.04, 0.1)), (0.0, 0.0, 0.05), (0.06, 0.04, 0.1))
    scene = Scene(*thing, eye=(0.0, -0.001, 0.9))
    scene.check(scene.target())


def test_a_box_without_height_is_not_graspable() -> None:
    depth_m = np.full((HEIGHT_PX, WIDTH_PX), 0.0, np.float32)
    depth_m[150:250, 150:300] = 0.6
    target = grasp_target(depth_m > 0, depth_m, MATRIX, score=0.9, status=Status.OK)
    assert not target.graspable
    assert "too flat: 0.0000 m along its shortest side" in target.reason
