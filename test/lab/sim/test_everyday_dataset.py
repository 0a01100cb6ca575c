"""The everyday world as a data set."""

from __future__ import annotations

from itertools import islice

import pytest

from ppcr_lab.evaluation.samples import open_data_set
from ppcr_lab.sim.geometry import box_of_mask
from ppcr_lab.sim.tabletop_dataset import iter_tabletop


def test_everyday_scenes_come_with_commands_and_truth() -> None:
    try:
        samples = list(iter_tabletop("val", 4, width_px=160, height_px=120, world="everyday"))
    except RuntimeError as error:
        pytest.skip(str(error))
    assert samples[0].sample_id.startswith("everyday/val/")
    for sample in samples:
        assert sample.command
        if sample.mask is not None:
            assert sample.box_xyxy_px is not None
            assert (box_of_mask(sample.mask) == sample.box_xyxy_px).all()


def test_both_worlds_come_in_turn() -> None:
    try:
        opened, count = open_data_set("both:val", limit=3)
        ids = [sample.sample_id for sample in islice(opened, 3)]
    except RuntimeError as error:
        pytest.skip(str(error))
    assert count == 3
    assert [name.partition("/")[0] for name in ids] == ["tabletop", "everyday", "tabletop"]


def test_an_unknown_world_is_named() -> None:
    with pytest.raises(ValueError, match="the world is 'moon'"):
        iter_tabletop("val", 1, world="moon")
