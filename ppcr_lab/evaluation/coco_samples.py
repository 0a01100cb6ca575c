"""RefCOCO, RefCOCO+, RefCOCOg and gRefCOCO as samples: one for every sentence.

A folder holds ``instances.json`` (COCO) and the file of expressions; see `referring_files`. An
expression of gRefCOCO may mean several objects, then the truth is the union of their masks, or
none.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, UnidentifiedImageError

from ppcr_lab.evaluation.referring_files import (
    DataSetError,
    LabelledSample,
    find_references,
    read_references,
)
from ppcr_ros.core.types import Array, Frame, Status

INSTANCES_FILE = "instances.json"
IMAGE_FOLDERS = ("images/mscoco/images/train2014", "images/train2014", "train2014", "images")
"""Where the images may be; the deepest first, since the others may be above it."""
_LEAST_COORDINATES = 6
"""Of a polygon: three points."""


class CocoReferring:
    """One split of one data set in RefCOCO's or gRefCOCO's format.

    Args:
        data_set: a name of `referring_files.DATA_SETS`.
        split: ``val``, ``testA`` or whatever the file calls it.
        root: the folder.
        split_by: whose splits: ``unc``, ``google``, ``umd``; by default the usual one.
        images: the folder of the images; by default one of `IMAGE_FOLDERS` in ``root`` or beside.

    Raises:
        DataSetError: when a file is missing or cannot be read, or there is no such split.
    """

    def __init__(
        self,
        data_set: str,
        split: str,
        root: Path,
        split_by: str | None = None,
        images: Path | None = None,
    ) -> None:
        references = read_references(find_references(root, data_set, split_by))
        splits = {str(reference.get("split", "")) for reference in references}
        if split not in splits:
            raise DataSetError(
                f"{data_set} in {root} has no split {split!r}; it has {', '.join(sorted(splits))}."
            )
        self._name = f"{data_set}/{split}"
        self._split = split
        self._coco = _open_coco(root / INSTANCES_FILE)
        self._images = images or _image_folder(root)
        self._sentences = [
            (reference, sentence)
            for reference in references
            if reference.get("split") == split
            for sentence in reference.get("sentences", [])
        ]

    def __len__(self) -> int:
        return len(self._sentences)

    def samples(self, start: int, limit: int) -> Iterator[LabelledSample]:
        """Sentences ``start`` to ``start + limit``, each image read when it is asked for.

        Raises:
            DataSetError: when an image or an annotation is missing or does not fit.
        """
        for reference, sentence in self._sentences[start : start + limit]:
            try:
                yield self._sample(reference, sentence)
            except (KeyError, TypeError, ValueError, IndexError) as error:
                raise DataSetError(
                    f"{self._name}: expression {reference.get('ref_id')!r} cannot be used: "
                    f"{type(error).__name__}: {error}."
                ) from error

    def _sample(self, reference: dict[str, Any], sentence: dict[str, Any]) -> LabelledSample:
        image = self._coco.imgs.get(reference["image_id"])
        if image is None:
            raise DataSetError(
                f"{self._name}: image {reference['image_id']!r} is not in {INSTANCES_FILE}; "
                "expected the instances that the expressions were written for."
            )
        rgb = self._read(image)
        annotations = self._annotations(reference)
        mask, box = self._truth(annotations, rgb.shape[:2])
        several = bool(reference.get("ambiguous", False))
        without = Status.AMBIGUOUS if several else Status.NOT_FOUND
        return LabelledSample(
            sample_id=f"{self._name}/{reference['ref_id']}/{sentence.get('sent_id', 0)}",
            frame=Frame(rgb=rgb),
            command=str(sentence.get("raw") or sentence["sent"]),
            kind=self._kind(reference, annotations),
            expected_status=without if mask is None else Status.OK,
            mask=mask,
            box_xyxy_px=box,
        )

    def _kind(self, reference: dict[str, Any], annotations: list[dict[str, Any]]) -> str:
        if reference.get("kind"):
            return str(reference["kind"])
        if not isinstance(reference.get("ann_id"), list):
            return self._split
        return "no_target" if not annotations else "multi" if len(annotations) > 1 else "single"

    def _annotations(self, reference: dict[str, Any]) -> list[dict[str, Any]]:
        ids = reference["ann_id"]
        ids = ids if isinstance(ids, list) else [ids]
        if reference.get("no_target") or ids == [-1]:
            return []
        unknown = [number for number in ids if number not in self._coco.anns]
        if unknown:
            raise DataSetError(
                f"{self._name}: annotation {unknown[0]!r} of expression {reference['ref_id']!r} is "
                f"not in {INSTANCES_FILE}."
            )
        return [self._coco.anns[number] for number in ids]

    def _truth(
        self, annotations: list[dict[str, Any]], size: tuple[int, ...]
    ) -> tuple[Array | None, Array | None]:
        """The union of the masks and of the boxes; None where nothing is meant."""
        if not annotations:
            return None, None
        masks = [self._mask(annotation) for annotation in annotations]
        if any(mask.shape != size for mask in masks):
            raise DataSetError(
                f"{self._name}: the mask of annotation {annotations[0]['id']!r} is "
                f"{masks[0].shape[1]}x{masks[0].shape[0]} and its image {size[1]}x{size[0]}; "
                "expected the same size. Are these the images of this data set?"
            )
        mask = np.logical_or.reduce(masks)
        if not mask.any():
            raise DataSetError(
                f"{self._name}: annotation {annotations[0]['id']!r} has no pixel in the image."
            )
        boxes = np.array([annotation["bbox"] for annotation in annotations], np.float32)
        low, high = boxes[:, :2].min(axis=0), (boxes[:, :2] + boxes[:, 2:]).max(axis=0)
        return mask, np.concatenate([low, high]).astype(np.float32)

    def _mask(self, annotation: dict[str, Any]) -> Array:
        """(H, W) bool. Polygons of fewer than three points hold no pixel, and pycocotools takes the
        first of them for a box."""
        shape = annotation["segmentation"]
        if isinstance(shape, list):
            shape = [polygon for polygon in shape if len(polygon) >= _LEAST_COORDINATES]
            if not shape:
                raise DataSetError(
                    f"{self._name}: annotation {annotation['id']!r} has no polygon of three points "
                    "or more; expected one, or a run-length encoding."
                )
        mask: Array = self._coco.annToMask({**annotation, "segmentation": shape}).astype(bool)
        return mask

    def _read(self, image: dict[str, Any]) -> Array:
        path = self._images / Path(image["file_name"]).name
        try:
            with Image.open(path, formats=("JPEG", "PNG")) as picture:
                return np.asarray(picture.convert("RGB"))
        except (OSError, UnidentifiedImageError) as error:
            raise DataSetError(
                f"cannot read {path}: {error}. Give the folder of the images: --images."
            ) from error


def need_pycocotools() -> None:
    """Make sure that pycocotools can be imported.

    Raises:
        DataSetError: when it cannot.
    """
    try:
        import pycocotools.mask  # noqa: F401
    except ImportError as error:
        raise DataSetError(
            "data sets in COCO's format need pycocotools: pip install pycocotools"
        ) from error


def _open_coco(path: Path) -> Any:
    need_pycocotools()
    from pycocotools.coco import COCO

    try:
        with contextlib.redirect_stdout(io.StringIO()):  # it talks while it reads
            return COCO(str(path))
    except (OSError, ValueError, KeyError, AssertionError) as error:
        raise DataSetError(
            f"cannot read {path}: {error}. Expected COCO's instances of the data set's images."
        ) from error


def _image_folder(root: Path) -> Path:
    """In the set's folder, or beside it, where RefCOCO's own layout keeps those of all sets."""
    for folder in (root, root.resolve().parent):
        for name in IMAGE_FOLDERS:
            if (folder / name).is_dir():
                return folder / name
    raise DataSetError(
        f"{root} has no folder {IMAGE_FOLDERS[-1]!r}; give the one of the images: --images."
    )
