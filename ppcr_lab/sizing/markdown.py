"""The tables of docs/sizing.md, between their markers."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from ppcr_lab.sizing.architectures import MLLMS, SEGMENTERS
from ppcr_lab.sizing.boards import ASSUMPTIONS, BOARDS, Board
from ppcr_lab.sizing.estimate import Estimate, bytes_per_token, estimate, mllm_of
from ppcr_ros.core.config import Config

BEGIN, END = "<!-- ppcr models size: begin -->", "<!-- ppcr models size: end -->"


def page_with(page: str, tables: str) -> str:
    """``page`` with ``tables`` between its markers.

    Raises:
        ValueError: when the markers are not there once each.
    """
    if page.count(BEGIN) != 1 or page.count(END) != 1:
        raise ValueError(f"the page has no {BEGIN} and {END}; expected each of them once.")
    between = re.compile(f"{re.escape(BEGIN)}.*{re.escape(END)}", re.S)
    return between.sub(lambda _: f"{BEGIN}\n{tables}\n{END}", page)


def all_tables(configs: Mapping[str, Config]) -> str:
    """Every table, for configurations by the name of their file."""
    parts = [
        "### Computed latency and memory",
        summary(configs, BOARDS),
        "### The arithmetic of one row: where the time goes",
        *(breakdown(configs, board) for board in BOARDS),
        "### Where the memory goes",
        memory_table(configs),
        "### The models",
        model_table(),
        "### The boards",
        board_table(BOARDS),
    ]
    return "\n\n".join(parts)


def summary(configs: Mapping[str, Config], boards: Sequence[Board]) -> str:
    """One row for each configuration: seconds, and memory where it fits."""
    head = ["config", "needs", *(board.name for board in boards)]
    rows = []
    for name, config in configs.items():
        found = [estimate(config, board) for board in boards]
        cells = [_cell(item) for item in found]
        rows.append([f"`{name}`", f"{found[0].memory.total / 1e9:.1f} GB", *cells])
    return _table(head, rows)


def _cell(found: Estimate) -> str:
    if not found.fits:
        return "does not fit"
    return f"{found.latency.overlapped:.1f} to {found.latency.total:.1f} s"


def breakdown(configs: Mapping[str, Config], board: Board) -> str:
    """The parts of the latency on one board, in milliseconds."""
    written = ASSUMPTIONS.semantic_tokens + ASSUMPTIONS.spatial_tokens
    head = [
        board.name, "vision tower", "prefill", "token: memory", "token: launch",
        f"{written} tokens", "encoder", "mask", "sum",
    ]  # fmt: skip
    rows = []
    for name, config in configs.items():
        found = estimate(config, board)
        if not found.fits:
            rows.append([f"`{name}`", *["-"] * 7, "does not fit"])
            continue
        time = found.latency
        parts = (
            time.vision, time.prefill, time.token_memory, time.token_launch, time.writing,
            time.encoder, time.mask, time.total,
        )  # fmt: skip
        rows.append([f"`{name}`", *(f"{part * 1e3:.0f} ms" for part in parts)])
    return _table(head, rows)


def memory_table(configs: Mapping[str, Config]) -> str:
    """The parts of the memory, and what is read for a token."""
    head = ["config", "MLLM", "segmenter", "KV cache", "activations", "context", "sum", "per token"]
    rows = []
    for name, config in configs.items():
        memory = estimate(config, BOARDS[0]).memory
        parts = (
            memory.mllm, memory.segmenter, memory.cache, memory.activations, memory.context,
            memory.total,
        )  # fmt: skip
        read = bytes_per_token(mllm_of(config.mllm), config.mllm.quantization, ASSUMPTIONS)
        cells = [f"{part / 1e9:.2f} GB" for part in parts]
        rows.append([f"`{name}`", *cells, f"{read / 1e9:.2f} GB"])
    return _table(head, rows)


def model_table() -> str:
    """Parameters and operations of each model, with the source of its numbers."""
    head = ["model", "parameters", "decoder matrices", "image tokens", "vision / encoder", "source"]
    rows = [
        [
            name, f"{model.parameters / 1e6:.0f} M",
            f"{model.text.linear_parameters / 1e6:.0f} M", str(model.image_tokens),
            f"{model.vision.flops(model.patches, model.tiles) / 1e12:.2f} TFLOP", model.source,
        ]
        for name, model in MLLMS.items()
    ]  # fmt: skip
    rows += [
        [
            name, f"{model.parameters / 1e6:.0f} M", "", "",
            f"{model.encoder_flops / 1e12:.2f} TFLOP", model.source,
        ]
        for name, model in SEGMENTERS.items()
        if "/" in name
    ]  # fmt: skip
    return _table(head, rows)


def board_table(boards: Sequence[Board]) -> str:
    """What is published of each board, and what is assumed."""
    head = [
        "board", "memory", "bandwidth", "FP16 dense", "assumed: reserved",
        "assumed: launch of a layer", "source",
    ]  # fmt: skip
    rows = [
        [
            board.name, f"{board.memory_gb:.0f} GB", f"{board.bandwidth_gb_per_sec:.1f} GB/s",
            f"{board.fp16_tflops:.1f} TFLOP/s", f"{board.reserved_gb:.1f} GB",
            f"{board.layer_sec * 1e3:.2f} ms", board.source,
        ]
        for board in boards
    ]  # fmt: skip
    return _table(head, rows)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
