#!/usr/bin/env bash
# mcap-ros2-support 0.6.0: its writer takes any object as a message and fills in 0 for each field that the object does
# not have, without a word. A CameraInfo that mcap-ros1-support 0.9.0 has read out of a ROS 1 recording (K, D, P, secs,
# where ROS 2 says k, d, p, sec) is written with its size and lens model right, and with K, P and the stamp 0.
# Arrays of fixed length are filled up and cut in the same way: a K of three numbers is taken for one of nine.
# Ends with 0 where this is so, else with 1.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check mcap==1.6.0 mcap-ros1-support==0.9.0 \
  mcap-ros2-support==0.6.0
"$folder/venv/bin/python" - <<'PYTHON'
import io
import struct
import sys
from importlib.metadata import version

from mcap.writer import Writer as PlainWriter
from mcap_ros1.reader import read_ros1_messages
from mcap_ros2.reader import read_ros2_messages
from mcap_ros2.writer import Writer

DEFINITION = """std_msgs/Header header
uint32 height
uint32 width
string distortion_model
float64[] {d}
float64[9] {k}
float64[12] {p}
================================================================================
MSG: std_msgs/Header
{head}string frame_id
"""
ROS1 = DEFINITION.format(d="D", k="K", p="P", head="uint32 seq\ntime stamp\n")
ROS2 = DEFINITION.format(d="d", k="k", p="p", head="builtin_interfaces/Time stamp\n")
K = (600.0, 0.0, 320.0, 0.0, 600.0, 240.0, 0.0, 0.0, 1.0)


def pack_text(text: str) -> bytes:
    return struct.pack("<I", len(text)) + text.encode()


def write_ros2(message) -> object:
    """Write a message with mcap_ros2 and read it again."""
    file = io.BytesIO()
    writer = Writer(file)
    schema = writer.register_msgdef("sensor_msgs/msg/CameraInfo", ROS2)
    writer.write_message("/camera_info", schema, message, log_time=1)
    writer.finish()
    file.seek(0)
    return next(iter(read_ros2_messages(file))).ros_msg


packages = ("mcap", "mcap-ros1-support", "mcap-ros2-support")
print(*(f"{name} {version(name)}" for name in packages), sep=", ")
packed = struct.pack("<III", 1, 1700000000, 500) + pack_text("camera") + struct.pack("<II", 480, 640)
packed += pack_text("plumb_bob") + struct.pack("<I5d", 5, 0.1, 0, 0, 0, 0)
packed += struct.pack("<9d", *K) + struct.pack("<12d", *K[:3], 0, *K[3:6], 0, *K[6:], 0)
recording = io.BytesIO()
plain = PlainWriter(recording)
plain.start("ros1", "")
schema_id = plain.register_schema("sensor_msgs/CameraInfo", "ros1msg", ROS1.encode())
channel_id = plain.register_channel("/camera_info", "ros1", schema_id)
plain.add_message(channel_id, log_time=1, publish_time=1, data=packed)
plain.finish()
recording.seek(0)
read = next(iter(read_ros1_messages(recording))).ros_msg
print(f"read from ROS 1: {read.width}x{read.height}, {read.distortion_model}, stamp {read.header.stamp.secs}, K {list(read.K)}")
written = write_ros2(read)
print(f"written for ROS 2: {written.width}x{written.height}, {written.distortion_model}, stamp {written.header.stamp.sec}, "
      f"k {list(written.k)}, d {list(written.d)}")
lost = (written.width, written.distortion_model, written.header.frame_id) == (640, "plumb_bob", "camera")
lost = lost and not any(written.k) and not any(written.p) and not written.d and written.header.stamp.sec == 0
short = write_ros2({"k": [600.0, 600.0, 320.0]})
print(f"a k of three numbers: {list(short.k)}")
filled = list(short.k) == [600.0, 600.0, 320.0] + 6 * [0.0]
sys.exit(0 if lost and list(read.K) == list(K) and filled else 1)
PYTHON
