"""The tracking benchmark: its figures, and the bar for the embedded segmenter."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest

from ppcr_lab.evaluation.tracking import (
    TruthFrame,
    first_segmentation,
    moving_sequence,
    run_tracking_benchmark,
)
from ppcr_ros.core.config import Config
from ppcr_ros.core.tracking import TrackerOptions
from ppcr_ros.core.types import Array, Frame, MaskCandidates

PICTURE = np.random.default_rng(1).integers(0, 255, (60, 80, 3)).astype(np.uint8)
BAR = 0.8
SEEDS = (0, 1, 2)


class Filler:
    """Fills the box."""

    name = "filler"

    def encode(self, frame: Frame) -> Frame:
        return frame

    def segment(self, encoded: Frame, semantic: Any, spatial: Any) -> MaskCandidates:
        mask = np.zeros((1, *encoded.rgb.shape[:2]), bool)
        x1, y1, x2, y2 = spatial.box_xyxy_px.astype(int)
        mask[0, y1:y2, x1:x2] = True
        return MaskCandidates(mask, np.array([0.9], np.float32))


def square(x: int) -> Array:
    mask = np.zeros((60, 80), bool)
    mask[20:40, x : x + 20] = True
    return mask


def sequence(count: int, *, truth: Array | None = None) -> list[TruthFrame]:
    """The same picture, ten times a second."""
    return [
        TruthFrame(
            Frame(PICTURE, stamp_ns=number * 100_000_000), square(30) if truth is None else truth
        )
        for number in range(count)
    ]


def test_the_figures_of_a_target_that_stays() -> None:
    seen: list[float] = []
    report = run_tracking_benchmark(
        Filler(),
        sequence(25),
        rate_hz=10.0,
        options=TrackerOptions(segment_every=4),
        observe=lambda item, target: seen.append(target.age_sec),
    )
    assert (report.first_iou, report.mean_iou, report.ratio) == (1.0, 1.0, 1.0)
    assert report.iou_by_second == (1.0, 1.0, 1.0)
    assert report.segmented_share == 6 / 24
    assert report.lost == ""
    usual = 0.75 * report.flow_seconds + 0.25 * report.segmenter_seconds
    assert report.frames_per_sec == pytest.approx(1.0 / usual)
    assert len(seen) == 24


def test_what_comes_after_the_loss_counts_as_nothing() -> None:
    items = sequence(20)
    black = Frame(np.zeros_like(PICTURE), stamp_ns=10**10)
    items[10:] = [TruthFrame(black, square(30))] * 10
    report = run_tracking_benchmark(Filler(), items, rate_hz=10.0)
    assert "confidence fell" in report.lost
    assert report.iou_by_second == (1.0, 0.0)
    assert report.ratio == pytest.approx(0.5)


def test_the_truth_is_what_it_is_held_against() -> None:
    items = [*sequence(1), *sequence(9, truth=square(40))]
    report = run_tracking_benchmark(Filler(), items, rate_hz=10.0)
    assert report.first_iou == 1.0
    assert report.mean_iou == pytest.approx((1.0 + 9 * 10 / 30) / 10)
    with pytest.raises(ValueError, match="empty"):
        run_tracking_benchmark(Filler(), [], rate_hz=10.0)


def test_the_first_mask_is_the_segmenters_own_for_the_true_box() -> None:
    (item,) = sequence(1, truth=square(11))
    assert first_segmentation(Filler(), item).box_xyxy_px.tolist() == [11, 20, 31, 40]


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("seed", SEEDS)
def test_ten_seconds_of_a_moving_table(
    seed: int, record_property: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """Mean IoU of 150 images at least 0.8 of the first one's; objects and camera move."""
    for package in ("torch", "segment_anything"):
        # Not imported here: where torchvision has no operators, the factory has to come first.
        if find_spec(package) is None:
            pytest.skip(f"needs {package}")
    from ppcr_ros.models.factory import load_segmenter

    try:
        items = moving_sequence(seed)
    except RuntimeError as error:
        pytest.skip(str(error))
    segmenter = load_segmenter(Config().segmenter, offline=True)
    report = run_tracking_benchmark(segmenter, items, rate_hz=15.0)
    record_property("ratio", report.ratio)
    with capsys.disabled():
        seconds = " ".join(f"{value:.2f}" for value in report.iou_by_second)
        print(f"\nmoving scene {seed}: ratio {report.ratio:.3f}, IoU by second {seconds}")
    assert len(items) == 150
    assert report.first_iou > 0.7
    assert report.ratio >= BAR, report
