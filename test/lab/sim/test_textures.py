"""The table's patterns."""

from __future__ import annotations

import numpy as np
import pytest

from ppcr_lab.sim.textures import TEXTURES, TILE_PX, VARIANTS, tile

PATTERNS = TEXTURES[1:]


@pytest.mark.parametrize("texture", PATTERNS)
def test_tiles_are_bright_of_low_contrast_and_not_plain(texture: str) -> None:
    for variant in range(VARIANTS):
        pixels = tile(texture, variant)
        assert pixels.shape == (TILE_PX, TILE_PX, 3)
        assert pixels.dtype == np.uint8
        assert 200 < pixels.mean() < 245
        assert 5 < pixels[..., 0].std() < 30


@pytest.mark.parametrize("texture", ["wood", "speckle", "cloth"])
def test_tiles_have_no_seam(texture: str) -> None:
    for variant in range(VARIANTS):
        pixels = tile(texture, variant)[..., 0].astype(float)
        for image in (pixels, pixels.T):
            inner = np.abs(np.diff(image, axis=0)).mean()
            assert np.abs(image[0] - image[-1]).mean() < 1.6 * inner + 1.0


def test_variants_differ_and_stay_the_same() -> None:
    for texture in PATTERNS:
        tiles = [tile(texture, variant) for variant in range(VARIANTS)]
        assert (tiles[0] == tile(texture, 0)).all()
        assert (tiles[0] != tiles[1]).any()
        assert (tiles[0] != tiles[2]).any()
