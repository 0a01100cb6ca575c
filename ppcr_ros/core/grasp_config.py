"""The options of `ppcr_ros.core.grasp`: when an object may be grasped."""

from __future__ import annotations

from dataclasses import dataclass

from ppcr_ros.core.options import option


@dataclass(frozen=True)
class GraspConfig:
    """Options that decide when an object with depth counts as graspable."""

    min_valid_depth_pixels: int = option(
        50,
        "a mask of which fewer pixels have depth is not graspable",
        minimum=10,
        maximum=1000000,
        read_only=False,
    )
    border_margin_px: int = option(
        2,
        "a mask that comes closer to the image border is not graspable; 0 lets it touch",
        minimum=0,
        maximum=500,
        read_only=False,
    )
    max_age_sec: float = option(
        5.0,
        "an object is not graspable where its image came earlier than this before the result",
        minimum=0.05,
        maximum=3600.0,
        read_only=False,
    )
    min_score: float = option(
        0.5,
        "a mask with a lower score is not graspable",
        minimum=0.0,
        maximum=1.0,
        read_only=False,
    )
    min_distance_m: float = option(
        0.1,
        "an object that is nearer is not graspable: no depth camera measures so near, so that its "
        "depth is taken to be in another unit",
        minimum=0.0,
        maximum=100.0,
        read_only=False,
    )
    max_distance_m: float = option(
        2.0,
        "an object that is farther is not graspable: no arm reaches so far, and depth in another "
        "unit looks like this",
        minimum=0.1,
        maximum=1000.0,
        read_only=False,
    )
    max_size_m: float = option(
        1.0,
        "an object that is longer along any side is not graspable; depth in another unit looks "
        "like this",
        minimum=0.01,
        maximum=1000.0,
        read_only=False,
    )
    max_depth_noise_m: float = option(
        0.01,
        "an object whose depth scatters by more (standard deviation) is not graspable: its middle "
        "may be off by more than 10 mm",
        minimum=0.0,
        maximum=1.0,
        read_only=False,
    )
    max_gripper_width_m: float = option(
        0.3,
        "an object that is wider along the closing axis is not graspable: no common gripper opens "
        "so far, and near things whose depth is in units of 0.1 mm look like this; 0 is no limit",
        minimum=0.0,
        maximum=2.0,
        read_only=False,
    )
