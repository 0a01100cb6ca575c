"""Renders tabletop scenes with MuJoCo: colour, which object each pixel shows, and depth."""

from __future__ import annotations

import importlib
import importlib.util
import math
import os
import subprocess
import sys
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ppcr_ros.sim.scene import MAX_OBJECTS, Camera, ObjectSpec, Scene

_NEAR_M = 0.05
_FAR_M = 20.0
_TABLE_HALF_M = (0.75, 0.50, 0.02)
_FLOOR_BELOW_M = 0.75
_SAMPLES = 4
_PROBE = "import mujoco; context = mujoco.GLContext(8, 8); context.make_current(); context.free()"
_PROBE_TIMEOUT_SEC = 60.0

_MODEL_XML = """
<mujoco model="tabletop">
  <statistic center="0 0 0" extent="1"/>
  <visual>
    <global offwidth="{width}" offheight="{height}"/>
    <quality shadowsize="2048" numslices="32" numstacks="24"/>
    <map znear="{near}" zfar="{far}" shadowclip="1.5" shadowscale="0.35"/>
    <headlight ambient="0.32 0.32 0.32" diffuse="0.22 0.22 0.22" specular="0 0 0"/>
  </visual>
  <asset>
    <material name="plain" specular="0.25" shininess="0.4"/>
    <material name="matt" specular="0" shininess="0"/>
  </asset>
  <worldbody>
    <light name="lamp" pos="0 0 1.5" dir="0 0 -1" cutoff="90" exponent="0"
           castshadow="{castshadow}" ambient="0 0 0" diffuse="0.6 0.6 0.6"
           specular="0.5 0.5 0.5"/>
    <camera name="camera" pos="0 -0.6 0.6"/>
    <geom name="floor" type="plane" material="matt" pos="0 0 -{floor}" size="6 6 0.1"/>
    <geom name="table" type="box" material="matt" pos="0 0 -{table_z}"
          size="{table_x} {table_y} {table_z}"/>
    {objects}
  </worldbody>
</mujoco>
"""
_OBJECT_XML = """
    <body name="object{index}" mocap="true">
      <geom name="object{index}" type="box" material="plain" size="0.02 0.02 0.02"/>
    </body>"""


@dataclass(frozen=True)
class Rendering:
    """What the camera sees.

    ``rgb`` is (H, W, 3) uint8 RGB. ``instance`` is (H, W) int8: the index in ``Scene.objects`` of
    the object each pixel shows, -1 for the table and beyond. ``depth_m`` is (H, W) float32 metres
    along the optical axis, or None where not asked for. ``camera_matrix`` is (3, 3) float64, with
    pixel centres at integer coordinates.
    """

    rgb: NDArray[np.uint8]
    instance: NDArray[np.int8]
    depth_m: NDArray[np.float32] | None
    camera_matrix: NDArray[np.float64]


class TabletopRenderer:
    """Renders scenes at one image size, off screen.

    One MuJoCo model is compiled once; each scene only changes shapes, sizes, colours and poses in
    it. Use it in the thread that made it, and close it (or use it as a context manager).

    Args:
        width_px: image width.
        height_px: image height.
        shadows: whether the lamp casts shadows, at several times the cost without a GPU.
    """

    def __init__(self, width_px: int, height_px: int, shadows: bool = False) -> None:
        if width_px < 1 or height_px < 1:
            raise ValueError(f"image size is {width_px} x {height_px}, expected 1 x 1 or more")
        self.width_px = width_px
        self.height_px = height_px
        self._gl_context: Any = None
        self._colour_context: Any = None
        self._label_context: Any = None
        mujoco = _import_mujoco()
        self._mujoco = mujoco
        self._model = mujoco.MjModel.from_xml_string(_model_xml(width_px, height_px, shadows))
        self._data = mujoco.MjData(self._model)
        self._geoms = [self._model.geom(f"object{i}").id for i in range(MAX_OBJECTS)]
        self._table = self._model.geom("table").id
        self._floor = self._model.geom("floor").id
        self._geom_types = {
            "cube": int(mujoco.mjtGeom.mjGEOM_BOX),
            "ball": int(mujoco.mjtGeom.mjGEOM_SPHERE),
            "cylinder": int(mujoco.mjtGeom.mjGEOM_CYLINDER),
            "capsule": int(mujoco.mjtGeom.mjGEOM_CAPSULE),
        }
        self._view = mujoco.MjvCamera()
        self._view.type = mujoco.mjtCamera.mjCAMERA_FIXED
        self._view.fixedcamid = self._model.camera("camera").id
        self._option = mujoco.MjvOption()
        self._mjv_scene = mujoco.MjvScene(self._model, maxgeom=64)
        flags = self._mjv_scene.flags
        flags[mujoco.mjtRndFlag.mjRND_SHADOW] = shadows
        flags[mujoco.mjtRndFlag.mjRND_REFLECTION] = False
        flags[mujoco.mjtRndFlag.mjRND_SKYBOX] = False
        flags[mujoco.mjtRndFlag.mjRND_HAZE] = False
        self._rect = mujoco.MjrRect(0, 0, width_px, height_px)
        self._pixels = np.empty((height_px, width_px, 3), dtype=np.uint8)
        self._depths = np.empty((height_px, width_px), dtype=np.float32)
        try:
            self._gl_context = mujoco.GLContext(width_px, height_px)
            self._gl_context.make_current()
            self._colour_context = self._new_context(_SAMPLES)
            # Labels and depth must not be mixed along edges, and cost half without samples.
            self._label_context = self._new_context(0)
        except Exception as error:
            self.close()
            raise RuntimeError(_no_gl_message(str(error))) from error

    def _new_context(self, samples: int) -> Any:
        mujoco = self._mujoco
        self._model.vis.quality.offsamples = samples
        context = mujoco.MjrContext(self._model, mujoco.mjtFontScale.mjFONTSCALE_100.value)
        context.readDepthMap = mujoco.mjtDepthMap.mjDEPTH_ZEROFAR
        return context

    def __enter__(self) -> TabletopRenderer:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Free the GL context; closing twice is fine."""
        for context in (self._colour_context, self._label_context):
            if context is not None:
                self._gl_context.make_current()
                context.free()
        self._colour_context = self._label_context = None
        if self._gl_context is not None:
            self._gl_context.free()
            self._gl_context = None

    def render(self, scene: Scene, depth: bool = True) -> Rendering:
        """Render a scene; without ``depth`` the result's ``depth_m`` is None."""
        if self._gl_context is None:
            raise RuntimeError("the renderer is closed; make a new one")
        self._gl_context.make_current()
        self._place(scene)
        mujoco, mjv_scene = self._mujoco, self._mjv_scene
        mujoco.mjv_updateScene(
            self._model,
            self._data,
            self._option,
            None,
            self._view,
            mujoco.mjtCatBit.mjCAT_ALL.value,
            mjv_scene,
        )
        pixels = self._pixels
        # Binding the buffer is state of the GL context, which both contexts share.
        off_screen = mujoco.mjtFramebuffer.mjFB_OFFSCREEN.value
        mujoco.mjr_setBuffer(off_screen, self._colour_context)
        mujoco.mjr_render(self._rect, mjv_scene, self._colour_context)
        mujoco.mjr_readPixels(pixels, None, self._rect, self._colour_context)
        rgb = np.ascontiguousarray(pixels[::-1])

        flags = mjv_scene.flags
        flags[mujoco.mjtRndFlag.mjRND_SEGMENT] = True
        flags[mujoco.mjtRndFlag.mjRND_IDCOLOR] = True
        mujoco.mjr_setBuffer(off_screen, self._label_context)
        mujoco.mjr_render(self._rect, mjv_scene, self._label_context)
        depths = self._depths if depth else None
        mujoco.mjr_readPixels(pixels, depths, self._rect, self._label_context)
        flags[mujoco.mjtRndFlag.mjRND_SEGMENT] = False
        flags[mujoco.mjtRndFlag.mjRND_IDCOLOR] = False
        return Rendering(
            rgb=rgb,
            instance=np.ascontiguousarray(self._lookup()[pixels[::-1, :, 0]]),
            depth_m=None if depths is None else _metres(depths[::-1]),
            camera_matrix=scene.camera.matrix(self.width_px, self.height_px),
        )

    def _place(self, scene: Scene) -> None:
        model, data = self._model, self._data
        model.geom_rgba[self._geoms[len(scene.objects) :], 3] = 0.0
        for index, spec in enumerate(scene.objects):
            geom = self._geoms[index]
            model.geom_type[geom] = self._geom_types[spec.shape]
            model.geom_size[geom] = _geom_size(spec)
            model.geom_rbound[geom] = math.hypot(*spec.half_extent_m)
            model.geom_rgba[geom] = (*spec.rgb, 1.0)
            data.mocap_pos[index] = spec.position_m
            data.mocap_quat[index] = _quaternion(spec)
        model.geom_rgba[self._table, :3] = scene.table_rgb
        model.geom_rgba[self._floor, :3] = scene.floor_rgb
        self._place_camera(scene.camera)
        position = np.asarray(scene.light_position_m)
        model.light_pos[0] = position
        model.light_dir[0] = -position / np.linalg.norm(position)
        model.light_diffuse[0] = 0.6 * scene.light_intensity
        self._mujoco.mj_kinematics(model, data)
        self._mujoco.mj_camlight(model, data)

    def _place_camera(self, camera: Camera) -> None:
        camera_id = self._view.fixedcamid
        # OpenGL's camera looks along -z with y up.
        table_r_gl = camera.table_r_optical() * (1.0, -1.0, -1.0)
        self._model.cam_pos[camera_id] = camera.position_m
        self._model.cam_fovy[camera_id] = camera.fov_y_deg
        self._mujoco.mju_mat2Quat(self._model.cam_quat[camera_id], table_r_gl.ravel())

    def _lookup(self) -> NDArray[np.int8]:
        """Return the (256,) int8 map from the red channel of the segmentation to object index."""
        lookup = np.full(256, -1, dtype=np.int8)
        geom_type = int(self._mujoco.mjtObj.mjOBJ_GEOM)
        first = self._geoms[0]
        for geom in self._mjv_scene.geoms[: self._mjv_scene.ngeom]:
            if geom.segid >= 0 and geom.objtype == geom_type and geom.objid >= first:
                lookup[geom.segid + 1] = geom.objid - first
        return lookup


def _model_xml(width_px: int, height_px: int, shadows: bool) -> str:
    table_x, table_y, table_z = _TABLE_HALF_M
    return _MODEL_XML.format(
        width=width_px,
        height=height_px,
        near=_NEAR_M,
        far=_FAR_M,
        castshadow="true" if shadows else "false",
        floor=_FLOOR_BELOW_M,
        table_x=table_x,
        table_y=table_y,
        table_z=table_z,
        objects="".join(_OBJECT_XML.format(index=index) for index in range(MAX_OBJECTS)),
    )


def _geom_size(spec: ObjectSpec) -> tuple[float, float, float]:
    x, y, z = spec.half_extent_m
    if spec.shape == "cylinder":
        return x, z, 0.0
    if spec.shape == "capsule":
        return y, x - y, 0.0
    return x, y, z


def _quaternion(spec: ObjectSpec) -> tuple[float, float, float, float]:
    """Return w, x, y, z of the geom's pose; a capsule's own axis is MuJoCo's z, here laid on x."""
    cos, sin = math.cos(spec.yaw_rad / 2.0), math.sin(spec.yaw_rad / 2.0)
    if spec.shape != "capsule":
        return cos, 0.0, 0.0, sin
    half = math.sqrt(0.5)
    return half * cos, -half * sin, half * cos, half * sin


def _metres(depths: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return metres along the optical axis of a buffer that is 1 at the near plane, 0 far off."""
    inverse = depths.astype(np.float64) * (1.0 / _NEAR_M - 1.0 / _FAR_M) + 1.0 / _FAR_M
    return (1.0 / inverse).astype(np.float32)


def _import_mujoco() -> Any:
    """Return the mujoco module, with a GL backend chosen where the machine has no display."""
    if "mujoco" not in sys.modules:
        if importlib.util.find_spec("mujoco") is None:
            raise RuntimeError(
                "the simulated camera needs MuJoCo, which is not installed: pip install mujoco"
            )
        headless = sys.platform == "linux" and not os.environ.get("DISPLAY")
        if headless and not os.environ.get("MUJOCO_GL"):
            os.environ["MUJOCO_GL"] = _working_gl()
    try:
        return importlib.import_module("mujoco")
    except Exception as error:
        raise RuntimeError(_no_gl_message(str(error))) from error


def _working_gl() -> str:
    """Return "egl" or "osmesa", whichever makes a context.

    Each is tried in its own process: PyOpenGL binds to one platform when first imported.
    """
    failures = []
    for backend in ("egl", "osmesa"):
        environment = {**os.environ, "MUJOCO_GL": backend}
        environment.pop("PYOPENGL_PLATFORM", None)
        try:
            probe = subprocess.run(
                [sys.executable, "-c", _PROBE],
                env=environment,
                capture_output=True,
                text=True,
                timeout=_PROBE_TIMEOUT_SEC,
                check=False,
            )
        except subprocess.TimeoutExpired:
            failures.append(f"{backend}: no answer")
            continue
        if probe.returncode == 0:
            return backend
        failures.append(f"{backend}: {(probe.stderr.strip().splitlines() or ['crashed'])[-1]}")
    raise RuntimeError(_no_gl_message("; ".join(failures)))


def _no_gl_message(reason: str) -> str:
    reason = " ".join(reason.split())
    return (
        f"no OpenGL to render with ({reason}); expected EGL or OSMesa: "
        "apt-get install libosmesa6 (or libegl1), then set "
        "MUJOCO_GL to osmesa (or egl) before mujoco is imported"
    )
