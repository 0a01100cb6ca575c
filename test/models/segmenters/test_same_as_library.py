"""The masks are those that each library's own predictor or processor gives on the same weights."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from ppcr_ros.core.errors import TargetNotFound
from ppcr_ros.core.interfaces import PhraseSegmenter
from ppcr_ros.core.types import SemanticPrompt

SIZES = [(48, 64), (64, 48), (33, 211), (150, 40), (97, 101)]
BOX = (3.5, 4.0, 25.0, 30.25)
POINTS = ((10.0, 12.0), (24.0, 6.0))
LABELS = (1, 0)


def _assert_telling(masks: np.ndarray[Any, Any]) -> None:
    """Masks that are all or nothing would agree whatever the code did."""
    shares = masks.mean(axis=(1, 2))
    assert ((shares > 0.002) & (shares < 0.998)).any()


@pytest.mark.parametrize(("height", "width"), SIZES)
@pytest.mark.parametrize("with_points", [False, True])
@pytest.mark.parametrize("multimask", [False, True])
def test_segment_anything(
    height: int, width: int, with_points: bool, multimask: bool, sams: Any
) -> None:
    from segment_anything import SamPredictor

    from ppcr_ros.models.segmenters.sam_architecture import load_sam

    frame = sams.frame(height, width)
    prompt = (POINTS, LABELS) if with_points else ()
    predictor = SamPredictor(load_sam(sams.folders["segment_anything"]))
    predictor.set_image(frame.rgb)
    masks, scores, _ = predictor.predict(
        point_coords=np.array(POINTS) if with_points else None,
        point_labels=np.array(LABELS) if with_points else None,
        box=np.array(BOX),
        multimask_output=multimask,
    )

    segmenter = sams.load("segment_anything", multimask=multimask)
    actual = segmenter.segment(segmenter.encode(frame), sams.red_mug, sams.prompt(BOX, *prompt))
    _assert_telling(masks)
    assert np.array_equal(actual.masks, masks)
    assert np.allclose(actual.scores, scores.clip(0, 1), atol=1e-5)


@pytest.mark.parametrize(("height", "width"), SIZES)
@pytest.mark.parametrize("with_points", [False, True])
@pytest.mark.parametrize("family", ["sam", "sam2"])
def test_transformers_sam_and_sam2(
    family: str, height: int, width: int, with_points: bool, sams: Any
) -> None:
    import torch
    from transformers import (
        AutoImageProcessor,
        Sam2ImageProcessor,
        Sam2Model,
        Sam2Processor,
        SamModel,
        SamProcessor,
    )

    folder, frame = sams.folders[family], sams.frame(height, width)
    if family == "sam":
        model: Any = SamModel.from_pretrained(folder).eval()
        processor: Any = SamProcessor(AutoImageProcessor.from_pretrained(folder))
    else:
        model = Sam2Model.from_pretrained(folder).eval()
        processor = Sam2Processor(Sam2ImageProcessor.from_pretrained(folder))
    prompts: dict[str, Any] = {"input_boxes": [[list(BOX)]]}
    if with_points:
        prompts |= {
            "input_points": [[[list(point) for point in POINTS]]],
            "input_labels": [[list(LABELS)]],
        }
    inputs = processor(images=frame.rgb, return_tensors="pt", **prompts)
    sizes = {name: inputs.pop(name) for name in list(inputs) if name.endswith("_sizes")}
    with torch.inference_mode():
        output = model(**{k: v.float() if v.is_floating_point() else v for k, v in inputs.items()})
    masks = processor.post_process_masks(output.pred_masks, **sizes)[0][0].numpy()

    segmenter = sams.load(family)
    prompt = (POINTS, LABELS) if with_points else ()
    actual = segmenter.segment(segmenter.encode(frame), sams.red_mug, sams.prompt(BOX, *prompt))
    _assert_telling(masks)
    # Of random weights a logit may be 0 but for rounding.
    assert (actual.masks == masks).mean() > 0.997
    assert np.allclose(actual.scores, output.iou_scores[0, 0].numpy().clip(0, 1), atol=1e-4)


@pytest.mark.parametrize(("height", "width"), SIZES)
def test_transformers_sam3(height: int, width: int, sams: Any) -> None:
    import torch
    from transformers import AutoTokenizer, Sam3ImageProcessor, Sam3Model, Sam3Processor

    from ppcr_ros.core.boxes import box_iou

    frame, sam3_folder = sams.frame(height, width), sams.folders["sam3"]
    model = Sam3Model.from_pretrained(sam3_folder).eval()
    tokenizer = AutoTokenizer.from_pretrained(sam3_folder)
    # Sam3Processor itself always pads to the 32 tokens of the published text encoder.
    text = tokenizer(["red mug"], padding="max_length", max_length=16, return_tensors="pt")
    processor = Sam3Processor(Sam3ImageProcessor.from_pretrained(sam3_folder), tokenizer)
    pixels = processor.image_processor(images=frame.rgb, return_tensors="pt")["pixel_values"]
    x1, y1, x2, y2 = np.array(BOX) / [width, height, width, height]
    box = torch.tensor([[[(x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1]]], dtype=torch.float32)
    torch.compiler.set_stance("force_eager")
    try:
        with torch.inference_mode():
            output = model(pixel_values=pixels, input_boxes=box, **text)
    finally:
        torch.compiler.set_stance("default")
    found = processor.post_process_instance_segmentation(
        output, threshold=0.0, target_sizes=[(height, width)]
    )[0]
    ranks = [
        float(score) * (box_iou(instance.numpy(), np.array(BOX)) + 1e-6)
        for score, instance in zip(found["scores"], found["boxes"], strict=True)
    ]
    best = np.argsort(ranks)[::-1][:3].copy()

    segmenter = sams.load("sam3")
    actual = segmenter.segment(segmenter.encode(frame), sams.red_mug, sams.prompt(BOX))
    assert ranks[best[0]] > 1e-3
    _assert_telling(found["masks"].numpy())
    assert np.allclose(actual.scores, found["scores"][best].numpy(), atol=1e-4)
    assert (actual.masks == found["masks"][best].numpy().astype(bool)).mean() > 0.999


def test_sam3_hears_the_phrase(sams: Any) -> None:
    segmenter = sams.load("sam3")
    encoded, spatial = segmenter.encode(sams.frame(48, 64)), sams.prompt(BOX)
    mug = segmenter.segment(encoded, sams.red_mug, spatial)
    ball = segmenter.segment(
        encoded, SemanticPrompt("", "ball", ("small", "green"), ("left of the mug",)), spatial
    )
    endless = segmenter.segment(encoded, SemanticPrompt("", "ball " * 500), spatial)
    assert not np.array_equal(mug.scores, ball.scores)
    assert np.isfinite(endless.scores).all()


def test_sam3_phrase_has_attributes_and_no_relations() -> None:
    from ppcr_ros.models.segmenters.transformers_sam3 import phrase_of

    prompt = SemanticPrompt("", "ball", ("small", "green"), ("left of the mug",))
    assert phrase_of(prompt) == "small green ball"


def test_sam3_gives_all_of_a_phrase_that_it_is_sure_of(
    sams: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    segmenter = sams.load("sam3")
    finds_phrases = isinstance(segmenter, PhraseSegmenter)
    assert finds_phrases
    encoded = segmenter.encode(sams.frame(48, 64))
    mugs = SemanticPrompt("the mugs", "mug", quantity=None)
    monkeypatch.setattr("ppcr_ros.models.segmenters.transformers_sam3.SURE", 0.0)
    found = segmenter.segment_phrase(encoded, mugs)
    assert found.masks.shape[1:] == encoded.frame_size_px
    assert len(found.masks) > 3, "more than are offered for one object"
    assert (np.diff(found.scores) <= 0).all()
    monkeypatch.setattr("ppcr_ros.models.segmenters.transformers_sam3.SURE", 1.1)
    with pytest.raises(TargetNotFound, match="sees no mug"):
        segmenter.segment_phrase(encoded, mugs)
