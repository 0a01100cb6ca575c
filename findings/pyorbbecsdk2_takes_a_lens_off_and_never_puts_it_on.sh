#!/usr/bin/env bash
# pyorbbecsdk2 2.1.2 (OrbbecSDK 2.9.3): transformation2dto2d and transformation3dto2d bend a point by the lens of the
# target camera where its model is BROWN_CONRADY alone; with BROWN_CONRADY_K6, which the SDK itself names for a Femto's
# colour camera, and with all other models the coefficients are left out without a word. The source camera's are taken
# off whatever its model is, NONE included, and all by one formula: that of plumb_bob and rational_polynomial. So a
# pixel of a camera that is transformed into the very same camera ends pixels beside itself.
# Ends with 0 where this is so, else with 1.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check numpy==2.2.6
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check --no-deps pyorbbecsdk2==2.1.2  # without its viewers
cd "$folder"  # the SDK writes a folder Log where it is started
venv/bin/python - <<'PYTHON'
import math
import sys
from importlib.metadata import version

import numpy as np
import pyorbbecsdk as ob

MODELS = ("NONE", "MODIFIED_BROWN_CONRADY", "INVERSE_BROWN_CONRADY", "BROWN_CONRADY", "BROWN_CONRADY_K6", "KANNALA_BRANDT4")
K1, RAY, DEPTH_MM, PIXEL = 0.1, (0.4, 0.2), 1000.0, (560.0, 360.0)

camera = ob.OBCameraIntrinsic()
camera.width, camera.height = 640, 480
camera.fx = camera.fy = 600.0
camera.cx, camera.cy = 320.0, 240.0
nowhere = ob.OBExtrinsic()
nowhere.rot, nowhere.transform = np.eye(3, dtype=np.float32), np.zeros(3, np.float32)
point, pixel = ob.OBPoint3f(), ob.OBPoint2f()
point.x, point.y, point.z = RAY[0] * DEPTH_MM, RAY[1] * DEPTH_MM, DEPTH_MM
pixel.x, pixel.y = PIXEL

print("pyorbbecsdk2", version("pyorbbecsdk2"))
bent = 320.0 + 600.0 * RAY[0] * (1.0 + K1 * (RAY[0] ** 2 + RAY[1] ** 2))
print(f"x of the point's pixel without the lens {PIXEL[0]:.2f}, by plumb_bob's formula {bent:.2f}")
without = ob.OBCameraDistortion()
drawn, freed, again = {}, {}, {}
for model in MODELS:
    lens = ob.OBCameraDistortion()
    lens.model, lens.k1 = getattr(ob.OBCameraDistortionModel, model), K1
    drawn[model] = ob.transformation3dto2d(point, camera, lens, nowhere).x
    freed[model] = ob.transformation2dto2d(pixel, DEPTH_MM, camera, lens, camera, without, nowhere).x
    same = ob.transformation2dto2d(pixel, DEPTH_MM, camera, lens, camera, lens, nowhere)
    again[model] = math.dist((same.x, same.y), PIXEL)
    print(f"{model}: point -> pixel x {drawn[model]:.2f}; pixel x freed of its lens {freed[model]:.2f}; "
          f"into the same camera {again[model]:.2f} px beside itself")
ray_x = (freed["BROWN_CONRADY"] - 320.0) / 600.0
back = 320.0 + 600.0 * ray_x * (1.0 + K1 * ray_x**2 * (1.0 + (RAY[1] / RAY[0]) ** 2))
one_formula = abs(back - PIXEL[0]) < 0.02 and max(freed.values()) - min(freed.values()) < 1e-3
print(f"all are freed by plumb_bob's formula: {one_formula}")
left_out = all((abs(drawn[model] - bent) < 0.01) == (model == "BROWN_CONRADY") for model in MODELS)
beside = all((again[model] < 0.05) == (model == "BROWN_CONRADY") for model in MODELS) and again["BROWN_CONRADY_K6"] > 4.0
sys.exit(0 if one_formula and left_out and beside else 1)
PYTHON
