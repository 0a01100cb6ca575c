"""`ppcr train tiny`: what it takes and what it installs."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import pytest

from ppcr_ros.core.errors import PPCRError
from ppcr_ros.sim import renderer
from ppcr_ros.training import tiny
from ppcr_ros.weights import EMBEDDED_FOLDER, read_checksums, sha256_of


def arguments(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    tiny.add_arguments(parser)
    return parser.parse_args(words)


def test_install_copies_both_exports_with_their_checksums(tmp_path: Path) -> None:
    for role in ("mllm", "segmenter"):
        export = tmp_path / "run" / role / "export"
        export.mkdir(parents=True)
        (export / "model.safetensors").write_bytes(role.encode())
    into = tmp_path / "package"
    (into / "mllm").mkdir(parents=True)
    (into / "mllm" / "left_over.json").write_text("{}")
    args = arguments("--only", "install", "--folder", str(tmp_path / "run"), "--into", str(into))
    assert tiny.run(args) == 0
    assert not (into / "mllm" / "left_over.json").exists()
    assert read_checksums(into) == {
        f"{role}/model.safetensors": sha256_of(into / role / "model.safetensors")
        for role in ("mllm", "segmenter")
    }


def test_install_puts_the_adapter_beside_the_segmenter(tmp_path: Path) -> None:
    for role in ("mllm", "segmenter", "adapter"):
        export = tmp_path / "run" / role / "export"
        export.mkdir(parents=True)
        (export / "model.safetensors").write_bytes(role.encode())
    partners = {role: {"family": "f", "model": "/run/export"} for role in ("mllm", "segmenter")}
    (tmp_path / "run" / "adapter" / "export" / "config.json").write_text(json.dumps(partners))
    tiny.install(tmp_path / "run", tmp_path / "package")
    place = tmp_path / "package" / "segmenter" / "prompt_adapter"
    assert (place / "model.safetensors").read_bytes() == b"adapter"
    installed = json.loads((place / "config.json").read_text())
    assert {installed[role]["model"] for role in ("mllm", "segmenter")} == {"embedded"}
    assert "segmenter/prompt_adapter/config.json" in read_checksums(tmp_path / "package")


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
    assert {"mllm/model.safetensors", "segmenter/model.safetensors"} <= set(listed)
    for name, checksum in listed.items():
        assert sha256_of(EMBEDDED_FOLDER / name) == checksum, name


def test_the_shipped_weights_are_small_enough_to_ship() -> None:
    size = sum(path.stat().st_size for path in EMBEDDED_FOLDER.rglob("*") if path.is_file())
    assert size < 40e6
