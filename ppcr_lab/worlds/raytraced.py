"""``worlds:raytraced``: pictures that Blender's Cycles traced once, kept with the package.

`raytraced_render` made them: scenes 0 to 56, 90 to 93 and 125 to 128 with 8 rays a pixel, the
others with 3, all denoised. To read them needs nothing but Pillow.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from ppcr_lab.worlds.truth import read_truth
from ppcr_lab.worlds.views import WorldView

FOLDER = Path(__file__).resolve().parent / "raytraced_scenes"
SCENES = 150


def view(number: int) -> WorldView:
    """Scene ``number``.

    Raises:
        RuntimeError: where its files are missing or damaged.
    """
    try:
        with Image.open(FOLDER / f"{number:03d}.jpg") as picture:
            rgb = np.asarray(picture.convert("RGB"))
        with Image.open(FOLDER / f"{number:03d}.png") as picture:
            numbers = np.asarray(picture, np.uint8)
        scene = read_truth(FOLDER / f"{number:03d}.json")
    except (OSError, ValueError) as error:
        raise RuntimeError(
            f"scene {number} of {FOLDER} cannot be read: {error}. Install the package again."
        ) from error
    return WorldView(scene, rgb, (numbers.astype(np.int16) - 1).astype(np.int8))
