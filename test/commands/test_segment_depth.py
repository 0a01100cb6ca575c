"""`ppcr segment` with depth: the grasp target, and files that do not fit."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ppcr_ros import cli
from ppcr_ros.core.config import Config

MATRIX = ["--camera-matrix", "60,60,31.5,23.5"]


def distances() -> np.ndarray:
    """Metres: the scripted mask, (10, 10) to (30, 30), close before a wall."""
    depth_m = np.full((48, 64), 0.81, np.float32)
    depth_m[10:30, 10:30] = 0.8
    return depth_m


def save_png(path: Path) -> Path:
    Image.fromarray(np.round(distances() * 1000).astype(np.uint16)).save(path)
    return path


def save_npy(path: Path) -> Path:
    np.save(path, distances())
    return path


@pytest.mark.parametrize(
    ("save", "name"), [(save_png, "depth.png"), (save_npy, "depth.npy")], ids=["png", "npy"]
)
def test_with_depth_the_target_is_located(
    loaded: list[Config],
    image: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    save: object,
    name: str,
) -> None:
    depth = save(tmp_path / name)  # type: ignore[operator]
    arguments = ["segment", str(image), "the green ball", "--depth", str(depth), *MATRIX]
    assert cli.main(arguments) == 0
    assert "grasp     0.2" in capsys.readouterr().out
    assert cli.main([*arguments, "--json"]) == 0
    grasp = json.loads(capsys.readouterr().out)["grasp"]
    assert grasp["graspable"], grasp["reason"]
    assert grasp["valid_depth_pixels"] == 400
    assert grasp["box"]["size_m"][:2] == pytest.approx([0.25, 0.25], abs=0.02)
    assert grasp["centroid_m"][2] == pytest.approx(0.8, abs=0.01)


def test_without_depth_json_says_what_to_give(
    loaded: list[Config], image: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["segment", str(image), "the green ball", "--json"]) == 0
    grasp = json.loads(capsys.readouterr().out)["grasp"]
    assert not grasp["graspable"]
    assert "--depth and --camera-matrix" in grasp["reason"]
    assert grasp["box"] is None


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--depth", "good.npy"], "give --depth and --camera-matrix"),
        (MATRIX, "give --depth and --camera-matrix"),
        (["--depth", "none.npy", *MATRIX], "cannot read the depth"),
        (["--depth", "text.png", *MATRIX], "cannot read the depth"),
        (["--depth", "small.npy", *MATRIX], "is 8x6 pixels and the image 64x48"),
        (["--depth", "photo.png", *MATRIX], "expected (H, W) of 16-bit millimetres"),
        (["--depth", "good.npy", "--camera-matrix", "1,2,3"], "expected FX,FY,CX,CY"),
        (["--depth", "good.npy", "--camera-matrix", "0,60,1,1"], "focal lengths above 0"),
    ],
)
def test_what_does_not_fit_is_refused_before_anything_is_loaded(
    loaded: list[Config],
    image: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    save_npy(tmp_path / "good.npy")
    np.save("small.npy", np.ones((6, 8), np.float32))
    Path("text.png").write_text("no picture")
    Image.new("RGB", (64, 48)).save("photo.png")
    assert cli.main(["segment", str(image), "the green ball", *arguments]) == 2
    assert message in capsys.readouterr().err
    assert loaded == []
