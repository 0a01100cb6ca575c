"""A real model, fetched from a hub on this machine, then run without it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from ppcr_ros import cli
from ppcr_ros.weights.location import EMBEDDED_FOLDER

pytest.importorskip("torch", reason="torch is not installed")
pytest.importorskip("transformers", reason="transformers is not installed")

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def config(tmp_path: Path) -> str:
    path = tmp_path / "robot.yaml"
    path.write_text(
        "/**:\n  ros__parameters:\n"
        f"    mllm: {{family: ppcr_tiny, model: ppcr-test/tiny, revision: '{COMMIT}'}}\n"
    )
    return str(path)


@pytest.fixture
def image(tmp_path: Path) -> str:
    path = tmp_path / "image.png"
    pixels = np.full((120, 160, 3), 140, np.uint8)
    pixels[50:80, 60:90] = (200, 30, 30)
    Image.fromarray(pixels).save(path)
    return str(path)


@pytest.fixture
def real_hub(hub: Any) -> Any:
    """The hub, with the embedded MLLM as its model."""
    folder = EMBEDDED_FOLDER / "mllm"
    hub.files = {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }
    return hub


def segment(config: str, image: str, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    assert cli.main(["segment", image, "the red cube", "--config", config, "--json"]) in (0, 1)
    answer = json.loads(capsys.readouterr().out)
    assert isinstance(answer, dict)
    del answer["seconds"]
    return answer


def test_pull_then_run_without_the_hub(
    real_hub: Any, cache: Path, config: str, image: str, capsys: pytest.CaptureFixture[str]
) -> None:
    real_hub.break_after = 5_000_000
    assert cli.main(["models", "pull", "--config", config]) == 0
    real_hub.refusal = (500, "")
    real_hub.requests.clear()
    capsys.readouterr()
    found = segment(config, image, capsys)
    assert found["models"]["mllm"] == f"ppcr_tiny:ppcr-test/tiny@{COMMIT}"
    assert real_hub.requests == []
    # The same model under another name says the same.
    embedded = Path(config).with_name("embedded.yaml")
    # A calibration belongs to the embedded pair by its name.
    alike = "pipeline: {score_calibration: none}"
    embedded.write_text(f"/**:\n  ros__parameters: {{{alike}}}\n")
    own = Path(config).read_text() + f"    {alike}\n"
    Path(config).write_text(own)
    same = [segment(path, image, capsys) for path in (config, str(embedded))]
    assert same[0]["semantic_prompt"] == same[1]["semantic_prompt"]
    assert same[0]["segmentation"] == same[1]["segmentation"]


@pytest.mark.parametrize("name", ["tokenizer.json", "model.safetensors", "config.json"])
def test_a_cache_that_lacks_a_file_is_told_and_nothing_is_asked(
    real_hub: Any,
    cache: Path,
    config: str,
    image: str,
    name: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert cli.main(["models", "pull", config]) == 0
    place = cache / "models--ppcr-test--tiny" / "snapshots" / COMMIT
    (place / name).unlink()
    real_hub.requests.clear()
    capsys.readouterr()
    assert cli.main(["segment", image, "the red cube", "--config", config]) == 2
    told = capsys.readouterr().err
    assert "ppcr models pull" in told or "Copy or fetch the model again" in told
    assert real_hub.requests == []


def test_a_model_that_was_never_pulled(
    real_hub: Any, cache: Path, config: str, image: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["segment", image, "the red cube", "--config", config]) == 2
    told = capsys.readouterr().err
    assert "is not in the local cache" in told
    assert "pipeline.offline is true" in told
    assert "ppcr models pull" in told
    assert real_hub.requests == []


def test_the_loader_itself_may_fetch_where_offline_is_off(
    real_hub: Any,
    cache: Path,
    config: str,
    image: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    Path(config).write_text(Path(config).read_text() + "    pipeline: {offline: false}\n")
    found = segment(config, image, capsys)
    assert found["models"]["mllm"] == f"ppcr_tiny:ppcr-test/tiny@{COMMIT}"
    names = {path.name for path in (cache / "models--ppcr-test--tiny").rglob("*.*")}
    assert "model.safetensors" in names
    assert "README.md" not in names
    real_hub.refusal = (503, "")  # what was fetched once is there without a hub, too
    assert segment(config, image, capsys) == found


def test_a_copy_on_a_robot(
    real_hub: Any,
    cache: Path,
    config: str,
    image: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert cli.main(["models", "pull", config]) == 0
    robot = tmp_path / "robot" / "hub"
    shutil.copytree(cache, robot, symlinks=True)
    shutil.rmtree(cache)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(robot))
    monkeypatch.setattr("huggingface_hub._snapshot_download.constants.HF_HUB_CACHE", str(robot))
    real_hub.requests.clear()
    capsys.readouterr()
    segment(config, image, capsys)
    assert real_hub.requests == []
