"""Grasp target: an object's box in space, and whether to grasp it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

_TOLERANCE = 1e-5


@dataclass(frozen=True)
class OrientedBox:
    """A box in the camera's optical frame (REP 103: x right, y down, z forward).

    The axes of the box are right-handed: x is the longer horizontal one, y the shorter one and z
    points away from what the object stands on.

    Attributes:
        centre_m: (3,) float64, metres.
        camera_r_box: (3, 3) float64 rotation; its columns are the axes of the box.
        size_m: (3,) float64, the full lengths along x, y and z, metres.

    Raises:
        ValueError: when an array has another shape, is not finite, or the rotation is none.
    """

    centre_m: npt.NDArray[Any]
    camera_r_box: npt.NDArray[Any]
    size_m: npt.NDArray[Any]

    def __post_init__(self) -> None:
        for name, shape in (("centre_m", (3,)), ("camera_r_box", (3, 3)), ("size_m", (3,))):
            value = getattr(self, name)
            if value.shape != shape or not np.isfinite(value).all():
                raise ValueError(f"{name} is {value!r:.80}; expected {shape} finite numbers.")
        rotation = self.camera_r_box
        if not np.allclose(rotation @ rotation.T, np.eye(3), atol=_TOLERANCE) or (
            np.linalg.det(rotation) < 0
        ):
            raise ValueError(f"camera_r_box is {rotation.tolist()}; expected a rotation.")

    def corners_m(self) -> npt.NDArray[Any]:
        """(8, 3) corners in the optical frame, metres; bit 2, 1, 0 of the index is x, y, z."""
        signs = np.array([[i >> 2 & 1, i >> 1 & 1, i & 1] for i in range(8)]) - 0.5
        corners: npt.NDArray[Any] = self.centre_m + (signs * self.size_m) @ self.camera_r_box.T
        return corners


@dataclass(frozen=True)
class GraspTarget:
    """The object in space, and whether it may be grasped.

    Attributes:
        graspable: False where something speaks against a grasp; ``reason`` says what.
        reason: all that speaks against it, and what to do; empty where nothing does.
        box: the object's oriented box; None where it could not be worked out.
        centroid_m: (3,) float64, the middle of the object's volume, metres, in the camera's optical
            frame; None where there is no box.
        approach: (3,) float64, unit vector in the camera's optical frame along which a gripper
            comes; None where there is no box.
        valid_depth_pixels: how many of the mask's pixels have a depth.
        on_support: True where the box stands on a plane that was found around the object; False
            where that is not what it stands on, or where there is none and the box is that of the
            visible points alone.
    """

    graspable: bool
    reason: str = ""
    box: OrientedBox | None = None
    centroid_m: npt.NDArray[Any] | None = field(default=None)
    approach: npt.NDArray[Any] | None = field(default=None)
    valid_depth_pixels: int = 0
    on_support: bool = False

    def __post_init__(self) -> None:
        if self.graspable == bool(self.reason):
            raise ValueError(
                f"graspable is {self.graspable} and reason {self.reason!r}; expected a reason "
                "where the object is not graspable, and only there."
            )
        if self.graspable and self.box is None:
            raise ValueError("graspable is True without a box; expected a box to grasp.")

    @property
    def width_m(self) -> float:
        """The extent along the closing axis, which is the box's y; 0 where there is no box."""
        return 0.0 if self.box is None else float(self.box.size_m[1])
