"""The MLLM's training: fresh, and from weights that are there."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="training needs torch")
from safetensors.torch import load_file  # noqa: E402

from ppcr_lab.training import tiny_checkpoint  # noqa: E402
from ppcr_lab.training.grounding_data import Batch, BatchSampler  # noqa: E402
from ppcr_lab.training.tiny_checkpoint import deepened, load_checkpoint  # noqa: E402
from ppcr_lab.training.train_mllm import MllmRecipe, MllmTraining  # noqa: E402
from ppcr_ros.weights.location import EMBEDDED_FOLDER  # noqa: E402

SHIPPED = EMBEDDED_FOLDER / "mllm"


@pytest.fixture(scope="module")
def scenes(
    tmp_path_factory: pytest.TempPathFactory, paint_scenes: Callable[[Path, int], None]
) -> Path:
    path = tmp_path_factory.mktemp("scenes")
    paint_scenes(path, 50)
    return path


def changed_by(folder: Path, scenes: Path, **steps: int) -> set[str]:
    """The names of the weights that are not as shipped after so many steps of each kind."""
    recipe = replace(
        MllmRecipe().continuing(),
        **{"heads_steps": 0, "tower_steps": 0, "steps": 0, **steps},
        images_per_step=2,
        tower_images_per_step=2,
        compiled=False,
    )
    MllmTraining(folder, [scenes], [scenes], recipe, start=SHIPPED).run()
    new = load_file(folder / "export" / "model.safetensors")
    old = load_file(SHIPPED / "model.safetensors")
    assert set(new) >= set(old)
    return {name for name in old if not torch.equal(new[name], old[name])}


def test_training_goes_on_from_weights_that_are_there(tmp_path: Path, scenes: Path) -> None:
    """While the heads catch up the weights stay; then the tower learns, and then everything."""
    run = tmp_path / "mllm"
    assert changed_by(tmp_path / "heads", scenes, heads_steps=1) == set()
    changed = changed_by(tmp_path / "tower", scenes, tower_steps=1)
    assert changed
    assert all("vision_tower" in name for name in changed)
    changed = changed_by(run, scenes, heads_steps=1, steps=1)
    assert any("vision_tower" in name for name in changed)
    assert any("language_model" in name for name in changed)
    words = [(folder / "tokenizer.json").read_bytes() for folder in (SHIPPED, run / "export")]
    assert words[0] == words[1]


def test_what_comes_out_is_the_mean_of_before_and_after(tmp_path: Path, scenes: Path) -> None:
    recipe = replace(
        MllmRecipe().continuing(),
        heads_steps=0,
        steps=2,
        warmup_steps=1,
        learning_rate=0.1,  # so that the weights move farther than float16 rounds
        images_per_step=2,
        tower_images_per_step=2,
        compiled=False,
    )
    assert recipe.start_share == 0.3
    assert MllmRecipe().start_share == 0.0
    MllmTraining(tmp_path / "mllm", [scenes], [scenes], recipe, start=SHIPPED).run()
    before = deepened(load_checkpoint(SHIPPED)).state_dict()
    found = load_checkpoint(tmp_path / "mllm" / "export").state_dict()
    after = torch.load(tmp_path / "mllm" / "checkpoint.pt", weights_only=True)["model"]
    for name, tensor in after.items():
        mean = torch.lerp(tensor, before[name], 0.3)
        torch.testing.assert_close(found[name], mean, atol=1e-3, rtol=1e-3)
    moved = [float((after[name] - before[name]).abs().max()) for name in after]
    assert sum(distance > 0.05 for distance in moved) > len(after) / 2


def test_weights_go_on_at_two_thirds_of_the_rate() -> None:
    fresh = MllmRecipe()
    assert fresh.continuing().learning_rate == pytest.approx(fresh.learning_rate * 2 / 3)
    assert fresh.continuing().tower_steps < fresh.tower_steps
    assert fresh.continuing().heads_steps > fresh.heads_steps == 0


def test_weights_go_on_with_images_of_another_size(monkeypatch: pytest.MonkeyPatch) -> None:
    """The position table is interpolated; all else stays."""
    before = load_checkpoint(SHIPPED).state_dict()
    monkeypatch.setattr(tiny_checkpoint, "IMAGE_SIZE_PX", 160)
    monkeypatch.setattr(tiny_checkpoint, "GRID", 10)
    model = load_checkpoint(SHIPPED)
    after = model.state_dict()
    changed = [name for name in before if not torch.equal(before[name], after[name])]
    assert changed == ["model.vision_tower.embeddings.position_embedding.weight"]
    table, grid = before[changed[0]].T, math.isqrt(len(before[changed[0]]))
    pooled = torch.nn.functional.adaptive_avg_pool2d(table.reshape(1, -1, grid, grid), 10)
    kept = torch.corrcoef(
        torch.stack([pooled[0].flatten(1).T.flatten(), after[changed[0]].flatten()])
    )
    assert kept[0, 1] > 0.95
    assert model.config.image_seq_length == 100
    tower = model.model.vision_tower(torch.zeros(1, 3, 160, 160))
    assert tower.last_hidden_state.shape[:2] == (1, 100)


def test_a_deeper_tower_computes_at_first_what_the_shallow_one_did(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """And each of its new layers has something to learn."""
    model = load_checkpoint(SHIPPED).eval()
    layers = model.config.vision_config.num_hidden_layers
    assert deepened(model) is model or layers < tiny_checkpoint.VISION_LAYERS
    monkeypatch.setattr(tiny_checkpoint, "VISION_LAYERS", layers + 2)
    deeper = deepened(model).eval()
    assert deeper.config.vision_config.num_hidden_layers == layers + 2
    assert model.config.vision_config.num_hidden_layers == layers
    torch.manual_seed(0)
    pixels = torch.rand(2, 3, 320, 320) * 2 - 1
    states = [one.get_image_features(pixel_values=pixels).pooler_output for one in (model, deeper)]
    torch.testing.assert_close(torch.stack(list(states[1])), torch.stack(list(states[0])))
    torch.stack(list(states[1])).square().sum().backward()
    for layer in deeper.model.vision_tower.encoder.layers[-2:]:
        assert layer.mlp.fc2.weight.grad.abs().max() > 0
        assert layer.self_attn.out_proj.weight.grad.abs().max() > 0


def test_half_of_the_patches_is_seen_until_the_last_quarter(
    tmp_path: Path, scenes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    usual = BatchSampler.batch

    def batch(self: BatchSampler, number: int, **options: Any) -> Batch:
        asked.append(options.get("patches", 400))
        return usual(self, number, **options)

    recipe = replace(
        MllmRecipe().continuing(),
        **{"heads_steps": 0, "tower_steps": 2, "steps": 2, "compiled": False},
        images_per_step=2,
        tower_images_per_step=2,
    )
    training = MllmTraining(tmp_path, [scenes], [scenes], recipe, start=SHIPPED)
    monkeypatch.setattr(BatchSampler, "batch", batch)
    training.run()
    assert asked == [200, 200, 200, 400]
