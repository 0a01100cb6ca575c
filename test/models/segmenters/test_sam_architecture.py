"""Sam at any size: the published ones as the library builds them, saving and loading, sizes."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ppcr_ros.core.errors import ModelLoadError


@pytest.mark.parametrize("variant", ["vit_b", "vit_l", "vit_h"])
def test_published_variants_are_the_librarys(variant: str) -> None:
    import torch
    from segment_anything import sam_model_registry

    from ppcr_ros.models.segmenters.sam_architecture import VARIANTS, build_sam

    with torch.device("meta"):
        ours, theirs = build_sam(VARIANTS[variant]), sam_model_registry[variant]()
    shapes = {name: tensor.shape for name, tensor in theirs.state_dict().items()}
    assert {name: tensor.shape for name, tensor in ours.state_dict().items()} == shapes
    windows = [block.window_size for block in theirs.image_encoder.blocks]
    assert [block.window_size for block in ours.image_encoder.blocks] == windows
    assert ours.image_encoder.img_size == theirs.image_encoder.img_size
    heads = theirs.mask_decoder.transformer.num_heads
    assert ours.mask_decoder.transformer.num_heads == heads


def test_default_is_small_and_runs() -> None:
    import torch

    from ppcr_ros.models.segmenters.sam_architecture import SamArchitecture, build_sam

    sam = build_sam(SamArchitecture())
    assert sum(parameter.numel() for parameter in sam.parameters()) < 2_000_000
    with torch.inference_mode():
        embedding = sam.image_encoder(torch.zeros(1, 3, 256, 256))
        sparse, dense = sam.prompt_encoder(
            points=None, boxes=torch.tensor([[1.0, 2.0, 30.0, 40.0]]), masks=None
        )
        masks, scores = sam.mask_decoder(
            image_embeddings=embedding,
            image_pe=sam.prompt_encoder.get_dense_pe(),
            sparse_prompt_embeddings=sparse,
            dense_prompt_embeddings=dense,
            multimask_output=True,
        )
    assert embedding.shape == (1, 96, 32, 32)
    assert masks.shape == (1, 3, 128, 128)
    assert scores.shape == (1, 3)


def test_a_saved_sam_comes_back_the_same(sam_folder: Path, tmp_path: Path) -> None:
    import torch

    from ppcr_ros.models.segmenters.sam_architecture import load_architecture, load_sam, save_sam

    sam = load_sam(sam_folder)
    save_sam(sam, load_architecture(sam_folder), tmp_path / "again")
    again = load_sam(tmp_path / "again")
    for name, tensor in sam.state_dict().items():
        assert torch.equal(again.state_dict()[name], tensor), name
    assert not again.training
    assert torch.equal(again.pixel_mean, sam.pixel_mean)


def test_half_halves_the_parameters_and_not_the_frequencies(
    sam_folder: Path, tmp_path: Path
) -> None:
    import torch
    from safetensors.torch import load_file

    from ppcr_ros.models.segmenters.sam_architecture import load_architecture, load_sam, save_sam

    sam = load_sam(sam_folder)
    save_sam(sam, load_architecture(sam_folder), tmp_path, half=True)
    stored = load_file(tmp_path / "model.safetensors")
    frequencies = "prompt_encoder.pe_layer.positional_encoding_gaussian_matrix"
    wide = {name for name, tensor in stored.items() if tensor.dtype == torch.float32}
    assert wide == {frequencies}
    loaded = load_sam(tmp_path).state_dict()
    assert all(tensor.dtype == torch.float32 for tensor in loaded.values())
    for name, tensor in sam.state_dict().items():
        assert torch.allclose(loaded[name], tensor, atol=5e-3), name


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("patch_size_px", 7, "expected a multiple of patch_size_px 7"),
        ("num_heads", 5, "expected a multiple of num_heads 5"),
        ("prompt_embed_dim", 92, "expected a multiple of 8"),
        ("decoder_num_heads", 5, "prompt_embed_dim / 2 is 48"),
        ("mask_in_chans", 6, "expected a multiple of 4"),
        ("global_attn_indexes", (4,), "block numbers below the depth 4"),
        ("depth", 0, "a whole number >= 1"),
        ("embed_dim", 96.0, "a whole number >= 1"),
    ],
)
def test_sizes_that_do_not_fit_are_refused(field: str, value: Any, message: str) -> None:
    from ppcr_ros.models.segmenters.sam_architecture import SamArchitecture

    with pytest.raises(ValueError, match=message):
        replace(SamArchitecture(), **{field: value})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model_type": "sam2"}, "describes a model of type 'sam2'; expected 'segment_anything'"),
        ({"rotary": True}, "unknown field 'rotary'"),
        ({"embed_dim": 17}, "expected a multiple of num_heads"),
        ({"embed_dim": 32}, r"has the shape \(.*16\), expected \(.*32\)"),
        ({"depth": 3}, "tensors missing"),
        ({"global_attn_indexes": 1}, "global_attn_indexes is 1"),
    ],
)
def test_a_config_that_does_not_fit_is_refused(
    change: dict[str, Any], message: str, sam_folder: Path, tmp_path: Path
) -> None:
    from ppcr_ros.models.segmenters.sam_architecture import load_sam

    config = json.loads((sam_folder / "config.json").read_text(encoding="utf-8")) | change
    (tmp_path / "config.json").write_text(json.dumps(config), encoding="utf-8")
    weights = (sam_folder / "model.safetensors").read_bytes()
    (tmp_path / "model.safetensors").write_bytes(weights)
    with pytest.raises(ModelLoadError, match=message):
        load_sam(tmp_path)
