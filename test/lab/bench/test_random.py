"""Random models with forced answers: what they write, and what is measured of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from ppcr_ros.core.cancellation import CancelToken
from ppcr_ros.core.config import Config, MllmConfig
from ppcr_ros.core.interfaces import Turn
from ppcr_ros.core.types import Frame

torch = pytest.importorskip("torch", reason="torch is not installed")
from ppcr_ros.models.torchvision_schemas import make_torchvision_importable  # noqa: E402

make_torchvision_importable()
pytest.importorskip("transformers", reason="transformers is not installed")
pytest.importorskip("segment_anything", reason="segment_anything is not installed")

from ppcr_lab.bench import random_models  # noqa: E402
from ppcr_lab.bench.random_models import (  # noqa: E402
    RANDOM_MLLMS,
    UnknownRandomModel,
    random_mllm,
    random_segmenter,
)

SMALL = "qwen3_vl_small"
COMMAND = "the red cube"


@pytest.fixture(scope="module", autouse=True)
def short_vocabulary() -> Iterator[None]:
    """The small models with a table that costs nothing."""
    torch.set_num_threads(1)
    with pytest.MonkeyPatch.context() as patch:
        for name in (SMALL, "qwen2_5_vl_small"):
            known = RANDOM_MLLMS[name]
            text = replace(known.text, vocabulary=2048)
            patch.setitem(random_models.RANDOM_MLLMS, name, replace(known, text=text))
        yield


@pytest.fixture(scope="module")
def mllm(short_vocabulary: None) -> Any:
    return random_mllm(SMALL, MllmConfig(device="cpu"))


@pytest.fixture(scope="module")
def frame() -> Frame:
    pixels = np.random.default_rng(3).integers(0, 256, (96, 128, 3))
    return Frame(rgb=pixels.astype(np.uint8))


def test_an_unknown_name_is_refused_with_those_that_are_known() -> None:
    with pytest.raises(UnknownRandomModel, match=r"'qwen4'.*qwen3_vl_2b.*qwen3_vl_small"):
        random_mllm("qwen4", MllmConfig(device="cpu"))
    with pytest.raises(UnknownRandomModel, match=r"'vit_x'.*vit_b.*sam2_hiera_tiny"):
        random_segmenter("vit_x", Config().segmenter)


@pytest.mark.parametrize("name", ["qwen2_5_vl_3b", "qwen3_vl_2b", "qwen3_vl_4b"])
def test_a_full_size_has_the_published_parameters(name: str) -> None:
    from transformers import AutoModelForImageTextToText

    from ppcr_lab.bench.random_tokenizer import qwen_like_tokenizer
    from ppcr_lab.sizing.architectures import MLLMS

    published = {
        "qwen2_5_vl_3b": "Qwen/Qwen2.5-VL-3B-Instruct",
        "qwen3_vl_2b": "Qwen/Qwen3-VL-2B-Instruct",
        "qwen3_vl_4b": "Qwen/Qwen3-VL-4B-Instruct",
    }
    settings = random_models.settings_of(RANDOM_MLLMS[name], qwen_like_tokenizer())
    with torch.device("meta"):
        model = AutoModelForImageTextToText.from_config(settings)
    assert sum(item.numel() for item in model.parameters()) == MLLMS[published[name]].parameters


@pytest.mark.parametrize(("first", "second"), [(60, 40), (48, 64)])
def test_an_answer_has_the_number_of_tokens_that_is_asked_for(
    mllm: Any, first: int, second: int
) -> None:
    from ppcr_lab.bench.forced import semantic_answer, spatial_answer

    assert len(semantic_answer(mllm, first)) == first
    assert len(spatial_answer(mllm, second)) == second


def test_a_number_of_tokens_that_is_too_small_is_refused_with_the_least(mllm: Any) -> None:
    from ppcr_lab.bench.forced import TokenCountError, semantic_answer

    with pytest.raises(TokenCountError, match=r"stage 1 with 5 tokens; it has at least \d+"):
        semantic_answer(mllm, 5)


@pytest.mark.parametrize("constrained", [False, True])
def test_a_session_writes_the_answers_it_is_given(
    mllm: Any, frame: Frame, constrained: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ppcr_lab.bench.forced import forced, semantic_answer, spatial_answer

    monkeypatch.setattr(mllm, "constrain_answers", constrained)
    answers = [semantic_answer(mllm, 60), spatial_answer(mllm, 64)]
    decode = mllm.processor.tokenizer.decode
    with forced(mllm, answers):
        for _ in range(2):  # the second conversation takes its prefix from the first
            conversation = mllm.open(frame)
            turn, limit = mllm.family.semantic_turn(COMMAND), 100
            first = conversation.ask(turn, max_new_tokens=limit, cancel=CancelToken())
            semantic = mllm.family.parse_semantic(first)
            turn = mllm.family.spatial_turn(semantic)
            second = conversation.ask(turn, max_new_tokens=limit, cancel=CancelToken())
            assert (len(first.tokens), len(second.tokens)) == (60, 64)
            assert [first.text, second.text] == [decode(ids) for ids in answers]
            assert not first.truncated
    free = mllm.open(frame).ask(Turn("x"), max_new_tokens=3, cancel=CancelToken())
    assert free.text != first.text[: len(free.text)]


@pytest.mark.parametrize("name", [SMALL, "qwen2_5_vl_small"])
def test_all_is_measured_and_the_baseline_says_the_same(name: str, frame: Frame) -> None:
    from ppcr_lab.bench.comparison import Sample
    from ppcr_lab.bench.random_run import RandomSettings, config_for, measure_random

    given = Config()
    given = replace(
        given,
        mllm=replace(given.mllm, device="cpu"),
        segmenter=replace(given.segmenter, device="cpu"),
    )
    settings = RandomSettings(name, "sam_small", repeats=1)
    samples = [Sample("one", frame, COMMAND), Sample("two", frame, "the blue bowl")]
    report = measure_random(settings, config_for(settings, given), samples)
    compared = report.comparison
    assert compared.differences == []
    assert compared.checked == {
        "semantic tokens": 2, "spatial tokens": 2, "read ahead": 2, "ending": 2, "mask": 2,
    }  # fmt: skip
    assert compared.tokens == [100, 100]
    text = report.to_markdown()
    assert "Random weights, forced token counts." in text
    assert "| - |" not in text.partition("Command to mask")[0]
