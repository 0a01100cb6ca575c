"""Places of weights; missing, truncated and foreign files."""

from __future__ import annotations

import hashlib
import json
import struct
from dataclasses import replace
from pathlib import Path

import pytest

from ppcr_ros.core.config import Config, MllmConfig, PipelineConfig, SegmenterConfig
from ppcr_ros.weights.location import beside, locate, read_checksums, sha256_of, whole_problem


def write_safetensors(path: Path, payload_bytes: int = 16) -> Path:
    """A whole safetensors file with one tensor of zeros."""
    path.parent.mkdir(parents=True, exist_ok=True)
    tensor = {"dtype": "F32", "shape": [payload_bytes // 4], "data_offsets": [0, payload_bytes]}
    header = json.dumps({"__metadata__": {"format": "pt"}, "weight": tensor}).encode()
    path.write_bytes(struct.pack("<Q", len(header)) + header + bytes(payload_bytes))
    return path


def config(mllm: str, segmenter: str = "/nowhere/sam.pth") -> Config:
    return Config(mllm=MllmConfig(model=mllm), segmenter=SegmenterConfig(model=segmenter))


def test_a_folder_of_safetensors_is_found(tmp_path: Path) -> None:
    write_safetensors(tmp_path / "model.safetensors")
    (tmp_path / "pytorch_model.bin").write_bytes(b"never loaded")
    mllm, _ = locate(config(str(tmp_path)))
    assert mllm.problem == ""
    assert [path.name for path in mllm.files] == ["model.safetensors"]
    assert mllm.size_bytes == (tmp_path / "model.safetensors").stat().st_size
    assert (mllm.role, mllm.family) == ("mllm", "ppcr_tiny")


def test_a_checkpoint_file_is_found(tmp_path: Path) -> None:
    checkpoint = tmp_path / "sam_vit_b.pth"
    checkpoint.write_bytes(b"PK")
    _, segmenter = locate(config("/nowhere/mllm", str(checkpoint)))
    assert segmenter.place == checkpoint
    assert segmenter.problem == ""
    assert segmenter.sha256() == {"sam_vit_b.pth": hashlib.sha256(b"PK").hexdigest()}


def test_missing_paths_and_folders_without_weights_are_told_apart(tmp_path: Path) -> None:
    mllm, segmenter = locate(config(str(tmp_path)))
    assert mllm.place == tmp_path
    assert "no weights in" in mllm.problem
    assert segmenter.place is None
    assert segmenter.problem == "no such file or folder: /nowhere/sam.pth"


def test_a_missing_embedded_model_is_said_to_be_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ppcr_ros.weights.location.EMBEDDED_FOLDER", tmp_path)
    mllm, _ = locate(Config())
    assert mllm.place is None
    assert f"no folder {tmp_path / 'mllm'}" in mllm.problem


def test_a_hub_model_that_is_not_cached_names_the_command_that_fetches_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("huggingface_hub", reason="huggingface_hub is not installed")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    mllm, _ = locate(Config(mllm=MllmConfig(model="nobody/no-such-model", revision="abc")))
    assert mllm.place is None
    assert mllm.problem == "not in the local cache: ppcr models pull"


def test_a_shard_that_the_index_names_and_is_missing_is_noticed(tmp_path: Path) -> None:
    write_safetensors(tmp_path / "model-00001-of-00002.safetensors")
    index = {"weight_map": {"a": "model-00001-of-00002.safetensors", "b": "model-2.safetensors"}}
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps(index))
    mllm, _ = locate(config(str(tmp_path)))
    assert "model-2.safetensors is missing" in mllm.problem


def test_a_whole_file_is_whole(tmp_path: Path) -> None:
    assert whole_problem(write_safetensors(tmp_path / "model.safetensors")) == ""


@pytest.mark.parametrize("keep", [0, 4, 8, 40, -1])
def test_a_truncated_file_is_noticed_wherever_it_was_cut(tmp_path: Path, keep: int) -> None:
    path = write_safetensors(tmp_path / "model.safetensors")
    path.write_bytes(path.read_bytes()[:keep])
    assert "fetch it again" in whole_problem(path)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
        (b"<html>404 not found, and a page of text</html>" * 4, "no safetensors file"),
        (struct.pack("<Q", 8) + b"[1,2,3] ", "cannot be read"),
    ],
)
def test_foreign_content_is_noticed(tmp_path: Path, content: bytes, expected: str) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(content)
    assert expected in whole_problem(path)


def test_the_adapters_and_the_calibrations_files_are_found(tmp_path: Path) -> None:
    for name in ("model.safetensors", "prompt_adapter/config.json", "other/config.json", "c.json"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("{}")
    segmenter = SegmenterConfig(model=str(tmp_path))
    assert beside(Config(segmenter=segmenter)) == (tmp_path / "prompt_adapter/config.json",)
    assert beside(Config(segmenter=replace(segmenter, prompt_adapter="none"))) == ()
    named = replace(segmenter, prompt_adapter=str(tmp_path / "other"))
    pipeline = PipelineConfig(score_calibration=str(tmp_path / "c.json"))
    found = beside(Config(segmenter=named, pipeline=pipeline))
    assert found == (tmp_path / "other/config.json", tmp_path / "c.json")


def test_checksums_are_read_as_sha256sum_writes_them(tmp_path: Path) -> None:
    path = write_safetensors(tmp_path / "mllm" / "model.safetensors")
    assert read_checksums(tmp_path) == {}
    (tmp_path / "SHA256SUMS.txt").write_text(f"{sha256_of(path)}  mllm/model.safetensors\n\n")
    assert read_checksums(tmp_path) == {"mllm/model.safetensors": sha256_of(path)}
