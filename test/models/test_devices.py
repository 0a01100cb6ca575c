"""Devices and number formats that a configuration names."""

from __future__ import annotations

import pytest

pytest.importorskip("torch", reason="needs torch")

import torch

from ppcr_ros.core.config import Config, MllmConfig, SegmenterConfig
from ppcr_ros.core.types import ModelNames
from ppcr_ros.models.devices import cuda_facts, placement
from ppcr_ros.weights.location import locate

gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs an NVIDIA GPU")


def test_the_placement_is_that_of_most_weights() -> None:
    heavy = torch.nn.Linear(64, 64).to(torch.bfloat16)
    light = torch.nn.Linear(2, 2)
    assert placement([heavy, "no module", light]) == "cpu bfloat16"
    assert placement(["no module", None]) == ""


def test_a_machine_without_cuda_says_so() -> None:
    if torch.cuda.is_available():
        pytest.skip("has an NVIDIA GPU")
    facts = cuda_facts()
    assert (facts.name, facts.free_bytes) == ("", 0)
    assert torch.__version__ in facts.build


@pytest.mark.gpu
@gpu
def test_the_gpu_is_told_with_its_memory() -> None:
    facts = cuda_facts()
    assert facts.name
    assert 0 < facts.free_bytes <= facts.total_bytes


@pytest.mark.skipif(
    any(model.problem for model in locate(Config())), reason="needs the embedded weights"
)
def test_a_pipeline_says_where_its_models_run() -> None:
    pytest.importorskip("transformers", reason="needs transformers")
    from ppcr_ros.models.factory import build_pipeline

    config = Config(mllm=MllmConfig(device="cpu"), segmenter=SegmenterConfig(device="cpu"))
    with build_pipeline(config) as pipeline:
        assert pipeline.placements == ModelNames("cpu float32", "cpu float32")
