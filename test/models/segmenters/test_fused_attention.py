"""The fused attention layers compute what segment_anything's own do."""

from __future__ import annotations

from copy import deepcopy

import pytest

torch = pytest.importorskip("torch", reason="the segmenters need torch")

from ppcr_ros.models.segmenters.fused_attention import (  # noqa: E402
    FusedDecoderAttention,
    FusedImageAttention,
    fuse_attention,
)
from ppcr_ros.models.segmenters.sam_architecture import (  # noqa: E402
    SamArchitecture,
    build_sam,
)

SMALL = SamArchitecture(
    image_size_px=48,
    embed_dim=32,
    depth=2,
    num_heads=2,
    window_size=4,
    global_attn_indexes=(1,),
    prompt_embed_dim=32,
)


def test_windows_the_whole_image_and_the_decoder_are_as_the_librarys() -> None:
    """The grid of 6 patches does not divide into windows of 4: padding is attended to as well."""
    torch.manual_seed(0)
    library = build_sam(SMALL)
    for name, parameter in library.named_parameters():
        if "rel_pos" in name:  # zero when fresh
            torch.nn.init.normal_(parameter)
    fused = deepcopy(library)
    fuse_attention(fused)
    assert list(fused.state_dict()) == list(library.state_dict())
    kinds = {type(module) for module in fused.modules()}
    assert {FusedImageAttention, FusedDecoderAttention} <= kinds
    image = torch.randn(2, 3, 48, 48)
    with torch.no_grad():
        embedded = [sam.image_encoder(image) for sam in (library, fused)]
        torch.testing.assert_close(embedded[1], embedded[0], atol=1e-5, rtol=1e-4)
        decoded = [
            sam.mask_decoder.predict_masks(
                image_embeddings=embedded[0][:1],
                image_pe=library.prompt_encoder.get_dense_pe(),
                sparse_prompt_embeddings=torch.full((1, 5, 32), 0.3),
                dense_prompt_embeddings=torch.zeros(1, 32, 6, 6),
            )
            for sam in (library, fused)
        ]
    for ours, theirs in zip(decoded[1], decoded[0], strict=True):
        torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=1e-4)


def test_it_can_be_trained() -> None:
    sam = build_sam(SMALL)
    fuse_attention(sam)
    sam.image_encoder(torch.randn(1, 3, 48, 48)).square().sum().backward()
    gradients = [p.grad for name, p in sam.named_parameters() if "attn.rel_pos" in name]
    assert gradients
    assert all(g is not None and torch.isfinite(g).all() for g in gradients)
