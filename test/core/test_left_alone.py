"""Things to be left alone: what covers one of them is never taken."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from ppcr_lab import scripted_table
from ppcr_lab.scripted_models import box_masks
from ppcr_ros.core.types import MaskCandidates, SpatialPrompt, Status

TRAY = (10, 8, 50, 40)


@pytest.fixture
def on_a_tray(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    things = {"white tray": TRAY, "green cone": request.param}
    monkeypatch.setattr(scripted_table, "THINGS", things)
    monkeypatch.setattr(scripted_table.TableSegmenter, "segment", _all_of_the_box)


def _all_of_the_box(_: Any, __: Any, ___: Any, spatial: SpatialPrompt) -> MaskCandidates:
    box = tuple(int(value) for value in spatial.box_xyxy_px)
    mask = box_masks([box], scripted_table.HEIGHT, scripted_table.WIDTH)
    return MaskCandidates(mask, np.array([0.9], np.float32))


@pytest.mark.parametrize(
    "on_a_tray", [(20, 12, 28, 22), (10, 8, 50, 24), (10, 8, 52, 40), (8, 6, 54, 42)], indirect=True
)
def test_a_mask_over_what_must_be_left_alone_is_refused(on_a_tray: None) -> None:
    """Also a small one: it may be a part of the same object, badly seen."""
    result = scripted_table.run("leave the green cone alone, take the white tray")
    assert result.status is Status.NOT_FOUND
    assert "leave alone" in result.message
