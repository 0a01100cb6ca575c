"""The parts of a report that are about random models and about a session with a JSON family."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ppcr_lab.evaluation.evaluation_report import table
from ppcr_lab.evaluation.pages import Marks
from ppcr_lab.sizing.architectures import MLLMS
from ppcr_lab.sizing.boards import ASSUMPTIONS, BOARDS
from ppcr_lab.sizing.estimate import bytes_per_token

MARKS = Marks.named("bench-random", "the benchmark of random weights")
"""Between them lies the section on a page."""
_FULL_SIZE = "Qwen/Qwen3-VL-2B-Instruct"


def forced_note(tokens: tuple[int, int]) -> str:
    """What must be said of all figures with random weights."""
    return (
        "**Random weights, forced token counts.** The weights of both models are random, so that "
        f"their masks mean nothing; every answer is given: {tokens[0]} tokens in stage 1 and "
        f"{tokens[1]} in stage 2, the same ones for this pipeline and for the baseline, each "
        "computed by the model in full before the token is put in its place."
    )


def session_markdown(found: Any, roofs: Sequence[Any]) -> str:
    """The section about a `session_parts.SessionParts`; ``roofs`` of the parts of a run."""
    share = next((roof.share for roof in roofs if roof.part == "one token"), None)
    rows = [
        ["one token, this session's greedy loop", f"{found.token_ms:.2f} ms"],
        ["one token, `generate()`",
         f"{found.generate_token_ms:.2f} ms, {found.generate_ratio:.2f} times as long"],
        ["one token, of the memory bandwidth's limit", _percent(share)],
        [f"first token, {found.prefix_tokens} of {found.prompt_tokens} prompt tokens cached",
         f"{found.first_token_ms:.1f} ms"],
        ["first token, nothing cached",
         f"{found.first_token_without_prefix_ms:.1f} ms, {found.prefix_saves_ms:.1f} ms more"],
        [f"the {found.tokens - 1} tokens behind the first, free", f"{found.answer_ms:.1f} ms"],
        [f"reading likely copies together, in {found.looked_up_passes} passes",
         f"{-found.looked_up_saves_ms:+.1f} ms, "
         f"{-100 * found.looked_up_saves_ms / found.answer_ms:+.1f} %"],
        ["keeping them to their form, nothing filled in",
         f"{found.held_ms:+.1f} ms, {100 * found.held_share:+.1f} %"],
        ["the form's own work, outside of a model",
         f"{found.guide_us:.0f} µs a token, {100 * found.guide_share:.1f} % of it"],
        [f"filling in {found.filled_in_tokens} of {found.tokens}, in {found.passes} passes",
         f"{-found.filled_in_saves_ms:+.1f} ms, "
         f"{-100 * found.filled_in_saves_ms / found.answer_ms:+.1f} %"],
    ]  # fmt: skip
    return "\n\n".join(
        [
            "#### The session's parts",
            f"{found.rounds} rounds in which all ways write the same {found.tokens} tokens, one "
            "way right after the other, in an order that rotates; medians of the differences "
            "within a round. The words that the form fixes are read together, in one pass of the "
            "model for each place.",
            table(["", "measured"], rows),
            _computed_share(found.guide_us),
        ]
    )


def _computed_share(guide_us: float) -> str:
    """The guide's time as a share of a token of a published model on boards, computed."""
    needed = bytes_per_token(MLLMS[_FULL_SIZE], "none", ASSUMPTIONS)
    told = []
    for board in BOARDS:
        token_ms = 1e3 * needed / (board.bandwidth_gb_per_sec * 1e9)
        told.append(f"{board.name} {token_ms:.1f} ms, {100 * guide_us / 1e3 / token_ms:.1f} %")
    return (
        f"Computed, not measured: the shortest time of a token of {_FULL_SIZE} in 16 bits, all its "
        f"bytes read once at the board's published bandwidth, and what share of it {guide_us:.0f} "
        f"µs on *this* machine's CPU would be: {'; '.join(told)}."
    )


def formats_markdown(found: Sequence[Any]) -> str:
    """The table of `random_run.FormatTimes`."""
    rows = [
        [
            item.quantization, f"{item.prefill_ms:.1f}", f"{item.token_ms:.2f}",
            f"{1e3 / item.token_ms:.0f}", f"{item.bytes / 1e6:.1f}",
            _percent(item.bound_ms / item.token_ms),
        ]
        for item in found
    ]  # fmt: skip
    header = ["weights", "prefill ms", "one token ms", "tokens a second", "MB read", "of the limit"]
    return (
        "The MLLM's weights in other number formats (`mllm.quantization`); the limit is the time "
        "to read a token's weights and cache once:\n\n" + table(header, rows)
    )


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.0f} %"
