"""Measures how far off grasps are in a stereo camera's noise, and how often they are refused.

``python -m ppcr_lab.evaluation.stereo_noise`` prints the table of docs/grasping.md. Masks are the
true ones.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ppcr_lab.evaluation.camera_faults import WRONG_M
from ppcr_lab.evaluation.camera_scenes import View, views
from ppcr_lab.evaluation.thin_boxes import seen_by_stereo
from ppcr_ros.core.grasp.grasping import grasp_target
from ppcr_ros.core.types import Status

SHARES = (0.0, 0.0025, 0.005, 0.01, 0.015, 0.02)


@dataclass(frozen=True)
class NoiseRow:
    """Grasps of all pictures with noise of one size.

    Attributes:
        share: standard deviation of the noise, as a share of the distance.
        pictures: how many there were.
        graspable_errors_m: of what may be grasped, how far the centroid is off.
    """

    share: float
    pictures: int
    graspable_errors_m: tuple[float, ...]

    @property
    def wrong(self) -> int:
        """How many of the graspable are off by more than `WRONG_M`."""
        return sum(error_m > WRONG_M for error_m in self.graspable_errors_m)


def measure(pictures: Sequence[View], share: float) -> NoiseRow:
    """All ``pictures`` as a stereo camera with errors of ``share`` of the distance sees them."""
    errors_m = []
    for number, view in enumerate(pictures):
        depth_m = view.depth_m
        if share:
            depth_m = seen_by_stereo(depth_m, np.random.default_rng(number), share)
        target = grasp_target(view.mask, depth_m, view.matrix, score=1.0, status=Status.OK)
        if target.graspable and target.centroid_m is not None:
            errors_m.append(float(np.linalg.norm(target.centroid_m - view.centroid_m)))
    return NoiseRow(share, len(pictures), tuple(errors_m))


def to_markdown(rows: Sequence[NoiseRow]) -> str:
    """A line for each size of noise."""
    lines = [
        f"| noise, of the distance | graspable | of them off by more than {WRONG_M * 1000:.0f} mm "
        "| centroid, median | nine of ten within |",
        "|---:|---:|---:|---:|---:|",
    ]
    for row in rows:
        errors_mm = 1000.0 * np.array(row.graspable_errors_m or [np.nan])
        middle, most = np.quantile(errors_mm, [0.5, 0.9])
        lines.append(
            f"| {row.share:.2%} | {len(row.graspable_errors_m)} of {row.pictures} | {row.wrong} "
            f"| {middle:.1f} mm | {most:.1f} mm |"
        )
    return "\n".join(lines)


def main(argv: Sequence[str] | None = None) -> int:
    """Print the table; the exit status is 2 where the tabletop cannot be drawn here."""
    parser = argparse.ArgumentParser(prog="python -m ppcr_lab.evaluation.stereo_noise")
    parser.add_argument("--objects", type=int, default=60, help="pictures; default: 60")
    args = parser.parse_args(argv)
    try:
        pictures = list(views(args.objects))
    except RuntimeError as error:
        print(error, file=sys.stderr)
        return 2
    print(to_markdown([measure(pictures, share) for share in SHARES]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
