#!/usr/bin/env bash
# mujoco 4.0.0: a camera's principalpixel (or principal) means three things. The renderer's frustum moves the picture
# the other way: what is on the optical axis is drawn at half the size MINUS it. A rangefinder on that camera takes it
# for cx and cy counted from the corner, so that with the default of 0 the axis goes through the corner of its picture.
# The sensor camprojection leaves it out. None says a word, and all three agree for a camera that has a fovy instead.
# Ends with 0 where this is so, else with 1. Needs no OpenGL: the frustum is what mjr_render draws with.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check mujoco==4.0.0 numpy==2.2.6
"$folder/venv/bin/python" - <<'PYTHON'
import sys

import mujoco
import numpy as np

WIDTH, HEIGHT = 64, 48
SENSOR = 'sensorsize="0.0064 0.0048" focalpixel="300 300"'
WORLD = """<mujoco><worldbody>
<body pos="0 0 -1"><geom type="sphere" size="0.01"/><site name="middle"/></body>
<camera name="camera" resolution="64 48" {}/>
</worldbody><sensor>
<camprojection name="projected" site="middle" camera="camera"/><rangefinder name="ranges" camera="camera"/>
</sensor></mujoco>"""


def see_ball(lens: str) -> dict[str, tuple[float, float]]:
    """Where a ball on the optical axis is, pixels from the upper left corner."""
    model = mujoco.MjModel.from_xml_string(WORLD.format(lens))
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    view = mujoco.MjvCamera()
    view.type, view.fixedcamid = mujoco.mjtCamera.mjCAMERA_FIXED, 0
    scene = mujoco.MjvScene(model, maxgeom=100)
    mujoco.mjv_updateScene(
        model, data, mujoco.MjvOption(), mujoco.MjvPerturb(), view, mujoco.mjtCatBit.mjCAT_ALL.value, scene
    )
    frustum = scene.camera[0]
    half = frustum.frustum_width or (frustum.frustum_top - frustum.frustum_bottom) / 2 * WIDTH / HEIGHT
    drawn = (
        WIDTH * (half - frustum.frustum_center) / (2 * half),
        HEIGHT * frustum.frustum_top / (frustum.frustum_top - frustum.frustum_bottom),
    )
    rows, columns = np.nonzero(data.sensor("ranges").data.reshape(HEIGHT, WIDTH) > 0)
    ranged = (columns.mean() + 0.5, rows.mean() + 0.5) if len(rows) else (-1.0, -1.0)
    places = {"drawn": drawn, "ranged": ranged, "projected": data.sensor("projected").data}
    return {name: tuple(round(float(value), 1) for value in place) for name, place in places.items()}


print("mujoco", mujoco.__version__)
seen = {}
for lens in ('fovy="9.15"', SENSOR + ' principalpixel="8 6"', SENSOR + ' principalpixel="32 24"'):
    seen[lens] = see_ball(lens)
    print(f"{lens}: {seen[lens]}")
fovy, offset, corner = seen.values()
as_seen = set(fovy.values()) == {(32.0, 24.0)}
as_seen = as_seen and offset == {"drawn": (24.0, 18.0), "ranged": (8.0, 6.0), "projected": (32.0, 24.0)}
as_seen = as_seen and corner == {"drawn": (0.0, 0.0), "ranged": (32.0, 24.0), "projected": (32.0, 24.0)}
sys.exit(0 if as_seen else 1)
PYTHON
