"""Writes the table of ``docs/troubleshooting.md`` from the kinds of findings in the code.

``python -m tools.troubleshooting docs/troubleshooting.md`` puts it between the page's two marks and
leaves the rest as it is.
"""

from __future__ import annotations

import sys
from pathlib import Path

from ppcr_lab.evaluation.pages import Marks, put_into
from ppcr_ros.health.finding_catalog import KINDS
from ppcr_ros.health.findings import Finding, FindingKind

MARKS = Marks.named("findings", "the table of findings")
_TOPIC = "/camera/camera/color/image_raw"
_INFO = "/camera/camera/color/camera_info"
_DEPTH = "/camera/camera/depth/image_rect_raw"
_ALIGNED = "/camera/camera/aligned_depth_to_color/image_raw"
_INFO_ARGUMENT = f"camera_info_topic:={_INFO} (ros2 launch) or -r camera_info:={_INFO} (ros2 run)"
_DEPTH_ARGUMENT = f"depth_topic:={_ALIGNED} (ros2 launch) or -r depth:={_ALIGNED} (ros2 run)"
_CAMERA = "/camera/camera"
_IMAGE = "sensor_msgs/msg/Image"

EXAMPLES: dict[str, dict[str, object]] = {
    "nothing_discovered": {"about": "ROS_DOMAIN_ID=7, RMW_IMPLEMENTATION is not set"},
    "no_publisher": {
        "about": "/camera/image_raw",
        "message_type": _IMAGE,
        "candidates": f", which is published on {_TOPIC}",
        "argument": f"image_topic:={_TOPIC} (ros2 launch) or -r image:={_TOPIC} (ros2 run)",
    },
    "other_transport": {"about": f"{_TOPIC}/compressed", "wanted": _TOPIC},
    "several_publishers": {"about": _TOPIC, "count": 2, "nodes": "/front/camera, /wrist/camera"},
    "wrong_type": {
        "about": "/camera/depth/color/points",
        "found": "sensor_msgs/msg/PointCloud2",
        "nodes": _CAMERA,
        "message_type": _IMAGE,
        "argument": f"image_topic:={_TOPIC} (ros2 launch) or -r image:={_TOPIC} (ros2 run)",
    },
    "qos_reliability": {"about": _TOPIC, "nodes": _CAMERA},
    "command_qos": {"about": "/ppcr/command", "nodes": "/speech"},
    "subscriber_qos": {
        "about": "/ppcr/markers",
        "nodes": "/rviz",
        "asked": "RELIABLE, TRANSIENT_LOCAL",
        "offered": "RELIABLE, VOLATILE",
    },
    "silent": {"about": _TOPIC, "quiet_sec": 6.0, "nodes": _CAMERA},
    "silent_depth": {"about": _ALIGNED, "quiet_sec": 6.0, "nodes": _CAMERA},
    "no_clock": {"about": "/clock"},
    "clock_stands": {"about": "/clock", "stands_sec": 9.0},
    "node_twice": {"about": "/ppcr", "count": 2},
    "server_twice": {"about": "/ppcr/segment", "count": 2},
    "no_camera_info": {"about": "/camera/camera_info", "argument": _INFO_ARGUMENT},
    "uncalibrated": {"about": _INFO},
    "lens_unclear": {"about": "/camera_info", "image": "/rgb"},
    "lens_unknown": {
        "about": _INFO,
        "problem": "camera_info's distortion ('plumb_bob', 3 coefficients) is no model that is "
        "known here",
    },
    "camera_info_size": {
        "about": _INFO,
        "found": "1280x720",
        "size": "640x480",
        "argument": _INFO_ARGUMENT,
    },
    "camera_info_frame": {
        "about": "/camera/camera/depth/camera_info",
        "found": "camera_depth_optical_frame",
        "frame": "camera_color_optical_frame",
        "argument": _INFO_ARGUMENT,
    },
    "second_camera": {"about": "/stereo/right/camera_info", "baseline_m": 0.12},
    "depth_size": {
        "about": _DEPTH,
        "found": "848x480",
        "size": "640x480",
        "argument": _DEPTH_ARGUMENT,
    },
    "depth_frame": {
        "about": _DEPTH,
        "found": "camera_depth_optical_frame",
        "frame": "camera_color_optical_frame",
        "argument": _DEPTH_ARGUMENT,
    },
    "depth_encoding": {"about": _DEPTH, "found": "'rgb8'", "argument": _DEPTH_ARGUMENT},
    "image_encoding": {"about": _TOPIC, "found": "'nv24'", "advice": ""},
    "compressed_format": {
        "about": f"{_TOPIC}/compressed",
        "found": "'h264'",
        "advice": "Video and other formats are not decoded here. ",
    },
    "colour_lost": {
        "about": f"{_TOPIC}/compressed",
        "found": "'bayer_rggb8; jpeg compressed mono8'",
    },
    "frame_id_empty": {"about": _TOPIC},
    "frame_id_slash": {"about": _TOPIC, "found": "/camera_optical_frame"},
    "frame_not_optical": {"about": "camera_link"},
    "frame_id_shared": {"about": "camera_optical_frame", "cameras": "front and wrist"},
    "stamp_zero": {"about": _TOPIC},
    "stamp_far": {"about": _TOPIC, "apart": "3 days behind"},
    "stamps_back": {"about": _TOPIC, "back_sec": 42.0},
    "unsynchronised": {"about": "depth", "slop_sec": 0.05, "apart_sec": 0.08, "slop": 0.09},
    "other_clock": {"about": "depth", "slop_sec": 0.05, "apart_sec": 7.5},
    "depth_late": {
        "about": "depth",
        "late": "depth",
        "late_sec": 0.5,
        "size": 10,
        "kept_sec": 0.33,
        "wait_sec": 0.5,
        "queue": 22,
        "wait": 0.7,
    },
    "depth_slow": {"about": "depth", "interval_sec": 1.0, "wait_sec": 0.5, "wait": 1.5},
    "weights_missing": {
        "about": "MLLM",
        "model": "Qwen/Qwen3-VL-4B-Instruct",
        "problem": "not in the local cache: ppcr models pull",
    },
    "weights_damaged": {
        "about": "segmenter",
        "model": "/models/sam2",
        "problem": "model.safetensors has 130 bytes; expected 183100452: it is truncated",
    },
    "weights_checksum": {
        "about": "mllm/model.safetensors",
        "found": "0f3c5a...",
        "wanted": "5ef155...",
    },
    "memory_short": {
        "about": "the GPU's memory",
        "needed": "11.2 GB",
        "available": "7.4 GB",
    },
    "cuda_missing": {"about": "mllm.device", "detail": "this is torch 2.13.0+cpu, a CPU build"},
    "models_not_loaded": {"about": "models", "problem": "there is no folder '/models/qwen'"},
    "engine_down": {
        "about": "http://workstation:8000/v1",
        "problem": "[Errno 111] Connection refused",
    },
    "engine_model": {
        "about": "http://workstation:8000/v1",
        "model": "Qwen/Qwen3-VL-2B-Instruct",
        "served": "Qwen/Qwen3-VL-4B-Instruct",
    },
    "fallback_models": {
        "about": "models",
        "detail": "memory ran out: going on with ppcr_tiny:embedded and embedded of "
        "node.fallback_config",
    },
    "not_active": {
        "about": "configuring: loading the models (not active for 12 s so far)",
    },
}
"""What the texts of each kind are filled in with on the page."""


def example(kind: FindingKind) -> Finding:
    """A finding of ``kind`` as it might be met."""
    values = dict(EXAMPLES[kind.code])
    return kind.found(str(values.pop("about")), level=None, **values)


def table() -> str:
    """The table in Markdown."""
    rows = ["| what you see | why it matters | what to do | level, name |", "|---|---|---|---|"]
    for kind in KINDS:
        found = example(kind)
        cells = (found.what, found.expected, found.remedy, f"{found.level.name} `{kind.code}`")
        rows.append(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |")
    return "\n".join(rows)


def main() -> None:
    if len(sys.argv) != 2:
        raise SystemExit(f"usage: {sys.argv[0]} FILE")
    put_into(Path(sys.argv[1]), table() + "\n", MARKS)


if __name__ == "__main__":
    main()
