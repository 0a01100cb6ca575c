"""Effects of shadow, lens and sensor on a rendered image."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

_ROOM_PX = 64
_LEAST_BLUR_PX = 0.15


class Sensor:
    """Shades, blurs and grains images of one size; the same seed gives the same grain."""

    def __init__(self, width_px: int, height_px: int) -> None:
        self._width_px, self._height_px = width_px, height_px
        size = (height_px + _ROOM_PX, width_px + _ROOM_PX, 3)
        self._grain = np.random.default_rng(0).standard_normal(size, dtype=np.float32)

    def expose(
        self,
        rgb: NDArray[np.uint8],
        light: NDArray[np.float32] | None,
        *,
        blur: float,
        noise: float,
        seed: int,
    ) -> NDArray[np.uint8]:
        """Return the (H, W, 3) uint8 image that the sensor gives of ``rgb``.

        Args:
            rgb: (H, W, 3) uint8, in full light.
            light: (H, W) float32, the share of light at each pixel; None for full light.
            blur: standard deviation of the lens's blur, as a share of the width.
            noise: standard deviation of the noise, of 255.
            seed: where the noise comes from.
        """
        image = rgb.astype(np.float32)
        if light is not None:
            image *= light[..., None]
        if blur * self._width_px > _LEAST_BLUR_PX:
            image = cv2.GaussianBlur(image, (0, 0), blur * self._width_px)
        if noise > 0.0:
            rng = np.random.default_rng(seed)
            top, left = (int(value) for value in rng.integers(0, _ROOM_PX, 2))
            grain = self._grain[top : top + self._height_px, left : left + self._width_px]
            grain = grain[:: 1 - 2 * int(rng.integers(2)), :: 1 - 2 * int(rng.integers(2))]
            image += np.float32(noise) * grain
        return np.asarray(np.clip(image + np.float32(0.5), 0.0, 255.0), np.uint8)
