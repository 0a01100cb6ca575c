#!/usr/bin/env bash
# ros2-numpy 0.0.5 (PyPI's, a fork of Box-Robotics'; apt's ros-*-ros2-numpy was not tried): numpify of a PointCloud2
# takes the place of the field "rgb" among the fields for its place in the bytes. Of x, y, z, rgb, as cameras publish
# them, "rgb" is bytes 3 to 5 of a point, the end of x and the beginning of y: two clouds that differ in all their
# colours have the same ones. msgify of {"xyz": ...} writes a point_step and a row_step of 0.
# Ends with 0 where this is so, else with 1.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check ros-jazzy-sensor-msgs==5.3.6 \
  ros-jazzy-nav-msgs==5.3.6 numpy==1.26.4 transformations==2026.1.18
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check --no-deps ros2-numpy==0.0.5  # it asks for numpy 1.24.2
"$folder/venv/bin/python" - <<'PYTHON'
import sys
from importlib.metadata import version

import numpy as np
import ros2_numpy
from sensor_msgs.msg import PointCloud2, PointField

XYZ = np.array([[0.10, 0.20, 1.0], [0.15, -0.30, 1.2]], "<f4")


def coloured_cloud(red: int, green: int, blue: int) -> PointCloud2:
    """XYZ as a cloud with one colour, packed as PCL and RViz have it."""
    points = np.zeros(len(XYZ), [("xyz", "<f4", 3), ("rgb", "<u4")])
    points["xyz"], points["rgb"] = XYZ, red << 16 | green << 8 | blue
    fields = [
        PointField(name=name, offset=4 * index, datatype=PointField.FLOAT32, count=1)
        for index, name in enumerate(("x", "y", "z", "rgb"))
    ]
    return PointCloud2(
        height=1, width=len(XYZ), fields=fields, point_step=16, row_step=16 * len(XYZ), is_dense=True,
        data=points.tobytes(),
    )


print("ros2-numpy", version("ros2-numpy"), "sensor-msgs", version("ros-jazzy-sensor-msgs"))
seen = []
for colour in ((255, 0, 0), (0, 128, 255)):
    read = ros2_numpy.numpify(coloured_cloud(*colour))
    seen.append(read["rgb"].tolist())
    print(f"all points {colour}: coordinates right {np.array_equal(read['xyz'], XYZ)}, rgb {seen[-1]}")
bytes_of_x_and_y = XYZ.view(np.uint8).reshape(len(XYZ), 12)[:, 3:6][:, ::-1].tolist()
print(f"bytes 3 to 5 of each point, backwards: {bytes_of_x_and_y}")
written = ros2_numpy.msgify(PointCloud2, {"xyz": XYZ})
print(f"written from xyz alone: {written.width} points, {len(written.data)} bytes, point_step {written.point_step}, "
      f"row_step {written.row_step}")
as_seen = seen[0] == seen[1] == bytes_of_x_and_y
sys.exit(0 if as_seen and len(written.data) == 24 and written.point_step == written.row_step == 0 else 1)
PYTHON
