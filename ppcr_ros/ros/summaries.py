"""Small messages about a result: its summary, and the camera that saw it."""

from __future__ import annotations

from sensor_msgs.msg import CameraInfo
from std_msgs.msg import Header

from ppcr_ros.camera.message_fields import result_fields
from ppcr_ros.core.mask_runs import runs_of
from ppcr_ros.core.outside_text import printable
from ppcr_ros.core.types import Frame, Result
from ppcr_ros.msg import ResultSummary
from ppcr_ros.ros import conversions
from ppcr_ros.ros.grasp_message import result_grasp_to_msg

_SHARED = frozenset(["command", "command_id", "status", "message", "say", "score", "tracked"])
_SHARED |= {"age_seconds", "total_seconds"}
"""The fields that the whole result has under the same names."""


def header_of(result: Result) -> Header:
    """Stamp and frame of the image that ``result`` is about."""
    return conversions.make_header(result.stamp_ns, result.frame_id)


def summary_to_msg(result: Result, header: Header) -> ResultSummary:
    """``result`` without pictures; its mask as runs."""
    fields = result_fields(result)
    message = ResultSummary(
        header=header,
        category="" if result.semantic is None else result.semantic.category,
        grasp=result_grasp_to_msg(result, header),
        **{name: fields[name] for name in _SHARED},
    )
    message.message = printable(message.message)
    found = result.segmentation
    if found is not None:
        message.box = conversions.box_to_region(found.box_xyxy_px)
        message.mask_height, message.mask_width = found.mask.shape
        message.mask_runs = runs_of(found.mask).tolist()
    return message


def camera_info_of(frame: Frame, header: Header) -> CameraInfo | None:
    """The pinhole camera of the mask, without distortion.

    None where it is not known, and where the image is as its lens shows it: the camera's own
    camera_info holds for the mask then.
    """
    matrix = frame.camera_matrix
    if matrix is None or frame.rectification is not None:
        return None
    height, width = frame.rgb.shape[:2]
    return CameraInfo(
        header=header,
        height=height,
        width=width,
        distortion_model="plumb_bob",
        d=[0.0] * 5,
        k=[float(value) for value in matrix.ravel()],
        r=[1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0],
        p=[float(value) for row in matrix for value in (*row, 0.0)],
    )
