"""Data sets in the formats of RefCOCO and gRefCOCO, from files that are made here."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from ppcr_lab.evaluation.samples import DataSetError, ReferringSample, open_data_set
from ppcr_ros.core.types import Status

coco_mask = pytest.importorskip("pycocotools.mask", reason="pycocotools is not installed")

WIDTH_PX, HEIGHT_PX = 40, 30


def rle(mask: Any) -> dict[str, Any]:
    code = coco_mask.encode(np.asfortranarray(mask.astype(np.uint8)))
    return {"size": code["size"], "counts": code["counts"].decode("ascii")}


def rectangle(x1: int, y1: int, x2: int, y2: int) -> Any:
    mask = np.zeros((HEIGHT_PX, WIDTH_PX), bool)
    mask[y1:y2, x1:x2] = True
    return mask


def runs(mask: Any) -> dict[str, Any]:
    """The uncompressed run lengths in which COCO stores crowds."""
    flat = mask.flatten(order="F")
    edges = np.flatnonzero(np.diff(flat.astype(int))) + 1
    lengths = np.diff([0, *edges, flat.size]).tolist()
    counts = lengths if not flat[0] else [0, *lengths]
    return {"size": [HEIGHT_PX, WIDTH_PX], "counts": counts}


LEFT, RIGHT, CROWD = rectangle(2, 4, 10, 12), rectangle(20, 5, 30, 25), rectangle(0, 26, 40, 30)
STROKE = [30, 2, 31, 3]
"""A polygon of two points, which holds no pixel."""
SENTENCE = {"sent_id": 5, "sent": "the left one", "raw": "The left one!"}


def write(root: Path, name: str, references: list[dict[str, Any]]) -> None:
    """The files of one small data set; ``name`` is that of the file of expressions."""
    (root / "images").mkdir(parents=True, exist_ok=True)
    rgb = np.zeros((HEIGHT_PX, WIDTH_PX, 3), np.uint8)
    rgb[LEFT] = (200, 30, 30)
    Image.fromarray(rgb).save(root / "images" / "one.png")
    polygon = [[2, 4, 10, 4, 10, 12, 2, 12]]
    annotations = [
        {"id": 11, "bbox": [2, 4, 8, 8], "segmentation": polygon, "iscrowd": 0},
        {"id": 12, "bbox": [20, 5, 10, 20], "segmentation": rle(RIGHT), "iscrowd": 0},
        {"id": 13, "bbox": [0, 26, 40, 4], "segmentation": runs(CROWD), "iscrowd": 1},
        {"id": 14, "bbox": [2, 4, 8, 8], "segmentation": [STROKE, *polygon], "iscrowd": 0},
        {"id": 15, "bbox": [30, 2, 1, 1], "segmentation": [STROKE], "iscrowd": 0},
    ]
    instances = {
        "images": [{"id": 1, "file_name": "one.png", "width": WIDTH_PX, "height": HEIGHT_PX}],
        "annotations": [{"image_id": 1, "category_id": 1, "area": 1, **a} for a in annotations],
        "categories": [{"id": 1, "name": "thing"}],
    }
    (root / "instances.json").write_text(json.dumps(instances))
    if name.endswith(".p"):
        (root / name).write_bytes(pickle.dumps(references, protocol=2))
    else:
        (root / name).write_text(json.dumps(references))


def reference(ann_id: Any, **fields: Any) -> dict[str, Any]:
    return {
        "ref_id": 3, "ann_id": ann_id, "image_id": 1, "split": "val", "sentences": [SENTENCE],
        **fields,
    }  # fmt: skip


def samples(root: Path, name: str = "refcoco:val", **options: Any) -> list[ReferringSample]:
    return list(open_data_set(name, limit=None, root=root, **options)[0])


@pytest.mark.parametrize("name", ["refs(unc).p", "refs(unc).json"])
@pytest.mark.parametrize(("ann_id", "truth"), [(11, LEFT), (12, RIGHT), (13, CROWD), (14, LEFT)])
def test_refcoco_from_pickle_and_json_with_every_kind_of_mask(
    name: str, ann_id: int, truth: Any, tmp_path: Path
) -> None:
    write(tmp_path, name, [reference(ann_id)])
    (sample,) = samples(tmp_path)
    assert sample.command == "The left one!"
    assert sample.kind == "val"
    assert sample.expected_status is Status.OK
    assert sample.frame.rgb[8, 5].tolist() == [200, 30, 30]
    np.testing.assert_array_equal(sample.mask, truth)
    assert sample.sample_id == "refcoco/val/3/5"
    assert sample.box_xyxy_px is not None
    assert sample.box_xyxy_px.dtype == np.float32


def test_an_annotation_without_an_area_is_refused_by_its_number(tmp_path: Path) -> None:
    write(tmp_path, "refs(unc).json", [reference(15)])
    with pytest.raises(DataSetError, match="annotation 15 has no polygon of three points"):
        samples(tmp_path)


@pytest.mark.parametrize("place", ["images/mscoco/images/train2014", "images/train2014"])
def test_images_are_found_in_the_usual_places(place: str, tmp_path: Path) -> None:
    write(tmp_path, "refs(unc).json", [reference(11)])
    flat = tmp_path / "flat"
    (tmp_path / "images").rename(flat)
    (tmp_path / place).parent.mkdir(parents=True)
    flat.rename(tmp_path / place)
    (sample,) = samples(tmp_path)
    assert sample.frame.rgb[8, 5].tolist() == [200, 30, 30]


@pytest.mark.parametrize("place", ["images/mscoco/images/train2014", "images/train2014"])
def test_images_beside_the_set_are_found(place: str, tmp_path: Path) -> None:
    """RefCOCO's own layout: data/refcoco and data/images, gRefCOCO's data/grefcoco alike."""
    root = tmp_path / "data" / "refcoco"
    write(root, "refs(unc).json", [reference(11)])
    folder = root.parent / place
    folder.parent.mkdir(parents=True)
    (root / "images").rename(folder)
    assert len(samples(root)) > 0


def test_one_sample_for_every_sentence_of_the_split(tmp_path: Path) -> None:
    two = [SENTENCE, {"sent_id": 6, "sent": "red"}]
    write(
        tmp_path,
        "refs(umd).json",
        [reference(11, sentences=two), reference(12, split="test"), reference(12, ref_id=4)],
    )
    found = samples(tmp_path, "refcocog:val")
    assert [sample.command for sample in found] == ["The left one!", "red", "The left one!"]
    drawn, count = open_data_set("refcocog:val", limit=1, start=1, root=tmp_path)
    part = list(drawn)
    assert count == 1
    with pytest.raises(DataSetError, match="has 3 sentences; --start is 3"):
        open_data_set("refcocog:val", limit=None, start=3, root=tmp_path)
    assert [sample.command for sample in part] == ["red"]


def test_grefcoco_knows_one_target_several_and_none(tmp_path: Path) -> None:
    references = [
        reference([12], ref_id=1),
        reference([11, 12], ref_id=2),
        reference([-1], ref_id=3, no_target=True),
    ]
    write(tmp_path, "grefs(unc).json", references)
    one, both, none = samples(tmp_path, "grefcoco:val")
    assert [s.kind for s in (one, both, none)] == ["single", "multi", "no_target"]
    np.testing.assert_array_equal(both.mask, LEFT | RIGHT)
    assert both.box_xyxy_px is not None
    assert both.box_xyxy_px.tolist() == [2, 4, 30, 25]
    assert (none.mask, none.box_xyxy_px, none.expected_status) == (None, None, Status.NOT_FOUND)


def test_whose_splits_can_be_chosen(tmp_path: Path) -> None:
    write(tmp_path, "refs(google).p", [reference(11)])
    write(tmp_path, "refs(unc).p", [reference(12)])
    np.testing.assert_array_equal(samples(tmp_path)[0].mask, RIGHT)
    np.testing.assert_array_equal(samples(tmp_path, split_by="google")[0].mask, LEFT)
    with pytest.raises(DataSetError, match=r"no refs\(umd\).*it has those of google, unc"):
        samples(tmp_path, split_by="umd")


class Evil:
    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return (print, ("this must never run",))


def test_a_pickle_that_asks_for_code_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path, "refs(unc).p", [reference(11)])
    (tmp_path / "refs(unc).p").write_bytes(pickle.dumps([Evil()], protocol=2))
    with pytest.raises(DataSetError, match=r"refused, for it wants .*print; expected plain lists"):
        samples(tmp_path)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"", "damaged"), (b"\x80\x02]q", "damaged|refused"), (b"\x80\x02}q\x00.", "expected a list")],
)
def test_a_damaged_pickle_is_named(content: bytes, message: str, tmp_path: Path) -> None:
    write(tmp_path, "refs(unc).p", [])
    (tmp_path / "refs(unc).p").write_bytes(content)
    with pytest.raises(DataSetError, match=message):
        samples(tmp_path)


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataSetError, match=r"holds no refs\(unc\)"):
        samples(tmp_path)
    write(tmp_path, "refs(unc).json", [reference(11), reference(99, split="testA")])
    with pytest.raises(DataSetError, match="no split 'testB'; it has testA, val"):
        samples(tmp_path, "refcoco:testB")
    with pytest.raises(DataSetError, match="annotation 99 of expression 3"):
        samples(tmp_path, "refcoco:testA")
    with pytest.raises(DataSetError, match=r"cannot read .*elsewhere.*--images"):
        samples(tmp_path, images=tmp_path / "elsewhere")
    (tmp_path / "instances.json").unlink()
    with pytest.raises(DataSetError, match=r"cannot read .*instances.json"):
        samples(tmp_path)


def test_images_of_another_size_are_refused(tmp_path: Path) -> None:
    write(tmp_path, "refs(unc).json", [reference(11)])
    Image.new("RGB", (64, 48)).save(tmp_path / "images" / "one.png")
    with pytest.raises(DataSetError, match="is 40x30 and its image 64x48"):
        samples(tmp_path)


def test_an_expression_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    write(tmp_path, "refs(unc).json", [reference(11, sentences=[{"sent_id": 1}])])
    with pytest.raises(DataSetError, match="expression 3 cannot be used: KeyError"):
        samples(tmp_path)
