"""The core's results to messages without ROS, and recorded messages back to results."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from ppcr_ros.camera.frames import stamp_to_ns
from ppcr_ros.camera.message_fields import (
    crop_mask,
    instance_fields,
    instance_ids,
    mask_pixels,
    region_fields,
    result_fields,
    semantic_fields,
    spatial_fields,
    stamp_fields,
)
from ppcr_ros.core.types import (
    Array,
    Candidate,
    Instance,
    Intent,
    ModelNames,
    Result,
    Segmentation,
    SemanticPrompt,
    SpatialPrompt,
    StageSeconds,
    Status,
)
from ppcr_ros.replay.definitions import (
    CANDIDATE_TYPE,
    GRASP_TYPE,
    IMAGE_TYPE,
    INSTANCE_TYPE,
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
        parts["box"] = _region_message(found.box_xyxy_px)
        parts["mask"] = image_message(mask_pixels(found.mask), "mono8", header)
        parts.update(_instance_parts(found, header))
    parts["candidates"] = [_candidate_message(item, header) for item in result.candidates]
    if result.grasp is not None and not result.grasp.graspable:
        parts["grasp"] = new_message(GRASP_TYPE, reason=result.grasp.reason)
        if len(parts.get("instances", ())) == 1:
            parts["instances"][0].grasp = parts["grasp"]
    return new_message(RESULT_TYPE, header=header, **result_fields(result), **parts)


def _instance_parts(found: Segmentation, header: Any) -> dict[str, Any]:
    """Each object by itself, and the destination."""
    parts: dict[str, Any] = {
        "instances": [
            _instance_message(instance, number, header)
            for number, instance in enumerate(found.instances, 1)
        ]
    }
    ids = instance_ids(found)
    if ids is not None:
        parts["instance_ids"] = image_message(ids, "mono8", header)
    if found.destination is not None:
        parts["destination"] = _instance_message(found.destination, 1, header)
    return parts


def _instance_message(instance: Instance, number: int, header: Any) -> Any:
    box_xyxy_px = instance.box_xyxy_px
    parts: dict[str, Any] = {
        "box": _region_message(box_xyxy_px),
        "mask": image_message(crop_mask(instance.mask, box_xyxy_px), "mono8", header),
    }
    if instance.grasp is not None and not instance.grasp.graspable:
        parts["grasp"] = new_message(GRASP_TYPE, reason=instance.grasp.reason)
    return new_message(INSTANCE_TYPE, **instance_fields(instance, number), **parts)


def _candidate_message(candidate: Candidate, header: Any) -> Any:
    parts: dict[str, Any] = {"box": _region_message(candidate.box_xyxy_px)}
    if candidate.mask is not None:
        cropped = crop_mask(candidate.mask, candidate.box_xyxy_px)
        parts["mask"] = image_message(cropped, "mono8", header)
    return new_message(CANDIDATE_TYPE, number=candidate.number, words=candidate.words, **parts)


def _region_message(box_xyxy_px: Array) -> Any:
    return new_message("sensor_msgs/msg/RegionOfInterest", **region_fields(box_xyxy_px))


def result_of(message: Any) -> Result:
    """A recorded ``ReferringSegmentation`` as the core's result, its embeddings left out.

    Raises:
        ValueError: when a field holds what no node of ours says, such as an unknown status.
    """
    return Result(
        status=_status_of(message),
        command=message.command,
        # Of a success it is the sentence to be spoken, which is a field of its own.
        message="" if message.message == getattr(message, "say", "") else message.message,
        command_id=message.command_id,
        stamp_ns=stamp_to_ns(message.header.stamp),
        frame_id=message.header.frame_id,
        semantic=semantic_of(message.semantic_prompt),
        spatial=spatial_of(message.spatial_prompt),
        segmentation=_segmentation_of(message),
        seconds=StageSeconds(
            **{name: float(getattr(message, f"{name}_seconds")) for name in _SECONDS}
        ),
        models=ModelNames(message.mllm_model, message.segmenter_model),
        candidates=_candidates_of(message),
        question=getattr(message, "question", ""),
        say=getattr(message, "say", ""),
        reply_to=getattr(message, "reply_to", ""),
        point_xy_px=_point_of(message),
    )


def _status_of(message: Any) -> Status:
    """The status by the bag's own definitions: until 0.8 OK was 0, which nobody says any more."""
    if message.status == 0 and not hasattr(message, "UNKNOWN"):
        return Status.OK
    return Status(message.status)


def semantic_of(message: Any) -> SemanticPrompt | None:
    """A ``SemanticPrompt`` message as the core's; None where it is empty."""
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
        **_intent_of(message),
    )


def _intent_of(message: Any) -> dict[str, Any]:
    """What releases before 0.9 did not say of a semantic prompt: nothing in their recordings."""
    if not hasattr(message, "intent"):
        return {}
    return {
        "intent": Intent(message.intent),
        "part": message.part,
        "quantity": int(message.quantity) or None,
        "targets": tuple(message.targets),
        "destination": message.destination,
        "destination_relation": message.destination_relation,
    }


def spatial_of(message: Any) -> SpatialPrompt | None:
    """A ``SpatialPrompt`` message as the core's, without embedding; None where it is empty."""
    box: Array = np.asarray(message.box_xyxy_px, np.float32)
    if not box.any():
        return None
    return SpatialPrompt(
        text=message.text,
        box_xyxy_px=box,
        points_xy_px=np.asarray(message.points_xy_px, np.float32).reshape(-1, 2),
        point_labels=np.asarray(message.point_labels, np.int32),
        confidence=float(message.confidence),
        **_boxes_of(message),
    )


def _boxes_of(message: Any) -> dict[str, Any]:
    """The boxes that releases before 0.9 did not know."""
    if not hasattr(message, "boxes_xyxy_px"):
        return {}
    destination: Array = np.asarray(message.destination_box_xyxy_px, np.float32)
    return {
        "boxes_xyxy_px": np.asarray(message.boxes_xyxy_px, np.float32).reshape(-1, 4),
        "destination_box_xyxy_px": destination if len(destination) else None,
    }


def _segmentation_of(message: Any) -> Segmentation | None:
    if not message.mask.width:
        return None
    mask = _pixels_of(message.mask) > 0
    instances = getattr(message, "instances", ())
    if not instances:
        return Segmentation.from_mask(mask, float(message.score))
    found = Segmentation.union(tuple(_instance_of(item, mask.shape) for item in instances))
    destination = message.destination
    if not destination.number:
        return found
    return replace(found, destination=_instance_of(destination, mask.shape))


def _instance_of(message: Any, shape: tuple[int, ...]) -> Instance:
    mask = _uncropped(message, shape)
    alone = Segmentation.from_mask(mask, float(message.score))
    return replace(alone.instances[0], words=message.words)


def _point_of(message: Any) -> tuple[float, float] | None:
    xy = [float(value) for value in getattr(message, "point_xy_px", ())]
    return (xy[0], xy[1]) if len(xy) == 2 else None


def _candidates_of(message: Any) -> tuple[Candidate, ...]:
    """The candidates with their boxes; without masks, whose image's size is not in the message."""
    found = []
    for item in getattr(message, "candidates", ()):
        x, y = item.box.x_offset, item.box.y_offset
        box: Array = np.array([x, y, x + item.box.width, y + item.box.height], np.float32)
        found.append(Candidate(int(item.number), box, None, item.words))
    return tuple(found)


def _uncropped(message: Any, shape: tuple[int, ...]) -> Array:
    """The mask of an instance's message in an image of ``shape`` (H, W)."""
    whole, box = np.zeros(shape, np.bool_), message.box
    part = whole[box.y_offset : box.y_offset + box.height, box.x_offset : box.x_offset + box.width]
    part[:] = _pixels_of(message.mask) > 0
    return whole


def _pixels_of(image: Any) -> Array:
    rows = np.frombuffer(image.data, np.uint8).reshape(image.height, image.step)
    pixels: Array = rows[:, : image.width]
    return pixels
