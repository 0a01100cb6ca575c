"""Measures grasp targets against the simulator's objects, whose pose and size are known.

``python -m ppcr_lab.evaluation.grasp_errors`` prints the figures of docs/grasping.md. Masks are the
true ones, so that only the step from mask and depth to the box is measured.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from statistics import median

import cv2
import numpy as np

from ppcr_lab.sim.forms import forms
from ppcr_lab.sim.renderer import Rendering, TabletopRenderer
from ppcr_lab.sim.scene import CATEGORIES, SPLITS, ObjectSpec, Scene, sample_scene, scene_rng
from ppcr_ros.core.grasp.grasp_target import GraspTarget
from ppcr_ros.core.grasp.grasping import grasp_target
from ppcr_ros.core.grasp.mask_cleaning import grown
from ppcr_ros.core.types import Array, Status

LEAST_VISIBLE = 0.9
"""An object of which less is seen than this share of its silhouette counts as occluded."""
_SECTIONS = 60
_NOISE_M_AT_1_M = 0.0015
_MASK_GROWN_PX = 2
_RIGHT_ANGLED = {"cube": 90.0, "tray": 180.0, "capsule": 180.0, "mug": 180.0}
"""After how many degrees the box of a category that is not round looks the same."""


@dataclass(frozen=True)
class GraspError:
    """Errors of one grasp target.

    Attributes:
        category: of the object.
        centroid_m: distance of the centroid from that of the object's filled volume, metres.
        centre_m: distance of the box's middle from that of the object's own box, metres.
        size: (3,) relative error of length, width and height; negative where it is too small.
        yaw_deg: how far the box is turned from the object, degrees; NaN for round objects.
        on_support: whether a support plane was found.
        seconds: CPU time.
    """

    category: str
    centroid_m: float
    centre_m: float
    size: Array
    yaw_deg: float
    on_support: bool
    seconds: float

    @property
    def mean_size_error(self) -> float:
        """The mean of the three relative errors, without their signs."""
        return float(np.abs(self.size).mean())


def measure(
    objects: int, *, split: str = "test", camera_like: bool = False, quiet: bool = True
) -> list[GraspError]:
    """The errors of the first ``objects`` hardly occluded objects of a split's scenes.

    Args:
        objects: how many.
        split: of the simulator's scenes.
        camera_like: add noise to the depth that grows with its square (1.5 mm at 1 m), round it to
            millimetres, drop it along edges, and let the masks reach 2 px beyond the objects.
        quiet: no progress on stderr.

    Raises:
        RuntimeError: when MuJoCo or its GL library is missing, with what to install.
    """
    errors: list[GraspError] = []
    with TabletopRenderer(640, 480, shadows=False) as renderer:
        for index in range(100 * objects):
            scene = sample_scene(scene_rng(split, index))
            errors += _errors_in(renderer, scene, np.random.default_rng(index), camera_like)
            if not quiet:
                print(f"\r{len(errors)} objects", end="", file=sys.stderr)
            if len(errors) >= objects:
                break
    return errors[:objects]


def _errors_in(
    renderer: TabletopRenderer, scene: Scene, rng: np.random.Generator, camera_like: bool
) -> Iterator[GraspError]:
    picture = renderer.render(scene)
    depth_m = picture.depth_m
    if depth_m is None:
        raise RuntimeError("the renderer gave no depth")
    if camera_like:
        depth_m = _as_a_camera_sees(depth_m, rng)
    for index, spec in enumerate(scene.objects):
        mask = picture.instance == index
        alone = renderer.render(replace(scene, objects=(replace(spec, support=None),)))
        if mask.sum() < LEAST_VISIBLE * (alone.instance == 0).sum():
            continue
        if camera_like:
            mask = grown(mask, _MASK_GROWN_PX)
        yield _error_of(mask, depth_m, picture, scene, spec)


def _as_a_camera_sees(depth_m: Array, rng: np.random.Generator) -> Array:
    noisy = depth_m + rng.normal(0.0, _NOISE_M_AT_1_M, depth_m.shape) * depth_m**2
    low = cv2.erode(depth_m, np.ones((3, 3)))
    high = cv2.dilate(depth_m, np.ones((3, 3)))
    noisy[high - low > 0.03] = 0.0
    in_millimetres: Array = np.round(noisy * 1000.0).astype(np.float32) / np.float32(1000.0)
    return in_millimetres


def _error_of(
    mask: Array, depth_m: Array, picture: Rendering, scene: Scene, spec: ObjectSpec
) -> GraspError:
    started = time.process_time()
    target = grasp_target(mask, depth_m, picture.camera_matrix, score=1.0, status=Status.OK)
    seconds = time.process_time() - started
    if target.box is None or target.centroid_m is None:
        raise RuntimeError(f"no box of the {spec.category} of scene {scene.seed}: {target.reason}")
    half_m = np.asarray(spec.half_extent_m)
    rotation = spec.table_r_object()
    centroid = np.asarray(spec.position_m) + rotation @ (filled_centroid(spec.category) * half_m)
    true_m = scene.camera.to_optical_m(np.stack([centroid, np.asarray(spec.position_m)]))
    size_m = 2.0 * np.array([half_m[:2].max(), half_m[:2].min(), half_m[2]])
    length_m, width_m, height_m = target.box.size_m
    found_m = np.array([max(length_m, width_m), min(length_m, width_m), height_m])
    return GraspError(
        category=spec.category,
        centroid_m=float(np.linalg.norm(target.centroid_m - true_m[0])),
        centre_m=float(np.linalg.norm(target.box.centre_m - true_m[1])),
        size=(found_m - size_m) / size_m,
        yaw_deg=_yaw_error_deg(target, scene, spec),
        on_support=target.on_support,
        seconds=seconds,
    )


def _yaw_error_deg(target: GraspTarget, scene: Scene, spec: ObjectSpec) -> float:
    period = _RIGHT_ANGLED.get(spec.category)
    if period is None or target.box is None:
        return float("nan")
    x, y = (scene.camera.table_r_optical() @ target.box.camera_r_box[:, 0])[:2]
    off = np.degrees(np.arctan2(y, x) - spec.yaw_rad) % period
    return float(min(off, period - off))


@cache
def filled_centroid(category: str) -> Array:
    """(3,) centroid of a category's form, in half extents, as if it were filled.

    Each horizontal section counts with its convex outline: a mug and a bowl are taken as full.
    """
    mesh = forms()[category].body
    edges = np.concatenate([mesh.faces[:, [0, 1]], mesh.faces[:, [1, 2]], mesh.faces[:, [2, 0]]])
    start, end = mesh.vertices[edges[:, 0]], mesh.vertices[edges[:, 1]]
    total, moment = 0.0, np.zeros(3)
    for z in (np.arange(_SECTIONS) + 0.5) / _SECTIONS * 2.0 - 1.0:
        crosses = (start[:, 2] - z) * (end[:, 2] - z) < 0.0
        low, high = start[crosses], end[crosses]
        share = (z - low[:, 2]) / (high[:, 2] - low[:, 2])
        cut = (low + share[:, None] * (high - low))[:, :2].astype(np.float32)
        if len(cut) < 3:
            continue
        moments = cv2.moments(cv2.convexHull(cut))
        total += moments["m00"]
        moment += [moments["m10"], moments["m01"], z * moments["m00"]]
    return moment / total


def to_markdown(errors: Iterable[GraspError]) -> str:
    """One row for each category and one for all: medians."""
    rows = list(errors)
    lines = [
        "| category | objects | centroid | box's middle | size | length | width | height | yaw |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for name in (*CATEGORIES, "all"):
        some = [row for row in rows if name in ("all", row.category)]
        if some:
            lines.append(_row(name, some))
    plane = sum(row.on_support for row in rows)
    lines += ["", f"Support plane found: {plane} of {len(rows)}. "]
    lines[-1] += f"CPU time: {1000.0 * median(row.seconds for row in rows):.1f} ms (median)."
    return "\n".join(lines)


def _row(name: str, rows: Sequence[GraspError]) -> str:
    length, width, height = np.median(np.stack([row.size for row in rows]), axis=0)
    yaws = [row.yaw_deg for row in rows if np.isfinite(row.yaw_deg)]
    cells = [
        name,
        str(len(rows)),
        f"{1000.0 * median(row.centroid_m for row in rows):.1f} mm",
        f"{1000.0 * median(row.centre_m for row in rows):.1f} mm",
        f"{median(row.mean_size_error for row in rows):.1%}",
        *(f"{value:+.1%}" for value in (length, width, height)),
        f"{median(yaws):.1f}°" if yaws else "–",  # noqa: RUF001 - an en dash: there is none
    ]
    return f"| {' | '.join(cells)} |"


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m ppcr_lab.evaluation.grasp_errors",
        description="Measure grasp targets against the simulator's true poses and sizes.",
    )
    parser.add_argument("--objects", type=int, default=300, metavar="N", help="default: 300")
    parser.add_argument("--split", choices=SPLITS, default="test", help="default: test")
    parser.add_argument(
        "--camera-like", action="store_true", help="noisy, rounded depth and masks 2 px too large"
    )
    args = parser.parse_args(argv)
    if args.objects < 1:
        parser.error(f"--objects is {args.objects}; expected at least 1")
    try:
        errors = measure(args.objects, split=args.split, camera_like=args.camera_like, quiet=False)
    except RuntimeError as error:
        print(f"\n{error}", file=sys.stderr)
        return 2
    print(file=sys.stderr)
    print(to_markdown(errors))
    return 0


if __name__ == "__main__":
    sys.exit(main())
