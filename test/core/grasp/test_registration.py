"""Depth that is turned or mirrored against its colour image is told from the pictures."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import cv2
import numpy as np
import pytest

from ppcr_lab.sim.recording import RecordedScene, load_recording
from ppcr_ros.core.grasp.grasping import with_grasp
from ppcr_ros.core.grasp.registration import misfit
from ppcr_ros.core.grasp_config import GraspConfig
from ppcr_ros.core.types import Array, Frame, Result, Segmentation, Status

SCENES = load_recording().scenes
TURNS: dict[str, Callable[[Array], Array]] = {
    "mirrored left to right": lambda image: image[:, ::-1],
    "mirrored top to bottom": lambda image: image[::-1],
    "turned by 180 degrees": lambda image: image[::-1, ::-1],
}
QUARTERS: dict[str, Callable[[Array], Array]] = {
    "turned to the right by 90 degrees": np.rot90,
    "turned to the left by 90 degrees": partial(np.rot90, k=3),
    "mirrored along a diagonal": lambda image: image.T,
    "mirrored along the other diagonal": lambda image: image[::-1, ::-1].T,
}


def pictures(scene: RecordedScene) -> tuple[Array, Array]:
    """Colour and depth in metres of a recorded scene, as from a camera with noise."""
    view = scene.view
    noise = np.random.default_rng(0).normal(1.0, 0.003, view.depth_mm.shape)
    return view.rgb, (view.depth_mm * noise / 1000.0).astype(np.float32)


@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.name)
def test_it_is_told_how_depth_would_have_to_be_turned(scene: RecordedScene) -> None:
    rgb, depth_m = pictures(scene)
    assert misfit(rgb, depth_m) == ""
    for words, turn in TURNS.items():
        assert f"far better {words}:" in misfit(rgb, np.ascontiguousarray(turn(depth_m)))


@pytest.mark.parametrize("scene", SCENES[:4], ids=lambda scene: scene.name)
def test_quarter_turns_are_told_of_square_images(scene: RecordedScene) -> None:
    rgb, depth_m = (image[:, 80:560] for image in pictures(scene))
    for words, turn in (TURNS | QUARTERS).items():
        assert f"far better {words}:" in misfit(rgb, np.ascontiguousarray(turn(depth_m)))


@pytest.mark.parametrize("size", [0.7, 1.4])
@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.name)
def test_depth_of_another_lens_is_told(scene: RecordedScene, size: float) -> None:
    rgb, depth_m = pictures(scene)
    height, width = depth_m.shape
    about_the_middle = np.array(
        [[size, 0, (1 - size) * width / 2], [0, size, (1 - size) * height / 2]]
    )
    seen = cv2.warpAffine(depth_m, about_the_middle, (width, height), flags=cv2.INTER_NEAREST)
    words = "smaller" if size > 1 else "larger"
    assert f"far better {words}" in misfit(rgb, seen)


@pytest.mark.parametrize("words", TURNS)
def test_nothing_is_graspable_on_it_and_the_reason_says_how(words: str) -> None:
    scene = SCENES[0]
    rgb, depth_m = pictures(scene)
    masks = [scene.view.mask_of(index) for index in range(len(scene.objects))]
    right = Frame(rgb, depth_m=depth_m, camera_matrix=scene.view.camera_matrix)
    turned = Frame(
        rgb,
        depth_m=np.ascontiguousarray(TURNS[words](depth_m)),
        camera_matrix=scene.view.camera_matrix,
    )
    for mask in masks:
        result = Result(Status.OK, "a thing", segmentation=Segmentation.from_mask(mask, 1.0))
        grasp = with_grasp(result, turned, GraspConfig()).grasp
        assert grasp is not None
        assert not grasp.graspable
        assert f"far better {words}" in grasp.reason
        grasp = with_grasp(result, right, GraspConfig()).grasp
        assert grasp is not None
        assert "far better" not in grasp.reason


@pytest.mark.parametrize(
    ("rgb", "depth_m"),
    [
        (np.zeros((480, 640, 3), np.uint8), np.zeros((480, 640), np.float32)),
        (np.zeros((480, 640, 3), np.uint8), np.full((480, 640), np.nan, np.float32)),
        (np.full((480, 640, 3), 90, np.uint8), np.full((480, 640), 0.7, np.float32)),
        (np.zeros((1, 1, 3), np.uint8), np.ones((1, 1), np.float32)),
        (np.zeros((3, 900, 3), np.uint8), np.ones((3, 900), np.float32)),
    ],
    ids=["no depth", "nan", "an even wall", "one pixel", "a strip"],
)
def test_pictures_that_do_not_tell_are_left_alone(rgb: Array, depth_m: Array) -> None:
    assert misfit(rgb, depth_m) == ""


@pytest.mark.parametrize("seed", range(10))
def test_colour_and_depth_of_noise_say_nothing(seed: int) -> None:
    rng = np.random.default_rng(seed)
    rgb = rng.integers(0, 256, (200, 200, 3), np.uint8)
    depth_m = rng.uniform(0.3, 2.0, (200, 200)).astype(np.float32)
    depth_m[rng.random(depth_m.shape) < 0.3] = np.inf
    assert misfit(rgb, depth_m) == ""
