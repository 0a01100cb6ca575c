#!/usr/bin/env bash
# pyrealsense2 2.59.1: with distortion.modified_brown_conrady rs2_deproject_pixel_to_point leaves the
# coefficients out without a word (rs2_project_point_to_pixel uses them): 3D points at the edge of a
# picture are off by 2 % of their distance. brown_conrady and inverse_brown_conrady, the inverse of each
# other by their names, are one and the same formula in both directions. The wheel brings no libusb.
# Ends with 0 where this is so, else with 1.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check pyrealsense2==2.59.1.11053 libusb-package==1.0.30.0
mkdir "$folder/lib"
cp "$(find "$folder/venv" -name libusb-1.0.so)" "$folder/lib/libusb-1.0.so.0"
LD_LIBRARY_PATH="$folder/lib" "$folder/venv/bin/python" - <<'PYTHON'
import math
import sys
from importlib.metadata import version

import pyrealsense2 as rs

POINT_M, PIXEL = [0.4, 0.2, 1.0], [560.0, 360.0]


def lens(model: str) -> rs.intrinsics:
    made = rs.intrinsics()
    made.width, made.height = 640, 480
    made.fx = made.fy = 600.0
    made.ppx, made.ppy = 320.0, 240.0
    made.model, made.coeffs = getattr(rs.distortion, model), [0.1, 0.0, 0.0, 0.0, 0.0]
    return made


print("pyrealsense2", version("pyrealsense2"))
pixels, points = {}, {}
for model in ("none", "brown_conrady", "inverse_brown_conrady", "modified_brown_conrady"):
    pixels[model] = rs.rs2_project_point_to_pixel(lens(model), POINT_M)
    points[model] = rs.rs2_deproject_pixel_to_point(lens(model), PIXEL, 1.0)
    place = ", ".join(f"{value:.4f}" for value in points[model])
    print(f"{model}: point -> pixel {pixels[model][0]:.2f}, {pixels[model][1]:.2f}; pixel -> point {place}")
left_out = pixels["modified_brown_conrady"][0] - pixels["none"][0] > 4.0
left_out = left_out and math.dist(points["modified_brown_conrady"], points["none"]) < 1e-6
off_m = math.dist(points["modified_brown_conrady"], points["brown_conrady"])
print(f"modified_brown_conrady: {1000 * off_m:.1f} mm beside the point that projects to this pixel")
one = math.dist(pixels["brown_conrady"], pixels["inverse_brown_conrady"]) < 1e-3
one = one and math.dist(points["brown_conrady"], points["inverse_brown_conrady"]) < 1e-6
sys.exit(0 if left_out and off_m > 0.005 and one else 1)
PYTHON
