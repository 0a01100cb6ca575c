"""Fields of a result's messages, one by one; no message type is imported.

The node fills its messages from this, and so does who writes them on a machine without ROS.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ppcr_ros.core.types import (
    Array,
    Instance,
    Result,
    Segmentation,
    SemanticPrompt,
    SpatialPrompt,
)

_NS_PER_SEC = 1_000_000_000
_MIN_STAMP_NS, _MAX_STAMP_NS = -(2**31) * _NS_PER_SEC, 2**31 * _NS_PER_SEC - 1
"""The seconds of ``builtin_interfaces/Time`` are an int32."""


def stamp_fields(stamp_ns: int) -> dict[str, int]:
    """Of a ``builtin_interfaces/Time``.

    A stamp beyond what the message can hold, of a driver that fills in more than a second of
    nanoseconds at the end of time, becomes the nearest that it can.
    """
    sec, nanosec = divmod(min(max(stamp_ns, _MIN_STAMP_NS), _MAX_STAMP_NS), _NS_PER_SEC)
    return {"sec": sec, "nanosec": nanosec}


def semantic_fields(prompt: SemanticPrompt) -> dict[str, Any]:
    """Of a ``SemanticPrompt``, but for header and command_id."""
    return {
        "text": prompt.text,
        "category": prompt.category,
        "attributes": list(prompt.attributes),
        "relations": list(prompt.relations),
        "confidence": float(prompt.confidence),
        "present": prompt.present,
        "ambiguous": prompt.ambiguous,
        "intent": int(prompt.intent),
        "part": prompt.part,
        "quantity": prompt.quantity or 0,
        "targets": list(prompt.targets),
        "destination": prompt.destination,
        "destination_relation": prompt.destination_relation,
    }


def spatial_fields(prompt: SpatialPrompt) -> dict[str, Any]:
    """Of a ``SpatialPrompt``, but for header and command_id; its numbers as arrays."""
    return {
        "text": prompt.text,
        "box_xyxy_px": prompt.box_xyxy_px.astype(np.float32),
        "points_xy_px": prompt.points_xy_px.astype(np.float32).reshape(-1),
        "point_labels": prompt.point_labels.astype(np.int8),
        "confidence": float(prompt.confidence),
        "boxes_xyxy_px": prompt.boxes_xyxy_px.astype(np.float32).reshape(-1),
        "destination_box_xyxy_px": np.zeros((0,), np.float32)
        if prompt.destination_box_xyxy_px is None
        else prompt.destination_box_xyxy_px.astype(np.float32),
    }


def instance_fields(instance: Instance, number: int) -> dict[str, Any]:
    """Of an ``Instance``: all that is no message of its own."""
    return {"number": number, "words": instance.words, "score": float(instance.score)}


def crop_mask(mask: Array, box_xyxy_px: Array) -> Array:
    """The part of ``mask`` (H, W) bool in `region_fields` of a box, as mono8 pixels (h, w)."""
    region = region_fields(box_xyxy_px)
    top, left = region["y_offset"], region["x_offset"]
    return mask_pixels(mask[top : top + region["height"], left : left + region["width"]])


def instance_ids(found: Segmentation) -> Array | None:
    """(H, W) uint8: the number, from 1 on, of the instance at each pixel, 0 where there is none.

    Where two claim a pixel it is the surer one's, and past 255 instances the number stays 255. None
    where there is only one instance.
    """
    if len(found.instances) < 2:
        return None
    ids = np.zeros(found.mask.shape, np.uint8)
    numbered = list(enumerate(found.instances, 1))
    for number, instance in sorted(numbered, key=lambda item: item[1].score):
        ids[instance.mask] = min(number, 255)
    return ids


def region_fields(box_xyxy_px: Array) -> dict[str, int]:
    """Of the smallest ``RegionOfInterest`` that holds a half-open box (4,), in pixels."""
    x1, y1 = (max(int(value), 0) for value in np.floor(box_xyxy_px[:2]))
    x2, y2 = (int(value) for value in np.ceil(box_xyxy_px[2:]))
    return {"x_offset": x1, "y_offset": y1, "width": max(x2 - x1, 0), "height": max(y2 - y1, 0)}


def mask_pixels(mask: Array) -> Array:
    """``mask`` (H, W) bool as mono8 pixels: 255 on the object, 0 elsewhere."""
    return np.asarray(mask.astype(np.uint8) * np.uint8(255))


def result_fields(result: Result) -> dict[str, Any]:
    """Of a ``ReferringSegmentation``: all that is no message of its own."""
    seconds = result.seconds
    return {
        "command": result.command,
        "command_id": result.command_id,
        "status": int(result.status),
        "message": result.message or result.say,  # an empty line looks like a fault
        "say": result.say,
        "question": result.question,
        "reply_to": result.reply_to,
        "point_xy_px": np.array(result.point_xy_px or (), np.float32),
        "not_found_probability": _or_unknown(result.not_found_probability),
        "unfamiliarity": _or_unknown(result.unfamiliarity),
        "expected_mask_iou": _or_unknown(result.expected_mask_iou),
        "tracked": result.tracked,
        "age_seconds": float(result.age_sec),
        "semantic_seconds": float(seconds.semantic),
        "spatial_seconds": float(seconds.spatial),
        "encode_seconds": float(seconds.encode),
        "segmentation_seconds": float(seconds.segmentation),
        "total_seconds": float(seconds.total),
        "mllm_model": result.models.mllm,
        "segmenter_model": result.models.segmenter,
        "score": 0.0 if result.segmentation is None else float(result.segmentation.score),
    }


def _or_unknown(value: float | None) -> float:
    """As messages have it: -1 for what is not known."""
    return -1.0 if value is None else float(value)
