"""Fitting an adapter to prompts that were written, on tiny SAMs of the real classes.

It stands here, and not under test/training, because the tiny SAMs are fixtures here.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ppcr_ros.core.config import Config, MllmConfig, SegmenterConfig
from ppcr_ros.core.errors import ModelLoadError, PPCRError
from ppcr_ros.core.stages.segmentation import segment_instance
from ppcr_ros.core.types import Array, Frame, SemanticPrompt, SpatialPrompt

torch = pytest.importorskip("torch", reason="torch is not installed")

Squares = Callable[[np.random.Generator], tuple[Array, list[Array]]]

WIDTH = 20
CODES = np.random.default_rng(0).normal(size=(2, WIDTH)).astype(np.float32)


def states(which: int, rng: np.random.Generator) -> Array:
    """Hidden states that say which square is meant, in noise."""
    noise = rng.normal(scale=0.2, size=(int(rng.integers(3, 7)), WIDTH))
    return (CODES[which] + noise).astype(np.float32)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory, make_squares: Squares) -> Any:
    """64 samples about 32 images, as an MLLM with hidden states of width 20 would write them."""
    from ppcr_lab.training.adapter_store import PromptStore, StoreIdentity, WrittenSample

    identity = StoreIdentity("squares:train", 0, {"family": "qwen3_vl", "model": "m"})
    store = PromptStore(tmp_path_factory.mktemp("prompts"), identity)
    rng = np.random.default_rng(1)
    samples = []
    for number in range(32):
        rgb, masks = make_squares(rng)
        image = store.add_image(rgb)
        for which, mask in enumerate(masks):
            rows, columns = np.nonzero(mask)
            box = np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1], np.float32)
            samples.append(
                WrittenSample(
                    f"{number}/{which}",
                    image,
                    SemanticPrompt("a square", "square", embedding=states(which, rng)),
                    SpatialPrompt(
                        "there",
                        box + rng.normal(scale=1.0, size=4).astype(np.float32),
                        confidence=0.9,
                        embedding=states(which, rng),
                    ),
                    mask,
                )
            )
    store.add_shard(samples, {"written": len(samples)}, len(samples))
    return store


@pytest.fixture
def training(store: Any) -> Callable[..., Any]:
    """Makes an `AdapterTraining` on the squares."""

    def make(folder: Path, segmenter: Any, *, prefetch: bool = False, **changes: Any) -> Any:
        from ppcr_lab.training.adapter_batches import EmbeddedPrompts
        from ppcr_lab.training.train_adapter import AdapterRecipe, AdapterTraining
        from ppcr_ros.models.segmenters.adapter_files import AdapterConfig, Partner
        from ppcr_ros.models.segmenters.prompt_adapter import AdapterSizes

        options: dict[str, Any] = {
            "steps": 60,
            "batch": 8,
            "learning_rate": 4e-3,
            "decoder_rate": 2e-3,
            "warmup_steps": 5,
            "checkpoint_every": 1000,
            "val_samples": 8,
            "train_decoder": True,
            "spoilt": 0.0,
        }
        return AdapterTraining(
            folder,
            EmbeddedPrompts(store, segmenter, folder / "embeddings", held_out=0.15),
            segmenter,
            AdapterConfig(
                Partner("qwen3_vl", "m"),
                Partner("sam", segmenter.name),
                AdapterSizes(WIDTH, 16, 16, tokens=2, heads=2, depth=1),
                trained_on={"data": "squares:train"},
            ),
            AdapterRecipe(**{**options, **changes}),
            prefetch=prefetch,
        )

    return make


def log_of(folder: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]


@pytest.mark.parametrize(
    ("family", "look"),
    [("segment_anything", "whole"), ("segment_anything", "region"), ("sam", "whole")],
)
def test_the_loss_falls_and_the_states_choose_the_object(
    family: str,
    look: str,
    sams: Any,
    training: Callable[..., Any],
    make_squares: Squares,
    tmp_path: Path,
) -> None:
    segmenter = sams.load(family, look=look)
    run = training(tmp_path, segmenter, steps=180, learning_rate=6e-3, decoder_rate=6e-3)
    run.run()
    log = log_of(tmp_path)
    losses = [line["loss"] for line in log if "loss" in line]
    assert losses[-1] < 0.6 * losses[0]
    figures = log[-1]
    assert figures["val_iou_progressive"] > figures["val_iou_no_adapter"] + 0.1
    # What the MLLM thought, and nothing else, now says which of the two squares is meant.
    rgb, masks = make_squares(np.random.default_rng(99))
    encoded = segmenter.encode(Frame(rgb))
    rng = np.random.default_rng(5)
    found = []
    for which in (0, 1):
        prompt = SemanticPrompt("a square", "square", embedding=states(which, rng))
        found.append(segment_instance(segmenter, encoded, prompt, None).mask)
    for which, other in ((0, 1), (1, 0)):
        on_target = (found[which] & masks[which]).sum()
        assert on_target > 1.3 * (found[which] & masks[other]).sum()


def test_a_sam2_learns_a_batch_by_heart(
    sams: Any, training: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    always_both = {"semantic_only": 0.0, "spatial_only": 0.0}
    rates = {"learning_rate": 2e-2, "decoder_rate": 2e-2}
    run = training(tmp_path, sams.load("sam2", look="whole"), steps=140, **always_both, **rates)
    batch = run.load_batch(0)
    monkeypatch.setattr(run, "load_batch", lambda step: batch)
    run.run()
    losses = [line["loss"] for line in log_of(tmp_path) if "loss" in line]
    assert losses[-1] < 0.65 * losses[0]


def test_the_export_gives_the_same_tokens_and_masks(
    sams: Any,
    training: Callable[..., Any],
    family_folders: dict[str, Path],
    tmp_path: Path,
    store: Any,
) -> None:
    from ppcr_ros.models.segmenters.adapter_choice import attach_adapter
    from ppcr_ros.models.segmenters.adapter_files import load_adapter

    trained = sams.load("sam", look="whole")
    run = training(tmp_path, trained, steps=10)
    run.run()
    saved = load_adapter(tmp_path / "export")
    sample = store[3]
    rows = torch.from_numpy(sample.semantic.embedding)
    with torch.inference_mode():
        expected = run.adapter.eval().tokens_of(rows, None)
        assert torch.allclose(saved.network.tokens_of(rows, None), expected, atol=5e-3)
    assert saved.config.trained_on["steps"] == 10
    assert saved.config.validation["val_iou_progressive"] > 0
    model = str(family_folders["sam"])
    config = Config(
        mllm=MllmConfig(family="qwen3_vl", model="m"),
        segmenter=SegmenterConfig(
            family="sam", model=model, device="cpu", prompt_adapter=str(tmp_path / "export")
        ),
    )
    loaded = sams.load("sam", look="whole")
    attach_adapter(loaded, config, mllm_width=WIDTH)
    answers = [
        segmenter.segment(
            segmenter.encode(Frame(store.rgb(sample.image))), sample.semantic, sample.spatial
        )
        for segmenter in (trained, loaded)
    ]
    assert (answers[0].masks == answers[1].masks).mean() > 0.99
    with pytest.raises(ModelLoadError, match=r"of width 20; those of qwen3_vl:m have 2048"):
        attach_adapter(loaded, config, mllm_width=2048)


@pytest.mark.parametrize("prefetch", [False, True])
def test_a_stopped_training_goes_on_to_the_same_weights(
    prefetch: bool,
    sams: Any,
    training: Callable[..., Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    whole = training(
        tmp_path / "whole", sams.load("sam", look="whole"), steps=12, checkpoint_every=6
    )
    whole.run()
    stopped = training(
        tmp_path / "stopped", sams.load("sam", look="whole"), steps=12, checkpoint_every=6
    )
    step = stopped.train_step

    def until_nine(progress: float) -> dict[str, float]:
        if stopped.step == 9:
            raise KeyboardInterrupt
        return dict(step(progress))

    monkeypatch.setattr(stopped, "train_step", until_nine)
    with pytest.raises(KeyboardInterrupt):
        stopped.run()
    again = training(
        tmp_path / "stopped",
        sams.load("sam", look="whole"),
        steps=12,
        checkpoint_every=6,
        prefetch=prefetch,
    )
    assert again.step == 6
    again.run()
    for name, tensor in whole.adapter.state_dict().items():
        assert torch.allclose(again.adapter.state_dict()[name], tensor, atol=1e-4), name


def test_a_frozen_decoder_stays_as_it_was(
    sams: Any, training: Callable[..., Any], tmp_path: Path
) -> None:
    segmenter = sams.load("segment_anything", look="whole")
    before = {name: x.clone() for name, x in segmenter.mask_decoder.state_dict().items()}
    run = training(tmp_path, segmenter, steps=6, train_decoder=False)
    run.run()
    for name, tensor in segmenter.mask_decoder.state_dict().items():
        assert torch.equal(tensor, before[name]), name
    assert run.adapter.output.weight.any(), "the adapter did learn"
    assert not (tmp_path / "export" / "mask_decoder.safetensors").exists()
    with pytest.raises(PPCRError, match="without a tuned decoder"):
        training(tmp_path, segmenter, steps=6, train_decoder=True)


def test_a_spoilt_box_is_off_and_still_a_box() -> None:
    from ppcr_lab.training.train_adapter import spoilt_box

    box = np.array([10.0, 20.0, 50.0, 40.0], np.float32)
    rng = np.random.default_rng(0)
    found = np.stack([spoilt_box(box, rng, 0.2) for _ in range(400)])
    assert (found[:, 2:] >= found[:, :2] + 1.0).all()
    off = (found - box) / (40.0, 20.0, 40.0, 20.0)
    np.testing.assert_allclose(off.std(axis=0), 0.2, atol=0.03)
    np.testing.assert_allclose(off.mean(axis=0), 0.0, atol=0.03)


def test_samples_with_spoilt_boxes_are_learnt_from(
    sams: Any, training: Callable[..., Any], tmp_path: Path
) -> None:
    run = training(tmp_path, sams.load("segment_anything", look="region"), steps=2, spoilt=1.0)
    run.run()
    figures = log_of(tmp_path)[-1]
    assert {"val_iou_no_adapter_spoilt", "val_iou_progressive_spoilt"} <= set(figures)
    assert 0.0 <= figures["val_iou_no_adapter_spoilt"] <= 1.0
