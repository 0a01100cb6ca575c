"""Camera messages as plain objects: the parts under test import no ROS."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest


@pytest.fixture
def header() -> Callable[..., Any]:
    """A header of a frame_id and a stamp in seconds."""

    def make(frame_id: str = "camera_optical", seconds: float = 1.0) -> Any:
        sec, nanosec = divmod(round(seconds * 1e9), 1_000_000_000)
        stamp = SimpleNamespace(sec=sec, nanosec=nanosec)
        return SimpleNamespace(frame_id=frame_id, stamp=stamp)

    return make


@pytest.fixture
def camera_info(header: Callable[..., Any]) -> Callable[..., Any]:
    """A ``CameraInfo`` of 640x480 whose fields can be replaced."""

    def make(**fields: Any) -> Any:
        values: dict[str, Any] = {
            "header": header(),
            "width": 640,
            "height": 480,
            "distortion_model": "plumb_bob",
            "d": [0.0] * 5,
            "k": [500.0, 0.0, 320.0, 0.0, 500.0, 240.0, 0.0, 0.0, 1.0],
            "r": np.eye(3).ravel().tolist(),
            "p": [500.0, 0.0, 320.0, 0.0, 0.0, 500.0, 240.0, 0.0, 0.0, 0.0, 1.0, 0.0],
            "binning_x": 0,
            "binning_y": 0,
            "roi": SimpleNamespace(x_offset=0, y_offset=0, width=0, height=0, do_rectify=False),
        }
        return SimpleNamespace(**(values | fields))

    return make
