"""Checkpoint folders that ask for code, for a pickle or for another model are refused unread."""

from __future__ import annotations

import json
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ppcr_ros.core.config import MllmConfig, SegmenterConfig
from ppcr_ros.core.errors import ModelLoadError
from ppcr_ros.models import factory

CODE_FILES = (
    "config.json",
    "tokenizer_config.json",
    "preprocessor_config.json",
    "generation_config.json",
)


class _Touch:
    """A pickle of this creates a file when it is loaded without care."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return Path.touch, (self.path,)


@pytest.fixture
def mllm_folder(tmp_path: Path, checkpoint: Callable[[str], Path]) -> Path:
    """A good MLLM checkpoint to spoil."""
    return Path(shutil.copytree(checkpoint("qwen3_vl"), tmp_path / "mllm"))


@pytest.fixture
def segmenter_folder(tmp_path: Path, family_folders: dict[str, Path]) -> Path:
    """A good segmenter checkpoint to spoil."""
    return Path(shutil.copytree(family_folders["sam2"], tmp_path / "segmenter"))


def load_mllm(folder: Path) -> Any:
    return factory.load_mllm(
        MllmConfig(family="qwen3_vl", model=str(folder), device="cpu"), offline=True
    )


def load_segmenter(folder: Path) -> Any:
    return factory.load_segmenter(
        SegmenterConfig(family="sam2", model=str(folder), device="cpu"), offline=True
    )


def ask_for_code(folder: Path, name: str, trace: Path) -> None:
    """Let the file ``name`` of a checkpoint name a class of the checkpoint's own."""
    path = folder / name
    content = json.loads(path.read_text()) if path.exists() else {}
    content["auto_map"] = {"AutoModelForImageTextToText": "modeling_evil.Evil"}
    path.write_text(json.dumps(content))
    (folder / "modeling_evil.py").write_text(
        f"import pathlib; pathlib.Path({str(trace)!r}).touch()"
    )


@pytest.mark.parametrize("name", CODE_FILES)
def test_an_mllm_that_asks_for_its_own_code(name: str, mllm_folder: Path, tmp_path: Path) -> None:
    ask_for_code(mllm_folder, name, tmp_path / "trace")
    with pytest.raises(ModelLoadError, match=rf"{name} asks for program code .*never run here"):
        load_mllm(mllm_folder)
    assert not (tmp_path / "trace").exists()


@pytest.mark.parametrize("name", ["config.json", "preprocessor_config.json"])
def test_a_segmenter_that_asks_for_its_own_code(
    name: str, segmenter_folder: Path, tmp_path: Path
) -> None:
    ask_for_code(segmenter_folder, name, tmp_path / "trace")
    with pytest.raises(ModelLoadError, match=rf"{name} asks for program code .*never run here"):
        load_segmenter(segmenter_folder)
    assert not (tmp_path / "trace").exists()


def test_code_deep_inside_a_configuration(mllm_folder: Path, tmp_path: Path) -> None:
    path = mllm_folder / "config.json"
    content = json.loads(path.read_text())
    content["text_config"]["auto_map"] = {"AutoConfig": "elsewhere/repo--config.Evil"}
    path.write_text(json.dumps(content))
    with pytest.raises(ModelLoadError, match=r"elsewhere/repo--config\.Evil"):
        load_mllm(mllm_folder)


def test_python_files_that_nothing_names_are_left_alone(mllm_folder: Path, tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    (mllm_folder / "modeling_evil.py").write_text(f"open({str(trace)!r}, 'w')")
    load_mllm(mllm_folder)
    assert not trace.exists()


@pytest.mark.parametrize("load", [load_mllm, load_segmenter])
def test_weights_in_a_pickle_only(
    load: Callable[[Path], Any], mllm_folder: Path, segmenter_folder: Path, tmp_path: Path
) -> None:
    folder, trace = (mllm_folder if load is load_mllm else segmenter_folder), tmp_path / "trace"
    (folder / "model.safetensors").unlink()
    (folder / "pytorch_model.bin").write_bytes(pickle.dumps({"weight": _Touch(trace)}))
    with pytest.raises(ModelLoadError, match=r"only pytorch_model\.bin, which can run code"):
        load(folder)
    assert not trace.exists()


@pytest.mark.parametrize("load", [load_mllm, load_segmenter])
def test_a_pickle_beside_good_weights_is_not_opened(
    load: Callable[[Path], Any], mllm_folder: Path, segmenter_folder: Path, tmp_path: Path
) -> None:
    folder, trace = (mllm_folder if load is load_mllm else segmenter_folder), tmp_path / "trace"
    (folder / "pytorch_model.bin").write_bytes(pickle.dumps({"weight": _Touch(trace)}))
    load(folder)
    assert not trace.exists()


def test_a_pickle_under_the_name_of_safetensors(mllm_folder: Path, tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    (mllm_folder / "model.safetensors").write_bytes(pickle.dumps({"weight": _Touch(trace)}))
    with pytest.raises(ModelLoadError, match="truncated or no safetensors file"):
        load_mllm(mllm_folder)
    assert not trace.exists()


def test_an_adapter_to_another_model(mllm_folder: Path) -> None:
    (mllm_folder / "adapter_config.json").write_text(
        '{"base_model_name_or_path": "elsewhere/model", "peft_type": "LORA"}'
    )
    with pytest.raises(ModelLoadError, match=r"an adapter to another model.*merge_and_unload"):
        load_mllm(mllm_folder)


def test_a_chat_template_cannot_reach_out(mllm_folder: Path, tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    (mllm_folder / "chat_template.jinja").write_text(
        "{{ cycler.__init__.__globals__.os.system('touch " + str(trace) + "') }}"
    )
    with pytest.raises(ModelLoadError, match=r"SecurityError: .* is unsafe"):
        load_mllm(mllm_folder)
    assert not trace.exists()
