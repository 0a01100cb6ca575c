"""Running out of memory by name, and what the models take."""

from __future__ import annotations

import weakref
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from ppcr_lab.scripted_models import BoxSegmenter, KeywordMllm
from ppcr_ros.core.errors import OutOfMemoryError
from ppcr_ros.core.memory import rss_bytes
from ppcr_ros.core.pipeline import PPCRPipeline
from ppcr_ros.core.types import Frame, Status
from ppcr_ros.models import memory
from ppcr_ros.models.cpu.llama_decoder import LlamaDecoder

ALLOCATOR = (
    "[enforce fail at alloc_cpu.cpp:117] err == 0. DefaultCPUAllocator: can't allocate memory: you "
    "tried to allocate 80000000000 bytes. Error code 12 (Cannot allocate memory)"
)


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."),
        RuntimeError(ALLOCATOR),
        RuntimeError("CUDA error: out of memory"),
        RuntimeError("CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
        MemoryError(),
    ],
    ids=["torch", "allocator", "driver", "cublas", "python"],
)
def test_every_way_to_run_out_of_memory_is_one_error_with_advice(error: Exception) -> None:
    with (
        pytest.raises(OutOfMemoryError, match=r"^the MLLM ran out of memory: .* Choose a smaller"),
        memory.memory_errors("the MLLM"),
    ):
        raise error


@pytest.mark.parametrize("error", [RuntimeError("a size mismatch"), ValueError("out of memory")])
def test_other_errors_stay_what_they_are(error: Exception) -> None:
    with pytest.raises(type(error), match=str(error)), memory.memory_errors("the MLLM"):
        raise error


def test_what_torch_raises_for_an_impossible_tensor_is_known() -> None:
    with pytest.raises(OutOfMemoryError), memory.memory_errors("the MLLM"):
        torch.empty(1 << 60, dtype=torch.uint8)


def test_weights_are_counted_once() -> None:
    class Owner:
        def __init__(self) -> None:
            self.name = "owner"
            self.whole = nn.Sequential(nn.Linear(10, 10, bias=False), nn.BatchNorm1d(10))
            self.part = self.whole[0]
            self.none: nn.Module | None = None

    floats = 10 * 10 + 4 * 10  # BatchNorm: weight, bias, running mean and variance
    assert memory.weight_bytes(Owner()) == 4 * floats + 8  # and an int64 counter


def test_the_report_counts_the_process_and_holds_no_model() -> None:
    report = memory.TorchMemory(mllm_bytes=5_000_000, segmenter_bytes=2_000_000).report()
    assert report.rss_bytes == pytest.approx(rss_bytes(), rel=0.2)
    assert "weights of the MLLM 5.0 MB, of the segmenter 2.0 MB; the process holds" in str(report)
    assert report.values()["memory of the MLLM"] == "5.0 MB"
    assert (report.cuda is None) == (not torch.cuda.is_initialized())


def test_release_gives_memory_back_to_the_system() -> None:
    if not rss_bytes():
        pytest.skip("needs /proc/self/statm")
    # Small blocks lie on malloc's heap, which it keeps; the last one pins the heap's end.
    blocks = [torch.ones(8_000) for _ in range(4_000)]  # 128 MB
    pin = blocks.pop()
    full = rss_bytes()
    blocks.clear()
    memory.release()
    assert rss_bytes() < full - 64_000_000
    assert len(pin) == 8_000


@pytest.mark.parametrize("part", ["the MLLM", "the segmenter's image encoder", "the segmenter"])
def test_memory_that_runs_out_in_a_real_model_ends_the_run_as_error(
    monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    """The embedded models, with one of their modules out of memory."""
    pytest.importorskip("transformers", reason="needs transformers")
    from ppcr_ros.core.config import Config
    from ppcr_ros.models.factory import build_pipeline
    from ppcr_ros.service.warm_up import drawn_ball

    def full(*arguments: Any, **options: Any) -> Any:
        raise RuntimeError(ALLOCATOR)

    with build_pipeline(Config()) as pipeline:
        target, name = {
            "the MLLM": (LlamaDecoder, "read"),
            "the segmenter's image encoder": (type(pipeline.segmenter), "_embed"),
            "the segmenter": (pipeline.segmenter.network.prompt_encoder, "forward"),
        }[part]
        with monkeypatch.context() as patch:
            patch.setattr(target, name, full)
            result = pipeline.run(drawn_ball(), "the black ball")
        assert (result.status, result.out_of_memory) == (Status.ERROR, True)
        assert result.message.startswith(f"{part} ran out of memory: [enforce fail")
        assert not pipeline.run(drawn_ball(), "the black ball").out_of_memory


def test_the_pipeline_releases_after_the_models_are_dropped() -> None:
    seen: list[bool] = []

    class Memory:
        def report(self) -> Any:
            return None

        def release(self) -> None:
            seen.append(mllm() is not None)

    pipeline = PPCRPipeline(KeywordMllm(), BoxSegmenter(), memory=Memory())
    mllm = weakref.ref(pipeline.mllm)
    frame = Frame(np.zeros((48, 64, 3), np.uint8))
    assert not pipeline.run(frame, "green ball").out_of_memory
    pipeline.close()
    assert seen == [False]


def test_a_gpu_that_has_failed_hides_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    def failed() -> Any:
        raise RuntimeError("CUDA error: an illegal memory access was encountered")

    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.cuda, "mem_get_info", failed)
    monkeypatch.setattr(torch.cuda, "empty_cache", failed)
    memory.release()
    assert memory.TorchMemory(mllm_bytes=1, segmenter_bytes=1).report().cuda is None
