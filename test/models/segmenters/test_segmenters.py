"""Checks that hold for every family: sizes, borders, points, threads, number formats."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ppcr_ros.core.config import SegmenterConfig
from ppcr_ros.core.errors import ModelLoadError, SegmentationError
from ppcr_ros.core.types import Frame
from ppcr_ros.models import segmenters

FAMILIES = ("segment_anything", "sam", "sam2", "sam3")
POINT_FAMILIES = ("segment_anything", "sam", "sam2")


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize(
    ("height", "width"),
    [(48, 64), (64, 48), (30, 200), (181, 33), (64, 64), (7, 5), (3, 3), (1, 1)],
)
def test_masks_have_the_frames_own_size(family: str, height: int, width: int, sams: Any) -> None:
    segmenter = sams.load(family)
    encoded = segmenter.encode(sams.frame(height, width))
    candidates = segmenter.segment(encoded, sams.red_mug, sams.prompt((0, 0, width, height)))
    assert candidates.masks.shape == (3, height, width)
    assert candidates.masks.dtype == np.bool_
    assert candidates.scores.shape == (3,)
    assert candidates.scores.dtype == np.float32
    assert ((candidates.scores >= 0) & (candidates.scores <= 1)).all()


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize(
    "box",
    [
        (10, 10, 11, 11),
        (0, 0, 1, 1),
        (79, 59, 80, 60),
        (10.2, 10.2, 10.3, 10.3),
        (0, 0, 80, 60),
        (-30, -20, 20, 30),
        (70, 50, 500, 400),
    ],
)
def test_boxes_of_a_pixel_at_borders_and_beyond(
    family: str, box: tuple[float, float, float, float], sams: Any
) -> None:
    segmenter = sams.load(family)
    candidates = segmenter.segment(
        segmenter.encode(sams.frame(60, 80)), sams.red_mug, sams.prompt(box)
    )
    assert candidates.masks.shape == (3, 60, 80)
    assert np.isfinite(candidates.scores).all()


@pytest.mark.parametrize("family", FAMILIES)
def test_a_box_outside_the_frame_is_refused(family: str, sams: Any) -> None:
    segmenter = sams.load(family)
    encoded = segmenter.encode(sams.frame(60, 80))
    with pytest.raises(SegmentationError, match="outside the frame of 80x60 pixels"):
        segmenter.segment(encoded, sams.red_mug, sams.prompt((100, 10, 120, 20)))


@pytest.mark.parametrize("family", FAMILIES)
def test_one_mask_without_multimask(family: str, sams: Any) -> None:
    segmenter = sams.load(family, multimask=False)
    encoded = segmenter.encode(sams.frame(48, 64))
    assert len(segmenter.segment(encoded, sams.red_mug, sams.prompt((5, 5, 30, 30))).masks) == 1


@pytest.mark.parametrize("family", POINT_FAMILIES)
def test_points_and_their_labels_reach_the_decoder(family: str, sams: Any) -> None:
    segmenter = sams.load(family)
    encoded = segmenter.encode(sams.frame(48, 64))
    box = (5, 5, 40, 40)

    def scores(*prompt: Any) -> list[float]:
        candidates = segmenter.segment(encoded, sams.red_mug, sams.prompt(box, *prompt))
        return [*candidates.scores.tolist(), *candidates.masks.mean(axis=(1, 2)).tolist()]

    positive, negative = scores(((20, 20),), (1,)), scores(((20, 20),), (0,))
    assert scores() != positive
    assert positive != negative
    outside = ((20, 20), (-3, 10), (64, 10), (10, 48), (900, 900))
    assert scores(outside, (1, 1, 0, 1, 1)) == positive


@pytest.mark.parametrize("family", POINT_FAMILIES)
def test_extra_sparse_tokens_join_the_prompt(family: str, sams: Any) -> None:
    import torch

    from ppcr_ros.models.segmenters.base import BoxAndPoints

    segmenter = sams.load(family)
    encoded = segmenter.encode(sams.frame(48, 64))
    prompts = BoxAndPoints.within(sams.prompt((5, 5, 40, 40)), height_px=48, width_px=64)
    with torch.inference_mode():
        plain, _ = segmenter.predict(encoded, prompts)
        empty, _ = segmenter.predict(encoded, prompts, torch.zeros(0, 16))
        steered, _ = segmenter.predict(encoded, prompts, torch.ones(2, 16))
    assert torch.equal(plain, empty)
    assert not torch.allclose(plain, steered, atol=1e-3)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_sixteen_bit_encoders_give_nearly_the_same_masks(
    family: str, dtype: str, sams: Any
) -> None:
    frame, spatial = sams.frame(48, 64), sams.prompt((5, 5, 40, 40))
    full, half = sams.load(family, dtype="float32"), sams.load(family, dtype=dtype)
    expected = full.segment(full.encode(frame), sams.red_mug, spatial)
    actual = half.segment(half.encode(frame), sams.red_mug, spatial)
    assert (actual.masks == expected.masks).mean() > 0.9
    assert np.allclose(actual.scores, expected.scores, atol=0.05)


@pytest.mark.parametrize("family", FAMILIES)
def test_frames_encoded_at_the_same_time_do_not_mix(family: str, sams: Any) -> None:
    segmenter = sams.load(family)
    frames = [sams.frame(48, 64), sams.frame(64, 48), sams.frame(40, 40), sams.frame(20, 64)]
    spatial = sams.prompt((4, 4, 18, 18))
    barrier = threading.Barrier(len(frames))

    def run(frame: Frame, *, together: bool) -> Any:
        if together:
            barrier.wait(timeout=180)
        return segmenter.segment(segmenter.encode(frame), sams.red_mug, spatial)

    alone = [run(frame, together=False) for frame in frames]
    with ThreadPoolExecutor(len(frames)) as pool:
        together = list(pool.map(lambda frame: run(frame, together=True), frames))
    for one, other in zip(alone, together, strict=True):
        assert np.array_equal(one.masks, other.masks)
        assert np.allclose(one.scores, other.scores, atol=1e-5)


@pytest.mark.parametrize("family", FAMILIES)
def test_the_embedding_serves_many_prompts(family: str, sams: Any) -> None:
    segmenter = sams.load(family)
    encoded = segmenter.encode(sams.frame(48, 64))
    first = segmenter.segment(encoded, sams.red_mug, sams.prompt((5, 5, 40, 40)))
    other = segmenter.segment(encoded, sams.red_mug, sams.prompt((30, 20, 60, 45)))
    again = segmenter.segment(encoded, sams.red_mug, sams.prompt((5, 5, 40, 40)))
    assert np.array_equal(first.masks, again.masks)
    assert not np.array_equal(first.scores, other.scores)


def test_the_name_is_the_configured_model(sams: Any, family_folders: dict[str, Path]) -> None:
    assert sams.load("sam").name == str(family_folders["sam"])


@pytest.mark.parametrize("family", ["segment_anything", "sam"])
def test_a_frame_too_narrow_to_be_resized_is_refused(family: str, sams: Any) -> None:
    with pytest.raises(SegmentationError, match=r"the frame is 400x1 pixels.*Crop the image"):
        sams.load(family).encode(sams.frame(1, 400))


def test_scores_that_are_not_numbers_are_an_error(sams: Any) -> None:
    import torch

    segmenter = sams.load("segment_anything")
    encoded = segmenter.encode(sams.frame(48, 64))
    encoded = replace(encoded, embedding=torch.full_like(encoded.embedding, torch.nan))
    with pytest.raises(SegmentationError, match=r"Set segmenter.dtype to float32"):
        segmenter.segment(encoded, sams.red_mug, sams.prompt((5, 5, 40, 40)))


def test_a_missing_library_is_named(monkeypatch: pytest.MonkeyPatch, sams: Any) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "segment_anything", None)
    monkeypatch.setitem(sys.modules, "segment_anything.modeling", None)
    with pytest.raises(ModelLoadError, match=r"needs the Python package segment_anything"):
        sams.load("segment_anything")


def test_every_configurable_family_has_a_module() -> None:
    from ppcr_ros.core.config import SEGMENTER_FAMILIES

    assert set(segmenters.MODULES) == set(SEGMENTER_FAMILIES)


def test_the_package_is_imported_without_torch() -> None:
    import subprocess
    import sys

    script = "import sys; sys.modules['torch'] = None; import ppcr_ros.models.segmenters"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.gpu
@pytest.mark.parametrize("family", FAMILIES)
def test_cuda_gives_the_cpus_masks(family: str, family_folders: dict[str, Path], sams: Any) -> None:
    import torch

    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    frame, spatial = sams.frame(48, 64), sams.prompt((5, 5, 40, 40))
    answers = []
    for device in ("cpu", "cuda"):
        config = SegmenterConfig(
            family=family, model=str(family_folders[family]), device=device, dtype="float32"
        )
        segmenter = segmenters.load(config, offline=True)
        with ThreadPoolExecutor(1) as pool:  # the encoder's thread, as in the pipeline
            encoded = pool.submit(segmenter.encode, frame).result()
        answers.append(segmenter.segment(encoded, sams.red_mug, spatial))
    assert (answers[0].masks == answers[1].masks).mean() > 0.97
    assert np.allclose(answers[0].scores, answers[1].scores, atol=0.02)
