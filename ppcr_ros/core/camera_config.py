"""The options of `ppcr_ros.camera`: how the camera's messages are understood."""

from __future__ import annotations

from dataclasses import dataclass

from ppcr_ros.core.options import option

AUTO, RECTIFIED, RAW = "auto", "rectified", "raw"
GEOMETRIES = (AUTO, RECTIFIED, RAW)
"""Values of ``camera.image_geometry``."""


@dataclass(frozen=True)
class CameraConfig:
    """Options for reading the camera's messages."""

    depth_wait_sec: float = option(
        0.5,
        "how long a colour image waits for its depth; then images go on alone until depth comes "
        "again",
        minimum=0.0,
        maximum=10.0,
    )
    image_geometry: str = option(
        AUTO,
        "rectified: camera_info's P holds for the colour image; raw: its K and the lens's "
        "distortion D do; auto: raw where the topic's name says so (image_raw), else rectified",
        choices=GEOMETRIES,
    )
    optical_frame_id: str = option(
        "",
        "the camera's optical frame (REP 103: x right, y down, z forward), which results then "
        "carry instead of the image's frame_id; {camera} stands for the camera's name; empty for "
        "the image's own, which must have 'optical' in its name for a grasp",
    )
    ignore_frame_ids: bool = option(
        False,
        "take depth and camera_info as the colour image's, whatever frame_id they carry: for "
        "drivers that register them and only keep the wrong name",
    )
    depth_unit_m: float = option(
        0.0,
        "metres of one unit of the depth image, for drivers that do not keep to REP 118; 0 is its "
        "millimetre of 16UC1, and its metre of 32FC1",
        minimum=0.0,
        maximum=0.1,
    )
