"""Checks that hold for every view of a world."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from ppcr_lab.sim.geometry import box_of_mask
from ppcr_lab.worlds.views import WorldView


@pytest.fixture
def check_view() -> Callable[[WorldView], None]:
    """Fails unless every thing is seen, near where the camera of the truth would see it."""
    return _check_view


def _check_view(view: WorldView) -> None:
    height, width = view.instance.shape
    assert view.rgb.shape == (height, width, 3)
    assert view.rgb.dtype == np.uint8
    assert view.rgb.std() > 5.0
    numbers = set(np.unique(view.instance).tolist())
    assert numbers == {-1, *range(len(view.scene.objects))}
    for index, item in enumerate(view.scene.objects):
        box = box_of_mask(view.instance == index)
        assert box is not None
        middle = view.scene.camera.project_px(np.array([item.position_m]), width, height)[0]
        slack = 4.0 + 0.5 * (box[2:] - box[:2])
        assert np.all(box[:2] - slack <= middle)
        assert np.all(middle <= box[2:] + slack)
