"""Configurations, lock files and checkpoints' JSON that nobody should write, drawn at random."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator

CONFIG = """/**:
  ros__parameters:
    mllm: {family: qwen3_vl, model: Qwen/Qwen3-VL-4B-Instruct, revision: ''}
    pipeline: {min_confidence: 0.2, offline: true}
    node: {mode: single, cameras: 'front, wrist', frame_timeout_sec: 5.0}
    record: {folder: '', max_megabytes: 100}
"""
LOCK = json.dumps(
    {
        "version": 1,
        "model": "owner/name",
        "revision": "0" * 40,
        "recorded": "2026-11-29T00:00:00+00:00",
        "files": {"config.json": {"sha256": "0" * 64, "size_bytes": 2}},
    }
)
CHECKPOINT = json.dumps(
    {
        "model_type": "ppcr_sam",
        "image_size": 320,
        "embed_dim": 96,
        "depth": 4,
        "num_heads": 4,
        "global_attn_indexes": [1, 3],
        "architectures": ["X"],
    }
)
_PIECES = (
    "[", "{", "}", "]", ":", ",", "-", "&a ", "*a", "<<: *a", "!!python/object:x ", "!!binary ",
    "9" * 400, "0x" + "f" * 80, "1:" * 200, "1e999", ".inf", ".nan", "NaN", "null", "~", "true",
    "'", '"', "\\u0000", "\x00", "\x1b[2J", "\u202e", "\ud800", "\n", "\t", "  ", "---", "...",
    "? ", "| ", "> ", "%YAML 9.9", "\ufeff", "2001-99-99", "x" * 300, "../../x", "~nobody/x",
    "/dev/zero",
)  # fmt: skip


def mutated(rng: random.Random, text: str) -> str:
    """``text`` with pieces lost, doubled and put in; now and then many brackets before it."""
    for _ in range(rng.randrange(1, 6)):
        start = rng.randrange(len(text) + 1)
        end = min(len(text), start + rng.choice((0, 0, 1, 5, 40)))
        piece = rng.choice((*_PIECES, text[start:end] * 2, "", chr(rng.randrange(0xD800))))
        text = text[:start] + piece + text[end:]
    if rng.random() < 0.03:
        text = rng.choice(("[", '{"a":', "- ", "{a: ")) * rng.choice((100, 20_000)) + text
    return text


def strange_texts(rng: random.Random, count: int) -> Iterator[tuple[str, str]]:
    """``count`` times what a text should be (``config``, ``lock``, ``checkpoint``), and it."""
    kinds = {"config": CONFIG, "lock": LOCK, "checkpoint": CHECKPOINT}
    for _ in range(count):
        kind = rng.choice(list(kinds))
        yield kind, mutated(rng, kinds[kind])
