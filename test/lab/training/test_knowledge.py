"""Fitting what the embedded MLLM knows of itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="training needs torch")

from ppcr_lab.training.knowledge import AbsenceClaims, KnownScenes, absent_terms, whitening
from ppcr_ros.core.errors import PPCRError


def test_whitened_summaries_have_a_deviation_of_one() -> None:
    rng = np.random.default_rng(0)
    summaries = rng.normal(size=(500, 6)) @ rng.normal(size=(6, 6)) + 3.0
    mean, axes = whitening(summaries)
    whitened = (summaries - mean) @ axes.T
    assert np.allclose(whitened.std(axis=0, ddof=1), 1.0)
    assert np.allclose(np.corrcoef(whitened.T), np.eye(6), atol=1e-6)


def test_the_chances_are_those_that_were_seen() -> None:
    rng = np.random.default_rng(1)
    said = AbsenceClaims()
    for _ in range(3000):
        p, doubt = float(rng.uniform(0.3, 0.99)), bool(rng.random() < 0.4)
        said.add(p, doubt, bool(rng.random() < (0.5 * p if doubt else p)))
    terms, facts = absent_terms(said)
    assert terms["model"] > 0.0
    assert terms["doubt"] < 0.0
    assert facts["ece"] < 0.06


def test_too_few_answers_are_named() -> None:
    with pytest.raises(PPCRError, match="expected at least 30"):
        absent_terms(AbsenceClaims())


def test_no_scenes_are_named(tmp_path: Path) -> None:
    with pytest.raises(PPCRError, match="no rendered scenes"):
        KnownScenes.load([tmp_path], [tmp_path], None, 0.5)


def test_strange_pictures_take_off_where_they_were_seen_to() -> None:
    rng = np.random.default_rng(2)
    said = AbsenceClaims()
    for _ in range(2000):
        unlike = float(rng.choice([0.5, 3.0]))
        said.add(0.8, False, bool(rng.random() < (0.9 if unlike < 1.0 else 0.3)), unlike)
    terms, facts = absent_terms(said)
    assert terms["unfamiliar"] > 0.5
    assert facts["strange"] > 0.4
    assert facts["ece"] < 0.06


def test_pictures_of_the_training_are_more_familiar_than_noise(
    tmp_path: Path, paint_scenes: Callable[[Path, int], None]
) -> None:
    from ppcr_lab.sim.recording import load_recording
    from ppcr_lab.training.render import RenderedScenes
    from ppcr_ros.core.config import MllmConfig
    from ppcr_ros.core.knowledge import Knowledge
    from ppcr_ros.core.types import Frame
    from ppcr_ros.models.factory import load_mllm

    paint_scenes(tmp_path / "train-00", 12)
    scenes = RenderedScenes.load(tmp_path / "train-00")
    model = load_mllm(MllmConfig(), offline=True)
    noise = np.random.default_rng(0).integers(0, 256, (240, 320, 3), dtype=np.uint8)

    def unfamiliarity(frame: Frame) -> float:
        conversation = model.open(frame)
        assert conversation.unfamiliarity is None
        conversation.read_image()
        assert conversation.unfamiliarity is not None
        return conversation.unfamiliarity

    known = [unfamiliarity(Frame(recorded.view.rgb)) for recorded in load_recording().scenes]
    stripes = np.zeros((240, 320, 3), np.uint8)
    stripes[:, np.arange(320) // 7 % 2 == 1] = 255
    assert max(known) < 1.0 < unfamiliarity(Frame(stripes))  # by what ships with the model
    assert max(known) < unfamiliarity(Frame(noise))
    frames = [Frame(np.asarray(scenes.rgb[row])) for row in range(12)]

    def summary(frame: Frame) -> np.ndarray:
        conversation = model.open(frame)
        conversation.read_image()
        found = conversation.image_summary
        assert found is not None
        return found

    mean, axes = whitening(np.array([summary(frame) for frame in frames], np.float64))
    absent = {"bias": 0.0, "model": 1.0, "doubt": 0.0, "unfamiliar": 0.5}
    model.knowledge = Knowledge(mean, axes[:6], 3.0, absent)
    assert unfamiliarity(Frame(noise)) > max(unfamiliarity(frame) for frame in frames)


def test_the_shipped_model_sees_where_the_things_are_and_reads_a_part_of_the_frame() -> None:
    from ppcr_lab.sim.recording import load_recording
    from ppcr_ros.core.config import MllmConfig
    from ppcr_ros.core.types import Frame
    from ppcr_ros.core.window import Window
    from ppcr_ros.models.factory import load_mllm

    model = load_mllm(MllmConfig(), offline=True)
    scenes = load_recording().scenes
    missed = 0
    for recorded in scenes:
        conversation = model.open(Frame(recorded.view.rgb))
        assert conversation.things is None, "nothing is read yet"
        conversation.read_image()
        window = conversation.things
        assert window is not None
        shown = np.asarray(recorded.view.instance) >= 0
        height_px, width_px = shown.shape
        rows, columns = np.nonzero(shown)
        inside = (columns >= window.x1 * width_px) & (columns < window.x2 * width_px)
        inside &= (rows >= window.y1 * height_px) & (rows < window.y2 * height_px)
        missed += inside.mean() < 0.98
    assert missed <= len(scenes) // 10

    part = Window(0.1, 0.1, 0.9, 0.9)
    whole, cut = (
        model.open(Frame(recorded.view.rgb)),
        model.open_window(Frame(recorded.view.rgb), part),
    )
    assert cut.window == part.on_pixels(width_px, height_px)
    for conversation in (whole, cut):
        conversation.read_image()
    assert not np.array_equal(whole.image_tokens, cut.image_tokens)


def test_what_tells_kinds_apart_tells_where_the_things_are() -> None:
    from ppcr_ros.core.knowledge import NO_KIND, Knowledge
    from ppcr_ros.core.window import Window

    absent = {"bias": 0.0, "model": 1.0, "doubt": 0.0, "unfamiliar": 0.5}
    kinds = {NO_KIND: np.array([0.0, 0.0, 2.0]), "mug": np.array([4.0, 0.0, 0.0])}
    known = Knowledge(np.zeros(4), np.ones((1, 4)), 1.0, absent, kinds=kinds)
    tokens = np.zeros((16, 2), np.float32)
    assert known.extent(tokens) is None, "it sees nothing"
    tokens[[5, 10], 0] = 1.0
    assert known.extent(tokens) == Window(0.25, 0.25, 0.75, 0.75)
    assert known.extent(tokens[:15]) is None, "no square of tokens"
    assert replace(known, kinds={}).extent(tokens) is None


def test_kinds_are_fitted_to_what_tokens_show() -> None:
    from ppcr_lab.training.knowledge import fit_kinds

    rng = np.random.default_rng(0)
    middles = {"": (0.0, 0.0, 0.0), "ball": (3.0, 0.0, 1.0), "mug": (0.0, 300.0, 1.0)}
    spread = np.array([1.0, 100.0, 1.0])
    shown = rng.choice([*middles], 600)
    rows = np.array([middles[kind] for kind in shown]) + spread * rng.normal(size=(600, 3))
    kinds = fit_kinds(rows, shown)
    assert {kind: row.shape for kind, row in kinds.items()} == dict.fromkeys(middles, (4,))
    weights = np.stack([*kinds.values()])
    told = np.array([*kinds])[np.argmax(rows @ weights[:, :-1].T + weights[:, -1], axis=1)]
    assert (told == shown).mean() > 0.85


def test_the_shipped_model_tells_kinds_by_its_image_tokens() -> None:
    """On the recorded frames, the box of each thing that shows well."""
    from ppcr_lab.sim.recording import load_recording
    from ppcr_ros.core.config import MllmConfig
    from ppcr_ros.core.types import Frame
    from ppcr_ros.models.factory import load_mllm

    model = load_mllm(MllmConfig(), offline=True)
    right = []
    for recorded in load_recording().scenes:
        conversation = model.open(Frame(recorded.view.rgb))
        assert conversation.kind_probability("mug", np.array([0.0, 0.0, 1.0, 1.0])) is None
        conversation.read_image()
        instance = np.asarray(recorded.view.instance)
        size = np.tile(instance.shape[::-1], 2)
        for number, thing in enumerate(recorded.objects):
            rows, columns = np.nonzero(instance == number)
            if len(rows) < 1500:
                continue
            box = np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]) / size
            chance = conversation.kind_probability(thing.category, box)
            right.append(chance is not None and chance > 0.5)
    assert len(right) > 30
    assert np.mean(right) > 0.85
