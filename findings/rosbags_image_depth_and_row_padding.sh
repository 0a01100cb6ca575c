#!/usr/bin/env bash
# rosbags-image 0.10.4 (message_to_cvimage): a 16-bit PNG ("16UC1; png compressed", as depth cameras
# publish) comes back in 8 bits, the millimetres divided by 256; and a raw image whose rows are padded
# (step above width x bytes) comes back in the right size with the padding read as pixels, each row
# shifted further. Neither says a word.
# Ends with 0 where this is so, else with 1.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check rosbags==0.11.9 rosbags-image==0.10.4 \
    opencv-python==5.0.0.93
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import sys
from importlib.metadata import version

import cv2
import numpy as np
from rosbags.image import message_to_cvimage
from rosbags.typesys import Stores, get_typestore

types = get_typestore(Stores.ROS2_JAZZY).types
stamp = types["builtin_interfaces/msg/Time"](sec=0, nanosec=0)
header = types["std_msgs/msg/Header"](stamp=stamp, frame_id="camera")
depth_mm = np.full((3, 4), 1500, "<u2")
print("rosbags-image", version("rosbags-image"))

png = cv2.imencode(".png", depth_mm)[1].ravel()
packed = types["sensor_msgs/msg/CompressedImage"](header=header, format="16UC1; png compressed", data=png)
unpacked = message_to_cvimage(packed)
print(f"PNG of uint16 1500: {unpacked.dtype} {unpacked[0, 0]}")

rows = np.zeros((3, 6), "<u2")
rows[:, :4] = depth_mm  # two pixels of padding behind each row
padded = types["sensor_msgs/msg/Image"](
    header=header, height=3, width=4, encoding="16UC1", is_bigendian=0, step=12,
    data=rows.view(np.uint8).ravel(),
)
read = message_to_cvimage(padded)
print(f"rows of 4 pixels and 2 of padding, all 1500: {read.tolist()}")
lost = unpacked.dtype == np.uint8 and int(unpacked[0, 0]) == 5
shifted = read.shape == (3, 4) and read[1].tolist() == [0, 0, 1500, 1500]
sys.exit(0 if lost and shifted else 1)
PYTHON
