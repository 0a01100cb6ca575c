"""Boxes of masks."""

from __future__ import annotations

import numpy as np

from ppcr_lab.sim.geometry import box_of_mask, visible_boxes_px


def test_the_box_of_a_mask_is_tight_and_half_open() -> None:
    mask = np.zeros((6, 9), dtype=bool)
    assert box_of_mask(mask) is None
    mask[2:5, 3:8] = True
    box = box_of_mask(mask)
    assert box is not None
    assert box.dtype == np.float32
    assert box.tolist() == [3, 2, 8, 5]


def test_boxes_of_an_instance_image_are_none_for_what_is_hidden() -> None:
    instance = np.full((4, 5), -1, dtype=np.int8)
    instance[0, 4] = 1
    first, second, third = visible_boxes_px(instance, 3)
    assert first is None
    assert second is not None
    assert second.tolist() == [4, 0, 5, 1]
    assert third is None
