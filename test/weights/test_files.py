"""Files that are needed, revisions that are pinned, licences that are known."""

from __future__ import annotations

import pytest

from ppcr_ros.core.units import size_text
from ppcr_ros.weights.files import is_commit, is_hub_name, is_needed, licence_of


@pytest.mark.parametrize(
    "path",
    [
        "config.json", "model.safetensors", "model-00001-of-00002.safetensors", "merges.txt",
        "model.safetensors.index.json", "spiece.model", "chat_template.jinja",
        "prompt_adapter/model.safetensors", "prompt_adapter/config.json",
    ],
)  # fmt: skip
def test_what_loading_can_need(path: str) -> None:
    assert is_needed(path)


@pytest.mark.parametrize(
    "path",
    [
        "pytorch_model.bin", "pytorch_model.bin.index.json", "sam3.pt", "model.pth", "tf_model.h5",
        "modeling_x.py", "onnx/config.json", "original/params.json", "README.md", ".gitattributes",
        "weights.pkl", "model.gguf",
    ],
)  # fmt: skip
def test_what_is_never_fetched(path: str) -> None:
    assert not is_needed(path)


def test_only_a_whole_commit_is_pinned() -> None:
    assert is_commit("0123456789abcdef" * 2 + "01234567")
    for revision in ("", "main", "0123456", "g" * 40, "A" * 40, "0" * 41, "0" * 40 + "\n"):
        assert not is_commit(revision)


def test_hub_names_and_paths() -> None:
    assert is_hub_name("Qwen/Qwen3-VL-4B-Instruct")
    for path in ("/opt/model", "./model", "~/model", "a/b/c", "model", "embedded", "a/", ""):
        assert not is_hub_name(path)


def test_licences() -> None:
    assert licence_of("Qwen/Qwen3-VL-2B-Instruct") == "Apache-2.0"
    assert "not for commercial use" in licence_of("Qwen/Qwen2.5-VL-3B-Instruct")
    assert "gated" in licence_of("facebook/sam3")
    assert licence_of("/opt/models/sam_vit_h_4b8939.pth") == "Apache-2.0"
    assert licence_of("me/my-own") == ""


@pytest.mark.parametrize(
    ("size", "text"), [(0, "0.0 MB"), (2_500_000, "2.5 MB"), (8_876_000_000, "8.9 GB")]
)
def test_sizes(size: int, text: str) -> None:
    assert size_text(size) == text
