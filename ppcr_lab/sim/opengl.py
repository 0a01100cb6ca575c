"""MuJoCo with a GL backend that works on this machine, and the base of what renders with it."""

from __future__ import annotations

import importlib
import importlib.util
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ppcr_lab.sim.camera import Camera
from ppcr_lab.sim.meshes import Mesh
from ppcr_lab.sim.scene import MAX_OBJECTS, ObjectSpec, Scene
from ppcr_lab.sim.sensor import Sensor
from ppcr_lab.sim.shadows import LAMP_PX, lamp_view, shadow_image
from ppcr_ros.core.closing import Closing

PROBE = "import mujoco; context = mujoco.GLContext(8, 8); context.make_current(); context.free()"
PROBE_TIMEOUT_SEC = 60.0
OTHER_ID = MAX_OBJECTS
"""The segid of what is no object of the scene."""
_SAMPLES = 4
# A part's segid is its object's index, which the buffer holds plus one.
_INSTANCE_OF_ID = np.full(256, -1, dtype=np.int8)
_INSTANCE_OF_ID[1 : MAX_OBJECTS + 1] = np.arange(MAX_OBJECTS)

MeshFrame = tuple[int, NDArray[np.float64], NDArray[np.float64]]
"""A mesh's number, and where the compiler has moved (3,) and turned (3, 3) its vertices from."""


def import_mujoco() -> Any:
    """Return the mujoco module, with a GL backend chosen where the machine has no display.

    Raises:
        RuntimeError: where MuJoCo or OpenGL is missing, with what to install.
    """
    if "mujoco" not in sys.modules and importlib.util.find_spec("mujoco") is None:
        raise RuntimeError(
            "the simulated camera needs MuJoCo, which is not installed: pip install mujoco"
        )
    backend = ""
    headless = sys.platform == "linux" and not os.environ.get("DISPLAY")
    if headless and not os.environ.get("MUJOCO_GL"):
        backend = os.environ["MUJOCO_GL"] = working_gl()
    try:
        mujoco: Any = importlib.import_module("mujoco")
        if backend:  # MuJoCo goes by the variable as it is imported, which may have been before
            mujoco.GLContext = importlib.import_module(f"mujoco.{backend}").GLContext
    except Exception as error:
        raise RuntimeError(no_gl_message(str(error))) from error
    return mujoco


def working_gl() -> str:
    """Return "egl" or "osmesa", whichever makes a context.

    Each is tried in its own process: PyOpenGL binds to one platform when first imported.
    """
    failures = []
    for backend in ("egl", "osmesa"):
        environment = {**os.environ, "MUJOCO_GL": backend}
        environment.pop("PYOPENGL_PLATFORM", None)
        try:
            probe = subprocess.run(
                [sys.executable, "-c", PROBE],
                env=environment,
                capture_output=True,
                text=True,
                timeout=PROBE_TIMEOUT_SEC,
                check=False,
            )
        except subprocess.TimeoutExpired:
            failures.append(f"{backend}: no answer")
            continue
        if probe.returncode == 0:
            return backend
        failures.append(f"{backend}: {(probe.stderr.strip().splitlines() or ['crashed'])[-1]}")
    raise RuntimeError(no_gl_message("; ".join(failures)))


def no_gl_message(reason: str) -> str:
    """Return what to tell where OpenGL is missing for ``reason``."""
    reason = " ".join(reason.split())
    return (
        f"no OpenGL to render with ({reason}); expected EGL or OSMesa: "
        "apt-get install libosmesa6 (or libegl1), then set "
        "MUJOCO_GL to osmesa (or egl) before mujoco is imported"
    )


class OffscreenRenderer(Closing):
    """Renders at one image size, off screen; the base of the renderers of the drawn worlds.

    Use it in the thread that made it, and close it (or use it as a context manager).

    Args:
        width_px: image width.
        height_px: image height.

    Raises:
        ValueError: for a size below one pixel.
        RuntimeError: where MuJoCo or OpenGL is missing, with what to install.
    """

    near_m: float
    far_m: float

    def __init__(self, width_px: int, height_px: int) -> None:
        if width_px < 1 or height_px < 1:
            raise ValueError(f"image size is {width_px} x {height_px}, expected 1 x 1 or more")
        self.width_px, self.height_px = width_px, height_px
        self._contexts: list[Any] = []
        self._gl_context: Any = None
        self._mujoco = import_mujoco()
        self._buffer = max(width_px, LAMP_PX), max(height_px, LAMP_PX)
        self._sensor = Sensor(width_px, height_px)
        with self._gl_errors():
            self._gl_context = self._mujoco.GLContext(*self._buffer)
            self._gl_context.make_current()

    @contextmanager
    def _gl_errors(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            self.close()
            raise RuntimeError(no_gl_message(str(error))) from error

    def _use_model(self, model: Any, max_geoms: int) -> None:
        """Render a compiled ``model`` from now on; its textures are taken as they are."""
        mujoco = self._mujoco
        self._free_contexts()
        self._model = model
        self._mjv_scene = mujoco.MjvScene(model, maxgeom=max_geoms)
        for flag in ("SHADOW", "REFLECTION", "SKYBOX", "HAZE"):
            self._mjv_scene.flags[getattr(mujoco.mjtRndFlag, f"mjRND_{flag}")] = False
        with self._gl_errors():
            # Labels and depth must not be mixed along edges, and cost half without samples.
            for samples in (_SAMPLES, 0):
                model.vis.quality.offsamples = samples
                context = mujoco.MjrContext(model, mujoco.mjtFontScale.mjFONTSCALE_100.value)
                context.readDepthMap = mujoco.mjtDepthMap.mjDEPTH_ZEROFAR
                self._contexts.append(context)

    def close(self) -> None:
        """Free the GL context; closing twice is fine."""
        self._free_contexts()
        if self._gl_context is not None:
            self._gl_context.free()
            self._gl_context = None

    def _free_contexts(self) -> None:
        for context in self._contexts:
            self._gl_context.make_current()
            context.free()
        self._contexts = []

    def _begin(self) -> None:
        """Make the GL context this thread's; refuse where the renderer is closed."""
        if self._gl_context is None:
            raise RuntimeError("the renderer is closed; make a new one")
        self._gl_context.make_current()

    def _place_mesh(
        self, geom: Any, index: int, spec: ObjectSpec, frame: MeshFrame, rgba: tuple[float, ...]
    ) -> None:
        """Make ``geom`` a part of object ``index``."""
        mesh, offset, rotation = frame
        # Stretching by the pose's matrix is what lets one mesh serve all sizes.
        pose = spec.table_r_object() * np.asarray(spec.half_extent_m)
        self._mujoco.mjv_initGeom(
            geom,
            self._mujoco.mjtGeom.mjGEOM_MESH.value,
            np.ones(3),
            np.asarray(spec.position_m) + pose @ offset,
            (pose @ rotation).ravel(),
            np.array(rgba, dtype=np.float32),
        )
        geom.dataid = 2 * mesh
        geom.category = self._mujoco.mjtCatBit.mjCAT_DYNAMIC.value
        geom.segid = index

    def _look(self, camera: Camera, aspect: float) -> None:
        """Make ``camera`` the view of what is rendered next."""
        _, down, forward = camera.table_r_optical().T
        top = self.near_m * np.tan(np.radians(camera.fov_y_deg) / 2.0)
        for eye in self._mjv_scene.camera:
            eye.pos[:] = camera.position_m
            eye.forward[:] = forward
            eye.up[:] = -down
            eye.frustum_center = 0.0
            eye.frustum_width = top * aspect
            eye.frustum_bottom, eye.frustum_top = -top, top
            eye.frustum_near, eye.frustum_far = self.near_m, self.far_m

    def _colour(self, mirror: bool = False) -> NDArray[np.uint8]:
        """Return (H, W, 3) uint8 of the present view, with reflections where there is a mirror."""
        mujoco, context = self._mujoco, self._contexts[0]
        rect = mujoco.MjrRect(0, 0, self.width_px, self.height_px)
        pixels = np.empty((self.height_px, self.width_px, 3), dtype=np.uint8)
        self._mjv_scene.flags[mujoco.mjtRndFlag.mjRND_REFLECTION] = mirror
        # Binding the buffer is state of the GL context, which both contexts share.
        mujoco.mjr_setBuffer(mujoco.mjtFramebuffer.mjFB_OFFSCREEN.value, context)
        mujoco.mjr_render(rect, self._mjv_scene, context)
        mujoco.mjr_readPixels(pixels, None, rect, context)
        self._mjv_scene.flags[mujoco.mjtRndFlag.mjRND_REFLECTION] = False
        return pixels[::-1]

    def _labels(
        self, width_px: int, height_px: int
    ) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
        """Return instance (H, W) int8 and depth (H, W) float32, metres, of the present view."""
        mujoco, flags, context = self._mujoco, self._mjv_scene.flags, self._contexts[1]
        rect = mujoco.MjrRect(0, 0, width_px, height_px)
        pixels = np.empty((height_px, width_px, 3), dtype=np.uint8)
        depths = np.empty((height_px, width_px), dtype=np.float32)
        segment, id_colour = mujoco.mjtRndFlag.mjRND_SEGMENT, mujoco.mjtRndFlag.mjRND_IDCOLOR
        flags[segment] = flags[id_colour] = True
        mujoco.mjr_setBuffer(mujoco.mjtFramebuffer.mjFB_OFFSCREEN.value, context)
        mujoco.mjr_render(rect, self._mjv_scene, context)
        mujoco.mjr_readPixels(pixels, depths, rect, context)
        flags[segment] = flags[id_colour] = False
        # The buffer is 1 at the near plane and 0 far off.
        near, far = np.float32(1.0 / self.near_m - 1.0 / self.far_m), np.float32(1.0 / self.far_m)
        depth_m: NDArray[np.float32] = np.float32(1.0) / (depths[::-1] * near + far)
        return _INSTANCE_OF_ID[pixels[::-1, :, 0]], depth_m

    def _shadow(
        self, scene: Scene, instance: NDArray[np.int8], depth_m: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """Return how much of the lamp each pixel misses, (H, W) 0..1; the lamp's view stays set."""
        lamp = lamp_view(scene.light_position_m)
        self._look(lamp, 1.0)
        lamp_instance, lamp_depth_m = self._labels(LAMP_PX, LAMP_PX)
        return shadow_image(
            scene.camera, instance, depth_m, lamp, lamp_instance, lamp_depth_m,
            scene.shadow_softness_m,
        )  # fmt: skip


def fill_texture(model: Any, name: str, pixels: NDArray[np.uint8]) -> None:
    """Put a picture into the texture ``name`` of a compiled model."""
    start = model.tex_adr[model.texture(name).id]
    model.tex_data[start : start + pixels.size] = pixels.ravel()


def add_mesh(mujoco: Any, spec: Any, name: str, mesh: Mesh) -> None:
    """Add ``mesh`` to a model's specification."""
    asset = spec.add_mesh()
    asset.name = name
    asset.uservert = mesh.vertices.ravel().astype(np.float32)
    asset.usernormal = mesh.normals.ravel().astype(np.float32)
    asset.userface = mesh.faces.ravel()
    # A bowl or a band has no volume of its own that MuJoCo could work out.
    asset.inertia = mujoco.mjtMeshInertia.mjMESH_INERTIA_SHELL


def mesh_frame(mujoco: Any, model: Any, name: str) -> MeshFrame:
    """Return the frame of the mesh ``name`` of a compiled model."""
    mesh = model.mesh(name).id
    rotation = np.empty(9)
    mujoco.mju_quat2Mat(rotation, model.mesh_quat[mesh])
    return mesh, model.mesh_pos[mesh].copy(), rotation.reshape(3, 3)
