"""Checkpoints in FP8, as Qwen3-VL is published: tiny, with the real classes, on the CPU."""

from __future__ import annotations

import importlib.util
import json
import logging
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from ppcr_ros.core.cancellation import CancelToken
from ppcr_ros.core.config import Config, MllmConfig
from ppcr_ros.core.errors import ConfigError, ModelLoadError
from ppcr_ros.core.interfaces import Turn
from ppcr_ros.core.memory import CudaFacts
from ppcr_ros.core.types import Frame
from ppcr_ros.health.model_findings import mllm_shape, quantization_in_memory
from ppcr_ros.models import factory
from ppcr_ros.weights import location

BLOCK = 16
FIRST = Turn("find the small green ball")
SETTINGS = {
    "quant_method": "fp8", "activation_scheme": "dynamic", "fmt": "e4m3",
    "weight_block_size": [BLOCK, BLOCK], "modules_to_not_convert": ["lm_head", "model.visual"],
}  # fmt: skip


def in_fp8(weight: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """A matrix in FP8 and the scale of each of its blocks, as the published checkpoints have it."""
    rows, columns = weight.shape
    blocks = weight.float().view(rows // BLOCK, BLOCK, columns // BLOCK, BLOCK)
    scales = blocks.abs().amax(dim=(1, 3)).clamp(min=1e-6) / 448.0
    whole = (blocks / scales[:, None, :, None]).view(rows, columns)
    return whole.to(torch.float8_e4m3fn).contiguous(), scales.contiguous()


def widened(weight: torch.Tensor, scales: torch.Tensor) -> torch.Tensor:
    spread = scales.repeat_interleave(BLOCK, 0).repeat_interleave(BLOCK, 1)
    return weight.float() * spread


@pytest.fixture(scope="module")
def pair(
    checkpoint: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Path]:
    """A checkpoint in FP8, and one of the same values in float32."""
    fp8, plain = (tmp_path_factory.mktemp("fp8") / name for name in ("fp8", "plain"))
    for folder in (fp8, plain):
        shutil.copytree(checkpoint("qwen3_vl"), folder)
    narrow: dict[str, torch.Tensor] = {}
    wide: dict[str, torch.Tensor] = {}
    for name, weight in load_file(plain / "model.safetensors").items():
        narrow[name] = wide[name] = weight
        if "language_model.layers" in name and name.endswith("proj.weight"):
            narrow[name], scales = in_fp8(weight)
            narrow[f"{name}_scale_inv"] = scales
            wide[name] = widened(narrow[name], scales)
    save_file(narrow, fp8 / "model.safetensors", metadata={"format": "pt"})
    save_file(wide, plain / "model.safetensors", metadata={"format": "pt"})
    config = json.loads((fp8 / "config.json").read_text(encoding="utf-8"))
    (fp8 / "config.json").write_text(json.dumps({**config, "quantization_config": SETTINGS}))
    return fp8, plain


def load(folder: Path, **more: Any) -> Any:
    config = MllmConfig(family="qwen3_vl", model=str(folder), device="cpu", **more)
    return factory.load_mllm(config, offline=True)


@pytest.mark.parametrize("dtype", ["auto", "bfloat16"])
def test_on_a_cpu_it_answers_as_the_widened_weights(
    dtype: str, pair: tuple[Path, Path], frame: Frame, caplog: pytest.LogCaptureFixture
) -> None:
    pytest.importorskip("accelerate", reason="needs accelerate: pip install accelerate")
    caplog.set_level(logging.WARNING)
    narrow, wide = (load(folder, dtype=dtype) for folder in pair)
    assert {p.dtype for p in narrow.engine.model.parameters()} == {wide.engine.dtype}
    weights, expected = (dict(mllm.engine.model.named_parameters()) for mllm in (narrow, wide))
    for name, weight in weights.items():
        torch.testing.assert_close(weight, expected[name], rtol=0.02, atol=1e-5)
    said = [
        mllm.open(frame).ask(FIRST, max_new_tokens=8, cancel=CancelToken()).tokens
        for mllm in (narrow, wide)
    ]
    assert len(said[0]) == 8
    assert said[0] == said[1] or dtype == "bfloat16"  # which rounds the scales' products
    assert any("widened" in record.message for record in caplog.records)


def test_without_accelerate_it_is_said_what_to_install(
    pair: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *a: None if name == "accelerate" else find(name)
    )
    with pytest.raises(ModelLoadError, match=r"\(fp8\).*pip install accelerate"):
        load(pair[0])


def test_it_is_not_quantised_once_more(pair: tuple[Path, Path]) -> None:
    for package in ("bitsandbytes", "accelerate"):
        pytest.importorskip(package, reason=f"needs {package}")
    with pytest.raises(ConfigError, match="quantised already"):
        load(pair[0], quantization="int8")


def test_its_memory_is_that_of_the_format_it_is_held_in(pair: tuple[Path, Path]) -> None:
    config = Config(mllm=MllmConfig(family="qwen3_vl", model=str(pair[0])))
    located = location.locate(config)
    plain = location.locate(replace(config, mllm=replace(config.mllm, model=str(pair[1]))))
    shape = mllm_shape(located[0])
    assert shape is not None
    assert shape == mllm_shape(plain[0])

    gpu = CudaFacts("torch 2", "GPU", computes_in_fp8=True)
    kinds = [
        quantization_in_memory(config.mllm, model, cuda)
        for model, cuda in (
            (located[0], gpu), (located[0], replace(gpu, computes_in_fp8=False)),
            (located[0], None), (plain[0], gpu),
        )
    ]  # fmt: skip
    assert kinds == ["fp8", "none", "none", "none"]
    assert shape.weight_bytes("fp8", half=True) == pytest.approx(
        shape.weight_bytes("none", half=True) - shape.matrices, rel=1e-3
    )
