"""The mask decoder without modules makes the masks of segment_anything's own."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="the segmenters need torch")

from ppcr_ros.models.cpu.lean_mask_decoder import LeanMaskDecoder  # noqa: E402
from ppcr_ros.models.segmenters.sam_architecture import (  # noqa: E402
    SamArchitecture,
    build_sam,
)
from ppcr_ros.models.segmenters.segment_anything_segmenter import (  # noqa: E402
    SegmentAnythingSegmenter,
)

SMALL = SamArchitecture(
    image_size_px=48,
    patch_size_px=8,
    embed_dim=32,
    depth=2,
    num_heads=2,
    window_size=3,
    global_attn_indexes=(1,),
    prompt_embed_dim=32,
)


def small_sam() -> Any:
    torch.manual_seed(0)
    sam = build_sam(SMALL).eval()
    for name, parameter in sam.mask_decoder.named_parameters():
        if name.endswith("bias") or "norm" in name:  # zero or one when fresh
            torch.nn.init.normal_(parameter, mean=float("norm" in name), std=0.3)
    return sam.requires_grad_(False)


def library_masks(sam: Any, embedding: Any, sparse: Any, dense: Any) -> tuple[Any, Any]:
    masks, scores = sam.mask_decoder.predict_masks(
        image_embeddings=embedding[None],
        image_pe=sam.prompt_encoder.get_dense_pe(),
        sparse_prompt_embeddings=sparse[None],
        dense_prompt_embeddings=dense[None],
    )
    return masks[0], scores[0]


@pytest.mark.parametrize("n_tokens", [0, 2, 3, 11])
def test_masks_and_scores_are_the_librarys(n_tokens: int) -> None:
    sam = small_sam()
    assert LeanMaskDecoder.fits(sam.mask_decoder)
    lean = LeanMaskDecoder(sam.mask_decoder, sam.prompt_encoder.get_dense_pe())
    with torch.inference_mode():
        for _ in range(2):
            embedding, dense = torch.randn(2, 32, 6, 6)
            given = [embedding, torch.randn(n_tokens, 32), dense]
            before = [x.clone() for x in given]
            masks, scores = lean(*given)
            expected = library_masks(sam, *given)
            assert masks.shape == (4, 24, 24)
            torch.testing.assert_close(masks, expected[0], atol=1e-4, rtol=1e-4)
            torch.testing.assert_close(scores, expected[1], atol=1e-5, rtol=1e-4)
            assert all(torch.equal(*pair) for pair in zip(given, before, strict=True))


@pytest.fixture
def segmenter() -> SegmentAnythingSegmenter:
    cpu = torch.device("cpu")
    return SegmentAnythingSegmenter(
        small_sam(), name="small", device=cpu, dtype=torch.float32, multimask=True
    )


def decoded(segmenter: SegmentAnythingSegmenter, decoder: Any) -> tuple[Any, Any]:
    """The decoder's masks of one image through the segmenter, and through the library."""
    torch.manual_seed(1)
    given = [torch.randn(1, 32, 6, 6), torch.randn(1, 4, 32), torch.randn(1, 32, 6, 6)]
    sam = SimpleNamespace(mask_decoder=decoder, prompt_encoder=segmenter.network.prompt_encoder)
    with torch.inference_mode():
        found, _ = segmenter.decode_all(decoder, *given)
        expected, _ = library_masks(sam, *(x[0] for x in given))
    return found[0], expected


def shift(decoder: Any) -> None:
    with torch.no_grad():
        decoder.mask_tokens.weight += 1.0


def test_a_decoder_in_training_is_run_as_it_is_at_that_moment(
    segmenter: SegmentAnythingSegmenter,
) -> None:
    decoder = segmenter.decoder_copy().requires_grad_(True)
    for _ in range(2):
        torch.testing.assert_close(*decoded(segmenter, decoder), atol=1e-4, rtol=1e-4)
        shift(decoder)


def test_the_own_decoder_and_a_tuned_one_are_told_apart(
    segmenter: SegmentAnythingSegmenter,
) -> None:
    own, tuned = segmenter.mask_decoder, segmenter.decoder_copy()
    shift(tuned)
    found = []
    for decoder in (own, tuned, own):
        masks, expected = decoded(segmenter, decoder)
        torch.testing.assert_close(masks, expected, atol=1e-4, rtol=1e-4)
        found.append(masks)
    assert torch.equal(found[0], found[2])
    assert not torch.allclose(found[0], found[1], atol=1e-2)


def test_others_are_left_to_the_library() -> None:
    decoder = small_sam().mask_decoder
    assert not LeanMaskDecoder.fits(small_sam().mask_decoder.to(torch.bfloat16))
    assert not LeanMaskDecoder.fits(small_sam().mask_decoder.requires_grad_(True))
    decoder.output_upscaling[2] = torch.nn.ReLU()
    assert not LeanMaskDecoder.fits(decoder)
    assert not LeanMaskDecoder.fits(torch.nn.Linear(2, 2))
