"""The Sam's training goes on from weights that are there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs torch")

from ppcr_lab.training.render import RenderedScenes  # noqa: E402
from ppcr_lab.training.train_segmenter import SegmenterRecipe, SegmenterTraining  # noqa: E402
from ppcr_ros.models.segmenters.sam_architecture import (  # noqa: E402
    load_architecture,
    load_sam,
)
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
    boxes, looks = ("true", "noisy"), ("whole", "region")
    assert set(figures) == {f"train_00_iou_{box}_box_{look}" for box in boxes for look in looks}
    assert figures["train_00_iou_true_box_whole"] > 0.5  # the shipped weights, and not fresh ones
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
    assert load_architecture(tmp_path / "run" / "export").look == "region"


def test_the_region_around_a_box_is_learnt_from_with_its_mask(
    tmp_path: Path, paint_scenes: Callable[[Path, int], None]
) -> None:
    paint_scenes(tmp_path / "train-00", 4)
    folders = [tmp_path / "train-00"]
    recipe = replace(SegmenterRecipe(), steps=1, box_noise=0.0, region_share=1.0)
    run = SegmenterTraining(tmp_path / "run", folders, folders, recipe)
    scenes = RenderedScenes.load(folders[0])
    sizes = []
    for row in range(4):
        item = run.learnt(scenes, row, np.random.default_rng(row))
        assert item.image.shape == (3, 256, 256)
        for box, mask in zip(item.boxes.numpy(), item.masks.numpy(), strict=True):
            rows, columns = np.nonzero(mask)
            tight = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
            inside = np.clip(tight, 0, [256, 192, 256, 192])
            np.testing.assert_allclose(box, inside, atol=6)
            sizes.append((box[2] - box[0]) / 256)
    whole = [
        (box[2] - box[0]) / 320
        for record in scenes.records
        for box in record.boxes_xyxy_px
        if box is not None
    ]
    assert np.median(sizes) > 1.3 * np.median(whole), "what is looked at closely is larger"
