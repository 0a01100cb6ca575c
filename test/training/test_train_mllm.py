"""The MLLM's training: fresh, and from weights that are there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="training needs torch")
from safetensors.torch import load_file  # noqa: E402

from ppcr_ros.training.train_mllm import MllmRecipe, MllmTraining  # noqa: E402
from ppcr_ros.weights import EMBEDDED_FOLDER  # noqa: E402

SHIPPED = EMBEDDED_FOLDER / "mllm"


@pytest.fixture(scope="module")
def scenes(
    tmp_path_factory: pytest.TempPathFactory, paint_scenes: Callable[[Path, int], None]
) -> Path:
    path = tmp_path_factory.mktemp("scenes")
    paint_scenes(path, 50)
    return path


def changed_by(folder: Path, scenes: Path, steps: int) -> set[str]:
    """The names of the weights that are not as shipped after ``steps``, the first without words."""
    recipe = replace(
        MllmRecipe().continuing(),
        tower_steps=1,
        steps=steps - 1,
        images_per_step=2,
        tower_images_per_step=2,
        compiled=False,
    )
    MllmTraining(folder, [scenes], scenes, recipe, start=SHIPPED).run()
    new = load_file(folder / "export" / "model.safetensors")
    old = load_file(SHIPPED / "model.safetensors")
    assert set(new) == set(old)
    return {name for name in old if not torch.equal(new[name], old[name])}


def test_training_goes_on_from_weights_that_are_there(tmp_path: Path, scenes: Path) -> None:
    """While the heads catch up the weights stay; then everything learns, in the same words."""
    run = tmp_path / "mllm"
    assert changed_by(run, scenes, 1) == set()
    changed = changed_by(run, scenes, 2)
    assert any("vision_tower" in name for name in changed)
    assert any("language_model" in name for name in changed)
    words = [(folder / "tokenizer.json").read_bytes() for folder in (SHIPPED, run / "export")]
    assert words[0] == words[1]


def test_weights_go_on_at_half_the_rate() -> None:
    fresh = MllmRecipe()
    assert fresh.continuing().learning_rate == fresh.learning_rate / 2
    assert fresh.continuing().tower_steps < fresh.tower_steps
