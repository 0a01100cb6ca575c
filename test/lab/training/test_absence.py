"""A bias on *absent*: that word's logit rises where a thing is named, and nothing else changes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="training needs torch")
from safetensors.torch import load_file  # noqa: E402

from ppcr_lab.training.absence import naming_states, with_absent_bias  # noqa: E402
from ppcr_lab.training.mean import mean_of  # noqa: E402
from ppcr_lab.training.tiny_checkpoint import load_checkpoint, load_tokenizer  # noqa: E402
from ppcr_lab.training.tiny_losses import use_training_attention  # noqa: E402
from ppcr_ros.weights.location import EMBEDDED_FOLDER  # noqa: E402

SHIPPED, HEAD = EMBEDDED_FOLDER / "mllm", "language_model.lm_head.weight"


def test_the_logit_rises_by_the_bias_where_a_thing_is_named(
    tmp_path: Path, paint_scenes: Callable[[Path, int], None]
) -> None:
    paint_scenes(tmp_path / "val", 8)
    with_absent_bias(SHIPPED, [tmp_path / "val"], 1.5, tmp_path / "new", images=4)
    old, new = (load_file(folder / "model.safetensors") for folder in (SHIPPED, tmp_path / "new"))
    changed = {name for name in old if not torch.equal(old[name], new[name])}
    assert changed == {HEAD}
    tokenizer = load_tokenizer(SHIPPED)
    rows = (old[HEAD] != new[HEAD]).any(dim=1).nonzero().flatten().tolist()
    assert tokenizer.convert_ids_to_tokens(rows) == ["absent"]
    model = load_checkpoint(SHIPPED)
    use_training_attention(model)
    states = naming_states(model, tokenizer, tmp_path / "val", 4)
    rise = states @ (new[HEAD] - old[HEAD])[rows[0]].float()
    assert float(rise.mean()) == pytest.approx(1.5, abs=0.05)


def test_a_mean_has_so_much_of_the_earlier_weights(
    tmp_path: Path, paint_scenes: Callable[[Path, int], None]
) -> None:
    paint_scenes(tmp_path / "val", 8)
    now, before, mean = SHIPPED, tmp_path / "before", tmp_path / "mean"
    with_absent_bias(SHIPPED, [tmp_path / "val"], 4.0, before, images=4)
    mean_of(now, before, 0.25, mean)
    first, second, found = (load_file(p / "model.safetensors") for p in (now, before, mean))
    wanted = torch.lerp(first[HEAD].float(), second[HEAD].float(), 0.25)
    torch.testing.assert_close(found[HEAD].float(), wanted, atol=1e-3, rtol=1e-3)
    assert all(torch.equal(found[name], first[name]) for name in first if name != HEAD)
