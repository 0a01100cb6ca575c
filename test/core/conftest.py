"""A mask and a frame of the size that the scripted models are used with."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from ppcr_lab.scripted_models import box_masks
from ppcr_ros.core.types import Array, Frame

HEIGHT_PX, WIDTH_PX = 24, 32


@pytest.fixture
def make_mask() -> Callable[[int, int, int, int], Array]:
    return lambda *box: box_masks([box], HEIGHT_PX, WIDTH_PX)[0]


@pytest.fixture
def frame() -> Frame:
    return Frame(np.zeros((HEIGHT_PX, WIDTH_PX, 3), np.uint8), stamp_ns=42, frame_id="camera")
