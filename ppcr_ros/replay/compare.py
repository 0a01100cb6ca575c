"""Two results of one command, compared bit for bit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ppcr_ros.core.masks import iou_of_masks
from ppcr_ros.core.types import Array, Result


@dataclass(frozen=True)
class ResultDifference:
    """One thing that was decided otherwise.

    Attributes:
        what: its name, such as ``spatial box``.
        recorded: how it was.
        replayed: how it is now.
    """

    what: str
    recorded: str
    replayed: str

    def __str__(self) -> str:
        return f"{self.what}: recorded {self.recorded}, replayed {self.replayed}"


def differences(recorded: Result, replayed: Result) -> list[ResultDifference]:
    """What two results decide otherwise, in the order in which the stages decide it.

    Floating-point numbers are compared as the messages carry them, in 32 bits, and every bit
    counts. Times, ids and stamps are no decisions.
    """
    before, now = _decisions(recorded), _decisions(replayed)
    found = [
        ResultDifference(name, _shown(before[name]), _shown(now[name]))
        for name in before
        if _bits(before[name]) != _bits(now[name])
    ]
    return [_with_overlap(item, recorded, replayed) for item in found]


def mask_iou(recorded: Result, replayed: Result) -> float | None:
    """Intersection over union of the two masks; None where one is missing or of another size."""
    one, other = _mask(recorded), _mask(replayed)
    if one is None or other is None or one.shape != other.shape:
        return None
    return iou_of_masks(one, other)


def _decisions(result: Result) -> dict[str, Any]:
    semantic, spatial, found = result.semantic, result.spatial, result.segmentation
    return {
        "status": result.status.name,
        "semantic text": semantic and semantic.text,
        "semantic category": semantic and semantic.category,
        "semantic attributes": semantic and semantic.attributes,
        "semantic relations": semantic and semantic.relations,
        "semantic presence": semantic and semantic.present,
        "semantic ambiguity": semantic and semantic.ambiguous,
        "semantic confidence": semantic and np.float32(semantic.confidence),
        "semantic intent": semantic and semantic.intent.name,
        "semantic part": semantic and semantic.part,
        "semantic quantity": semantic and semantic.quantity,
        "semantic targets": semantic and semantic.targets,
        "semantic destination": semantic
        and f"{semantic.destination_relation} {semantic.destination}".strip(),
        "spatial text": spatial and spatial.text,
        "spatial box": spatial and spatial.box_xyxy_px.astype(np.float32),
        "spatial points": spatial and spatial.points_xy_px.astype(np.float32),
        "spatial point labels": spatial and spatial.point_labels.astype(np.int8),
        "spatial boxes": None
        if spatial is None
        else _as_float32(_unless_one(spatial.boxes_xyxy_px)),
        "spatial destination": None
        if spatial is None
        else _as_float32(spatial.destination_box_xyxy_px),
        "spatial confidence": spatial and np.float32(spatial.confidence),
        "mask": found and found.mask,
        "instances": found and _unless_one(np.stack([i.mask for i in found.instances])),
        "destination": found and found.destination and found.destination.mask,
        "score": found and np.float32(found.score),
        "candidates": tuple((item.number, item.words) for item in result.candidates),
        "question": result.question,
        "message": result.message,
    }


def _unless_one(items: Array) -> Array | None:
    """None where there is one item, which is compared elsewhere."""
    return None if len(items) == 1 else items


def _as_float32(box: Array | None) -> Array | None:
    return None if box is None else box.astype(np.float32)


def _bits(value: Any) -> Any:
    if isinstance(value, np.floating) and np.isnan(value):
        return "nan"  # unknown, such as the confidence of an engine that tells none: all alike
    if isinstance(value, (np.ndarray, np.generic)):
        return value.shape, value.dtype.str, value.tobytes()
    return value


def _shown(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, np.ndarray) and value.dtype == np.bool_:
        many = f"{len(value)} masks, " if value.ndim == 3 else ""
        return f"{many}{int(value.sum())} px of {value.shape[-1]}x{value.shape[-2]}"
    if isinstance(value, np.ndarray):
        return str([float(f"{item:.9g}") for item in value.reshape(-1).tolist()])
    if isinstance(value, np.floating):
        return f"{float(value):.9g}"
    return f"{value!r:.120}"


def _with_overlap(item: ResultDifference, recorded: Result, replayed: Result) -> ResultDifference:
    """For masks, how much they have in common: their areas may well be the same."""
    iou = mask_iou(recorded, replayed)
    if item.what != "mask" or iou is None:
        return item
    return ResultDifference(item.what, item.recorded, f"{item.replayed} (IoU {iou:.4f})")


def _mask(result: Result) -> Array | None:
    return None if result.segmentation is None else result.segmentation.mask
