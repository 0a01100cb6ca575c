"""The tabletop data set: the same everywhere, true to its scene, phrased as the split says."""

from __future__ import annotations

from itertools import islice

import numpy as np
import pytest

from ppcr_lab.sim.commands import KINDS
from ppcr_lab.sim.geometry import box_of_mask
from ppcr_lab.sim.renderer import TabletopRenderer
from ppcr_lab.sim.scene import sample_scene, scene_rng
from ppcr_lab.sim.tabletop_dataset import TabletopSample, iter_tabletop
from ppcr_ros.core.types import Status


def draw(split: str, limit: int, **options: int) -> list[TabletopSample]:
    """Samples of 160 x 120 pixels, or a skip that says what cannot render."""
    try:
        return list(iter_tabletop(split, limit, width_px=160, height_px=120, **options))
    except RuntimeError as error:
        pytest.skip(f"no renderer on this machine: {error}")


@pytest.fixture(scope="module")
def samples() -> list[TabletopSample]:
    return draw("test", 40)


def test_frame_and_truth_belong_together(samples: list[TabletopSample]) -> None:
    for sample in samples:
        frame = sample.frame
        assert frame.rgb.shape == (120, 160, 3)
        assert frame.depth_m is not None
        assert frame.camera_matrix is not None
        assert sample.kind in KINDS
        expected = {"absent": Status.NOT_FOUND, "ambiguous": Status.AMBIGUOUS}
        assert sample.expected_status is expected.get(sample.kind, Status.OK)
        assert (sample.mask is None) == (sample.kind in expected)
        if sample.mask is None:
            assert sample.box_xyxy_px is None
            continue
        assert sample.mask.shape == (120, 160)
        assert sample.mask.dtype == np.bool_
        assert sample.box_xyxy_px is not None
        tight = box_of_mask(sample.mask)
        assert tight is not None
        np.testing.assert_array_equal(sample.box_xyxy_px, tight)


def test_the_mask_is_that_of_one_object_of_the_scene(samples: list[TabletopSample]) -> None:
    sample = next(sample for sample in samples if sample.mask is not None)
    scene = sample_scene(scene_rng("test", sample.scene_index))
    with TabletopRenderer(160, 120) as renderer:
        instance = renderer.render(scene).instance
    assert sample.mask is not None
    (target,) = np.unique(instance[sample.mask])
    assert target >= 0
    np.testing.assert_array_equal(sample.mask, instance == target)


def test_all_kinds_come(samples: list[TabletopSample]) -> None:
    assert {sample.kind for sample in samples} == set(KINDS)


def test_samples_are_numbered_by_their_scene(samples: list[TabletopSample]) -> None:
    indices = [sample.scene_index for sample in samples]
    assert indices == sorted(set(indices))
    assert samples[0].sample_id == f"tabletop/test/{indices[0]:05d}"


def test_a_sample_is_the_same_whatever_was_drawn_before(samples: list[TabletopSample]) -> None:
    (alone,) = draw("test", 1, start=samples[7].scene_index)
    assert alone.command == samples[7].command
    assert alone.scene_index == samples[7].scene_index
    np.testing.assert_array_equal(alone.frame.rgb, samples[7].frame.rgb)
    if alone.mask is not None and samples[7].mask is not None:
        np.testing.assert_array_equal(alone.mask, samples[7].mask)


def test_the_command_does_not_depend_on_the_image_size(samples: list[TabletopSample]) -> None:
    larger = list(islice(iter_tabletop("test", 10), 10))
    assert larger[0].frame.rgb.shape == (480, 640, 3)
    same = sum(a.command == b.command for a, b in zip(larger, samples, strict=False))
    assert same >= 8  # what is too small to be seen clearly does depend on it


def test_splits_differ() -> None:
    (test,), (val,) = draw("test", 1), draw("val", 1)
    assert not np.array_equal(test.frame.rgb, val.frame.rgb)


@pytest.mark.parametrize(
    ("split", "limit", "start", "message"),
    [("holdout", 1, 0, "expected one of train"), ("test", 0, 0, "limit is 0"),
     ("test", 1, -1, "start -1")],
)  # fmt: skip
def test_bad_arguments_are_refused_before_anything_is_rendered(
    split: str, limit: int, start: int, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        iter_tabletop(split, limit, start=start)
