"""The Sam's training goes on from weights that are there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs torch")

from ppcr_lab.training.render import RenderedScenes  # noqa: E402
from ppcr_lab.training.segmenter_data import (  # noqa: E402
    PromptDrawer,
    PromptedImage,
    PromptMix,
    seen_boxes,
)
from ppcr_lab.training.train_segmenter import (  # noqa: E402
    SegmenterRecipe,
    SegmenterTraining,
    decode_all,
)
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
    kinds = (f"{box}_{told}" for box in ("true", "spoilt") for told in ("box", "both"))
    names = {f"{kind}{suffix}" for kind in kinds for suffix in ("", "_crowded")} | {"whole"}
    assert set(figures) == {f"train_00_iou_{name}" for name in names}
    assert figures["train_00_iou_whole"] > 0.5  # the shipped weights, and not fresh ones
    run.run()
    before = load_sam(SHIPPED).state_dict()
    found = load_sam(tmp_path / "run" / "export").state_dict()
    after = torch.load(tmp_path / "run" / "checkpoint.pt", weights_only=True)["model"]
    moved = 0
    for name, tensor in after.items():
        was = before.get(name, torch.zeros_like(tensor))  # words came later
        mean = torch.lerp(tensor, was, 0.25)
        torch.testing.assert_close(found[name], mean, atol=2e-3, rtol=2e-3)
        moved += int((tensor - was).abs().max() > 0.01)
    assert moved > len(after) / 3
    assert load_architecture(tmp_path / "run" / "export").look == "region"


def test_the_region_around_a_box_is_learnt_from_with_its_mask(
    tmp_path: Path, paint_scenes: Callable[[Path, int], None]
) -> None:
    paint_scenes(tmp_path / "train-00", 4)
    folders = [tmp_path / "train-00"]
    mix = PromptMix(box_noise=0.0, spoilt=0.0, region_share=1.0, clicked=0.0, boxless=0.0)
    drawer = PromptDrawer(mix, 256)
    scenes = RenderedScenes.load(folders[0])
    sizes = []
    for row in range(4):
        item = drawer.learnt(scenes, row, np.random.default_rng(row))
        assert item.rgb.shape == (192, 256, 3)
        assert item.boxes is not None
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


def test_every_kind_of_prompt_is_drawn_as_the_robot_gives_it(
    tmp_path: Path, paint_scenes: Callable[[Path, int], None]
) -> None:
    paint_scenes(tmp_path / "train-00", 4)
    scenes = RenderedScenes.load(tmp_path / "train-00")
    drawer = PromptDrawer(PromptMix(clicked=0.3, boxless=0.3), 256)
    items = [drawer.learnt(scenes, n % 4, np.random.default_rng(n)) for n in range(60)]
    clicked = [item for item in items if item.points is not None]
    boxless = [item for item in items if item.boxes is None]
    assert min(len(clicked), len(boxless), 60 - len(clicked) - len(boxless)) > 5
    for item in clicked:
        assert item.points is not None
        column, row = item.points[0].numpy().astype(int)
        assert len(item) == 1
        assert item.masks[0, row, column] == 1, "the click is on the object"
    named = [one for item in items for one in item.hints if one.words]
    placed = [one for item in items for one in item.hints if one.point_xy_px is not None]
    assert named
    assert placed
    assert len(named) + len(placed) < 2 * sum(map(len, items))


def test_what_is_told_of_an_object_is_true_when_measured(
    tmp_path: Path, paint_scenes: Callable[[Path, int], None]
) -> None:
    paint_scenes(tmp_path / "train-00", 1)
    scenes = RenderedScenes.load(tmp_path / "train-00")
    drawer = PromptDrawer(PromptMix(), 256)
    index, box = seen_boxes(scenes.records[0])[0]
    item = drawer.measured(scenes, 0, None, np.random.default_rng(0), told=True, only=index)
    assert [one.words for one in item.hints] == [scenes.records[0].names[index]]
    assert item.boxes is not None
    assert item.hints[0].point_xy_px is not None
    np.testing.assert_allclose(item.boxes[0], box * 256 / 320, atol=0.5)
    middle = (box[:2] + box[2:]) / 2 * 256 / 320
    np.testing.assert_allclose(item.hints[0].point_xy_px, middle, atol=12)


def test_words_and_points_reach_the_masks(
    tmp_path: Path, paint_scenes: Callable[[Path, int], None]
) -> None:
    paint_scenes(tmp_path / "train-00", 2)
    folders = [tmp_path / "train-00"]
    recipe = replace(SegmenterRecipe(), steps=1)
    run = SegmenterTraining(tmp_path / "run", folders, folders, recipe)
    run.run()
    sam = load_sam(tmp_path / "run" / "export")
    scenes = RenderedScenes.load(folders[0])
    drawer = PromptDrawer(PromptMix(), 256)
    rng = np.random.default_rng

    def logits_of(item: PromptedImage) -> torch.Tensor:
        with torch.no_grad():
            pixels = torch.from_numpy(item.rgb).permute(2, 0, 1)
            embedding = sam.image_encoder(sam.preprocess(pixels)[None])
            return decode_all(sam, embedding, item)[0]

    silent = drawer.measured(scenes, 0, None, rng(0))
    told = replace(silent, hints=drawer.measured(scenes, 0, None, rng(0), told=True).hints)
    assert not torch.equal(logits_of(silent), logits_of(told))
