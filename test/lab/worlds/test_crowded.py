"""Commands about things in each other's way."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from ppcr_lab.evaluation.referring_files import DataSetError, LabelledSample
from ppcr_lab.evaluation.samples import open_data_set
from ppcr_lab.sim.geometry import foreign_share
from ppcr_lab.sim.recording import load_recording
from ppcr_lab.sim.scene import sample_scene, scene_rng
from ppcr_lab.worlds.crowded import (
    CONTAINED,
    LEAST_FOREIGN,
    MUCH_FOREIGN,
    OCCLUDED,
    Quota,
    crowded_samples,
    hidden_shares,
)
from ppcr_ros.core.types import Status


def test_of_a_box_counts_what_shows_other_objects() -> None:
    instance = np.full((20, 20), -1, np.int8)
    instance[5:15, 5:15] = 1  # a bowl
    instance[8:12, 8:13] = 0  # a ball in it
    assert foreign_share(instance, 1) == pytest.approx(20 / 100)
    instance[8, 8] = 1  # its box has a corner of the bowl now
    assert foreign_share(instance, 0) == pytest.approx(1 / 20)
    instance[instance == 1] = -1
    assert foreign_share(instance, 0) == 0.0


def test_what_stands_behind_another_is_hidden() -> None:
    """The estimate agrees with the pictures: who is hidden most shows less than alone."""
    shares = []
    for recorded in load_recording().scenes:
        scene = sample_scene(scene_rng("demo", recorded.index))
        hidden = hidden_shares(scene)
        assert len(hidden) == len(scene.objects)
        assert all(0.0 <= share <= 1.0 for share in hidden)
        shares += hidden
    assert min(shares) == 0.0
    assert max(shares) > 0.2


def crowded(split: str, count: int) -> list[LabelledSample]:
    try:
        return list(itertools.islice(crowded_samples(split, count), count))
    except RuntimeError as error:  # MuJoCo or OpenGL is missing, which it names
        pytest.skip(str(error))


def test_the_commands_name_what_is_in_the_way_of_another() -> None:
    samples = crowded("tabletop-val", 6)
    assert len(samples) == 6
    assert len({sample.sample_id for sample in samples}) == 6
    kinds = [sample.kind for sample in samples]
    assert set(kinds) == {CONTAINED, OCCLUDED}
    assert all(sample.expected_status is Status.OK for sample in samples)
    for sample in samples:
        assert sample.mask is not None
        assert sample.mask.any()
        assert sample.frame.rgb.shape[:2] == sample.mask.shape
    again = crowded("tabletop-val", 2)
    assert [sample.command for sample in again] == [sample.command for sample in samples[:2]]


def test_the_rarer_kind_comes_first_and_little_waits_for_much() -> None:
    quota = Quota()
    assert quota.kinds()[0] == CONTAINED
    assert quota.least_foreign() == MUCH_FOREIGN
    quota.add(CONTAINED, 0.5)
    assert quota.kinds()[0] == OCCLUDED
    assert quota.least_foreign() == LEAST_FOREIGN
    quota.add(CONTAINED, 0.2)
    assert quota.least_foreign() == LEAST_FOREIGN
    quota.add(CONTAINED, 0.2)
    assert quota.least_foreign() == MUCH_FOREIGN
    quota.add(OCCLUDED, 0.9)
    assert quota.least_foreign() == MUCH_FOREIGN
    assert quota.kinds() == (OCCLUDED,)  # two behind
    quota.add(OCCLUDED, 0.9)
    assert quota.kinds() == (OCCLUDED, CONTAINED)


@pytest.mark.parametrize(
    ("name", "limit", "message"),
    [
        ("crowded:moon", 3, "the split of crowded is 'moon'.*everyday-val.*raytraced"),
        ("crowded:test", 3, "tabletop-test"),
        ("crowded:lamps", 0, "limit"),
        ("crowded:lamps", None, "--limit"),
    ],
)
def test_what_cannot_be_drawn_is_refused_at_once(
    name: str, limit: int | None, message: str
) -> None:
    with pytest.raises(DataSetError, match=message):
        open_data_set(name, limit=limit)
