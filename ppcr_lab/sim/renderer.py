"""Renders tabletop scenes with MuJoCo: colour, which object each pixel shows, and depth.

The camera sees the scene, and the lamp sees it once more, small, for its shadows; lens and sensor
come last, in the colour image only.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ppcr_lab.sim.camera import Camera
from ppcr_lab.sim.forms import forms
from ppcr_lab.sim.meshes import Mesh
from ppcr_lab.sim.opengl import import_mujoco, no_gl_message
from ppcr_lab.sim.scene import CATEGORIES, MAX_OBJECTS, TEXTURES, ObjectSpec, Scene
from ppcr_lab.sim.sensor import Sensor
from ppcr_lab.sim.shadows import LAMP_PX, lamp_view, shadow_image
from ppcr_lab.sim.textures import TILE_PX, VARIANTS, tile
from ppcr_ros.core.closing import Closing

_NEAR_M = 0.05
_FAR_M = 20.0
_TABLE_HALF_M = (0.95, 0.65, 0.02)
_FLOOR_BELOW_M = 0.75
_SAMPLES = 4
_LAMP_SHARE = 0.48
_TILE_SIZES_M = (0.35, 0.42, 0.5, 0.6, 0.7)
_PLAIN_MATERIAL = "matt"
_PARTS = ("body", "trim")
_TABLE_ID = MAX_OBJECTS
# A part's segid is its object's index, which the buffer holds plus one.
_INSTANCE_OF_ID = np.full(256, -1, dtype=np.int8)
_INSTANCE_OF_ID[1 : MAX_OBJECTS + 1] = np.arange(MAX_OBJECTS)
_GLOSSY = ("ball", "mug", "bottle", "bowl", "plate")

_MODEL_XML = """
<mujoco model="tabletop">
  <statistic center="0 0 0" extent="1"/>
  <visual>
    <global offwidth="{width}" offheight="{height}"/>
    <quality shadowsize="0"/>
    <map znear="{near}" zfar="{far}"/>
    <headlight ambient="0.40 0.40 0.40" diffuse="0.27 0.27 0.27" specular="0 0 0"/>
  </visual>
  <asset>
    <material name="matt" specular="0" shininess="0"/>
    {textures}
  </asset>
  <worldbody>
    <light name="lamp" pos="0 0 1.5" dir="0 0 -1" cutoff="90" exponent="0" castshadow="false"
           ambient="0 0 0" diffuse="0.6 0.6 0.6" specular="0.4 0.4 0.4"/>
    <geom name="floor" type="plane" material="matt" pos="0 0 -{floor}" size="30 30 0.1"/>
    <geom name="table" type="box" material="matt" pos="0 0 -{table_z}"
          size="{table_x} {table_y} {table_z}"/>
  </worldbody>
</mujoco>
"""
_TEXTURE_XML = '<texture name="{name}" type="2d" builtin="flat" width="{size}" height="{size}"/>'
_MATERIAL_XML = (
    '<material name="{name}" texture="{texture}" texuniform="true" texrepeat="{repeat} {repeat}" '
    'specular="0" shininess="0"/>'
)


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


class TabletopRenderer(Closing):
    """Renders scenes at one image size, off screen.

    One MuJoCo model with all forms and patterns is compiled once; each scene only places them.
    Use it in the thread that made it, and close it (or use it as a context manager).

    Args:
        width_px: image width.
        height_px: image height.
        shadows: whether the lamp casts shadows, as strong as the scene says.
    """

    def __init__(self, width_px: int, height_px: int, shadows: bool = True) -> None:
        if width_px < 1 or height_px < 1:
            raise ValueError(f"image size is {width_px} x {height_px}, expected 1 x 1 or more")
        self.width_px = width_px
        self.height_px = height_px
        self._shadows = shadows
        self._gl_context: Any = None
        self._colour_context: Any = None
        self._label_context: Any = None
        mujoco = import_mujoco()
        self._mujoco = mujoco
        buffer_size = max(width_px, LAMP_PX), max(height_px, LAMP_PX)
        self._model = _model(mujoco, *buffer_size)
        self._data = mujoco.MjData(self._model)
        mujoco.mj_forward(self._model, self._data)
        self._mesh_frames = _mesh_frames(mujoco, self._model)
        self._table = self._model.geom("table").id
        self._floor = self._model.geom("floor").id
        self._option = mujoco.MjvOption()
        self._view = mujoco.MjvCamera()
        self._mjv_scene = mujoco.MjvScene(self._model, maxgeom=2 + len(_PARTS) * MAX_OBJECTS + 8)
        flags = self._mjv_scene.flags
        for flag in ("SHADOW", "REFLECTION", "SKYBOX", "HAZE"):
            flags[getattr(mujoco.mjtRndFlag, f"mjRND_{flag}")] = False
        self._sensor = Sensor(width_px, height_px)
        try:
            self._gl_context = mujoco.GLContext(*buffer_size)
            self._gl_context.make_current()
            self._colour_context = self._new_context(_SAMPLES)
            # Labels and depth must not be mixed along edges, and cost half without samples.
            self._label_context = self._new_context(0)
        except Exception as error:
            self.close()
            raise RuntimeError(no_gl_message(str(error))) from error

    def _new_context(self, samples: int) -> Any:
        mujoco = self._mujoco
        self._model.vis.quality.offsamples = samples
        context = mujoco.MjrContext(self._model, mujoco.mjtFontScale.mjFONTSCALE_100.value)
        context.readDepthMap = mujoco.mjtDepthMap.mjDEPTH_ZEROFAR
        return context

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
        camera = scene.camera
        self._look(camera, self.width_px / self.height_px)
        rgb = self._colour()
        instance, depth_m = self._labels(self.width_px, self.height_px)
        light: NDArray[np.float32] | None = None
        if self._shadows and scene.shadow_strength > 0.0:
            light = self._light(scene, instance, depth_m)
        return Rendering(
            rgb=self._sensor.expose(
                rgb, light, blur=scene.blur, noise=scene.noise, seed=scene.seed
            ),
            instance=instance,
            depth_m=depth_m if depth else None,
            camera_matrix=camera.matrix(self.width_px, self.height_px),
        )

    def _light(
        self, scene: Scene, instance: NDArray[np.int8], depth_m: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """Return (H, W) float32, the share of light at each pixel; the lamp's view stays set."""
        lamp = lamp_view(scene.light_position_m)
        self._look(lamp, 1.0)
        lamp_instance, lamp_depth_m = self._labels(LAMP_PX, LAMP_PX)
        shadow = shadow_image(
            scene.camera,
            instance,
            depth_m,
            lamp,
            lamp_instance,
            lamp_depth_m,
            scene.shadow_softness_m,
        )
        light: NDArray[np.float32] = 1.0 - np.float32(scene.shadow_strength) * shadow
        return light

    def _colour(self) -> NDArray[np.uint8]:
        """Return (H, W, 3) uint8 of the present view."""
        mujoco = self._mujoco
        rect = mujoco.MjrRect(0, 0, self.width_px, self.height_px)
        pixels = np.empty((self.height_px, self.width_px, 3), dtype=np.uint8)
        # Binding the buffer is state of the GL context, which both contexts share.
        mujoco.mjr_setBuffer(mujoco.mjtFramebuffer.mjFB_OFFSCREEN.value, self._colour_context)
        mujoco.mjr_render(rect, self._mjv_scene, self._colour_context)
        mujoco.mjr_readPixels(pixels, None, rect, self._colour_context)
        return pixels[::-1]

    def _labels(
        self, width_px: int, height_px: int
    ) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
        """Return instance and depth of the present view, as in `Rendering`."""
        mujoco, flags = self._mujoco, self._mjv_scene.flags
        rect = mujoco.MjrRect(0, 0, width_px, height_px)
        pixels = np.empty((height_px, width_px, 3), dtype=np.uint8)
        depths = np.empty((height_px, width_px), dtype=np.float32)
        segment, id_colour = mujoco.mjtRndFlag.mjRND_SEGMENT, mujoco.mjtRndFlag.mjRND_IDCOLOR
        flags[segment] = flags[id_colour] = True
        mujoco.mjr_setBuffer(mujoco.mjtFramebuffer.mjFB_OFFSCREEN.value, self._label_context)
        mujoco.mjr_render(rect, self._mjv_scene, self._label_context)
        mujoco.mjr_readPixels(pixels, depths, rect, self._label_context)
        flags[segment] = flags[id_colour] = False
        return _INSTANCE_OF_ID[pixels[::-1, :, 0]], _metres(depths[::-1])

    def _place(self, scene: Scene) -> None:
        mujoco, model, mjv_scene = self._mujoco, self._model, self._mjv_scene
        model.geom_matid[self._table] = model.material(_material_name(scene)).id
        model.geom_rgba[self._table, :3] = scene.table_rgb
        model.geom_rgba[self._floor, :3] = scene.floor_rgb
        mujoco.mjv_updateScene(
            model,
            self._data,
            self._option,
            None,
            self._view,
            mujoco.mjtCatBit.mjCAT_ALL.value,
            mjv_scene,
        )
        for geom in mjv_scene.geoms[: mjv_scene.ngeom]:
            geom.segid = _TABLE_ID
        count = mjv_scene.ngeom
        for index, spec in enumerate(scene.objects):
            for part in _PARTS[: 1 if spec.trim_rgb is None else 2]:
                self._place_part(mjv_scene.geoms[count], index, spec, part)
                count += 1
        mjv_scene.ngeom = count
        position = np.asarray(scene.light_position_m)
        for light in mjv_scene.lights[: mjv_scene.nlight]:
            if not light.headlight:
                light.pos[:] = position
                light.dir[:] = -position / np.linalg.norm(position)
                lamp = _LAMP_SHARE * scene.light_intensity * np.asarray(scene.light_rgb)
                light.diffuse[:] = lamp
                light.specular[:] = 0.6 * lamp

    def _place_part(self, geom: Any, index: int, spec: ObjectSpec, part: str) -> None:
        """Make ``geom`` the body or the trim of an object."""
        mesh, offset, rotation = self._mesh_frames[spec.category, part]
        # Stretching by the pose's matrix is what lets one mesh serve all sizes.
        pose = spec.table_r_object() * np.asarray(spec.half_extent_m)
        rgb = spec.rgb if part == "body" or spec.trim_rgb is None else spec.trim_rgb
        self._mujoco.mjv_initGeom(
            geom,
            self._mujoco.mjtGeom.mjGEOM_MESH.value,
            np.ones(3),
            np.asarray(spec.position_m) + pose @ offset,
            (pose @ rotation).ravel(),
            np.array([*rgb, 1.0], dtype=np.float32),
        )
        geom.dataid = 2 * mesh
        geom.category = self._mujoco.mjtCatBit.mjCAT_DYNAMIC.value
        geom.segid = index
        glossy = spec.category in _GLOSSY
        geom.specular, geom.shininess = (0.45, 0.6) if glossy else (0.12, 0.3)

    def _look(self, camera: Camera, aspect: float) -> None:
        """Make ``camera`` the view of what is rendered next."""
        _, down, forward = camera.table_r_optical().T
        top = _NEAR_M * np.tan(np.radians(camera.fov_y_deg) / 2.0)
        for eye in self._mjv_scene.camera:
            eye.pos[:] = camera.position_m
            eye.forward[:] = forward
            eye.up[:] = -down
            eye.frustum_center = 0.0
            eye.frustum_width = top * aspect
            eye.frustum_bottom, eye.frustum_top = -top, top
            eye.frustum_near, eye.frustum_far = _NEAR_M, _FAR_M


def _model(mujoco: Any, width_px: int, height_px: int) -> Any:
    """Return the compiled model: table, floor, lamp, and all meshes and patterns as assets."""
    tiles = {
        f"{texture}{variant}": tile(texture, variant)
        for texture in TEXTURES[1:]
        for variant in range(VARIANTS)
    }
    textures = [_TEXTURE_XML.format(name=name, size=TILE_PX) for name in tiles]
    textures += [
        _MATERIAL_XML.format(name=f"{name}_{number}", texture=name, repeat=1.0 / size_m)
        for name in tiles
        for number, size_m in enumerate(_TILE_SIZES_M)
    ]
    table_x, table_y, table_z = _TABLE_HALF_M
    spec = mujoco.MjSpec.from_string(
        _MODEL_XML.format(
            width=width_px,
            height=height_px,
            near=_NEAR_M,
            far=_FAR_M,
            floor=_FLOOR_BELOW_M,
            table_x=table_x,
            table_y=table_y,
            table_z=table_z,
            textures="\n    ".join(textures),
        )
    )
    for category, form in forms().items():
        for part, mesh in zip(_PARTS, (form.body, form.trim), strict=True):
            _add_mesh(mujoco, spec, f"{category}_{part}", mesh)
    model = spec.compile()
    for name, pixels in tiles.items():
        start = model.tex_adr[model.texture(name).id]
        model.tex_data[start : start + pixels.size] = pixels.ravel()
    return model


def _add_mesh(mujoco: Any, spec: Any, name: str, mesh: Mesh) -> None:
    asset = spec.add_mesh()
    asset.name = name
    asset.uservert = mesh.vertices.ravel().astype(np.float32)
    asset.usernormal = mesh.normals.ravel().astype(np.float32)
    asset.userface = mesh.faces.ravel()
    # A bowl or a band has no volume of its own that MuJoCo could work out.
    asset.inertia = mujoco.mjtMeshInertia.mjMESH_INERTIA_SHELL


def _mesh_frames(
    mujoco: Any, model: Any
) -> dict[tuple[str, str], tuple[int, NDArray[np.float64], NDArray[np.float64]]]:
    """Return each part's mesh, and where the compiler has moved and turned its vertices from."""
    frames: dict[tuple[str, str], tuple[int, NDArray[np.float64], NDArray[np.float64]]] = {}
    for category in CATEGORIES:
        for part in _PARTS:
            mesh = model.mesh(f"{category}_{part}").id
            rotation = np.empty(9)
            mujoco.mju_quat2Mat(rotation, model.mesh_quat[mesh])
            frames[category, part] = (mesh, model.mesh_pos[mesh].copy(), rotation.reshape(3, 3))
    return frames


def _material_name(scene: Scene) -> str:
    if scene.table_texture == "plain":
        return _PLAIN_MATERIAL
    variant = scene.seed % VARIANTS
    number = int(np.abs(np.array(_TILE_SIZES_M) - scene.texture_size_m).argmin())
    return f"{scene.table_texture}{variant}_{number}"


def _metres(depths: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return metres along the optical axis of a buffer that is 1 at the near plane, 0 far off."""
    inverse = depths * np.float32(1.0 / _NEAR_M - 1.0 / _FAR_M) + np.float32(1.0 / _FAR_M)
    metres: NDArray[np.float32] = np.float32(1.0) / inverse
    return metres
