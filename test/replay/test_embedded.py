"""The embedded model, recorded and replayed: equal on the same weights, and not on others."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("rosbags", reason="needs rosbags (pip install rosbags)")
pytest.importorskip("torch", reason="needs torch")

from ppcr_lab.sim.recording import load_recording
from ppcr_ros import cli
from ppcr_ros.weights.location import EMBEDDED_FOLDER

SEGMENTER = EMBEDDED_FOLDER / "segmenter"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(900),
    pytest.mark.skipif(find_spec("transformers") is None, reason="needs transformers"),
    pytest.mark.skipif(
        not (SEGMENTER / "model.safetensors").is_file(), reason="needs the embedded weights"
    ),
]


@pytest.fixture(autouse=True)
def _threads_stay() -> Any:
    import torch

    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def other_weights(folder: Path) -> Path:
    """A configuration of the embedded model whose segmenter's weights are a thousandth larger."""
    from safetensors.numpy import load_file, save_file

    shutil.copytree(SEGMENTER, folder / "segmenter")
    path = folder / "segmenter" / "model.safetensors"
    tensors = {name: (value * 1.001).astype(value.dtype) for name, value in load_file(path).items()}
    save_file(tensors, path)
    config = folder / "other.yaml"
    config.write_text(
        f"/**:\n  ros__parameters:\n    segmenter: {{model: {folder / 'segmenter'}}}\n"
    )
    return config


def test_the_same_weights_decide_alike_in_another_process_and_others_do_not(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scene = load_recording().scenes[0]
    picture = tmp_path / "table.png"
    Image.fromarray(np.asarray(scene.view.rgb)).save(picture)
    bags = tmp_path / "bags"
    assert cli.main(["record", str(picture), scene.commands[0].text, "--into", str(bags)]) == 0
    assert "status    OK" in capsys.readouterr().out

    replay = [sys.executable, "-m", "ppcr_ros.cli", "replay", str(bags)]
    done = subprocess.run(replay, capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 same" in done.stdout
    assert "set-up differs" not in done.stdout

    report = tmp_path / "report.json"
    config = other_weights(tmp_path)
    code = cli.main(["replay", str(bags), "--config", str(config), "--json", str(report)])
    (found,) = json.loads(report.read_text(encoding="utf-8"))["replays"]
    assert code == 1
    differs = [line.partition(":")[0] for line in found["setup_differences"]]
    assert "weights segmenter/model.safetensors" in differs
    named = {item["what"] for item in found["differences"]}
    assert "score" in named
    assert not any(name.startswith(("semantic", "spatial")) for name in named)  # the same MLLM
