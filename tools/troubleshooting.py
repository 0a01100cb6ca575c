"""Writes the table of ``docs/troubleshooting.md`` from the kinds of findings in the code.

``python -m tools.troubleshooting docs/troubleshooting.md`` puts it between the page's two marks and
leaves the rest as it is.
"""

from __future__ import annotations

import sys
from pathlib import Path

from ppcr_lab.evaluation.pages import Marks, put_into
from ppcr_ros.health.finding_catalog import KINDS
from ppcr_ros.health.findings import Finding, Kind

MARKS = Marks.named("findings", "the table of findings")
_TOPIC = "/camera/color/image_raw"
_DEPTH = "/camera/depth/image_rect_raw"
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
    "only_compressed": {"about": _TOPIC, "found": f"{_TOPIC}/compressed"},
    "only_raw": {"about": f"{_TOPIC}/compressed", "found": _TOPIC},
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
    "no_clock": {"about": "/clock"},
    "no_camera_info": {"about": "/camera/camera_info"},
    "uncalibrated": {"about": "/camera/color/camera_info"},
    "lens_distorted": {"about": "/camera/color/camera_info"},
    "camera_info_size": {
        "about": "/camera/color/camera_info",
        "found": "1280x720",
        "size": "640x480",
    },
    "depth_size": {"about": _DEPTH, "found": "848x480", "size": "640x480"},
    "depth_frame": {
        "about": _DEPTH,
        "found": "camera_depth_optical_frame",
        "frame": "camera_color_optical_frame",
    },
    "depth_encoding": {"about": _DEPTH, "found": "'rgb8'"},
    "image_encoding": {"about": _TOPIC, "found": "'nv24'", "advice": ""},
    "compressed_format": {
        "about": f"{_TOPIC}/compressed",
        "found": "'h264'",
        "advice": "Video and other formats are not decoded here. ",
    },
    "frame_id_empty": {"about": _TOPIC},
    "frame_id_shared": {"about": "camera_optical_frame", "cameras": "front and wrist"},
    "stamp_zero": {"about": _TOPIC},
    "stamp_far": {"about": _TOPIC, "apart": "3 days behind"},
    "unsynchronised": {"about": "depth", "slop_sec": 0.05, "apart_sec": 0.31},
    "message_filters_missing": {"about": "message_filters"},
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


def example(kind: Kind) -> Finding:
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
