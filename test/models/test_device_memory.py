from __future__ import annotations

import pytest

pytest.importorskip("torch", reason="needs torch")

import torch

from ppcr_ros.models.device_memory import cuda_facts, cuda_memory_bytes, placement

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
    assert cuda_memory_bytes() == {}


@pytest.mark.gpu
@gpu
def test_the_gpu_is_told_with_its_memory() -> None:
    facts = cuda_facts()
    assert facts.name
    assert 0 < facts.free_bytes <= facts.total_bytes
    held = torch.zeros(1_000_000, device="cuda")
    sizes = cuda_memory_bytes()
    assert sizes["reserved"] >= sizes["allocated"] >= held.numel() * 4
