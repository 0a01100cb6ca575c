"""The Sam's training goes on from weights that are there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="training needs torch")

from ppcr_lab.training.train_segmenter import SegmenterRecipe, SegmenterTraining  # noqa: E402
from ppcr_ros.models.segmenters.sam_architecture import load_sam  # noqa: E402
from ppcr_ros.weights.location import EMBEDDED_FOLDER  # noqa: E402

SHIPPED = EMBEDDED_FOLDER / "segmenter"


def test_what_comes_out_is_a_mean_of_before_and_after(
    tmp_path: Path, paint_scenes: Callable[[Path, int], None]
) -> None:
    paint_scenes(tmp_path / "train-00", 4)
    recipe = replace(
        SegmenterRecipe().continuing(),
        steps=1,
        warmup_steps=1,
        images_per_step=2,
        learning_rate=0.05,
        start_share=0.25,
    )
    held_out = [tmp_path / "train-00"]
    run = SegmenterTraining(tmp_path / "run", held_out, held_out, recipe, start=SHIPPED)
    figures = run.validate(images=2)
    assert set(figures) == {"train_00_iou_true_box", "train_00_iou_noisy_box"}
    assert figures["train_00_iou_true_box"] > 0.5  # the shipped weights, and not fresh ones
    run.run()
    before = load_sam(SHIPPED).state_dict()
    found = load_sam(tmp_path / "run" / "export").state_dict()
    after = torch.load(tmp_path / "run" / "checkpoint.pt", weights_only=True)["model"]
    moved = 0
    for name, tensor in after.items():
        mean = torch.lerp(tensor, before[name], 0.25)
        torch.testing.assert_close(found[name], mean, atol=2e-3, rtol=2e-3)
        moved += int((tensor - before[name]).abs().max() > 0.01)
    assert moved > len(after) / 3
