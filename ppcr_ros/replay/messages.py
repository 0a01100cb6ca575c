"""The core's results to messages without ROS, and recorded messages back to results."""

from __future__ import annotations

from typing import Any

import numpy as np

from ppcr_ros.camera.frames import stamp_to_ns
from ppcr_ros.camera.message_fields import (
    mask_pixels,
    region_fields,
    result_fields,
    semantic_fields,
    spatial_fields,
    stamp_fields,
)
from ppcr_ros.core.types import (
    Array,
    ModelNames,
    Result,
    Segmentation,
    SemanticPrompt,
    SpatialPrompt,
    StageSeconds,
    Status,
)
from ppcr_ros.replay.definitions import (
    GRASP_TYPE,
    IMAGE_TYPE,
    RESULT_TYPE,
    SEMANTIC_TYPE,
    SPATIAL_TYPE,
    new_message,
)

_SECONDS = ("semantic", "spatial", "encode", "segmentation", "total")


def header_message(stamp_ns: int, frame_id: str) -> Any:
    """A ``std_msgs/Header``."""
    stamp = new_message("builtin_interfaces/msg/Time", **stamp_fields(stamp_ns))
    return new_message("std_msgs/msg/Header", stamp=stamp, frame_id=frame_id)


def image_message(pixels: Array, encoding: str, header: Any) -> Any:
    """``pixels`` (H, W) or (H, W, 3) uint8 as a ``sensor_msgs/Image``."""
    return new_message(
        IMAGE_TYPE,
        header=header,
        height=pixels.shape[0],
        width=pixels.shape[1],
        encoding=encoding,
        step=pixels.shape[1] * (pixels.shape[2] if pixels.ndim == 3 else 1),
        data=np.ascontiguousarray(pixels).reshape(-1),
    )


def semantic_message(prompt: SemanticPrompt, header: Any, command_id: str) -> Any:
    """Stage 1's product as the node would publish it."""
    fields = semantic_fields(prompt)
    return new_message(SEMANTIC_TYPE, header=header, command_id=command_id, **fields)


def spatial_message(prompt: SpatialPrompt, header: Any, command_id: str) -> Any:
    """Stage 2's product as the node would publish it."""
    fields = spatial_fields(prompt)
    return new_message(SPATIAL_TYPE, header=header, command_id=command_id, **fields)


def result_message(result: Result) -> Any:
    """How a command ended, as the node would publish it; of the grasp only why there is none."""
    header = header_message(result.stamp_ns, result.frame_id)
    parts: dict[str, Any] = {}
    if result.semantic is not None:
        parts["semantic_prompt"] = semantic_message(result.semantic, header, result.command_id)
    if result.spatial is not None:
        parts["spatial_prompt"] = spatial_message(result.spatial, header, result.command_id)
    found = result.segmentation
    if found is not None:
        region = region_fields(found.box_xyxy_px)
        parts["box"] = new_message("sensor_msgs/msg/RegionOfInterest", **region)
        parts["mask"] = image_message(mask_pixels(found.mask), "mono8", header)
    if result.grasp is not None and not result.grasp.graspable:
        parts["grasp"] = new_message(GRASP_TYPE, reason=result.grasp.reason)
    return new_message(RESULT_TYPE, header=header, **result_fields(result), **parts)


def result_of(message: Any) -> Result:
    """A recorded ``ReferringSegmentation`` as the core's result, its embeddings left out.

    Raises:
        ValueError: when a field holds what no node of ours says, such as an unknown status.
    """
    return Result(
        status=Status(message.status),
        command=message.command,
        message=message.message,
        command_id=message.command_id,
        stamp_ns=stamp_to_ns(message.header.stamp),
        frame_id=message.header.frame_id,
        semantic=_semantic_of(message.semantic_prompt),
        spatial=_spatial_of(message.spatial_prompt),
        segmentation=_segmentation_of(message),
        seconds=StageSeconds(
            **{name: float(getattr(message, f"{name}_seconds")) for name in _SECONDS}
        ),
        models=ModelNames(message.mllm_model, message.segmenter_model),
    )


def _semantic_of(message: Any) -> SemanticPrompt | None:
    if not message.category:  # every semantic prompt has one: this is an empty message
        return None
    return SemanticPrompt(
        text=message.text,
        category=message.category,
        attributes=tuple(message.attributes),
        relations=tuple(message.relations),
        confidence=float(message.confidence),
        present=bool(message.present),
        ambiguous=bool(message.ambiguous),
    )


def _spatial_of(message: Any) -> SpatialPrompt | None:
    box: Array = np.asarray(message.box_xyxy_px, np.float32)
    if not box.any():
        return None
    return SpatialPrompt(
        text=message.text,
        box_xyxy_px=box,
        points_xy_px=np.asarray(message.points_xy_px, np.float32).reshape(-1, 2),
        point_labels=np.asarray(message.point_labels, np.int32),
        confidence=float(message.confidence),
    )


def _segmentation_of(message: Any) -> Segmentation | None:
    mask = message.mask
    if not mask.width:
        return None
    rows = np.frombuffer(mask.data, np.uint8).reshape(mask.height, mask.step)
    return Segmentation.from_mask(rows[:, : mask.width] > 0, float(message.score))
