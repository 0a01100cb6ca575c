"""Findings about a configuration's models before they are loaded."""

from __future__ import annotations

import json
import struct
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from ppcr_ros.core.config import Config, MllmConfig, SegmenterConfig
from ppcr_ros.core.memory import CudaFacts
from ppcr_ros.health import model_findings
from ppcr_ros.health.findings import Finding, Level
from ppcr_ros.health.model_findings import (
    cuda_findings,
    engine_findings,
    look_at_models,
    memory_findings,
    model_bytes,
    values_in,
    weight_findings,
)
from ppcr_ros.weights import location

GPU = CudaFacts("torch 2", "H100", free_bytes=8_000_000_000, total_bytes=80_000_000_000)
NO_GPU = CudaFacts("torch 2, a CPU build")
BILLION = 1_000_000_000


def codes(findings: list[Finding]) -> list[str]:
    return [item.code for item in findings]


def safetensors_file(folder: Path, shape: tuple[int, ...], dtype: str = "F16") -> Path:
    """A file with a true header and as many bytes as it promises; its tensor may be a hole."""
    folder.mkdir(parents=True, exist_ok=True)
    size = 2
    for side in shape:
        size *= side
    header = json.dumps({"w": {"dtype": dtype, "shape": shape, "data_offsets": [0, size]}})
    path = folder / "model.safetensors"
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(header)) + header.encode())
        file.truncate(8 + len(header) + size)
    return path


@pytest.fixture
def folders(tmp_path: Path) -> Config:
    """Models of 2 000 000 000 and 500 000 000 parameters, as sparse files."""
    for name, shape in (("mllm", (2000, 1_000_000)), ("segmenter", (500, 1_000_000))):
        safetensors_file(tmp_path / name, shape)
    return Config(
        mllm=MllmConfig(family="qwen3_vl", model=str(tmp_path / "mllm")),
        segmenter=SegmenterConfig(family="sam", model=str(tmp_path / "segmenter")),
    )


def in_memory(config: Config, cuda: CudaFacts | None, free_bytes: int | None) -> list[Finding]:
    return memory_findings(config, location.locate(config), cuda, free_bytes)


def test_the_shipped_models_are_fine_here() -> None:
    if any(model.problem for model in location.locate(Config())):
        pytest.skip("needs the embedded weights")
    assert look_at_models(Config()) == []


@pytest.mark.parametrize(
    ("device", "dtype", "quantization", "expected_bytes"),
    [
        ("cuda", "auto", "none", 4 * BILLION),
        ("cuda", "float32", "none", 8 * BILLION),
        ("cuda", "auto", "int8", 2.2 * BILLION),
        ("cuda", "auto", "int4", 1.3 * BILLION),
        ("cpu", "auto", "none", 8 * BILLION),
        ("cpu", "bfloat16", "none", 4 * BILLION),
    ],
)
def test_memory_by_number_format(
    folders: Config, device: str, dtype: str, quantization: str, expected_bytes: float
) -> None:
    mllm = replace(folders.mllm, device=device, dtype=dtype, quantization=quantization)
    located = location.locate(folders)[0]
    assert model_bytes(mllm, located, on_gpu=device == "cuda") == round(expected_bytes)


def test_memory_that_is_enough_says_nothing(folders: Config) -> None:
    assert in_memory(folders, GPU, 1 * BILLION) == []
    assert in_memory(folders, NO_GPU, 16 * BILLION) == []
    assert in_memory(folders, NO_GPU, None) == []


def test_short_memory_is_told_with_both_numbers_and_what_to_do(folders: Config) -> None:
    (found,) = in_memory(folders, replace(GPU, free_bytes=3 * BILLION), None)
    assert (found.code, found.level) == ("memory_short", Level.WARN)
    # (4 + 1) GB of weights, a fifth for the work, 1.0 GB of libraries
    assert found.what == "the models need about 7.0 GB of the GPU's memory and 3.0 GB are free"
    assert "mllm.quantization to int8 or int4" in found.remedy


def test_each_device_is_counted_by_itself(folders: Config) -> None:
    split = replace(folders, segmenter=replace(folders.segmenter, device="cpu"))
    found = in_memory(split, replace(GPU, free_bytes=3 * BILLION), 2 * BILLION)
    assert [item.about for item in found] == ["the GPU's memory", "this machine's memory"]
    assert "3.4 GB of this machine's memory" in found[1].what


@pytest.mark.parametrize(
    ("mllm", "segmenter", "cuda", "expected"),
    [
        ("auto", "auto", NO_GPU, ""),
        ("auto", "auto", None, ""),
        ("cuda", "cuda", GPU, ""),
        ("cuda", "auto", NO_GPU, "CUDA is asked for (mllm.device)"),
        ("cuda", "cuda", NO_GPU, "CUDA is asked for (mllm.device and segmenter.device)"),
        ("auto", "cuda", None, "CUDA is asked for (segmenter.device)"),
    ],
)
def test_cuda(mllm: str, segmenter: str, cuda: CudaFacts | None, expected: str) -> None:
    config = Config(mllm=MllmConfig(device=mllm), segmenter=SegmenterConfig(device=segmenter))
    found = cuda_findings(config, cuda)
    assert bool(found) == bool(expected)
    if found:
        assert expected in found[0].what
        assert found[0].level is Level.ERROR
        assert ("cannot be imported" in found[0].expected) == (cuda is None)


def test_weights_that_are_not_there(tmp_path: Path) -> None:
    config = Config(mllm=MllmConfig(model=str(tmp_path / "nowhere")))
    (found,) = look_at_models(config)
    assert (found.code, found.about, found.level) == ("weights_missing", "MLLM", Level.ERROR)
    assert str(tmp_path / "nowhere") in found.what


@pytest.mark.parametrize(("offline", "level"), [(True, Level.ERROR), (False, Level.NOTE)])
def test_hub_weights_that_are_not_cached_will_be_fetched_unless_offline(
    offline: bool, level: Level
) -> None:
    problem = "not in the local cache: ppcr models pull"
    missing = location.ModelWeights(
        "mllm", "qwen3_vl", "Qwen/X", "", None, (), problem, to_be_pulled=True
    )
    (found,) = weight_findings(missing, offline=offline)
    assert found.level is level
    assert "ppcr models pull" in found.remedy


def test_truncated_weights_are_damaged(folders: Config) -> None:
    path = Path(folders.mllm.model) / "model.safetensors"
    with path.open("r+b") as file:
        file.truncate(1000)
    (found,) = look_at_models(folders)
    assert (found.code, found.about) == ("weights_damaged", "MLLM")
    assert "truncated" in found.what


def test_shipped_weights_that_were_changed_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for role in ("mllm", "segmenter"):
        safetensors_file(tmp_path / role, (2, 2))
    good = location.sha256_of(tmp_path / "mllm" / "model.safetensors")
    sums = f"{good}  mllm/model.safetensors\n{'0' * 64}  segmenter/model.safetensors\n"
    (tmp_path / "SHA256SUMS.txt").write_text(sums + f"{'0' * 64}  segmenter/config.json\n")
    monkeypatch.setattr(location, "EMBEDDED_FOLDER", tmp_path)
    changed, gone = look_at_models(Config())
    assert {changed.code, gone.code} == {"weights_checksum"}
    assert changed.about == str(tmp_path / "segmenter" / "model.safetensors")
    assert "none: it is miss" in gone.what
    assert look_at_models(Config(), embedded=False) == []


def test_numbers_in_other_files_are_estimated_and_unreadable_ones_not(tmp_path: Path) -> None:
    checkpoint = tmp_path / "sam.pth"
    checkpoint.write_bytes(bytes(4000))
    assert values_in(checkpoint) == 1000
    broken = tmp_path / "model.safetensors"
    for content in (b"", b"\xff" * 8, b"\x02" + bytes(7) + b"[]", b"\x08" + bytes(7) + b'{"a": 1}'):
        broken.write_bytes(content)
        assert values_in(broken) == 0
    assert values_in(tmp_path / "nothing.safetensors") == 0


def test_without_torch_the_machine_is_looked_at_all_the_same() -> None:
    script = (
        "import sys; sys.modules['torch'] = None\n"
        "from ppcr_ros.health import model_findings as m\n"
        "from ppcr_ros.core.config import Config, MllmConfig\n"
        "print([f.code for f in m.look_at_models(Config(mllm=MllmConfig(device='cuda')))])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "cuda_missing" in done.stdout


def test_torch_is_not_imported_where_there_is_no_gpu_to_ask(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(model_findings, "gpu_in_sight", lambda: False)
    monkeypatch.setitem(sys.modules, "ppcr_ros.models.devices", None)
    assert "cuda_missing" not in codes(look_at_models(Config()))


def test_an_engines_password_is_in_no_finding() -> None:
    config = MllmConfig(
        family="served",
        model="any/model",
        served_family="qwen3_vl",
        endpoint="http://me:secret@127.0.0.1:9/v1",
        connect_timeout_sec=0.5,
    )
    (finding,) = engine_findings(config)
    assert "127.0.0.1:9" in str(finding)
    assert "secret" not in str(finding)
