"""Objects that can lie on the table: ten categories in eleven colours and two sizes."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Float3 = tuple[float, float, float]

CATEGORIES = (
    "cube",
    "ball",
    "cylinder",
    "capsule",
    "cone",
    "mug",
    "bowl",
    "bottle",
    "plate",
    "tray",
)
COLOURS: dict[str, Float3] = {
    "red": (0.80, 0.05, 0.06),
    "orange": (1.00, 0.46, 0.02),
    "yellow": (0.97, 0.87, 0.10),
    "green": (0.08, 0.55, 0.16),
    "blue": (0.07, 0.22, 0.84),
    "purple": (0.44, 0.10, 0.62),
    "pink": (1.00, 0.52, 0.72),
    "brown": (0.40, 0.23, 0.13),
    "black": (0.05, 0.05, 0.05),
    "white": (0.96, 0.96, 0.96),
    "grey": (0.46, 0.46, 0.47),
}
"""The eleven basic colour words, and the colour (red, green, blue, 0..1) that each stands for."""
SIZES = ("small", "large")
SUPPORTS = ("bowl", "plate", "tray")
"""The categories on or in which a small object may stand."""
INNER_FLOOR: dict[str, Float3] = {
    "bowl": (0.45, 0.45, -0.80),
    "plate": (0.62, 0.62, -0.30),
    "tray": (0.90, 0.86, -0.55),
}
"""Half the length and width of a support's flat inside and its height, in half extents."""

_CORNER_SIGNS = np.array(
    [(x, y, z) for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)], dtype=np.float64
)
_ROUND = ("ball", "cylinder", "cone", "bowl", "bottle", "plate")


@dataclass(frozen=True)
class ObjectSpec:
    """One object on the table, or on or in another one; a capsule lies.

    Attributes:
        category: one of `CATEGORIES`.
        colour: one of `COLOURS`.
        trim_colour: the second colour of a two-tone object (a band, rim, cap or handle), or None.
        size: one of `SIZES`.
        position_m: the middle of its own bounding box, table frame.
        yaw_rad: its turn about z, from the table's x axis to its own.
        rgb: its exact colour, 0..1, near ``COLOURS[colour]``.
        trim_rgb: the exact second colour; None where ``trim_colour`` is None.
        half_extent_m: half its lengths along its own axes. A capsule is longest along x, a mug's
            handle points along x.
        support: index in the scene of the plate, tray or bowl that it stands on or in; None where
            it stands on the table.
    """

    category: str
    colour: str
    trim_colour: str | None
    size: str
    position_m: Float3
    yaw_rad: float
    rgb: Float3
    trim_rgb: Float3 | None
    half_extent_m: Float3
    support: int | None = None

    def __post_init__(self) -> None:
        for field, value, allowed in (
            ("category", self.category, CATEGORIES),
            ("colour", self.colour, tuple(COLOURS)),
            ("trim_colour", self.trim_colour, (None, *COLOURS)),
            ("size", self.size, SIZES),
        ):
            if value not in allowed:
                names = ", ".join(str(name) for name in allowed)
                raise ValueError(f"{field} is {value!r}, expected one of {names}")
        if (self.trim_colour is None) != (self.trim_rgb is None):
            raise ValueError(
                f"trim_colour is {self.trim_colour!r} and trim_rgb is {self.trim_rgb}; expected "
                "both or neither"
            )

    @property
    def is_round(self) -> bool:
        """Whether it looks the same at every yaw."""
        return self.category in _ROUND

    def table_r_object(self) -> NDArray[np.float64]:
        """Return the (3, 3) rotation from the object's own frame to the table frame."""
        cos, sin = math.cos(self.yaw_rad), math.sin(self.yaw_rad)
        return np.array([[cos, -sin, 0.0], [sin, cos, 0.0], [0.0, 0.0, 1.0]])

    def corners_m(self) -> NDArray[np.float64]:
        """Return the (8, 3) corners of the object's own bounding box, in the table frame."""
        local = _CORNER_SIGNS * np.asarray(self.half_extent_m)
        if not self.is_round:
            local = local @ self.table_r_object().T
        corners: NDArray[np.float64] = local + np.asarray(self.position_m)
        return corners
