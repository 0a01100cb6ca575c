"""Files, devices and number formats, and what a user is told when they are wrong."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from ppcr_ros.core.errors import ModelLoadError, OutOfMemoryError
from ppcr_ros.models import loading


def test_the_embedded_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "EMBEDDED_FOLDER", tmp_path)
    with pytest.raises(ModelLoadError, match="embedded model is missing"):
        loading.resolve_folder("embedded", "", offline=True, embedded="mllm")
    (tmp_path / "mllm").mkdir()
    folder = loading.resolve_folder("embedded", "", offline=True, embedded="mllm")
    assert folder == tmp_path / "mllm"


def test_a_folder_of_ones_own(tmp_path: Path) -> None:
    assert loading.resolve_folder(str(tmp_path), "", offline=True, embedded="mllm") == tmp_path


@pytest.mark.parametrize(
    "model", ["./no/such/folder", "/no/such", "~/no-such", "a/b/c", "nothing", "", "a/"]
)
def test_a_folder_that_is_not_there(model: str) -> None:
    with pytest.raises(ModelLoadError, match="there is no folder"):
        loading.resolve_folder(model, "", offline=True, embedded="mllm")


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    file = tmp_path / "model.safetensors"
    file.write_bytes(b"x")
    with pytest.raises(ModelLoadError, match="expected 'embedded', an existing folder"):
        loading.resolve_folder(str(file), "", offline=True, embedded="mllm")


def test_a_hub_model_that_was_never_fetched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(ModelLoadError, match=r"not in the local cache, .*pipeline\.offline") as e:
        loading.resolve_folder("ppcr-test/no-such", "abc", offline=True, embedded="mllm")
    assert "revision abc" in str(e.value)
    assert "ppcr models pull" in str(e.value)


def test_a_hub_model_in_the_cache_needs_no_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = "0" * 40
    repository = tmp_path / "models--ppcr-test--model"
    snapshot = repository / "snapshots" / commit
    snapshot.mkdir(parents=True)
    (snapshot / "config.json").write_text("{}", encoding="utf-8")
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(commit, encoding="utf-8")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("huggingface_hub._snapshot_download.constants.HF_HUB_CACHE", str(tmp_path))
    folder = loading.resolve_folder("ppcr-test/model", "", offline=True, embedded="mllm")
    assert folder == snapshot


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (None, "has no config.json"),
        ("{", "cannot be read"),
        ("[1]", "expected a JSON object"),
        ("\xff", "cannot be read"),
    ],
)
def test_a_bad_config(content: str | None, told: str, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "config.json").write_bytes(content.encode("latin-1"))
    with pytest.raises(ModelLoadError, match=told):
        loading.read_config(tmp_path)


def test_no_weights(tmp_path: Path) -> None:
    with pytest.raises(ModelLoadError, match=r"holds no weights; expected model\.safetensors"):
        loading.check_weights(tmp_path)


def test_pickled_weights_are_refused(tmp_path: Path) -> None:
    torch.save({}, tmp_path / "pytorch_model.bin")
    with pytest.raises(ModelLoadError, match=r"only pytorch_model\.bin, which can run code"):
        loading.check_weights(tmp_path)


def test_truncated_weights(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    save_file({"a": torch.zeros(1000)}, path)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ModelLoadError, match=r"truncated or no safetensors file.*Fetch it again"):
        loading.check_weights(tmp_path)


def test_a_git_lfs_pointer(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_text(
        "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 99\n", encoding="utf-8"
    )
    with pytest.raises(ModelLoadError, match="git lfs pull"):
        loading.check_weights(tmp_path)


def test_weights_in_several_files(tmp_path: Path) -> None:
    index = {"weight_map": {"a": "model-1.safetensors", "b": "model-2.safetensors"}}
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps(index), encoding="utf-8")
    save_file({"a": torch.zeros(3)}, tmp_path / "model-1.safetensors")
    with pytest.raises(ModelLoadError, match=r"model-2\.safetensors is missing"):
        loading.check_weights(tmp_path)
    save_file({"b": torch.zeros(3)}, tmp_path / "model-2.safetensors")
    loading.check_weights(tmp_path)


@pytest.mark.parametrize("index", ["{", "[]", '{"weight_map": 3}', "{}"])
def test_a_bad_index(index: str, tmp_path: Path) -> None:
    (tmp_path / "model.safetensors.index.json").write_text(index, encoding="utf-8")
    with pytest.raises(ModelLoadError, match="cannot be read"):
        loading.check_weights(tmp_path)


def test_cuda_where_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ModelLoadError, match="sees no CUDA device"):
        loading.pick_device("cuda")
    assert loading.pick_device("auto") == torch.device("cpu")
    assert loading.pick_device("cpu") == torch.device("cpu")


def test_auto_prefers_cuda(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert loading.pick_device("auto") == torch.device("cuda", 0)
    assert loading.pick_device("cpu") == torch.device("cpu")


def test_the_number_format(monkeypatch: pytest.MonkeyPatch) -> None:
    cpu, cuda = torch.device("cpu"), torch.device("cuda", 0)
    assert loading.pick_dtype("auto", cpu) is torch.float32
    assert loading.pick_dtype("bfloat16", cpu) is torch.bfloat16
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda: True)
    assert loading.pick_dtype("auto", cuda) is torch.bfloat16
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda: False)
    assert loading.pick_dtype("auto", cuda) is torch.float16


def test_no_quantisation() -> None:
    assert loading.quantization_config("none", torch.float16, ()) is None


@pytest.mark.parametrize("package", ["bitsandbytes", "accelerate"])
def test_quantisation_without_its_package(package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == package else found("json")
    )
    with pytest.raises(ModelLoadError, match=rf"needs {package}.*pip install bitsandbytes"):
        loading.quantization_config("int4", torch.float16, ())


def test_a_quantisation_config(monkeypatch: pytest.MonkeyPatch) -> None:
    found = importlib.util.find_spec("json")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: found)
    four = loading.quantization_config("int4", torch.float16, ("lm_head", "model.visual"))
    assert four.load_in_4bit
    assert four.bnb_4bit_compute_dtype is torch.float16
    assert four.llm_int8_skip_modules == ["lm_head", "model.visual"]
    assert loading.quantization_config("int8", torch.float16, ()).load_in_8bit


def test_missing_weights_are_named() -> None:
    info = {"missing_keys": {"b.weight", "a.weight"}, "mismatched_keys": set(), "error_msgs": []}
    with pytest.raises(ModelLoadError, match=r"2 missing keys, for example a\.weight"):
        loading.check_loading_info("x", info)
    loading.check_loading_info("x", {"missing_keys": set(), "unexpected_keys": {"c"}})


def test_any_error_becomes_a_load_error() -> None:
    with (
        pytest.raises(ModelLoadError, match="the thing cannot be loaded: KeyError: 'x'"),
        loading.load_errors("the thing"),
    ):
        raise KeyError("x")


def test_out_of_memory_says_what_to_choose() -> None:
    with (
        pytest.raises(OutOfMemoryError, match=r"the thing ran out .* Choose a smaller model"),
        loading.load_errors("the thing"),
    ):
        raise torch.OutOfMemoryError("no room")
