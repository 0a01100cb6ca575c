"""The lean vision tower against transformers' own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from ppcr_ros.core.config import MllmConfig
from ppcr_ros.models.cpu.siglip_tower import SiglipTower
from ppcr_ros.models.factory import load_mllm

LoadTiny = Callable[[str], Any]


def transformers_features(model: Any, pixels: torch.Tensor) -> list[torch.Tensor]:
    with torch.inference_mode():
        output = model.model.get_image_features(pixel_values=pixels, return_dict=True)
    features: list[torch.Tensor] = output.pooler_output
    return features


def assert_equal_features(model: Any, side_px: int) -> None:
    assert SiglipTower.fits(model)
    tower = SiglipTower(model.model)
    pixels = torch.randn(2, 3, side_px, side_px, generator=torch.Generator().manual_seed(3))
    assert tower.takes(pixels)
    with torch.inference_mode():
        found = tower(pixels).pooler_output
    expected = transformers_features(model, pixels)
    assert len(found) == len(expected) == 2
    for ours, theirs in zip(found, expected, strict=True):
        torch.testing.assert_close(ours, theirs, atol=1e-4, rtol=1e-4)


def test_the_embedded_models_features_are_those_of_transformers() -> None:
    assert_equal_features(load_mllm(MllmConfig(device="cpu"), offline=True).engine.model, 320)


@pytest.mark.parametrize("layers", [-1, -2, [0, -1], [1, 2]])
def test_any_of_the_layers_can_be_read(checkpoint: Callable[[str], Any], layers: Any) -> None:
    config = MllmConfig(family="ppcr_tiny", model=str(checkpoint("llava")), device="cpu")
    model = load_mllm(config, offline=True).engine.model
    count = 1 if isinstance(layers, int) else len(layers)
    model.model.config.vision_feature_layer = layers
    first = model.model.multi_modal_projector.linear_1
    model.model.multi_modal_projector.linear_1 = torch.nn.Linear(32 * count, first.out_features)
    assert_equal_features(model, 56)


def test_only_pictures_of_its_own_size_are_taken(load_tiny: LoadTiny) -> None:
    tower = SiglipTower(load_tiny("llava").engine.model.model)
    assert tower.takes(torch.zeros(1, 3, 56, 56))
    assert not tower.takes(torch.zeros(1, 3, 56, 70))
    assert not tower.takes(torch.zeros(3, 56, 56))
    assert not tower.takes(None)


def test_what_goes_in_stays_as_it_is(load_tiny: LoadTiny) -> None:
    model = load_tiny("llava").engine.model
    before = {name: weight.clone() for name, weight in model.named_parameters()}
    pixels = torch.randn(1, 3, 56, 56)
    kept = pixels.clone()
    with torch.inference_mode():
        SiglipTower(model.model)(pixels)
    assert torch.equal(pixels, kept)
    for name, weight in model.named_parameters():
        assert torch.equal(weight, before[name])


@pytest.mark.parametrize("kind", ["qwen2_5_vl", "qwen3_vl", "idefics3", "smolvlm", "paligemma"])
def test_other_models_are_left_to_transformers(kind: str, load_tiny: LoadTiny) -> None:
    assert not SiglipTower.fits(load_tiny(kind).engine.model)


def test_a_changed_linear_layer_is_left_to_transformers(checkpoint: Callable[[str], Any]) -> None:
    config = MllmConfig(family="ppcr_tiny", model=str(checkpoint("llava")), device="cpu")
    model = load_mllm(config, offline=True).engine.model

    class Quantised(torch.nn.Linear):
        pass

    model.model.vision_tower.encoder.layers[0].mlp.fc1 = Quantised(32, 48)
    assert not SiglipTower.fits(model)
