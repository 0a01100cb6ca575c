"""``ppcr train adapter`` on tiny models of the real classes: what the MLLM writes, and the command.

It stands here, and not under test/training, because the tiny MLLMs and SAMs are fixtures here.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ppcr_ros.core.config import Config, MllmConfig, SegmenterConfig
from ppcr_ros.core.errors import ModelLoadError, PPCRError
from ppcr_ros.core.types import Array, Frame
from ppcr_ros.models import factory

torch = pytest.importorskip("torch", reason="torch is not installed")


@dataclass(frozen=True)
class Sample:
    sample_id: str
    frame: Frame
    command: str
    mask: Array | None
    kind: str = "attribute"
    box_xyxy_px: Array | None = None


BALL = '{"present": true, "category": "square", "attributes": ["red"], "relations": []}'
GONE = '{"present": false, "category": "square", "attributes": ["red"], "relations": []}'
PLACE = '{"location": "left", "extent": "all", "bbox_2d": [7, 9, 40, 41]}'


@pytest.fixture
def speaking(load_tiny: Callable[[str], Any]) -> Iterator[Any]:
    """A tiny Qwen2.5-VL with random weights that is made to say answers: `speaking.says(...)`."""
    mllm = load_tiny("qwen2_5_vl")
    script: list[int] = []

    def says(*answers: str) -> None:
        tokenizer = mllm.processor.tokenizer
        for answer in answers:
            script.extend(tokenizer(answer + "<|im_end|>", add_special_tokens=False)["input_ids"])

    def speak(_: object, args: object, logits: torch.Tensor) -> torch.Tensor:
        forced = torch.zeros_like(logits)
        forced[..., script.pop(0)] = 20.0
        return forced

    hook = mllm.engine.model.lm_head.register_forward_hook(speak)
    mllm.says, mllm.script = says, script
    mllm.look_up = False  # one pass for each token of the script
    yield mllm
    hook.remove()
    mllm.look_up = True
    del mllm.says, mllm.script


@pytest.fixture
def data(monkeypatch: pytest.MonkeyPatch, make_squares: Callable[..., Any]) -> list[Any]:
    """Eight samples that stand in for a data set; every fourth has no target."""
    rng = np.random.default_rng(7)
    samples = []
    for number in range(8):
        rgb, masks = make_squares(rng)
        mask = None if number % 4 == 3 else masks[0]
        samples.append(Sample(str(number), Frame(rgb), "the red square", mask))

    def samples_of(args: argparse.Namespace) -> Iterator[Sample]:
        assert args.data == "squares:train"
        yield from samples[args.start : args.start + args.limit]

    monkeypatch.setattr("ppcr_lab.training.adapter_command.samples_of", samples_of)
    return samples


def arguments(*words: str) -> argparse.Namespace:
    from ppcr_lab.training import adapter_command

    parser = argparse.ArgumentParser()
    adapter_command.add_arguments(parser)
    return parser.parse_args(["--data", "squares:train", "--threads", "1", *words])


def test_the_mllm_writes_its_own_prompts(speaking: Any, data: list[Any], tmp_path: Path) -> None:
    from ppcr_lab.training.adapter_store import PromptStore, StoreIdentity
    from ppcr_lab.training.adapter_writing import write_prompts

    identity = StoreIdentity("squares:train", 0, {"family": "qwen2_5_vl", "model": "m"})
    store = PromptStore(tmp_path, identity)
    config = replace(Config(), mllm=replace(Config().mllm, max_new_tokens_semantic=400))
    speaking.says(BALL, PLACE, GONE, BALL, '{"bbox_2d": null}', BALL, PLACE)
    write_prompts(store, speaking, config, iter(data), limit=5, progress=False)
    assert not speaking.script
    assert store.outcomes == {"written": 2, "not_found": 2, "no_target": 1}
    assert (store.drawn, len(store)) == (5, 2)
    speaking.says(BALL, PLACE, "??", "??", BALL, PLACE)
    again = PromptStore(tmp_path)
    write_prompts(again, speaking, config, iter(data), limit=8, progress=False)
    assert again.outcomes == {"written": 3, "not_found": 2, "no_target": 2, "parse_failed": 1}
    sample = again[2]
    assert sample.sample_id == "5"
    assert sample.semantic.embedding is not None
    assert sample.semantic.embedding.shape[1] == 64
    assert np.array_equal(again.rgb(sample.image), data[5].frame.rgb)
    assert np.array_equal(sample.mask, data[5].mask)


def test_what_was_written_before_an_interruption_is_kept(
    speaking: Any, data: list[Any], tmp_path: Path
) -> None:
    from ppcr_lab.training.adapter_store import PromptStore, StoreIdentity
    from ppcr_lab.training.adapter_writing import write_prompts

    store = PromptStore(tmp_path, StoreIdentity("squares:train", 0, {}))
    speaking.says(BALL, PLACE)
    with pytest.raises(IndexError):  # the script ends in the second sample
        write_prompts(store, speaking, Config(), iter(data), limit=8, progress=False)
    again = PromptStore(tmp_path)
    assert (again.drawn, len(again)) == (1, 1)


def test_the_command_goes_from_two_models_to_a_pipeline_with_their_adapter(
    speaking: Any,
    data: list[Any],
    checkpoint: Callable[[str], Path],
    family_folders: dict[str, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    from ppcr_lab.training import adapter_command

    def load_mllm(config: MllmConfig, *, offline: bool) -> Any:
        assert (config.family, config.model) == ("qwen2_5_vl", str(checkpoint("qwen2_5_vl")))
        return speaking

    monkeypatch.setattr(factory, "load_mllm", load_mllm)
    words = ["--mllm", str(checkpoint("qwen2_5_vl")), "--segmenter", str(family_folders["sam"])]
    words += ["--into", str(tmp_path), "--limit", "8", "--steps", "3", "--batch", "2"]
    words += ["--device", "cpu", "--held-out", "0"]
    speaking.says(*[BALL, PLACE] * 6)
    assert adapter_command.run(arguments(*words)) == 0
    assert "prompts of 8 samples" in capsys.readouterr().out
    assert adapter_command.run(arguments(*words)) == 0, "a finished run has nothing left to do"
    config = Config(
        mllm=MllmConfig(family="qwen2_5_vl", model=str(checkpoint("qwen2_5_vl")), device="cpu"),
        segmenter=SegmenterConfig(
            family="sam",
            model=str(family_folders["sam"]),
            device="cpu",
            prompt_adapter=str(tmp_path / "export"),
        ),
    )
    speaking.says(BALL, PLACE)
    with factory.build_pipeline(config) as pipeline:
        result = pipeline.run(data[0].frame, "the red square")
    assert result.segmentation is not None, result.message


def test_prompts_of_nobody_teach_nothing(
    speaking: Any,
    data: list[Any],
    checkpoint: Callable[[str], Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from ppcr_lab.training import adapter_command

    monkeypatch.setattr(factory, "load_mllm", lambda config, *, offline: speaking)
    words = ["--mllm", str(checkpoint("qwen2_5_vl")), "--into", str(tmp_path), "--limit", "2"]
    speaking.says(GONE, GONE)
    with pytest.raises(PPCRError, match="holds no prompts to learn from"):
        adapter_command.run(arguments(*words))


def test_the_families_are_those_of_the_checkpoints(
    checkpoint: Callable[[str], Path], family_folders: dict[str, Path]
) -> None:
    from ppcr_lab.training.adapter_command import models_of

    for kind, family in (("qwen3_vl", "qwen3_vl"), ("smolvlm", "idefics3"), ("llava", "ppcr_tiny")):
        args = arguments("--into", "x", "--mllm", str(checkpoint(kind)))
        assert models_of(args, Config()).mllm.family == family
    for family in ("segment_anything", "sam", "sam2"):
        args = arguments("--into", "x", "--segmenter", str(family_folders[family]))
        assert models_of(args, Config()).segmenter.family == family
    args = arguments("--into", "x", "--segmenter", str(family_folders["sam3"]))
    with pytest.raises(ModelLoadError, match=r"of type 'sam3\w*'; a prompt adapter is for"):
        models_of(args, Config())
    args = arguments("--into", "x", "--mllm", str(family_folders["sam"]))
    with pytest.raises(ModelLoadError, match="of type 'sam', which no MLLM family loads"):
        models_of(args, Config())
