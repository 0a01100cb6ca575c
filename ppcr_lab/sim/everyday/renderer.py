"""Renders scenes of the everyday world with MuJoCo: colour, and which named thing a pixel shows.

One model holds a library of forms and the pictures of all surfaces as assets; scenes place them.
Shadows are those of the tabletop world; what is far is blurred afterwards.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ppcr_lab.sim.camera import Camera
from ppcr_lab.sim.everyday.library import Library, library_of
from ppcr_lab.sim.everyday.placement import EverydayObject
from ppcr_lab.sim.everyday.prints import draw_print, draw_surface
from ppcr_lab.sim.everyday.scene import EverydayScene
from ppcr_lab.sim.everyday.surroundings import PRINTS, SURFACES, Piece
from ppcr_lab.sim.meshes import Mesh
from ppcr_lab.sim.objects import CATEGORIES
from ppcr_lab.sim.opengl import import_mujoco, no_gl_message
from ppcr_lab.sim.renderer import Rendering
from ppcr_lab.sim.scene import MAX_OBJECTS
from ppcr_lab.sim.sensor import Sensor
from ppcr_lab.sim.shadows import LAMP_PX, lamp_view, shadow_image
from ppcr_ros.core.closing import Closing

_NEAR_M, _FAR_M = 0.04, 30.0
_MAX_GEOMS = 900
_SAMPLES = 4
_PRINT_PX = 128
_SURFACE_OF = {"table": 0, "floor": 1, "wall": 2}
_SURFACE_NAMES = tuple(f"surface{k}" for k in range(SURFACES))
_PRINT_NAMES = tuple(f"print{k}" for k in range(PRINTS))
_PARTS = ("body", "trim", "label")
_OTHER_ID = MAX_OBJECTS
_INSTANCE_OF_ID = np.full(256, -1, dtype=np.int8)
_INSTANCE_OF_ID[1 : MAX_OBJECTS + 1] = np.arange(MAX_OBJECTS)

_MODEL_XML = """
<mujoco model="everyday">
  <statistic center="0 0 0" extent="1"/>
  <visual>
    <global offwidth="{width}" offheight="{height}"/>
    <quality shadowsize="0"/>
    <map znear="{near}" zfar="{far}"/>
  </visual>
  <asset>{assets}</asset>
  <worldbody/>
</mujoco>
"""


class EverydayRenderer(Closing):
    """Renders scenes at one image size, off screen; the library is compiled when it changes.

    Use it in the thread that made it, and close it (or use it as a context manager).

    Args:
        width_px: image width.
        height_px: image height.
    """

    def __init__(self, width_px: int, height_px: int) -> None:
        if width_px < 1 or height_px < 1:
            raise ValueError(f"image size is {width_px} x {height_px}, expected 1 x 1 or more")
        self.width_px, self.height_px = width_px, height_px
        self._mujoco = import_mujoco()
        self._buffer = max(width_px, LAMP_PX), max(height_px, LAMP_PX)
        self._sensor = Sensor(width_px, height_px)
        self._contexts: list[Any] = []
        self._block: tuple[int, int] | None = None
        self._gl_context: Any = None
        try:
            self._gl_context = self._mujoco.GLContext(*self._buffer)
            self._gl_context.make_current()
        except Exception as error:
            self.close()
            raise RuntimeError(no_gl_message(str(error))) from error

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

    def render(self, scene: EverydayScene, depth: bool = True) -> Rendering:
        """Render a scene; without ``depth`` the result's ``depth_m`` is None."""
        if self._gl_context is None:
            raise RuntimeError("the renderer is closed; make a new one")
        self._gl_context.make_current()
        self._take_library(scene.library)
        self._place(scene)
        aspect = self.width_px / self.height_px
        self._look(scene.camera, aspect)
        rgb = self._colour(scene.mirror > 0.0)
        instance, depth_m = self._labels(self.width_px, self.height_px)
        light = self._light(scene, instance, depth_m) if scene.shadow_strength > 0.0 else None
        rgb = _exposed(_out_of_focus(rgb, depth_m, scene), scene.exposure)
        return Rendering(
            rgb=self._sensor.expose(
                rgb, light, blur=scene.blur, noise=scene.noise, seed=scene.seed
            ),
            instance=instance,
            depth_m=depth_m if depth else None,
            camera_matrix=scene.camera.matrix(self.width_px, self.height_px),
        )

    # -- assets -------------------------------------------------------------------------------

    def _take_library(self, block: tuple[int, int]) -> None:
        """Compile the forms of a block of scenes, where they are not those that are there."""
        if block == self._block:
            return
        mujoco = self._mujoco
        self._free_contexts()
        library = library_of(*block)
        self._model = _model(mujoco, *self._buffer, library)
        self._frames = _mesh_frames(mujoco, self._model, library)
        rng = np.random.default_rng([78, *block])
        for name in _SURFACE_NAMES:
            self._fill(name, draw_surface(rng))
        for name in _PRINT_NAMES:
            side = (_PRINT_PX, _PRINT_PX)
            faces = [cv2.resize(draw_print(rng), side, interpolation=cv2.INTER_AREA)] * 2
            faces[1] = cv2.resize(draw_print(rng), side, interpolation=cv2.INTER_AREA)
            self._fill(name, np.concatenate(faces * 3))
        self._scene = mujoco.MjvScene(self._model, maxgeom=_MAX_GEOMS)
        flags = self._scene.flags
        for flag in ("SHADOW", "REFLECTION", "SKYBOX", "HAZE"):
            flags[getattr(mujoco.mjtRndFlag, f"mjRND_{flag}")] = False
        for samples in (_SAMPLES, 0):
            self._model.vis.quality.offsamples = samples
            context = mujoco.MjrContext(self._model, mujoco.mjtFontScale.mjFONTSCALE_100.value)
            context.readDepthMap = mujoco.mjtDepthMap.mjDEPTH_ZEROFAR
            self._contexts.append(context)
        self._block = block

    def _fill(self, name: str, pixels: NDArray[np.uint8]) -> None:
        """Put a picture into the model's texture ``name``."""
        start = self._model.tex_adr[self._model.texture(name).id]
        self._model.tex_data[start : start + pixels.size] = pixels.ravel()

    # -- placing ------------------------------------------------------------------------------

    def _place(self, scene: EverydayScene) -> None:
        target = self._scene
        target.ngeom = 0
        for piece in scene.pieces[: _MAX_GEOMS - 4 * MAX_OBJECTS]:
            self._place_piece(self._next_geom(), piece, scene)
        for index, spec in enumerate(scene.objects):
            if not isinstance(spec, EverydayObject):
                raise TypeError(
                    f"object {index} is a {type(spec).__name__}, expected EverydayObject"
                )
            for part in _PARTS:
                self._place_part(index, spec, part)
        self._set_lights(scene)

    def _next_geom(self) -> Any:
        geom = self._scene.geoms[self._scene.ngeom]
        self._scene.ngeom += 1
        return geom

    def _place_piece(self, geom: Any, piece: Piece, scene: EverydayScene) -> None:
        mujoco = self._mujoco
        shape = getattr(mujoco.mjtGeom, f"mjGEOM_{piece.shape.upper()}").value
        along, across, high = piece.half_m
        # MuJoCo wants a radius and half a length.
        size = (
            (along, high, 0.0) if piece.shape in ("cylinder", "capsule") else (along, across, high)
        )
        mujoco.mjv_initGeom(
            geom,
            shape,
            np.array(size, dtype=np.float64),
            np.array(piece.position_m, dtype=np.float64),
            np.array(piece.rotation, dtype=np.float64),
            np.array([*piece.rgb, 1.0], dtype=np.float32),
        )
        geom.category = mujoco.mjtCatBit.mjCAT_STATIC.value
        geom.segid = _OTHER_ID
        geom.specular, geom.shininess = piece.gloss, 0.5
        geom.emission = 0.0
        if piece.surface in _SURFACE_OF:
            number = _SURFACE_OF[piece.surface]
            self._cover(geom, _SURFACE_NAMES[scene.surfaces[number]])
            geom.texuniform = 1
            geom.texrepeat[:] = scene.repeats[number]
            geom.rgba[:3] = np.asarray(piece.rgb) * scene.tints[number]
        elif piece.surface:
            self._cover(geom, piece.surface)
        if piece.surface == "table" and scene.mirror > 0.0 and piece.shape == "box":
            geom.reflectance = scene.mirror

    def _cover(self, geom: Any, surface: str) -> None:
        geom.matid = self._model.material(surface).id
        geom.texid = self._model.texture(surface).id

    def _place_part(self, index: int, spec: EverydayObject, part: str) -> None:
        found = self._frames.get((spec.category, spec.form, part))
        rgb = {"body": spec.rgb, "trim": spec.trim_rgb, "label": spec.label_rgb}[part]
        if found is None or rgb is None:
            return
        mesh, offset, rotation = found
        geom = self._next_geom()
        # Stretching by the pose's matrix is what lets one mesh serve all sizes.
        pose = spec.table_r_object() * np.asarray(spec.half_extent_m)
        alpha = spec.alpha if part == "body" else 1.0
        self._mujoco.mjv_initGeom(
            geom,
            self._mujoco.mjtGeom.mjGEOM_MESH.value,
            np.ones(3),
            np.asarray(spec.position_m) + pose @ offset,
            (pose @ rotation).ravel(),
            np.array([*rgb, alpha], dtype=np.float32),
        )
        geom.dataid = 2 * mesh
        geom.category = self._mujoco.mjtCatBit.mjCAT_DYNAMIC.value
        geom.segid = index
        geom.transparent = int(alpha < 1.0)
        geom.specular, geom.shininess = spec.specular, spec.shininess
        geom.emission = 0.0
        if part == "label" and spec.label_print is not None:
            self._cover(geom, f"print{spec.label_print}")

    def _set_lights(self, scene: EverydayScene) -> None:
        target = self._scene
        lamps = [(scene.light_position_m, scene.light_intensity * np.asarray(scene.light_rgb))]
        lamps += [(light.position_m, np.asarray(light.rgb)) for light in scene.lights]
        for number, (position_m, rgb) in enumerate(lamps):
            light = target.lights[number]
            place = np.asarray(position_m)
            light.pos[:] = place
            light.dir[:] = -place / np.linalg.norm(place)
            light.type = self._mujoco.mjtLightType.mjLIGHT_SPOT.value
            light.attenuation[:] = (1.0, 0.0, 0.0)
            light.cutoff, light.exponent = 90.0, 0.0
            light.headlight = light.castshadow = 0
            light.texid = -1
            light.ambient[:] = np.asarray(scene.ambient) if number == 0 else 0.0
            light.diffuse[:] = 0.6 * rgb
            light.specular[:] = 0.6 * rgb
        target.nlight = len(lamps)

    def _look(self, camera: Camera, aspect: float) -> None:
        """Make ``camera`` the view of what is rendered next."""
        _, down, forward = camera.table_r_optical().T
        top = _NEAR_M * np.tan(np.radians(camera.fov_y_deg) / 2.0)
        for eye in self._scene.camera:
            eye.pos[:] = camera.position_m
            eye.forward[:] = forward
            eye.up[:] = -down
            eye.frustum_center = 0.0
            eye.frustum_width = top * aspect
            eye.frustum_bottom, eye.frustum_top = -top, top
            eye.frustum_near, eye.frustum_far = _NEAR_M, _FAR_M

    # -- pictures -----------------------------------------------------------------------------

    def _colour(self, mirror: bool) -> NDArray[np.uint8]:
        """Return (H, W, 3) uint8 of the present view."""
        mujoco, context = self._mujoco, self._contexts[0]
        self._scene.flags[mujoco.mjtRndFlag.mjRND_REFLECTION] = mirror
        rect = mujoco.MjrRect(0, 0, self.width_px, self.height_px)
        pixels = np.empty((self.height_px, self.width_px, 3), dtype=np.uint8)
        mujoco.mjr_setBuffer(mujoco.mjtFramebuffer.mjFB_OFFSCREEN.value, context)
        mujoco.mjr_render(rect, self._scene, context)
        mujoco.mjr_readPixels(pixels, None, rect, context)
        self._scene.flags[mujoco.mjtRndFlag.mjRND_REFLECTION] = False
        return pixels[::-1]

    def _labels(
        self, width_px: int, height_px: int
    ) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
        """Return instance and depth of the present view, as in `Rendering`."""
        mujoco, flags, context = self._mujoco, self._scene.flags, self._contexts[1]
        rect = mujoco.MjrRect(0, 0, width_px, height_px)
        pixels = np.empty((height_px, width_px, 3), dtype=np.uint8)
        depths = np.empty((height_px, width_px), dtype=np.float32)
        segment, id_colour = mujoco.mjtRndFlag.mjRND_SEGMENT, mujoco.mjtRndFlag.mjRND_IDCOLOR
        flags[segment] = flags[id_colour] = True
        mujoco.mjr_setBuffer(mujoco.mjtFramebuffer.mjFB_OFFSCREEN.value, context)
        mujoco.mjr_render(rect, self._scene, context)
        mujoco.mjr_readPixels(pixels, depths, rect, context)
        flags[segment] = flags[id_colour] = False
        inverse = depths[::-1] * np.float32(1.0 / _NEAR_M - 1.0 / _FAR_M) + np.float32(1.0 / _FAR_M)
        return _INSTANCE_OF_ID[pixels[::-1, :, 0]], np.float32(1.0) / inverse

    def _light(
        self, scene: EverydayScene, instance: NDArray[np.int8], depth_m: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """Return (H, W) float32, the share of light at each pixel; the lamp's view stays set."""
        lamp = lamp_view(scene.light_position_m)
        self._look(lamp, 1.0)
        lamp_instance, lamp_depth_m = self._labels(LAMP_PX, LAMP_PX)
        shadow = shadow_image(
            scene.camera, instance, depth_m, lamp, lamp_instance, lamp_depth_m,
            scene.shadow_softness_m,
        )  # fmt: skip
        shadow[depth_m > 3.0 * np.linalg.norm(scene.camera.position_m)] = 0.0
        light: NDArray[np.float32] = 1.0 - np.float32(scene.shadow_strength) * shadow
        return light


def _out_of_focus(
    rgb: NDArray[np.uint8], depth_m: NDArray[np.float32], scene: EverydayScene
) -> NDArray[np.uint8]:
    """Return the image with what is much farther than the things blurred."""
    sigma_px = scene.focus_blur * rgb.shape[1]
    if sigma_px < 0.4:
        return rgb
    sharp_m = float(np.linalg.norm(np.subtract(scene.camera.position_m, scene.camera.look_at_m)))
    share = np.clip((depth_m / (1.5 * sharp_m) - 1.0) * 3.0, 0.0, 1.0)[..., None]
    blurred = cv2.GaussianBlur(np.ascontiguousarray(rgb), (0, 0), sigma_px)
    mixed = rgb + (np.asarray(blurred, np.float32) - rgb) * share
    return np.asarray(np.rint(mixed), np.uint8)


def _exposed(rgb: NDArray[np.uint8], exposure: float) -> NDArray[np.uint8]:
    """Return the image as a camera exposes it that wants its bright parts at ``exposure``, 0..1."""
    bright = float(np.percentile(rgb.max(axis=2), 90.0)) / 255.0
    gain = np.clip(exposure / max(bright, 0.02), 0.7, 4.0)
    return np.asarray(np.clip(np.rint(rgb * np.float32(gain)), 0, 255), np.uint8)


def _model(mujoco: Any, width_px: int, height_px: int, library: Library) -> Any:
    """Return the compiled model: all meshes and pictures as assets, and nothing else."""
    assets = [
        f'<texture name="{name}" type="2d" builtin="flat" width="256" height="256"/>'
        f'<material name="{name}" texture="{name}" texuniform="true"/>'
        for name in _SURFACE_NAMES
    ]
    assets += [
        f'<texture name="{name}" type="cube" builtin="flat" width="{_PRINT_PX}" '
        f'height="{6 * _PRINT_PX}"/><material name="{name}" texture="{name}"/>'
        for name in _PRINT_NAMES
    ]
    spec = mujoco.MjSpec.from_string(
        _MODEL_XML.format(
            width=width_px, height=height_px, near=_NEAR_M, far=_FAR_M, assets="".join(assets)
        )
    )
    for category, forms in library.items():
        for number, form in enumerate(forms):
            for part in _PARTS:
                mesh = getattr(form, part)
                if mesh is not None:
                    _add_mesh(mujoco, spec, f"{category}{number}{part}", mesh)
    return spec.compile()


def _add_mesh(mujoco: Any, spec: Any, name: str, mesh: Mesh) -> None:
    asset = spec.add_mesh()
    asset.name = name
    asset.uservert = mesh.vertices.ravel().astype(np.float32)
    asset.usernormal = mesh.normals.ravel().astype(np.float32)
    asset.userface = mesh.faces.ravel()
    asset.inertia = mujoco.mjtMeshInertia.mjMESH_INERTIA_SHELL


Frame = tuple[int, NDArray[np.float64], NDArray[np.float64]]


def _mesh_frames(mujoco: Any, model: Any, library: Library) -> dict[tuple[str, int, str], Frame]:
    """Return each part's mesh, and where the compiler has moved and turned its vertices from."""
    frames: dict[tuple[str, int, str], Frame] = {}
    for category in CATEGORIES:
        for number, form in enumerate(library[category]):
            for part in _PARTS:
                if getattr(form, part) is None:
                    continue
                mesh = model.mesh(f"{category}{number}{part}").id
                rotation = np.empty(9)
                mujoco.mju_quat2Mat(rotation, model.mesh_quat[mesh])
                frames[category, number, part] = (
                    mesh, model.mesh_pos[mesh].copy(), rotation.reshape(3, 3),
                )  # fmt: skip
    return frames
