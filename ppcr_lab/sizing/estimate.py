"""Memory and latency of a configuration on a board, from its models' architecture alone."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ppcr_lab.sizing.architectures import MLLMS, SEGMENTERS, MllmArchitecture, SegmenterArchitecture
from ppcr_lab.sizing.boards import ASSUMPTIONS, Assumptions, Board
from ppcr_ros.core.config import SERVED, Config, MllmConfig, SegmenterConfig
from ppcr_ros.core.errors import PPCRError
from ppcr_ros.weights.memory_estimate import (
    BYTES_PER_WEIGHT,
    CONTEXT_BYTES,
)

_FLOAT32_BYTES, _HALF_BYTES = 4, 2


class UnknownArchitecture(PPCRError):  # noqa: N818 - says what is not known
    """A model whose architecture is not in the tables."""


@dataclass(frozen=True)
class Memory:
    """Contents of the GPU's memory, in bytes.

    Attributes:
        mllm: its weights.
        segmenter: its weights.
        cache: keys and values at the end of stage 2.
        activations: the largest matrices that are held at a time.
        context: CUDA and libraries, assumed.
    """

    mllm: float
    segmenter: float
    cache: float
    activations: float
    context: float

    @property
    def total(self) -> float:
        """All of it."""
        return self.mllm + self.segmenter + self.cache + self.activations + self.context


@dataclass(frozen=True)
class Latency:
    """Seconds of one command.

    Attributes:
        vision: the MLLM's vision tower.
        prefill: image and text of stage 1, and the turn of stage 2.
        token_memory: one token, as the memory's bandwidth bounds it.
        token_launch: one token, as the CPU that launches the kernels bounds it.
        tokens: that both stages write.
        encoder: the segmenter's image encoder.
        mask: from both prompts to the mask.
    """

    vision: float
    prefill: float
    token_memory: float
    token_launch: float
    tokens: int
    encoder: float
    mask: float

    @property
    def token(self) -> float:
        """One token: the slower of the two."""
        return max(self.token_memory, self.token_launch)

    @property
    def writing(self) -> float:
        """All tokens of both stages."""
        return self.tokens * self.token

    @property
    def total(self) -> float:
        """From image and command to the mask, with nothing done at the same time."""
        return self.vision + self.prefill + self.writing + self.encoder + self.mask

    @property
    def overlapped(self) -> float:
        """As `total`, with the encoder wholly hidden behind the writing."""
        return self.total - min(self.encoder, self.writing)


@dataclass(frozen=True)
class Estimate:
    """A configuration on a board.

    Attributes:
        board: the board.
        memory: what it takes.
        latency: how long a command takes.
        available: bytes that the board has for it.
    """

    board: Board
    memory: Memory
    latency: Latency
    available: float

    @property
    def fits(self) -> bool:
        """Whether the memory is enough."""
        return self.memory.total <= self.available


def architectures(config: Config) -> tuple[MllmArchitecture, SegmenterArchitecture]:
    """The two architectures that a configuration names.

    Raises:
        UnknownArchitecture: for a model that is not in the tables, such as one of your own.
    """
    return mllm_of(config.mllm), segmenter_of(config.segmenter)


def mllm_of(config: MllmConfig) -> MllmArchitecture:
    """The architecture of ``mllm.model``.

    Raises:
        UnknownArchitecture: when it is not in the tables.
    """
    if config.family == SERVED:
        raise UnknownArchitecture("its MLLM is served, and takes the memory of another computer.")
    if config.model not in MLLMS:
        raise UnknownArchitecture(
            f"the architecture of {config.model} is not known; known are {', '.join(MLLMS)}."
        )
    return MLLMS[config.model]


def segmenter_of(config: SegmenterConfig) -> SegmenterArchitecture:
    """The architecture of ``segmenter.model``, or of its variant for a ``.pth`` file.

    Raises:
        UnknownArchitecture: when it is not in the tables.
    """
    checkpoint = config.family == "segment_anything" and Path(config.model).suffix == ".pth"
    name = config.variant if checkpoint else config.model
    if name not in SEGMENTERS:
        known = ", ".join(key for key in SEGMENTERS if "/" in key)
        raise UnknownArchitecture(
            f"the architecture of {config.model} is not known; known are {known} and "
            "segment-anything's .pth checkpoints."
        )
    return SEGMENTERS[name]


def estimate(config: Config, board: Board, assumptions: Assumptions = ASSUMPTIONS) -> Estimate:
    """What ``config`` takes on ``board``; computed, never measured.

    Raises:
        UnknownArchitecture: for a model that is not in the tables.
    """
    mllm, segmenter = architectures(config)
    kind = config.mllm.quantization
    half = config.mllm.dtype != "float32"
    memory = memory_of(mllm, segmenter, kind, half=half)
    latency = latency_of(mllm, segmenter, kind, board, assumptions, half=half)
    return Estimate(board, memory, latency, (board.memory_gb - board.reserved_gb) * 1e9)


def memory_of(
    mllm: MllmArchitecture, segmenter: SegmenterArchitecture, kind: str, *, half: bool = True
) -> Memory:
    """What both models take at their peak; `ppcr_ros.weights.memory_estimate` has the MLLM's."""
    shape = mllm.shape
    # Scores and their softmax.
    encoder = 2 * segmenter.score_matrix * _HALF_BYTES
    activations = shape.activation_bytes
    return Memory(
        mllm=shape.weight_bytes(kind, half=half),
        segmenter=segmenter.encoder_parameters * _HALF_BYTES
        + segmenter.other_parameters * _FLOAT32_BYTES,
        cache=shape.working_bytes() - activations,
        activations=float(activations + encoder),
        context=CONTEXT_BYTES,
    )


def latency_of(
    mllm: MllmArchitecture,
    segmenter: SegmenterArchitecture,
    kind: str,
    board: Board,
    assumptions: Assumptions,
    *,
    half: bool = True,
) -> Latency:
    """How long one command takes; float32 has half the speed of 16 bits at most."""
    text, flops = mllm.text, board.fp16_tflops * 1e12 * (1.0 if half else 0.5)
    first = mllm.image_tokens + assumptions.stage1_text_tokens
    again = first + assumptions.semantic_tokens
    read = text.prefill_flops(first)
    if mllm.continues_cache:
        read += text.prefill_flops(assumptions.stage2_text_tokens, again)
    else:
        read += text.prefill_flops(assumptions.stage2_text_tokens + again)
    bandwidth = board.bandwidth_gb_per_sec * 1e9 * dict(assumptions.bandwidth_share)[kind]
    return Latency(
        vision=mllm.vision.flops(mllm.patches, mllm.tiles) / (flops * assumptions.compute_share),
        prefill=read / (flops * assumptions.compute_share),
        token_memory=bytes_per_token(mllm, kind, assumptions, half=half) / bandwidth,
        token_launch=text.layers * board.layer_sec,
        tokens=_written(assumptions),
        encoder=segmenter.encoder_flops / (board.fp16_tflops * 1e12 * assumptions.encoder_share),
        mask=assumptions.mask_decoding_sec,
    )


def bytes_per_token(
    mllm: MllmArchitecture, kind: str, assumptions: Assumptions, *, half: bool = True
) -> float:
    """What must come from memory for one token: matrices, language head and cache, once each."""
    text, width = mllm.text, _HALF_BYTES if half else _FLOAT32_BYTES
    per_weight = width if kind == "none" else BYTES_PER_WEIGHT[kind]
    weights = text.linear_parameters * per_weight + text.table_parameters * width
    return weights + text.cache_bytes(_read_tokens(mllm, assumptions))


def _read_tokens(mllm: MllmArchitecture, assumptions: Assumptions) -> int:
    return mllm.image_tokens + assumptions.stage1_text_tokens + assumptions.stage2_text_tokens


def _written(assumptions: Assumptions) -> int:
    return assumptions.semantic_tokens + assumptions.spatial_tokens
