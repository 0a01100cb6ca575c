#!/usr/bin/env bash
# opencv-python-headless 4.14.0.94: cv2.fisheye.calibrate fits a skew by default and returns it in K[0, 1],
# where camera_info carries it on; cv2.fisheye.undistortPoints and projectPoints with that K leave it out
# without a word (projectPoints takes it as `alpha` alone). So a calibration that fits to 0.01 px gives rays
# that are pixels off. CALIB_FIX_SKEW (--fisheye-fix-skew of ROS's camera_calibration, off by default) is the way out.
# Ends with 0 where this is so, else with 1.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check opencv-python-headless==4.14.0.94
"$folder/venv/bin/python" - <<'PYTHON'
import sys

import cv2
import numpy as np

print("opencv", cv2.__version__)
focal, skew = 400.0, 6.0
K = np.array([[focal, skew, 320.0], [0.0, focal, 240.0], [0.0, 0.0, 1.0]])
D = np.array([-0.02, 0.004, -0.001, 0.0002])


def seen(points):
    """Pixels of points (n, 3) by the equidistant lens, the skew included."""
    x, y = points[:, 0] / points[:, 2], points[:, 1] / points[:, 2]
    r = np.hypot(x, y)
    theta = np.arctan(r)
    bent = theta * (1 + D[0] * theta**2 + D[1] * theta**4 + D[2] * theta**6 + D[3] * theta**8) / r
    return np.stack([focal * x * bent + skew * y * bent + 320, focal * y * bent + 240], axis=1)


board = np.zeros((48, 3))
board[:, :2] = np.mgrid[0:8, 0:6].T.reshape(-1, 2) * 0.05
rng = np.random.default_rng(0)
boards, pixels = [], []
for _ in range(25):
    turn, _ = cv2.Rodrigues(rng.normal(0, 0.35, 3))
    shift = np.array([rng.uniform(-0.25, 0.05), rng.uniform(-0.2, 0.05), rng.uniform(0.35, 0.7)])
    boards.append(board[None])
    pixels.append(seen(board @ turn.T + shift)[None])
flags = cv2.fisheye.CALIB_RECOMPUTE_EXTRINSIC
rms, fitted, bends, _, _ = cv2.fisheye.calibrate(boards, pixels, (640, 480), np.eye(3), np.zeros(4), flags=flags)
print(f"calibrate, default: rms {rms:.3f} px, K[0, 1] {fitted[0, 1]:.2f} (true {skew})")

points = np.array([[0.3, 0.5, 1.0], [-0.4, -0.6, 1.0], [0.1, 0.7, 1.0]])
rays = cv2.fisheye.undistortPoints(seen(points)[:, None], fitted, bends)[:, 0]
off = np.abs(rays - points[:, :2]).max() * focal
drawn, _ = cv2.fisheye.projectPoints(points[:, None], np.zeros(3), np.zeros(3), fitted, bends)
with_alpha, _ = cv2.fisheye.projectPoints(points[:, None], np.zeros(3), np.zeros(3), fitted, bends, alpha=fitted[0, 1] / fitted[0, 0])
away = np.abs(drawn[:, 0] - seen(points)).max()
right = np.abs(with_alpha[:, 0] - seen(points)).max()
print(f"undistortPoints with that K: up to {off:.2f} px off; projectPoints: {away:.2f} px, with alpha {right:.2f} px")
sys.exit(0 if rms < 0.01 and fitted[0, 1] > 5.9 and off > 2.0 and away > 2.0 and right < 0.05 else 1)
PYTHON
