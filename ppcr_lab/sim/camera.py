"""The camera that looks at the table."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Float3 = tuple[float, float, float]


@dataclass(frozen=True)
class Camera:
    """A pinhole camera without distortion, looking from one point at another.

    ``roll_deg`` turns it about its optical axis, clockwise as it looks itself.

    Pixels follow ``sensor_msgs/CameraInfo``: integer coordinates are pixel centres, x right and
    y down; the optical frame is x right, y down, z forward. Points are metres in the table frame.
    """

    position_m: Float3
    look_at_m: Float3
    fov_y_deg: float
    roll_deg: float = 0.0

    @classmethod
    def around(
        cls,
        look_at_m: Float3,
        distance_m: float,
        elevation_rad: float,
        azimuth_rad: float,
        **optics: float,
    ) -> Camera:
        """A camera at ``distance_m`` from ``look_at_m``; azimuth 0 stands at its negative y.

        ``optics`` are ``fov_y_deg`` and ``roll_deg``.
        """
        x, y, z = look_at_m
        flat = distance_m * math.cos(elevation_rad)
        position_m = (
            float(x + flat * math.sin(azimuth_rad)),
            float(y - flat * math.cos(azimuth_rad)),
            float(z + distance_m * math.sin(elevation_rad)),
        )
        return cls(position_m, look_at_m, **optics)

    def table_r_optical(self) -> NDArray[np.float64]:
        """Return the (3, 3) rotation from the camera's optical frame to the table frame."""
        forward = np.subtract(self.look_at_m, self.position_m)
        forward = forward / math.sqrt(float(forward @ forward))
        flat = math.hypot(float(forward[0]), float(forward[1]))
        if flat < 1e-9:
            raise ValueError("the camera looks straight up or down; expected a slanted view")
        right = np.array([forward[1] / flat, -forward[0] / flat, 0.0])
        down = np.array(
            [
                -forward[2] * right[1],
                forward[2] * right[0],
                forward[0] * right[1] - forward[1] * right[0],
            ]
        )
        if self.roll_deg:
            cos, sin = math.cos(math.radians(self.roll_deg)), math.sin(math.radians(self.roll_deg))
            right, down = cos * right + sin * down, cos * down - sin * right
        return np.stack([right, down, forward], axis=1)

    def matrix(self, width_px: int, height_px: int) -> NDArray[np.float64]:
        """Return the (3, 3) pinhole matrix for an image of this size."""
        focal = 0.5 * height_px / math.tan(math.radians(self.fov_y_deg) / 2.0)
        return np.array(
            [
                [focal, 0.0, (width_px - 1) / 2.0],
                [0.0, focal, (height_px - 1) / 2.0],
                [0.0, 0.0, 1.0],
            ]
        )

    def to_optical_m(self, points_m: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return points (n, 3) of the table frame in the optical frame, same shape."""
        optical: NDArray[np.float64] = (
            np.asarray(points_m) - np.asarray(self.position_m)
        ) @ self.table_r_optical()
        return optical

    def project_px(
        self, points_m: NDArray[np.float64], width_px: int, height_px: int
    ) -> NDArray[np.float64]:
        """Return the (n, 2) pixel coordinates of points (n, 3) of the table frame."""
        homogeneous = self.to_optical_m(points_m) @ self.matrix(width_px, height_px).T
        pixels: NDArray[np.float64] = homogeneous[:, :2] / homogeneous[:, 2:]
        return pixels
