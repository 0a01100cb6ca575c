"""`ppcr train tiny`: what it takes and what it installs."""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path

import pytest

from ppcr_lab.sim import renderer
from ppcr_lab.training import (
    render,
    tiny,
)
from ppcr_lab.training.render import SceneSource, render_scenes
from ppcr_ros.core.errors import ConfigError, PPCRError
from ppcr_ros.weights.location import EMBEDDED_FOLDER, read_checksums, sha256_of


def arguments(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    tiny.add_arguments(parser)
    return parser.parse_args(words)


@pytest.fixture
def trained(tmp_path: Path) -> Path:
    """A run folder whose exports hold a word each."""
    for part in ("mllm", "segmenter", "adapter"):
        export = tmp_path / "run" / part / "export"
        export.mkdir(parents=True)
        (export / "model.safetensors").write_bytes(part.encode())
    partners = {role: {"family": "f", "model": "/run/export"} for role in ("mllm", "segmenter")}
    (tmp_path / "run" / "adapter" / "export" / "config.json").write_text(json.dumps(partners))
    return tmp_path / "run"


def test_install_copies_the_exports_with_their_checksums(trained: Path, tmp_path: Path) -> None:
    into = tmp_path / "package"
    (into / "mllm").mkdir(parents=True)
    (into / "mllm" / "left_over.json").write_text("{}")
    args = arguments("--only", "install", "--folder", str(trained), "--into", str(into))
    assert tiny.run(args) == 0
    place = into / "segmenter" / "prompt_adapter"
    assert (place / "model.safetensors").read_bytes() == b"adapter"
    installed = json.loads((place / "config.json").read_text())
    assert {installed[role]["model"] for role in ("mllm", "segmenter")} == {"embedded"}
    assert read_checksums(into) == {
        name: sha256_of(into / name)
        for name in (
            "mllm/model.safetensors",
            "segmenter/model.safetensors",
            "segmenter/prompt_adapter/config.json",
            "segmenter/prompt_adapter/model.safetensors",
        )
    }
    assert {path.name for path in into.iterdir()} == {"mllm", "segmenter", "SHA256SUMS.txt"}


def test_without_an_adapter_the_calibration_lies_beside_the_models(
    trained: Path, tmp_path: Path
) -> None:
    into = tmp_path / "package"
    tiny.install(trained, into)
    shutil.rmtree(trained / "adapter")
    (trained / "calibration.json").write_text("{}")
    tiny.install(trained, into)
    assert set(read_checksums(into)) == {
        "calibration.json",
        "mllm/model.safetensors",
        "segmenter/model.safetensors",
    }
    assert (into / "calibration.json").read_text() == "{}"
    assert not (into / "segmenter" / "prompt_adapter").exists()


@pytest.mark.parametrize("part", ["mllm", "segmenter"])
def test_what_is_installed_stays_where_a_part_is_not_trained(
    part: str, trained: Path, tmp_path: Path
) -> None:
    into = tmp_path / "package"
    (into / "mllm").mkdir(parents=True)
    (into / "mllm" / "model.safetensors").write_bytes(b"works")
    shutil.rmtree(trained / part)
    with pytest.raises(PPCRError, match=f"train it first: --only {part}"):
        tiny.install(trained, into)
    assert (into / "mllm" / "model.safetensors").read_bytes() == b"works"


@pytest.mark.parametrize("words", [("--steps", "0"), ("--minutes", "-5"), ("--processes", "0")])
def test_numbers_that_make_no_sense_are_refused(
    words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        arguments(*words)
    assert words[0] in capsys.readouterr().err


def test_rendered_scenes_of_another_number_are_not_taken_for_these(tmp_path: Path) -> None:
    (tmp_path / "train-00").mkdir()
    (tmp_path / "train-00" / "scenes.jsonl").write_text("{}\n" * 3)
    with pytest.raises(ConfigError, match="holds 3 rendered scenes; 8 are wanted"):
        render_scenes(tmp_path / "train-00", SceneSource("tabletop", "train", 0, 8, 2))


def test_a_run_may_begin_with_scenes_that_another_has_not_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[SceneSource] = []
    monkeypatch.setattr(render, "render_scenes", lambda folder, source: None)
    monkeypatch.setattr(
        render, "render_shards", lambda folder, source, processes: asked.append(source)
    )
    words = ["--only", "render", "--folder", str(tmp_path), "--scenes", "5", "--everyday", "7"]
    tiny.run(arguments(*words, "--first-scene", "4000"))
    assert [(s.world, s.start, s.count) for s in asked] == [
        ("tabletop", 4000, 5),
        ("everyday", 4000, 7),
    ]
    with pytest.raises(SystemExit):
        arguments("--first-scene", "-1")


def test_without_a_renderer_the_reason_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(*sizes: int, **options: bool) -> None:
        raise RuntimeError("no OpenGL; run: apt-get install libosmesa6")

    monkeypatch.setattr(renderer, "TabletopRenderer", missing)
    with pytest.raises(PPCRError, match="apt-get install libosmesa6"):
        tiny.run(arguments("--only", "render", "--folder", str(tmp_path)))


def test_the_shipped_weights_are_those_of_the_list() -> None:
    listed = read_checksums()
    shipped = {p.relative_to(EMBEDDED_FOLDER).as_posix() for p in EMBEDDED_FOLDER.rglob("*.*")}
    assert shipped - {"README.md", "SHA256SUMS.txt"} == set(listed)
    assert "calibration.json" in listed
    for name, checksum in listed.items():
        assert sha256_of(EMBEDDED_FOLDER / name) == checksum, name


def test_the_shipped_weights_are_small_enough_to_ship() -> None:
    size = sum(path.stat().st_size for path in EMBEDDED_FOLDER.rglob("*") if path.is_file())
    assert size < 40e6
