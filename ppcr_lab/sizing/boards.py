"""The boards: what their makers publish, and what is assumed of the software on them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Board:
    """A computer for a robot.

    Attributes:
        name: for the table.
        key: for ``ppcr models size --board``.
        memory_gb: that the GPU can use, in 1e9 bytes.
        bandwidth_gb_per_sec: of that memory.
        fp16_tflops: dense, on the tensor cores.
        reserved_gb: assumed to be taken by the system, ROS and the camera; 0 for a card with a
            memory of its own.
        layer_sec: assumed time of the CPU to launch one layer's kernels for one token.
        source: where the published figures are from.
    """

    name: str
    key: str
    memory_gb: float
    bandwidth_gb_per_sec: float
    fp16_tflops: float
    reserved_gb: float
    layer_sec: float
    source: str


def orin_tflops(sparse_int8_tops: float) -> float:
    """Dense FP16 of an Orin GPU from what is advertised: sparsity and INT8 double it each."""
    return sparse_int8_tops / 4


BOARDS = (
    Board(
        "Orin Nano 8 GB", "orin-nano", 8.0, 102.0, orin_tflops(67.0), 2.0, 0.6e-3,
        "NVIDIA, [Orin Nano Super](https://developer.nvidia.com/blog/"
        "nvidia-jetson-orin-nano-developer-kit-gets-a-super-boost/): 67 INT8 TOPS (sparse), "
        "102 GB/s, in the mode MAXN SUPER; without it 40 TOPS and 68 GB/s",
    ),
    Board(
        "Orin NX 16 GB", "orin-nx", 16.0, 102.4, orin_tflops(60.0), 2.5, 0.6e-3,
        "NVIDIA, Jetson Orin NX series data sheet: 100 INT8 TOPS (sparse), of which 32 tensor "
        "cores at 918 MHz are 60; 102.4 GB/s",
    ),
    Board(
        "AGX Orin 64 GB", "agx-orin", 64.0, 204.8, orin_tflops(170.0), 4.0, 0.5e-3,
        "NVIDIA, Jetson AGX Orin technical brief: 170 of its 275 INT8 TOPS (sparse) are the GPU's; "
        "204.8 GB/s",
    ),
    Board(
        "RTX 4090", "rtx-4090", 24.0, 1008.0, 165.2, 0.5, 0.15e-3,
        "NVIDIA, GeForce RTX 4090: 1008 GB/s, 165.2 TFLOP/s FP16 dense with FP32 sums",
    ),
)  # fmt: skip
"""The boards of docs/sizing.md."""


@dataclass(frozen=True)
class Assumptions:
    """Assumptions about what no data sheet says.

    Attributes:
        stage1_text_tokens: instructions and command of stage 1, in Qwen3's tokens, as the others.
        stage2_text_tokens: the turn that asks for the box.
        semantic_tokens: that stage 1 writes.
        spatial_tokens: that stage 2 writes.
        compute_share: of the tensor cores that the reading of image and text reaches.
        encoder_share: of the tensor cores that the segmenter's encoder reaches.
        bandwidth_share: of the memory's bandwidth while a token is written, by quantisation.
        mask_decoding_sec: of the prompt encoder and mask decoder, on top of the encoder.
    """

    stage1_text_tokens: int = 547
    stage2_text_tokens: int = 250
    semantic_tokens: int = 50
    spatial_tokens: int = 63
    compute_share: float = 0.4
    encoder_share: float = 0.3
    bandwidth_share: tuple[tuple[str, float], ...] = (("none", 0.7), ("int8", 0.35), ("int4", 0.5))
    mask_decoding_sec: float = 0.03


ASSUMPTIONS = Assumptions()
