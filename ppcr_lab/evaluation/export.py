"""Writes rendered samples in gRefCOCO's format, so that any tool that reads it can use them.

The folder gets ``images/*.png``, ``instances.json`` (COCO; every visible object, masks as RLE) and
``grefs(tabletop).json``. Expressions carry two keys that gRefCOCO does not have: ``kind``, and
``ambiguous`` where several objects fit.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from tqdm import tqdm

from ppcr_lab.evaluation.coco_samples import INSTANCES_FILE, need_pycocotools
from ppcr_lab.evaluation.referring_files import DataSetError
from ppcr_lab.sim.scene import CATEGORIES
from ppcr_lab.sim.tabletop_dataset import TabletopSample
from ppcr_ros.core.types import Array, Status

REFERENCES_FILE = "grefs(tabletop).json"


def export(
    samples: Iterable[TabletopSample],
    into: Path,
    *,
    split: str,
    total: int | None = None,
    progress: bool = True,
) -> int:
    """Write ``samples`` into the new folder ``into``; returns how many there were.

    All is written into a temporary folder beside it first, so that ``into`` is whole or not there.

    Raises:
        DataSetError: when ``into`` holds something already or cannot be written, or pycocotools is
            missing.
    """
    need_pycocotools()
    if into.exists() and (not into.is_dir() or any(into.iterdir())):
        raise DataSetError(f"{into} is there already; expected a new or an empty folder.")
    try:
        into.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=into.parent, prefix=f".{into.name}-") as work:
            unfinished = Path(work) / "data"
            (unfinished / "images").mkdir(parents=True)
            count = _write(samples, unfinished, split, total, progress)
            if into.exists():
                into.rmdir()
            shutil.move(unfinished, into)
    except OSError as error:
        raise DataSetError(f"cannot write {into}: {error.strerror or error}.") from error
    return count


def _write(
    samples: Iterable[TabletopSample], folder: Path, split: str, total: int | None, progress: bool
) -> int:
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    references: list[dict[str, Any]] = []
    for number, sample in enumerate(
        tqdm(samples, total=total, desc=f"export {split}", disable=not progress)
    ):
        rgb = sample.frame.rgb
        name = f"{sample.sample_id.replace('/', '_')}.png"
        Image.fromarray(rgb).save(folder / "images" / name)
        images.append(
            {"id": number, "file_name": name, "width": rgb.shape[1], "height": rgb.shape[0]}
        )
        target = None
        for index, category in enumerate(sample.categories):
            mask = sample.instance == index
            if not mask.any():
                continue
            annotation = _annotation(len(annotations) + 1, number, category, mask)
            annotations.append(annotation)
            if sample.target == index:
                target = annotation
        references.append(_reference(number, sample, name, split, target))
    categories = [
        {"id": index + 1, "name": name, "supercategory": "tabletop"}
        for index, name in enumerate(CATEGORIES)
    ]
    info = {"description": "ppcr_ros tabletop", "version": "1"}
    instances = {
        "info": info,
        "licenses": [],
        "images": images,
        "annotations": annotations,
        "categories": categories,
    }
    (folder / INSTANCES_FILE).write_text(json.dumps(instances), encoding="utf-8")
    (folder / REFERENCES_FILE).write_text(json.dumps(references), encoding="utf-8")
    return len(references)


def _annotation(number: int, image: int, category: str, mask: Array) -> dict[str, Any]:
    from pycocotools import mask as coco_mask

    code = coco_mask.encode(np.asfortranarray(mask.astype(np.uint8)))
    return {
        "id": number,
        "image_id": image,
        "category_id": CATEGORIES.index(category) + 1,
        "iscrowd": 0,
        "area": int(mask.sum()),
        "bbox": coco_mask.toBbox(code).tolist(),
        "segmentation": {"size": code["size"], "counts": _text(code["counts"])},
    }


def _reference(
    number: int, sample: TabletopSample, file_name: str, split: str, target: dict[str, Any] | None
) -> dict[str, Any]:
    sentence = {
        "sent_id": number,
        "sent": sample.command.lower(),
        "raw": sample.command,
        "tokens": sample.command.lower().split(),
    }
    return {
        "ref_id": number,
        "image_id": number,
        "file_name": file_name,
        "split": split,
        "ann_id": [-1] if target is None else [target["id"]],
        "category_id": [-1] if target is None else [target["category_id"]],
        "no_target": target is None,
        "ambiguous": sample.expected_status is Status.AMBIGUOUS,
        "kind": sample.kind,
        "sentences": [sentence],
        "sent_ids": [number],
    }


def _text(code: str | bytes) -> str:
    return code if isinstance(code, str) else code.decode("ascii")
