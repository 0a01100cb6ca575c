"""Masks as run lengths and back."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from ppcr_ros.core.mask_runs import mask_of, runs_of


def masks() -> list[Any]:
    numbers = np.random.default_rng(3)
    made = [numbers.random((13, 7)) > 0.5, np.ones((4, 6), bool), np.zeros((4, 6), bool)]
    corner = np.zeros((5, 3), bool)
    corner[0, 0] = True
    return [*made, corner, ~corner]


@pytest.mark.parametrize("mask", masks())
def test_runs_there_and_back(mask: Any) -> None:
    height, width = mask.shape
    assert np.array_equal(mask_of(runs_of(mask), width, height), mask)


@pytest.mark.parametrize("mask", masks())
def test_they_are_those_of_coco(mask: Any) -> None:
    coco = pytest.importorskip("pycocotools.mask", reason="needs pycocotools")
    height, width = mask.shape
    packed = coco.frPyObjects(
        {"counts": runs_of(mask).tolist(), "size": [height, width]}, height, width
    )
    assert np.array_equal(coco.decode(packed), mask)


def test_runs_of_another_size_are_refused() -> None:
    with pytest.raises(ValueError, match="the runs cover 9 pixels; expected 4 x 3"):
        mask_of(np.array([2, 7]), 4, 3)
