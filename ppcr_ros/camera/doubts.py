"""Doubts about depth and intrinsics that may be another image's, from the messages' headers.

Each doubt is a sentence for a person, with what to do. An image with a doubt is searched, but
nothing on it is graspable.
"""

from __future__ import annotations

from typing import Any

from ppcr_ros.core.camera_config import CameraConfig
from ppcr_ros.core.cameras import filled_in

_SLASH = "/"
_LEAST_MIDDLE = 0.28
"""Where in a sensor's width and height its lens's axis lies at the least: in intrinsics of half the
size it lies at a quarter."""
_MOST_STRETCH = 1.1
"""How the focal lengths of K may differ: the pixels of sensors are square."""


def geometry_doubts(image: Any, depth: Any, info: Any, options: CameraConfig) -> list[str]:
    """What speaks against a pose that is worked out from these messages.

    Args:
        image: the colour image.
        depth: its depth; or None.
        info: its camera_info; or None.
        options: what the user says of the driver.
    """
    frame_id = image.header.frame_id
    doubts = [] if options.ignore_frame_ids else _nameless(image, depth, info, options)
    if (
        not options.ignore_frame_ids
        and depth is not None
        and differ(depth.header.frame_id, frame_id)
    ):
        doubts.append(
            f"the depth image is in the frame {depth.header.frame_id!r} and the colour image "
            f"in {frame_id!r}: depth of another camera lies beside the object. Take depth that "
            "is registered to colour; where the driver registers it and only keeps the name, "
            "set camera.ignore_frame_ids."
        )
    doubts += _frame_doubts(image, info, options)
    if not (image.header.stamp.sec or image.header.stamp.nanosec):
        doubts.append(
            "the image's stamp is 0, so that nobody knows when it was taken. Check that the driver "
            "fills in header.stamp."
        )
    return doubts


def projection_doubts(image: Any, info: Any, options: CameraConfig) -> list[str]:
    """What speaks against finding a point in space in this image.

    Args:
        image: the colour image.
        info: its camera_info; or None.
        options: what the user says of the driver.
    """
    nameless = [] if options.ignore_frame_ids else _nameless(image, None, info, options)
    return nameless + _frame_doubts(image, info, options)


def _frame_doubts(image: Any, info: Any, options: CameraConfig) -> list[str]:
    """Of camera_info of another frame, and of a frame that may not be an optical one."""
    frame_id, doubts = image.header.frame_id, []
    if not options.ignore_frame_ids and info is not None and differ(info.header.frame_id, frame_id):
        doubts.append(
            f"camera_info is of the frame {info.header.frame_id!r} and the colour image of "
            f"{frame_id!r}: intrinsics of another camera place the object wrongly. Name the "
            "camera_info of this image; where the driver only keeps the wrong name, set "
            "camera.ignore_frame_ids."
        )
    if frame_id and not is_optical(frame_id, options):
        doubts.append(
            f"the image's frame {frame_id!r} is not named as an optical one (REP 103: x right, y "
            "down, z forward), and in a frame whose x points forward the pose is turned by 90 "
            "degrees. Set camera.optical_frame_id to the camera's optical frame, which is "
            f"{frame_id!r} itself where its z points forward."
        )
    return doubts


def scaling_doubts(info: Any, options: CameraConfig) -> list[str]:
    """Of a camera_info whose intrinsics are those of another size than it says."""
    if info is None or options.ignore_frame_ids:
        return []
    focal_x, focal_y = float(info.k[0]), float(info.k[4])
    if min(focal_x, focal_y) > 0 and not 1 / _MOST_STRETCH <= focal_x / focal_y <= _MOST_STRETCH:
        return [
            f"camera_info's K has the focal lengths {focal_x:.0f} and {focal_y:.0f}, and a "
            "sensor's pixels are square: so it is where the intrinsics of a wider image were "
            "scaled for one that was cut. Calibrate the camera at this size; where the image is "
            "really stretched, set camera.ignore_frame_ids."
        ]
    if not (info.width and info.height):
        return []
    matrix = info.p if info.p[0] > 0 else info.k
    columns = 4 if info.p[0] > 0 else 3
    shares = float(matrix[2]) / info.width, float(matrix[columns + 2]) / info.height
    if not matrix[0] > 0 or all(_LEAST_MIDDLE <= share <= 1 - _LEAST_MIDDLE for share in shares):
        return []
    return [
        f"camera_info says {info.width}x{info.height} pixels, and that the lens looks through "
        f"pixel ({matrix[2]:.0f}, {matrix[columns + 2]:.0f}), which is far from their middle: so "
        "it is where intrinsics of another resolution were kept for an image that was scaled. Let "
        "K and P be scaled as well; where the image is a part of a larger one, let camera_info say "
        "so (roi), or set camera.ignore_frame_ids."
    ]


def _nameless(image: Any, depth: Any, info: Any, options: CameraConfig) -> list[str]:
    """Of messages without a frame_id: nothing says whether they belong together."""
    named = {"the colour image": image, "the depth image": depth, "camera_info": info}
    frames = {
        what: message.header.frame_id for what, message in named.items() if message is not None
    }
    empty = [what for what, frame_id in frames.items() if not frame_id]
    named_by_user = bool(options.optical_frame_id) and len(empty) == len(frames)
    if not empty or named_by_user:
        return []
    have = "has" if len(empty) == 1 else "have"
    return [
        f"{' and '.join(empty)} {have} no frame_id, so that nothing says whether colour, "
        "depth and camera_info are of one camera. Set the driver's frame_id; where it has none to "
        "set, and all three are of one camera, set camera.optical_frame_id and "
        "camera.ignore_frame_ids."
    ]


def differ(one: str, other: str) -> bool:
    """Whether two frame_ids name different frames; an empty one names none."""
    one, other = one.lstrip(_SLASH), other.lstrip(_SLASH)
    return bool(one and other) and one != other


def is_optical(frame_id: str, options: CameraConfig) -> bool:
    """Whether results will carry an optical frame: by its name, or because the user says so."""
    return bool(options.optical_frame_id) or "optical" in frame_id.lower()


def result_frame_id(frame_id: str, options: CameraConfig, camera: str = "") -> str:
    """The frame_id that results carry instead of the image's."""
    return filled_in(options.optical_frame_id, camera) or frame_id
