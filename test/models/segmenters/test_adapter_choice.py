"""Choice of an adapter: one that does not fit is never used in silence."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ppcr_ros.core.config import Config, MllmConfig, SegmenterConfig
from ppcr_ros.core.errors import ModelLoadError
from ppcr_ros.models import factory, segmenters

WIDTH = 64


@pytest.fixture
def pair(family_folders: dict[str, Path], tmp_path: Path) -> Config:
    """An MLLM that is only named, and a copy of a tiny SAM's folder."""
    folder = shutil.copytree(family_folders["sam"], tmp_path / "sam")
    return Config(
        mllm=MllmConfig(family="qwen3_vl", model="Qwen/Qwen3-VL-4B-Instruct"),
        segmenter=SegmenterConfig(family="sam", model=str(folder), device="cpu"),
    )


@pytest.fixture
def write_adapter() -> Callable[..., Path]:
    """Writes an adapter for a pair of models into a folder."""

    def write(folder: Path, config: Config, *, decoder: Any = None, **widths: int) -> Path:
        from ppcr_ros.models.segmenters.adapter_choice import partners
        from ppcr_ros.models.segmenters.adapter_files import AdapterConfig, save_adapter
        from ppcr_ros.models.segmenters.prompt_adapter import AdapterSizes, PromptAdapter

        sizes = AdapterSizes(**{"mllm_width": WIDTH, "decoder_width": 16, "width": 16, **widths})
        mllm, segmenter = partners(config)
        adapter = AdapterConfig(mllm, segmenter, sizes)
        save_adapter(folder, adapter, PromptAdapter(sizes), decoder)
        return folder

    return write


def attached(config: Config, mllm_width: int = WIDTH) -> Any:
    from ppcr_ros.models.segmenters.adapter_choice import attach_adapter

    segmenter: Any = segmenters.load(config.segmenter, offline=True)
    attach_adapter(segmenter, config, mllm_width=mllm_width)
    return segmenter


def choosing(config: Config, choice: str | Path) -> Config:
    return replace(config, segmenter=replace(config.segmenter, prompt_adapter=str(choice)))


def beside(config: Config) -> Path:
    return Path(config.segmenter.model) / "prompt_adapter"


def test_auto_takes_the_one_beside_the_weights(
    pair: Config, write_adapter: Callable[..., Path]
) -> None:
    assert attached(pair).adapter is None
    write_adapter(beside(pair), pair)
    assert attached(pair).adapter is not None
    assert attached(choosing(pair, "none")).adapter is None


def test_auto_leaves_one_for_another_mllm_alone_and_says_so(
    pair: Config, write_adapter: Callable[..., Path], caplog: pytest.LogCaptureFixture
) -> None:
    write_adapter(beside(pair), pair, mllm_width=24)
    other = replace(pair, mllm=replace(pair.mllm, model="Qwen/Qwen3-VL-8B-Instruct"))
    with caplog.at_level(logging.WARNING):
        assert attached(other).adapter is None
    (record,) = caplog.records
    assert "was made for the MLLM qwen3_vl:Qwen/Qwen3-VL-4B-Instruct" in record.getMessage()


def test_a_folder_that_is_named_is_used(
    pair: Config, write_adapter: Callable[..., Path], tmp_path: Path
) -> None:
    folder = write_adapter(tmp_path / "mine", pair)
    assert attached(choosing(pair, folder)).adapter is not None


def test_other_weights_of_the_same_family_are_warned_of(
    pair: Config,
    write_adapter: Callable[..., Path],
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    folder = write_adapter(tmp_path / "mine", pair)
    moved = replace(pair, mllm=replace(pair.mllm, model="/models/qwen3-vl-4b"))
    with caplog.at_level(logging.WARNING):
        assert attached(choosing(moved, folder)).adapter is not None
    assert "this is qwen3_vl:/models/qwen3-vl-4b" in caplog.text


def test_a_named_adapter_of_another_family_is_refused(
    pair: Config, write_adapter: Callable[..., Path], tmp_path: Path
) -> None:
    made_for = replace(pair, mllm=MllmConfig(family="qwen2_5_vl", model="x/y"))
    folder = write_adapter(tmp_path / "mine", made_for)
    with pytest.raises(ModelLoadError, match=r"made for the MLLM qwen2_5_vl:x/y; this is qwen3_vl"):
        attached(choosing(pair, folder))


@pytest.mark.parametrize("named", [True, False])
@pytest.mark.parametrize(
    ("widths", "message"),
    [
        ({"mllm_width": 24}, "hidden states of width 24; those of qwen3_vl:.* have 64"),
        ({"decoder_width": 32}, "prompt tokens of width 32; those of sam:.* have 16"),
    ],
)
def test_other_widths_are_refused_with_both_numbers(
    widths: dict[str, int],
    message: str,
    named: bool,
    pair: Config,
    write_adapter: Callable[..., Path],
) -> None:
    folder = write_adapter(beside(pair), pair, **widths)
    with pytest.raises(ModelLoadError, match=message):
        attached(choosing(pair, folder) if named else pair)


def test_the_tuned_decoder_must_be_that_of_this_segmenter(
    pair: Config, write_adapter: Callable[..., Path]
) -> None:
    import torch

    segmenter: Any = segmenters.load(pair.segmenter, offline=True)
    write_adapter(beside(pair), pair, decoder=segmenter.decoder_copy())
    assert attached(pair).tuned_decoder is not None
    write_adapter(beside(pair), pair, decoder=torch.nn.Linear(2, 2))
    with pytest.raises(ModelLoadError, match="another architecture than the mask decoder of"):
        attached(pair)


def test_a_folder_that_is_not_there(pair: Config) -> None:
    with pytest.raises(ModelLoadError, match=r"no folder '/no/such'; segmenter\.prompt_adapter"):
        attached(choosing(pair, "/no/such"))


def test_sam3_has_no_use_for_an_adapter(
    pair: Config,
    write_adapter: Callable[..., Path],
    family_folders: dict[str, Path],
    tmp_path: Path,
) -> None:
    segmenter = SegmenterConfig(family="sam3", model=str(family_folders["sam3"]), device="cpu")
    config = replace(pair, segmenter=segmenter)
    attached(config)
    folder = write_adapter(tmp_path / "mine", pair)
    with pytest.raises(ModelLoadError, match="takes the semantic prompt as text"):
        attached(choosing(config, folder))


def test_beside_a_checkpoint_file_it_must_be_made_for_that_file(
    sam_folder: Path, tmp_path: Path
) -> None:
    from ppcr_ros.models.segmenters.adapter_choice import folder_beside

    file = tmp_path / "sam_vit_b_01ec64.pth"
    file.touch()
    config = SegmenterConfig(family="segment_anything", model=str(file))
    assert folder_beside(config) is None
    (tmp_path / "prompt_adapter").mkdir()
    (tmp_path / "prompt_adapter" / "config.json").write_text("{}")
    assert folder_beside(config) == tmp_path / "prompt_adapter"


def test_the_pipeline_is_built_with_the_adapter(
    pair: Config,
    write_adapter: Callable[..., Path],
    checkpoint: Callable[[str], Path],
) -> None:
    mllm = MllmConfig(family="qwen2_5_vl", model=str(checkpoint("qwen2_5_vl")), device="cpu")
    config = replace(pair, mllm=mllm)
    write_adapter(beside(config), config)
    with factory.build_pipeline(config) as pipeline:
        segmenter: Any = pipeline.segmenter
        assert segmenter.adapter.sizes.mllm_width == WIDTH
    write_adapter(beside(config), config, mllm_width=65)
    with pytest.raises(ModelLoadError, match=r"of width 65; those of qwen2_5_vl:.* have 64"):
        factory.build_pipeline(config)
