"""Masks at the frame's size: those of plain bilinear resizing, found faster."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="the segmenters need torch")

from ppcr_ros.models.segmenters.mask_sizes import (  # noqa: E402
    resize_logits,
    resized_positive,
    unpadded,
)


def test_unpadding_keeps_the_frame_and_drops_the_padding() -> None:
    logits = torch.full((2, 16, 16), -1.0)
    logits[:, :8, :] = 1.0  # the upper half of the square is the frame
    frame = unpadded(logits, 64, (32, 64))
    assert frame.shape == (2, 32, 64)
    assert (frame > 0).all()


def blobs(height: int, width: int, seed: int) -> torch.Tensor:
    """Four masks' logits: a few spots, one at the edge, everything, nothing."""
    random = torch.Generator().manual_seed(seed)
    noise = torch.randn((4, 1, height // 4 + 1, width // 4 + 1), generator=random)
    logits = torch.nn.functional.interpolate(noise, (height, width), mode="bicubic")[:, 0]
    logits[0] -= 1.5
    logits[1] = -2.0
    logits[1, 0, -1] = 3.0
    logits[2] = logits[2].abs() + 0.1
    logits[3] = -logits[3].abs() - 0.1
    return logits


@pytest.mark.parametrize("size_px", [(480, 640), (33, 211), (20, 24), (24, 20), (7, 5), (1, 1)])
@pytest.mark.parametrize("shape", [(24, 20), (64, 64), (1, 3)])
def test_the_masks_are_those_of_resizing_everything(
    shape: tuple[int, int], size_px: tuple[int, int]
) -> None:
    for seed in range(5):
        logits = blobs(*shape, seed)
        whole = resize_logits(logits, size_px)
        masks = resized_positive(logits, size_px)
        assert masks.shape == (4, *size_px)
        assert masks.dtype == torch.bool
        clear = whole.abs() > 1e-5  # the rest is decided by rounding
        assert torch.equal(masks[clear], whole[clear] > 0)
        assert not masks[3].any()


def test_a_number_that_is_none_is_no_mask() -> None:
    assert not resized_positive(torch.full((1, 8, 8), torch.nan), (16, 16)).any()
