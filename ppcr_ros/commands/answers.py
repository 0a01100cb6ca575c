"""Lines of ``ppcr segment`` beside the three stages: several objects, a place, a question."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ppcr_ros.core.types import Array, Instance, Result


def instances_to_dict(result: Result) -> dict[str, Any]:
    """Objects, destination and candidates as plain types; boxes are half-open, in pixels."""
    found = result.segmentation
    place = None if found is None else found.destination
    return {
        "instances": [] if found is None else [_instance(item) for item in found.instances],
        "destination": None if place is None else _instance(place),
        "candidates": [
            {"number": item.number, "words": item.words, "box_xyxy_px": item.box_xyxy_px.tolist()}
            for item in result.candidates
        ],
        "question": result.question,
        "not_found_probability": result.not_found_probability,
        "unfamiliarity": result.unfamiliarity,
        "expected_mask_iou": result.expected_mask_iou,
    }


def said_lines(result: Result) -> list[str]:
    """The same in a few lines for a person; none where there is one object and no question."""
    lines = []
    found = result.segmentation
    if found is not None and len(found.instances) > 1:
        lines += [
            f"object {number}  {item.words} in ({_box(item.box_xyxy_px)}) px, "
            f"score {item.score:.2f}"
            for number, item in enumerate(found.instances, 1)
        ]
    if found is not None and found.destination is not None:
        place = found.destination
        lines.append(f"place     {place.words} in ({_box(place.box_xyxy_px)}) px")
    lines += [
        f"fits {item.number}    {item.words} in ({_box(item.box_xyxy_px)}) px"
        for item in result.candidates
    ]
    return [*lines, f"say       {result.say}"]


def _instance(item: Instance) -> dict[str, Any]:
    return {
        "words": item.words,
        "box_xyxy_px": item.box_xyxy_px.tolist(),
        "area_px": int(item.mask.sum()),
        "score": item.score,
    }


def _box(box_xyxy_px: Array) -> str:
    return ", ".join(f"{value:.0f}" for value in box_xyxy_px)
