"""The encoder that runs window by window makes what segment_anything's own does."""

from __future__ import annotations

from dataclasses import replace

import pytest

torch = pytest.importorskip("torch", reason="the segmenters need torch")

from ppcr_ros.models.cpu.windowed_encoder import WindowedEncoder  # noqa: E402
from ppcr_ros.models.segmenters.sam_architecture import (  # noqa: E402
    SamArchitecture,
    build_sam,
)

SMALL = SamArchitecture(
    image_size_px=64,
    patch_size_px=4,
    embed_dim=32,
    depth=4,
    num_heads=2,
    window_size=4,
    global_attn_indexes=(1, 3),
    prompt_embed_dim=32,
)


def encoder_of(architecture: SamArchitecture) -> torch.nn.Module:
    torch.manual_seed(0)
    encoder = build_sam(architecture).image_encoder.eval()
    for name, parameter in encoder.named_parameters():
        if "rel_pos" in name or "pos_embed" in name or name.endswith("bias"):  # zero when fresh
            torch.nn.init.normal_(parameter, std=0.5)
    return encoder


def padded(height: int, width: int, side: int = 64) -> torch.Tensor:
    image = torch.zeros(1, 3, side, side)
    generator = torch.Generator().manual_seed(height + width)
    image[:, :, :height, :width] = torch.randn(1, 3, height, width, generator=generator)
    return image


@pytest.mark.parametrize("whole", [(1, 3), (0,), (3,), (2, 3)], ids=str)
@pytest.mark.parametrize(
    "size", [(64, 64), (48, 64), (64, 48), (33, 64), (64, 31), (16, 64), (64, 1)], ids=str
)
def test_the_embedding_is_the_librarys(whole: tuple[int, ...], size: tuple[int, int]) -> None:
    encoder = encoder_of(replace(SMALL, global_attn_indexes=whole))
    assert WindowedEncoder.fits(encoder)
    windowed = WindowedEncoder(encoder)
    with torch.inference_mode():
        for image in (padded(*size), 0.5 * padded(*size)):  # the padding is remembered, not these
            expected = encoder(image)
            torch.testing.assert_close(windowed(image, size), expected, atol=2e-5, rtol=1e-4)


def test_sizes_may_change_from_image_to_image() -> None:
    encoder = encoder_of(SMALL)
    windowed = WindowedEncoder(encoder)
    with torch.inference_mode():
        for size in [(48, 64), (64, 48), (48, 64), (64, 64), (20, 64)]:
            image = padded(*size)
            torch.testing.assert_close(windowed(image, size), encoder(image), atol=2e-5, rtol=1e-4)


@pytest.mark.parametrize(
    "other",
    [
        replace(SMALL, window_size=5),  # windows that reach over the edge
        replace(SMALL, global_attn_indexes=()),
        replace(SMALL, global_attn_indexes=(0, 1, 2, 3)),
    ],
)
def test_others_are_left_to_the_library(other: SamArchitecture) -> None:
    assert not WindowedEncoder.fits(build_sam(other).image_encoder)


def test_other_number_formats_are_left_to_the_library() -> None:
    assert not WindowedEncoder.fits(encoder_of(SMALL).to(torch.bfloat16))
