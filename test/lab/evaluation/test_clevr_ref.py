"""CLEVR-Ref+ in small files of its own layout."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from ppcr_lab.evaluation.clevr_ref import UNTAUGHT_COLOURS, mask_of_runs
from ppcr_lab.evaluation.referring_files import DataSetError
from ppcr_lab.evaluation.samples import open_data_set
from ppcr_ros.core.types import Array, Status

SIZE = (32, 48)


def rectangle(x1: int, y1: int, x2: int, y2: int) -> Array:
    mask = np.zeros(SIZE, np.bool_)
    mask[y1:y2, x1:x2] = True
    return mask


def runs_of(mask: Array) -> str:
    """Lengths of the runs, row by row, the first of pixels that are not the object's."""
    flat = mask.ravel()
    edges = np.flatnonzero(np.diff(flat)) + 1
    lengths = np.diff([0, *edges, flat.size]).tolist()
    return ",".join(str(length) for length in ([0, *lengths] if flat[0] else lengths))


ONE, OTHER = rectangle(2, 3, 12, 13), rectangle(30, 10, 40, 25)


def expression(text: str, meant: list[int], image: int = 7) -> dict[str, Any]:
    return {
        "image_index": image,
        "image_filename": f"CLEVR_val_{image:06d}.png",
        "refexp": text,
        "program": [{"type": "scene", "_output": [0, 1]}, {"type": "refexp", "_output": meant}],
        "split": "val",
    }


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder with one image of two objects and three expressions."""
    scene = {
        "image_index": 7,
        "image_filename": "CLEVR_val_000007.png",
        "objects": [{"shape": "cube", "color": "cyan"}, {"shape": "sphere", "color": "gray"}],
        "obj_mask": {"1": runs_of(ONE), "2": runs_of(OTHER)},
        "obj_bbox": {"1": [2, 3, 10, 10], "2": [30, 10, 10, 15]},
    }
    expressions = [
        expression("The gray sphere", [1]),
        expression("Any thing(s) that are big", [0, 1]),
        expression("The first one of the cyan block(s) from left", [0]),
    ]
    write(tmp_path, "scenes/clevr_ref+_val_scenes.json", {"info": {}, "scenes": [scene]})
    write(tmp_path, "refexps/clevr_ref+_val_refexps.json", {"refexps": expressions})
    images = tmp_path / "images" / "val"
    images.mkdir(parents=True)
    Image.fromarray(np.full((*SIZE, 4), 128, np.uint8)).save(images / "CLEVR_val_000007.png")
    return tmp_path


def write(root: Path, name: str, content: object) -> None:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content), encoding="utf-8")


def test_expressions_are_read_with_their_masks(root: Path) -> None:
    samples, count = open_data_set("clevr-ref:val", limit=None, root=root)
    sphere, both, cyan = samples
    assert count == 3
    assert sphere.command == "The gray sphere"
    assert sphere.expected_status is Status.OK
    assert sphere.mask is not None
    assert sphere.box_xyxy_px is not None
    assert np.array_equal(sphere.mask, OTHER)
    assert sphere.box_xyxy_px.tolist() == [30, 10, 40, 25]
    assert sphere.frame.rgb.shape == (*SIZE, 3)
    assert both.mask is not None
    assert np.array_equal(both.mask, ONE | OTHER)
    assert [sample.kind for sample in (sphere, both, cyan)] == ["single", "multi", "cyan"]


def test_cyan_is_the_only_colour_of_clevr_that_was_not_taught() -> None:
    assert UNTAUGHT_COLOURS == ("cyan",)


def test_runs_may_begin_with_the_object() -> None:
    corner = rectangle(0, 0, 5, 2)
    assert np.array_equal(mask_of_runs(runs_of(corner), SIZE), corner)
    with pytest.raises(ValueError, match="cover 10 pixels and its image has 48x32"):
        mask_of_runs("4,6", SIZE)


def test_limit_and_start_choose_expressions(root: Path) -> None:
    samples, count = open_data_set("clevr-ref:val", limit=1, start=1, root=root)
    assert [sample.kind for sample in samples] == ["multi"]
    assert count == 1


def test_another_split_is_told_what_is_missing(root: Path) -> None:
    with pytest.raises(DataSetError, match=r"clevr_ref\+_train_scenes\.json.*as its authors pack"):
        open_data_set("clevr-ref:train", limit=None, root=root)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("scenes/clevr_ref+_val_scenes.json", {"scenes": []}, "image 7 .* is not among the scenes"),
        (
            "refexps/clevr_ref+_val_refexps.json",
            {"refexps": [{"image_index": 7}]},
            "expression 0 cannot be used: KeyError: 'program'",
        ),
        (
            "refexps/clevr_ref+_val_refexps.json",
            {"refexps": [expression("The ball", [5])]},
            "KeyError: '6'",
        ),
    ],
)
def test_what_does_not_fit_is_told(root: Path, name: str, content: Any, message: str) -> None:
    write(root, name, content)
    samples, _ = open_data_set("clevr-ref:val", limit=None, root=root)
    with pytest.raises(DataSetError, match=message):
        next(samples)


def test_a_file_of_something_else_is_refused(root: Path) -> None:
    write(root, "refexps/clevr_ref+_val_refexps.json", [1, 2])
    with pytest.raises(DataSetError, match="has no list 'refexps'"):
        open_data_set("clevr-ref:val", limit=None, root=root)
    (root / "refexps" / "clevr_ref+_val_refexps.json").write_text("{")
    with pytest.raises(DataSetError, match="is damaged"):
        open_data_set("clevr-ref:val", limit=None, root=root)


def test_a_missing_image_is_named(root: Path) -> None:
    (root / "images" / "val" / "CLEVR_val_000007.png").unlink()
    samples, _ = open_data_set("clevr-ref:val", limit=None, root=root)
    with pytest.raises(DataSetError, match=r"CLEVR_val_000007\.png.*--images"):
        next(samples)
