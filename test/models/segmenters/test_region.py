"""The region around a box: where it lies, and masks that come back in the frame's own pixels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ppcr_ros.core.config import SegmenterConfig
from ppcr_ros.core.types import Frame, SpatialPrompt
from ppcr_ros.models.segmenters.region import Region

FRAME = {"height_px": 480, "width_px": 640}


def box(*corners: float) -> Any:
    return np.array(corners, np.float32)


def test_a_region_has_the_frames_aspect_and_room_around_the_box() -> None:
    region = Region.around(box(300, 200, 360, 260), **FRAME)
    assert region is not None
    assert region.width_px / region.height_px == pytest.approx(640 / 480, abs=0.01)
    assert (region.width_px, region.height_px) == (160, 120)
    assert abs(region.x_px + region.width_px / 2 - 330) <= 1
    assert abs(region.y_px + region.height_px / 2 - 230) <= 1


@pytest.mark.parametrize("corner", [(0, 0), (600, 0), (0, 450), (610, 450)])
def test_at_the_edge_it_is_moved_into_the_frame(corner: tuple[int, int]) -> None:
    x, y = corner
    region = Region.around(box(x, y, x + 30, y + 30), **FRAME)
    assert region is not None
    assert 0 <= region.x_px <= 640 - region.width_px
    assert 0 <= region.y_px <= 480 - region.height_px
    assert region.of(np.zeros((480, 640, 3), np.uint8)).shape == (
        region.height_px,
        region.width_px,
        3,
    )


def test_a_box_that_fills_the_frame_has_no_region_of_its_own() -> None:
    assert Region.around(box(10, 10, 400, 300), **FRAME) is None
    assert Region.around(box(10, 10, 12, 470), **FRAME) is None


def test_a_region_serves_boxes_of_about_the_same_size_within_it() -> None:
    region = Region.around(box(300, 200, 360, 260), **FRAME)
    assert region is not None
    assert region.serves(box(305, 205, 365, 265))
    assert not region.serves(box(325, 225, 335, 235)), "too small for it"
    assert not region.serves(box(300, 200, 420, 260)), "not all within"


def test_masks_come_back_where_the_region_lies() -> None:
    region = Region(100, 50, 40, 30)
    mask = np.zeros((1, 30, 40), bool)
    mask[0, 5:10, 20:30] = True
    whole = region.in_frame(mask, **FRAME)
    assert whole.shape == (1, 480, 640)
    assert whole[0, 55:60, 120:130].all()
    assert whole.sum() == mask.sum()


@pytest.fixture
def picture() -> Any:
    return np.random.default_rng(3).integers(0, 255, (96, 128, 3), dtype=np.uint8)


@pytest.mark.parametrize("family", ["segment_anything", "sam", "sam2"])
def test_looking_at_the_region_is_as_segmenting_that_part_of_the_image(
    family: str, sams: Any, picture: Any
) -> None:
    spatial = sams.prompt((40, 30, 60, 50), ((50, 40), (100, 90)), (1, 0))
    closer = sams.load(family, look="region")
    encoded = closer.encode(Frame(picture))
    found = closer.segment(encoded, None, spatial)
    region = Region.around(spatial.box_xyxy_px, height_px=96, width_px=128)
    assert region is not None
    corner = np.array([region.x_px, region.y_px] * 2, np.float32)
    inside = sams.prompt(
        tuple(spatial.box_xyxy_px - corner), (tuple(np.array([50, 40]) - corner[:2]),), (1,)
    )
    whole = sams.load(family, look="whole")
    part = whole.segment(whole.encode(Frame(region.of(picture))), None, inside)
    np.testing.assert_array_equal(
        found.masks, region.in_frame(part.masks, height_px=96, width_px=128)
    )
    np.testing.assert_allclose(found.scores, part.scores, atol=1e-6)
    again = closer.segment(encoded, None, sams.prompt((41, 31, 61, 51)))
    assert again.masks.shape[1:] == (96, 128)
    assert len(encoded.parts) == 1, "a box beside it is seen in the same region"


def test_without_a_box_near_it_all_of_the_image_is_looked_at(sams: Any, picture: Any) -> None:
    masks = []
    for look in ("whole", "region"):
        segmenter = sams.load("segment_anything", look=look)
        wide = sams.prompt((2, 2, 126, 94))
        masks.append(segmenter.segment(segmenter.encode(Frame(picture)), None, wide).masks)
    np.testing.assert_array_equal(*masks)


def test_the_librarys_predictor_is_shown_the_same_region(sam_folder: Path, picture: Any) -> None:
    from ppcr_lab.bench.baselines import predictor_of
    from ppcr_ros.core.config import Config
    from ppcr_ros.models import segmenters

    for look in ("whole", "region"):
        config = SegmenterConfig(model=str(sam_folder), device="cpu", look=look)
        segmenter: Any = segmenters.load(config, offline=True)
        corners = box(40, 30, 60, 50)
        of_library = predictor_of(Config(segmenter=config), segmenter).masks(picture, corners)
        own = segmenter.segment(segmenter.encode(Frame(picture)), None, SpatialPrompt("", corners))
        assert np.mean(of_library == own.masks) > 0.999
