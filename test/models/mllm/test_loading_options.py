"""Options settled when an MLLM is loaded: thoughts are refused, the image's tokens are chosen."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from ppcr_ros.core.config import MllmConfig
from ppcr_ros.core.errors import ConfigError, ModelLoadError
from ppcr_ros.models import factory
from ppcr_ros.models.mllm.family import MllmFamily

THINKING = (
    "{% if add_generation_prompt %}{% if enable_thinking is defined and not enable_thinking %}"
    "{{ '<think>\n\n</think>\n\n' }}{% else %}{{ '<think>\n' }}{% endif %}{% endif %}"
)


def thinking(folder: Path, target: Path) -> Path:
    """The checkpoint with a template that opens ``<think>`` unless it is told not to."""
    shutil.copytree(folder, target)
    file = target / "chat_template.jinja"
    file.write_text(file.read_text() + THINKING)
    return target


def test_a_checkpoint_that_thinks_aloud_is_refused(
    checkpoint: Callable[[str], Path], tmp_path: Path
) -> None:
    folder = thinking(checkpoint("qwen3_vl"), tmp_path / "thinking")
    config = MllmConfig(family="qwen3_vl", model=str(folder), device="cpu")
    with pytest.raises(ModelLoadError, match=r"thinks aloud.*Instruct"):
        factory.load_mllm(config, offline=True)


def test_qwen3_5_is_told_not_to_think(checkpoint: Callable[[str], Path], tmp_path: Path) -> None:
    folder = thinking(checkpoint("qwen3_5"), tmp_path / "thinking")
    config = MllmConfig(family="qwen3_5", model=str(folder), device="cpu")
    mllm = factory.load_mllm(config, offline=True)
    assert isinstance(mllm.dialect, MllmFamily)
    prompt = mllm.dialect.first_prompt(mllm.processor, "x")  # type: ignore[attr-defined]
    assert prompt.endswith("</think>\n\n")


@pytest.mark.parametrize("kind", ["qwen2_5_vl", "qwen3_vl", "qwen3_5"])
@pytest.mark.parametrize(("least", "most"), [(0, 0), (64, 0), (0, 4), (30, 40)])
def test_the_number_of_image_tokens_can_be_chosen(
    kind: str, least: int, most: int, checkpoint: Callable[[str], Path]
) -> None:
    config = MllmConfig(
        family=kind,
        model=str(checkpoint(kind)),
        device="cpu",
        min_image_tokens=least,
        max_image_tokens=most,
    )
    mllm = factory.load_mllm(config, offline=True)
    processor = mllm.processor  # type: ignore[attr-defined]
    image = np.zeros((120, 160, 3), np.uint8)
    ids = processor(
        text=[mllm.dialect.first_prompt(processor, "x")],  # type: ignore[attr-defined]
        images=[image],
        return_tensors="pt",
    )["input_ids"][0].tolist()
    found = ids.count(processor.image_token_id)
    assert found >= least
    assert not most or found <= most


@pytest.mark.parametrize(("least", "most", "expected"), [(0, 0, 70), (300, 0, 560), (0, 150, 70)])
def test_gemma4_takes_one_of_its_numbers_of_image_tokens(
    least: int, most: int, expected: int, checkpoint: Callable[[str], Path]
) -> None:
    config = MllmConfig(
        family="gemma4",
        model=str(checkpoint("gemma4")),
        device="cpu",
        min_image_tokens=least,
        max_image_tokens=most,
    )
    mllm = factory.load_mllm(config, offline=True)
    assert mllm.processor.image_processor.max_soft_tokens == expected  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("kind", "family", "least", "most", "told"),
    [
        ("idefics3", "idefics3", 64, 0, "Set both to 0"),
        ("paligemma", "paligemma", 0, 64, "Set both to 0"),
        ("gemma3", "gemma4", 0, 64, "Set both to 0"),
        ("gemma4", "gemma4", 0, 64, "70, 140, 280"),
        ("qwen3_vl", "qwen3_vl", 64, 32, "not above the most"),
    ],
)
def test_limits_that_cannot_be_kept_are_refused(
    kind: str, family: str, least: int, most: int, told: str, checkpoint: Callable[[str], Path]
) -> None:
    config = MllmConfig(
        family=family,
        model=str(checkpoint(kind)),
        device="cpu",
        min_image_tokens=least,
        max_image_tokens=most,
    )
    with pytest.raises(ConfigError, match=told):
        factory.load_mllm(config, offline=True)


def test_the_longest_usual_answers_have_room(real_tokenizer: Callable[[str], object]) -> None:
    tokenizer = real_tokenizer("qwen3")
    semantic = {
        "intent": "find", "present": True, "unique": True, "category": "screwdriver",
        "attributes": ["small", "red and black", "plastic"],
        "relations": ["left of the white plate", "second from the right", "behind the bottle"],
        "description": "the small red and black screwdriver left of the white plate",
        "part": "handle", "quantity": 2, "destination": "blue box on the shelf",
        "destination_relation": "in",
    }  # fmt: skip
    spatial = {
        "location": "in the lower left of the image, between the white plate and the bottle",
        "extent": "all of it but its tip, which is hidden behind the bottle",
        "bbox_2d": [1000, 1000, 1000, 1000], "point_2d": [1000, 1000],
        "destination_bbox_2d": [1000, 1000, 1000, 1000],
    }  # fmt: skip
    limits = MllmConfig()
    for answer, limit in (
        (semantic, limits.max_new_tokens_semantic),
        (spatial, limits.max_new_tokens_spatial),
    ):
        ids = tokenizer(json.dumps(answer))["input_ids"]  # type: ignore[operator]
        assert len(ids) < 0.95 * limit
