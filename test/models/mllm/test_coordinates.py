"""A box in each family's own convention comes back in the frame's pixels, whatever its shape."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ppcr_ros.core.interfaces import Answer
from ppcr_ros.core.types import Array
from ppcr_ros.models.mllm import idefics3, paligemma, ppcr_tiny, qwen2_5_vl, qwen3_vl
from ppcr_ros.models.mllm.family import MllmFamily

SIDES = st.integers(1, 40) | st.integers(41, 4096)
FRAMES = st.tuples(SIDES, SIDES) | st.sampled_from([(4096, 7), (7, 4096), (1, 1), (333, 1001)])
SHARES = st.tuples(*[st.floats(0.0, 0.75), st.floats(0.0, 0.75)], *[st.floats(0.05, 0.25)] * 2)
FAMILIES = [qwen2_5_vl.FAMILY, qwen3_vl.FAMILY, idefics3.FAMILY, paligemma.FAMILY, ppcr_tiny.FAMILY]
SEEN = st.tuples(st.integers(2, 60), st.integers(2, 60))


def written(family: MllmFamily, shares: Array, seen_px: tuple[int, int]) -> tuple[Answer, Array]:
    """An answer that names the box of ``shares`` of the image, and one step of it in shares."""
    if family is paligemma.FAMILY:
        bins = np.rint(shares * 1023).astype(int)[[1, 0, 3, 2]]
        return Answer("".join(f"<loc{value:04d}>" for value in bins) + " mug"), np.full(2, 2 / 1023)
    if family is ppcr_tiny.FAMILY:
        return Answer(ppcr_tiny.location_tokens(shares)), np.full(2, 1 / ppcr_tiny.LOC_BINS)
    scale = np.array(seen_px if family is qwen2_5_vl.FAMILY else (1000, 1000), np.float64)
    numbers = np.rint(shares * np.tile(scale, 2)).astype(int).tolist()
    return Answer(json.dumps({"bbox_2d": numbers}), image_size_px=seen_px), 1 / scale


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
@given(frame=FRAMES, place=SHARES, patches=SEEN)
@settings(max_examples=200, deadline=None)
def test_a_box_is_where_it_was_written(
    family: MllmFamily,
    frame: tuple[int, int],
    place: tuple[float, float, float, float],
    patches: tuple[int, int],
) -> None:
    x, y, wide, high = place
    shares = np.array([x, y, x + wide, y + high])
    answer, step = written(family, shares, (28 * patches[0], 28 * patches[1]))
    box = family.parse_spatial(answer, width_px=frame[0], height_px=frame[1]).box_xyxy_px
    size = np.array([*frame, *frame], np.float64)
    # Written in whole steps; a box thinner than a pixel is made one pixel wide.
    tolerance_px = np.tile(step, 2) * size + 1.0
    assert (np.abs(box - shares * size) <= tolerance_px).all(), (box, shares * size)
    assert 0 <= box[0] < box[2] <= frame[0]
    assert 0 <= box[1] < box[3] <= frame[1]


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
@pytest.mark.parametrize("frame", [(1920, 400), (400, 1920), (641, 479)])
def test_x_and_y_are_not_exchanged(family: MllmFamily, frame: tuple[int, int]) -> None:
    shares = np.array([0.05, 0.7, 0.25, 0.9])  # at the bottom left
    answer, _ = written(family, shares, (644, 1288))
    box = family.parse_spatial(answer, width_px=frame[0], height_px=frame[1]).box_xyxy_px
    centre = (box[:2] + box[2:]) / 2 / frame
    np.testing.assert_allclose(centre, [0.15, 0.8], atol=0.02)
