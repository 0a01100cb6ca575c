"""Loaded weights lie in memory: what becomes of their files cannot change or end the process."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ppcr_ros.core.config import MllmConfig, SegmenterConfig
from ppcr_ros.models import segmenters
from ppcr_ros.models.factory import load_mllm


def mapped_below(folder: Path) -> list[str]:
    """The lines of /proc/self/maps that name a file below ``folder``."""
    maps = Path("/proc/self/maps")
    if not maps.is_file():
        pytest.skip("there is no /proc/self/maps on this system")
    return [line for line in maps.read_text().splitlines() if str(folder) in line]


@pytest.mark.parametrize("family", ["segment_anything", "sam", "sam2", "sam3"])
def test_no_file_of_a_segmenter_stays_mapped(
    family: str, family_folders: Mapping[str, Path], tmp_path: Path
) -> None:
    folder = shutil.copytree(family_folders[family], tmp_path / "model")
    config = SegmenterConfig(family=family, model=str(folder), device="cpu")
    loaded = segmenters.load(config, offline=True)
    assert mapped_below(tmp_path) == []
    assert loaded.name


@pytest.mark.parametrize("kind", ["qwen3_vl", "idefics3", "paligemma"])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_no_file_of_an_mllm_stays_mapped(
    kind: str,
    dtype: str,
    checkpoint: Callable[[str], Path],
    family_of: Callable[[str], str],
    tmp_path: Path,
) -> None:
    folder = shutil.copytree(checkpoint(kind), tmp_path / "model")
    config = MllmConfig(family=family_of(kind), model=str(folder), device="cpu", dtype=dtype)
    loaded = load_mllm(config, offline=True)
    assert mapped_below(tmp_path) == []
    assert loaded.name


@pytest.mark.parametrize("family", ["segment_anything", "sam"])
def test_a_file_that_is_overwritten_in_place_changes_no_answer(
    family: str, family_folders: Mapping[str, Path], tmp_path: Path, sams: Any
) -> None:
    folder = shutil.copytree(family_folders[family], tmp_path / "model")
    config = SegmenterConfig(family=family, model=str(folder), device="cpu")
    loaded = segmenters.load(config, offline=True)
    frame, spatial = sams.frame(60, 80), sams.prompt((10, 10, 40, 40))
    before = loaded.segment(loaded.encode(frame), None, spatial)
    weights = folder / "model.safetensors"
    with weights.open("r+b") as file:  # the same file, as a copy over it is
        file.write(bytes(weights.stat().st_size))
    after = loaded.segment(loaded.encode(frame), None, spatial)
    assert np.array_equal(before.masks, after.masks)
    assert np.array_equal(before.scores, after.scores)
