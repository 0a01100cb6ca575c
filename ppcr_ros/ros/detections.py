"""Results as vision_msgs, for tools that know none of ours. Imported where it is installed."""

from __future__ import annotations

from typing import Any

from std_msgs.msg import Header
from vision_msgs.msg import (
    BoundingBox2D,
    BoundingBox3D,
    Detection2D,
    Detection2DArray,
    Detection3D,
    Detection3DArray,
    LabelInfo,
    ObjectHypothesisWithPose,
    VisionClass,
)

from ppcr_ros.core.grasp.grasp_target import GraspTarget
from ppcr_ros.core.types import Array, Instance, Result
from ppcr_ros.ros.grasp_message import box_pose, vector


def detections_2d(result: Result, header: Header) -> Detection2DArray:
    """Each object of ``result`` in pixels of the source image; none where there is no mask.

    A detection's class is the noun of the command, its id the command's.
    """
    message = Detection2DArray(header=header)
    for instance in _instances(result):
        detection = Detection2D(header=header, id=result.command_id, bbox=_box(instance))
        detection.results = [_hypothesis(result, instance)]
        message.detections.append(detection)
    return message


def detections_3d(
    result: Result, placed: list[tuple[Instance, GraspTarget]], header: Header
) -> Detection3DArray:
    """Each object of ``result`` that has a box in space, in the frame of ``header``, in metres."""
    message = Detection3DArray(header=header)
    for instance, target in placed:
        if target.box is None:
            continue
        hypothesis = _hypothesis(result, instance)
        hypothesis.pose.pose = box_pose(target.box)
        detection = Detection3D(header=header, id=result.command_id, results=[hypothesis])
        detection.bbox = BoundingBox3D(center=box_pose(target.box), size=vector(target.box.size_m))
        message.detections.append(detection)
    return message


def label_info(nouns: list[str], score_floor: float, header: Header) -> LabelInfo:
    """The classes seen so far, and below which score a detection is not to be acted upon."""
    classes = [VisionClass(class_id=number, class_name=noun) for number, noun in enumerate(nouns)]
    return LabelInfo(header=header, class_map=classes, threshold=score_floor)


def noun_of(result: Result) -> str:
    """The class of what was found; ``object`` where stage 1 was left out."""
    return result.semantic.category if result.semantic is not None else "object"


def _instances(result: Result) -> tuple[Instance, ...]:
    return () if result.segmentation is None else result.segmentation.instances


def _hypothesis(result: Result, instance: Instance) -> Any:
    message = ObjectHypothesisWithPose()
    message.hypothesis.class_id = noun_of(result)
    message.hypothesis.score = float(instance.score)
    return message


def _box(instance: Instance) -> BoundingBox2D:
    box: Array = instance.box_xyxy_px
    x1, y1, x2, y2 = (float(value) for value in box)
    message = BoundingBox2D(size_x=x2 - x1, size_y=y2 - y1)
    message.center.position.x, message.center.position.y = (x1 + x2) / 2.0, (y1 + y2) / 2.0
    return message
