"""The arithmetic of memory and latency: figures that can be worked out by hand, and its limits."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from ppcr_lab.sizing.boards import ASSUMPTIONS, BOARDS, Board, orin_tflops
from ppcr_lab.sizing.estimate import (
    UnknownArchitecture,
    architectures,
    bytes_per_token,
    estimate,
    mllm_of,
)
from ppcr_ros.core.config import Config, MllmConfig, SegmenterConfig

NANO, NX, AGX, DESKTOP = BOARDS


def config(model: str = "Qwen/Qwen3-VL-4B-Instruct", quantization: str = "none") -> Config:
    return Config(
        mllm=MllmConfig(family="qwen3_vl", model=model, quantization=quantization),
        segmenter=SegmenterConfig(family="sam2", model="facebook/sam2.1-hiera-tiny"),
    )


def test_sixteen_bits_are_two_bytes_a_parameter() -> None:
    mllm = mllm_of(config("Qwen/Qwen3-VL-2B-Instruct").mllm)
    assert mllm.shape.weight_bytes("none", half=True) == 2 * 2_127_532_032


def test_four_bits_make_only_the_decoders_matrices_smaller() -> None:
    mllm = mllm_of(config().mllm)
    whole, small = (mllm.shape.weight_bytes(kind, half=True) for kind in ("none", "int4"))
    per_weight = 0.5 + 1 / 64 + 4 / (64 * 256)
    assert whole - small == pytest.approx(mllm.text.linear_parameters * (2 - per_weight))
    assert mllm.shape.weight_bytes("int8", half=True) < whole


def test_the_known_bandwidth_ceiling_of_an_agx_orin() -> None:
    # 204.8 GB/s over the decoder's weights of Qwen2.5-VL 3B in 16 bits: 33 tokens a second.
    mllm = mllm_of(config("Qwen/Qwen2.5-VL-3B-Instruct").mllm)
    weights = 2 * (mllm.text.linear_parameters + mllm.text.table_parameters)
    assert AGX.bandwidth_gb_per_sec * 1e9 / weights == pytest.approx(33, abs=0.5)
    assert bytes_per_token(mllm, "none", ASSUMPTIONS) > weights  # and the cache


def test_the_cache_of_a_token() -> None:
    text = mllm_of(config().mllm).text
    assert text.cache_bytes(1) == 36 * 2 * 8 * 128 * 2


def test_an_orins_tensor_cores() -> None:
    # 32 tensor cores, 256 multiply-adds a cycle, 1.02 GHz.
    assert orin_tflops(67.0) == pytest.approx(32 * 512 * 1.02e9 / 1e12, rel=0.01)


def test_each_figure_of_a_board_has_its_effect() -> None:
    base = estimate(config(), AGX).latency
    slow_memory = estimate(config(), replace(AGX, bandwidth_gb_per_sec=102.4)).latency
    assert slow_memory.token_memory == pytest.approx(2 * base.token_memory)
    weak = estimate(config(), replace(AGX, fp16_tflops=AGX.fp16_tflops / 2)).latency
    for part in ("vision", "prefill", "encoder"):
        assert getattr(weak, part) == pytest.approx(2 * getattr(base, part))
    lazy = estimate(config(), replace(AGX, layer_sec=1.0)).latency
    assert lazy.token == 36.0


def test_what_is_hidden_behind_the_writing() -> None:
    time = estimate(config(), NX).latency
    assert time.total == pytest.approx(
        time.vision + time.prefill + time.writing + time.encoder + time.mask
    )
    assert time.overlapped == pytest.approx(time.total - time.encoder)
    assert time.writing == pytest.approx(113 * time.token)


@pytest.mark.parametrize(
    ("quantization", "board", "fits"),
    [("none", NANO, False), ("int4", NANO, True), ("none", NX, True), ("none", DESKTOP, True)],
)
def test_a_4b_on_an_orin_nano_fits_in_4_bits_only(
    quantization: str, board: Board, fits: bool
) -> None:
    assert estimate(config(quantization=quantization), board).fits is fits


def test_float32_takes_twice_as_much() -> None:
    half, whole = (
        estimate(replace(config(), mllm=replace(config().mllm, dtype=dtype)), AGX)
        for dtype in ("bfloat16", "float32")
    )
    assert whole.memory.mllm == 2 * half.memory.mllm
    assert whole.latency.token_memory > 1.9 * half.latency.token_memory


def test_a_model_that_cannot_continue_reads_everything_twice() -> None:
    base = mllm_of(MllmConfig(model="google/paligemma2-3b-mix-448"))
    assert not base.continues_cache
    segmenter = SegmenterConfig(family="sam", model="facebook/sam-vit-base")
    found = estimate(
        Config(mllm=MllmConfig(model="google/paligemma2-3b-mix-448"), segmenter=segmenter), AGX
    )
    once = base.text.prefill_flops(base.image_tokens + ASSUMPTIONS.stage1_text_tokens)
    seconds = once / (AGX.fp16_tflops * 1e12 * ASSUMPTIONS.compute_share)
    assert found.latency.prefill > 2 * seconds


def test_a_checkpoint_file_goes_by_its_variant(tmp_path: Path) -> None:
    path = str(tmp_path / "mine.pth")
    sizes = [
        architectures(
            replace(config(), segmenter=SegmenterConfig("segment_anything", path, variant))
        )[1].parameters
        for variant in ("vit_b", "vit_l", "vit_h")
    ]
    assert sizes == sorted(sizes)
    assert sizes[0] == pytest.approx(93.7e6, rel=0.01)


@pytest.mark.parametrize(
    "unknown",
    [
        Config(),
        config("me/my-own-vlm"),
        replace(config(), segmenter=SegmenterConfig(family="sam", model="me/my-own-sam")),
    ],
)
def test_a_model_that_is_not_in_the_tables(unknown: Config) -> None:
    with pytest.raises(UnknownArchitecture, match=r"is not known; known are"):
        estimate(unknown, AGX)
