"""An adapter's folder: what is written comes back, and what is broken is named."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ppcr_ros.core.errors import ModelLoadError

torch = pytest.importorskip("torch", reason="torch is not installed")


@pytest.fixture
def config() -> Any:
    from ppcr_ros.models.segmenters.adapter_files import AdapterConfig, Partner
    from ppcr_ros.models.segmenters.prompt_adapter import AdapterSizes

    return AdapterConfig(
        mllm=Partner("qwen3_vl", "Qwen/Qwen3-VL-4B-Instruct", "abc"),
        segmenter=Partner("sam", "facebook/sam-vit-large"),
        sizes=AdapterSizes(20, 16, 8, tokens=3, heads=2, depth=1),
        trained_on={"data": "refcoco:train", "steps": 10},
        validation={"samples": 5, "val_iou_progressive": 0.5},
    )


@pytest.fixture
def network(config: Any) -> Any:
    from ppcr_ros.models.segmenters.prompt_adapter import PromptAdapter

    torch.manual_seed(4)
    network = PromptAdapter(config.sizes)
    torch.nn.init.normal_(network.output.weight)
    return network


@pytest.fixture
def folder(tmp_path: Path, config: Any, network: Any) -> Path:
    from ppcr_ros.models.segmenters.adapter_files import save_adapter

    save_adapter(tmp_path / "adapter", config, network, torch.nn.Linear(3, 2))
    return tmp_path / "adapter"


def rewrite(folder: Path, **changes: Any) -> None:
    path = folder / "config.json"
    document = json.loads(path.read_text(encoding="utf-8")) | changes
    path.write_text(json.dumps(document), encoding="utf-8")


def test_what_was_saved_comes_back(folder: Path, config: Any, network: Any) -> None:
    from ppcr_ros.models.segmenters.adapter_files import load_adapter

    saved = load_adapter(folder)
    assert saved.config == config.__class__(**{**vars(config), "tuned_decoder": True})
    assert not saved.network.training
    semantic, spatial = torch.randn(5, 20), torch.randn(3, 20)
    with torch.inference_mode():
        expected = network.eval().tokens_of(semantic, spatial)
        assert torch.equal(saved.network.tokens_of(semantic, spatial), expected)
    assert saved.decoder is not None
    assert set(saved.decoder) == {"weight", "bias"}


def test_in_half_precision_the_tokens_are_nearly_the_same(
    tmp_path: Path, config: Any, network: Any
) -> None:
    from ppcr_ros.models.segmenters.adapter_files import load_adapter, save_adapter

    save_adapter(tmp_path, config, network, half=True)
    states = torch.randn(5, 20)
    with torch.inference_mode():
        loaded = load_adapter(tmp_path).network.tokens_of(states, None)
        assert loaded.dtype == torch.float32
        assert torch.allclose(loaded, network.eval().tokens_of(states, None), atol=0.02)


def test_a_decoder_of_an_earlier_training_does_not_stay(
    folder: Path, config: Any, network: Any
) -> None:
    from ppcr_ros.models.segmenters.adapter_files import load_adapter, save_adapter

    save_adapter(folder, config, network)
    assert not (folder / "mask_decoder.safetensors").exists()
    assert load_adapter(folder).decoder is None


def test_a_lost_decoder_is_an_error_and_not_the_segmenters_own(folder: Path) -> None:
    from ppcr_ros.models.segmenters.adapter_files import load_adapter

    (folder / "mask_decoder.safetensors").unlink()
    with pytest.raises(ModelLoadError, match=r"mask_decoder\.safetensors is missing"):
        load_adapter(folder)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model_type": "llava"}, "describes a model of type 'llava'; expected"),
        ({"version": 2}, "is of version 2; expected 1"),
        ({"sizes": {"mllm_width": 20}}, "does not describe a prompt adapter"),
        ({"mllm": {"family": "qwen3_vl"}}, "does not describe a prompt adapter"),
        ({"mllm": "qwen3_vl"}, "does not describe a prompt adapter"),
    ],
)
def test_a_config_of_something_else(folder: Path, changes: dict[str, Any], message: str) -> None:
    from ppcr_ros.models.segmenters.adapter_files import load_adapter

    rewrite(folder, **changes)
    with pytest.raises(ModelLoadError, match=message):
        load_adapter(folder)


def test_weights_of_other_sizes(folder: Path, config: Any) -> None:
    from dataclasses import asdict

    from ppcr_ros.models.segmenters.adapter_files import load_adapter

    rewrite(folder, sizes={**asdict(config.sizes), "tokens": 4})
    with pytest.raises(ModelLoadError, match=r"queries has the shape \(3, 8\), expected \(4, 8\)"):
        load_adapter(folder)


@pytest.mark.parametrize("name", ["model.safetensors", "mask_decoder.safetensors"])
def test_truncated_weights(folder: Path, name: str) -> None:
    from ppcr_ros.models.segmenters.adapter_files import load_adapter

    path = folder / name
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(ModelLoadError, match="truncated"):
        load_adapter(folder)


def test_a_folder_without_files(tmp_path: Path) -> None:
    from ppcr_ros.models.segmenters.adapter_files import load_adapter

    with pytest.raises(ModelLoadError, match=r"has no config\.json"):
        load_adapter(tmp_path)
