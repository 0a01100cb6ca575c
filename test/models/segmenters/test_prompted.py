"""SAMs with a prompt adapter: which prompts use it, batches, and the empty prompt."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from ppcr_ros.core.errors import SegmentationError
from ppcr_ros.core.types import SemanticPrompt

POINT_FAMILIES = ("segment_anything", "sam", "sam2")
WIDTH = 12


@pytest.fixture
def adapter() -> Any:
    import torch

    from ppcr_ros.models.segmenters.prompt_adapter import AdapterSizes, PromptAdapter

    torch.manual_seed(5)
    adapter = PromptAdapter(AdapterSizes(WIDTH, 16, 8, tokens=3, heads=2, depth=1)).eval()
    torch.nn.init.normal_(adapter.output.weight)
    return adapter.requires_grad_(False)


@pytest.fixture
def thinking(sams: Any) -> SemanticPrompt:
    """The semantic prompt with hidden states."""
    states = np.random.default_rng(6).normal(size=(5, WIDTH)).astype(np.float32)
    return replace(sams.red_mug, embedding=states)


@pytest.mark.parametrize("family", POINT_FAMILIES)
def test_every_mixture_of_prompts_gives_masks_of_its_own(
    family: str, sams: Any, adapter: Any, thinking: SemanticPrompt
) -> None:
    segmenter = sams.load(family)
    encoded = segmenter.encode(sams.frame(48, 64))
    spatial = sams.prompt((5, 5, 40, 40))
    states = np.random.default_rng(7).normal(size=(4, WIDTH)).astype(np.float32)
    placed = replace(spatial, embedding=states)
    plain = segmenter.segment(encoded, thinking, placed).scores
    segmenter.attach(adapter)
    answers = [
        segmenter.segment(encoded, *prompts)
        for prompts in (
            (sams.red_mug, spatial),
            (thinking, None),
            (None, placed),
            (thinking, spatial),
            (thinking, placed),
        )
    ]
    for answer in answers:
        assert answer.masks.shape == (3, 48, 64)
    assert np.array_equal(answers[0].scores, plain)
    looks = [[*answer.scores.tolist(), *answer.masks.mean(axis=(1, 2))] for answer in answers]
    for i, one in enumerate(looks):
        for other in looks[:i]:
            assert not np.allclose(one, other, atol=1e-5)
    segmenter.attach(None)
    assert np.array_equal(segmenter.segment(encoded, thinking, placed).scores, plain)


@pytest.mark.parametrize("family", POINT_FAMILIES)
def test_the_tuned_decoder_is_used_where_the_adapter_is(
    family: str, sams: Any, adapter: Any, thinking: SemanticPrompt
) -> None:
    import torch

    segmenter = sams.load(family)
    encoded = segmenter.encode(sams.frame(48, 64))
    spatial = sams.prompt((5, 5, 40, 40))
    plain = segmenter.segment(encoded, sams.red_mug, spatial).masks
    segmenter.attach(adapter)
    untuned = segmenter.segment(encoded, thinking, spatial).masks
    decoder = segmenter.decoder_copy()
    with torch.no_grad():
        for parameter in decoder.parameters():
            parameter.add_(0.05)
    segmenter.attach(adapter, decoder)
    assert not np.array_equal(segmenter.segment(encoded, thinking, spatial).masks, untuned)
    assert np.array_equal(segmenter.segment(encoded, sams.red_mug, spatial).masks, plain)


@pytest.mark.parametrize("family", POINT_FAMILIES)
def test_without_an_adapter_the_semantic_prompt_alone_is_refused(
    family: str, sams: Any, thinking: SemanticPrompt
) -> None:
    segmenter = sams.load(family)
    encoded = segmenter.encode(sams.frame(48, 64))
    with pytest.raises(SegmentationError, match=r"no prompt adapter.*segmenter\.prompt_adapter"):
        segmenter.segment(encoded, thinking, None)


def test_a_semantic_prompt_without_states_alone_is_refused(sams: Any, adapter: Any) -> None:
    segmenter = sams.load("segment_anything")
    segmenter.attach(adapter)
    encoded = segmenter.encode(sams.frame(48, 64))
    with pytest.raises(SegmentationError, match="without the MLLM's hidden states"):
        segmenter.segment(encoded, sams.red_mug, None)


@pytest.mark.parametrize("family", [*POINT_FAMILIES, "sam3"])
def test_no_prompt_at_all_is_refused(family: str, sams: Any) -> None:
    segmenter = sams.load(family)
    with pytest.raises(SegmentationError, match="was given no prompt"):
        segmenter.segment(segmenter.encode(sams.frame(48, 64)), None, None)


def test_the_states_of_another_mllm_are_refused(sams: Any, adapter: Any) -> None:
    segmenter = sams.load("sam")
    segmenter.attach(adapter)
    wide = replace(sams.red_mug, embedding=np.zeros((5, 20), np.float32))
    with pytest.raises(SegmentationError, match=r"shape \(5, 20\).* expects \(n, 12\)"):
        segmenter.segment(segmenter.encode(sams.frame(48, 64)), wide, sams.prompt((5, 5, 40, 40)))


def test_an_adapter_of_another_width_is_not_attached(sams: Any) -> None:
    from ppcr_ros.models.segmenters.prompt_adapter import AdapterSizes, PromptAdapter

    with pytest.raises(ValueError, match="tokens of width 24; expected 16"):
        sams.load("sam").attach(PromptAdapter(AdapterSizes(WIDTH, 24, 8)))


@pytest.mark.parametrize("family", POINT_FAMILIES)
def test_a_batch_of_frames_is_decoded_as_each_by_itself(family: str, sams: Any) -> None:
    import torch

    from ppcr_ros.models.segmenters.base import BoxAndPoints
    from ppcr_ros.models.segmenters.prompted import batch_embeddings

    several = sams.load(family)
    single = sams.load(family, multimask=False)
    frames = [several.encode(sams.frame(*size)) for size in ((48, 64), (64, 48), (40, 40))]
    boxes = [(5, 5, 40, 40), (1, 2, 20, 30), (10, 10, 39, 39)]
    prompts = [
        BoxAndPoints.within(sams.prompt(box), height_px=h, width_px=w)
        for box, (h, w) in zip(boxes, ((48, 64), (64, 48), (40, 40)), strict=True)
    ]
    tokens = torch.randn(3, 2, 16, generator=torch.Generator().manual_seed(8))
    embedded = [several.embed_prompts(f, p) for f, p in zip(frames, prompts, strict=True)]
    sparse = torch.stack([torch.cat([x, t]) for (x, _), t in zip(embedded, tokens, strict=True)])
    # As in training: SAM 2's decoder in evaluation picks its single mask among all of them.
    with torch.inference_mode():
        several.mask_decoder.train()
        single.mask_decoder.train()
        logits, scores = several.decode_all(
            several.mask_decoder, batch_embeddings(frames), sparse, embedded[0][1]
        )
        assert logits.shape[:2] == scores.shape == (3, 4)
        for i, (frame, prompt) in enumerate(zip(frames, prompts, strict=True)):
            first, score = single.predict(frame, prompt, tokens[i])
            others, others_scores = several.predict(frame, prompt, tokens[i])
            assert torch.allclose(logits[i], torch.cat([first, others]), atol=1e-4)
            assert torch.allclose(scores[i], torch.cat([score, others_scores]), atol=1e-4)


@pytest.mark.parametrize("family", ["sam", "sam2"])
def test_the_empty_prompt_is_that_of_transformers(family: str, sams: Any) -> None:
    import torch

    segmenter = sams.load(family)
    frame = segmenter.encode(sams.frame(64, 64))
    with torch.inference_mode():
        logits, scores = segmenter.predict(frame, None)
        expected = segmenter.network(image_embeddings=frame.embedding, multimask_output=True)
    assert torch.allclose(logits, expected.pred_masks[0, 0], atol=1e-4)
    assert torch.allclose(scores, expected.iou_scores[0, 0], atol=1e-4)


def test_the_empty_prompt_is_that_of_segment_anything(sams: Any) -> None:
    import torch

    segmenter = sams.load("segment_anything")
    frame = sams.frame(64, 64)
    pixels = torch.from_numpy(frame.rgb).permute(2, 0, 1).float()
    with torch.inference_mode():
        logits, scores = segmenter.predict(segmenter.encode(frame), None)
        expected = segmenter.network(
            [{"image": pixels, "original_size": (64, 64)}], multimask_output=True
        )[0]
    assert torch.allclose(logits, expected["low_res_logits"][0], atol=1e-3)
    assert torch.allclose(scores, expected["iou_predictions"][0], atol=1e-4)


def test_sam3_works_from_the_phrase_alone_and_from_the_box_alone(sams: Any) -> None:
    segmenter = sams.load("sam3")
    encoded = segmenter.encode(sams.frame(48, 64))
    spatial = sams.prompt((5, 5, 40, 40))
    answers = [
        segmenter.segment(encoded, *prompts)
        for prompts in (
            (sams.red_mug, spatial),
            (sams.red_mug, None),
            (replace(sams.red_mug, category="ball"), None),
            (None, spatial),
            (replace(sams.red_mug, category="visual", attributes=()), spatial),
        )
    ]
    for answer in answers:
        assert answer.masks.shape == (3, 48, 64)
    both, phrase, other_phrase, box, visual = (answer.scores for answer in answers)
    assert not np.allclose(both, phrase)
    assert not np.allclose(phrase, other_phrase)
    assert not np.allclose(both, box)
    assert np.array_equal(box, visual)
    assert (np.diff(phrase) <= 0).all(), "without a box the best score comes first"
